"""The audit of a run: silent on a sound one, and loud when an engine, a label, a fill, a fold or a policy cheats."""

from dataclasses import replace

import numpy as np
import pytest

from mia_ml.backtest.records import Exit, Fate
from mia_ml.canaries import audit, products, replay, rules
from mia_ml.confluence import decision
from mia_ml.core.moments import MINUTE
from mia_ml.features import engine
from mia_ml.features.stream import Engine
from mia_ml.judge.judgement import Integrity


def rows_found(run):
    """Of every day, so that nothing hides in days that are not drawn."""
    return replay.rows(run, range(len(run.days.days)), np.random.default_rng(0))[0]


def labels_found(run):
    days = range(len(run.days.days))
    return [finding for k in days for finding in replay.labels(run, days[k : k + 1], np.random.default_rng(k))[0]]


def fills_found(run):
    return audit.fills(run, np.random.default_rng(0), 99)[0]


@pytest.fixture
def without_canaries(monkeypatch):
    """The catalogue has its own tests, and takes most of the time."""
    monkeypatch.setattr(audit, "canaries", lambda _: Integrity(name="leak_canaries", ok=True, detail=""))


def test_a_sound_run_passes(sound):
    checks = {check.name: check for check in audit.run_checks(sound)}
    assert list(checks) == [f"leak_{what}" for what in ("rows", "labels", "decisions", "fills", "folds", "canaries")]
    assert all(check.ok for check in checks.values()), checks
    assert {Exit.TAKE_PROFIT, Exit.STOP, Exit.SESSION_END} <= set(sound.trades["exit_reason"])
    assert not rows_found(sound)
    assert not labels_found(sound)
    assert not fills_found(sound)


def test_a_sound_run_on_the_bars_of_a_file_passes(sound_bars, without_canaries):
    assert all(check.ok for check in audit.run_checks(sound_bars))
    assert {Exit.STOP, Exit.TIMEOUT, Exit.SESSION_END} <= set(sound_bars.trades["exit_reason"])
    assert not labels_found(sound_bars)
    assert not fills_found(sound_bars)


def test_the_days_drawn_depend_on_the_seed_alone(sound_bars):
    days = sound_bars.days.days
    drawn = [replay.sampled(days, np.random.default_rng(seed), 2) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert replay.sampled(days[:1], np.random.default_rng(0), 2) == range(1)


def test_an_engine_is_warmed_up_as_far_back_as_it_carries_and_no_further(sound_bars, monkeypatch):
    """23 bars a day, fewer before holidays: 1440 of them reach back 63 days and a few."""
    last = len(sound_bars.days.days) - 1
    assert 63 <= last - replay.warm_from(sound_bars, last) <= 65
    assert not replay.rows(sound_bars, range(last, last + 1), np.random.default_rng(0))[0]
    monkeypatch.setattr(replay, "warm_from", lambda run, first: first - 1)
    assert replay.rows(sound_bars, range(last, last + 1), np.random.default_rng(0))[0]


# Rows as an engine would have written them had it known what comes.


def shifted(rows, name):
    out = rows.copy()
    out[name][:-1] = rows[name][1:]
    return out


def quarter_known_at_its_start(rows):
    """The developing bar: the 15-minute timeframe as its quarter of an hour will have left it."""
    quarter = -(-rows["ts"] // (15 * MINUTE))
    last = np.searchsorted(quarter, quarter, side="right") - 1
    out = rows.copy()
    for name in ("battle_navale_15", "mtf_confluence", "atr_15m"):
        out[name] = rows[name][last]
    return out


def usual_of_all_days(rows):
    """The same-time mean with today and later days in it."""
    minute = rows["minute_of_day"].astype(np.int64)
    volume = np.nan_to_num(rows["volume"])
    usual = np.bincount(minute, volume, 1440) / np.maximum(np.bincount(minute, minlength=1440), 1)
    out = rows.copy()
    out["rvol"] = volume / np.maximum(usual[minute], 1.0)
    return out


@pytest.mark.parametrize(
    "cheat",
    [
        lambda rows: shifted(rows, "delta"),
        lambda rows: shifted(rows, "close"),
        quarter_known_at_its_start,
        usual_of_all_days,
    ],
    ids=["shifted_delta", "shifted_close", "developing_bar", "usual_of_all_days"],
)
def test_rows_that_know_what_comes_are_found(sound, cheat):
    assert rows_found(replace(sound, rows=cheat(sound.rows)))


@pytest.mark.parametrize(("table", "minutes"), [("vix", 60), ("options", 120)])
def test_rows_from_values_stamped_before_they_were_known_are_found(sound, table, minutes):
    def stamped_early(tape):
        values = getattr(tape, table).copy()
        values["ts_event"] -= minutes * MINUTE
        return tape._replace(**{table: values})

    stream = Engine(sound.params, sound.days.sessions, sound.days.contracts)
    rows = np.concatenate([stream.run(stamped_early(sound.tape_of(day))) for day in sound.days.days])
    assert rows_found(replace(sound, rows=rows))


def test_an_engine_that_looks_a_bar_ahead_is_found(sound, monkeypatch):
    """The cheat is in the engine that the audit itself runs: only the other futures can tell."""
    honest = Engine.run

    def peeking(self, events, until=None):
        rows = honest(self, events, until).copy()
        rows["tick_momentum"][:-1] = rows["tick_momentum"][1:]
        return rows

    monkeypatch.setattr(Engine, "run", peeking)
    stream = Engine(sound.params, sound.days.sessions, sound.days.contracts)
    rows = np.concatenate([stream.run(sound.tape_of(day)) for day in sound.days.days])
    found = rows_found(replace(sound, rows=rows))
    assert found
    assert all("tick_momentum" in finding.detail for finding in found)


def test_labels_that_go_on_after_their_end_are_found(sound):
    labels = sound.labels.copy()
    late = (labels["fate"] == Fate.TRADED) & (labels["end_ns"] - labels["signal_ns"] > 30 * MINUTE)
    labels["end_ns"][late] = labels["signal_ns"][late] + 30 * MINUTE
    run = replace(sound, labels=labels)
    assert labels_found(run)
    assert audit.disorder(run)
    assert not audit.disorder(sound)


@pytest.mark.parametrize(
    ("cheat", "why"),
    [
        ({"entry_ns": -MINUTE}, "before it could have been"),
        ({"entry_price": -0.25}, "better than any print"),
        ({"exit_price": 0.25}, "better than any print"),
        ({"exit_ns": 1}, "when nothing printed"),
    ],
)
def test_fills_that_could_not_be_had_are_found(sound, cheat, why):
    trades = sound.trades.copy()
    bought = trades["side"] > 0
    for name, change in cheat.items():
        trades[name][bought] += change
    assert any(why in finding.detail for finding in fills_found(replace(sound, trades=trades)))


@pytest.mark.parametrize("name", ["entry_ns", "entry_price"])
def test_fills_outside_of_their_bars_are_found(sound_bars, name):
    trades = sound_bars.trades.copy()
    trades[name] -= {"entry_ns": 90 * MINUTE, "entry_price": 50.0}[name]
    assert fills_found(replace(sound_bars, trades=trades))


def test_a_training_set_that_reaches_its_test_window_or_the_embargo_is_found(sound):
    honest = sound.folds[0]
    assert not rules.life(honest)
    for widened in (sound.labels, sound.labels[sound.labels["end_ns"].max(axis=1) < honest.test_t0_ns[0]]):
        fold = products.window("all", widened, int(honest.test_t0_ns[0]), int(honest.test_t1_ns[0]), honest.before_ns)
        assert rules.life(fold)


def test_a_policy_that_looks_at_later_rows_is_found(sound):
    def peeking(rows):
        decided = np.zeros(rows.size, decision.DECISION)
        decided["ts"] = rows["ts"]
        decided["threshold"] = np.nanstd(rows["tick_momentum"]) if rows.size else 0.0
        return decided

    rows = sound.rows[np.isfinite(sound.rows["tick_momentum"])]
    assert replay.decisions(products.Policy("peeking", peeking, rows), np.random.default_rng(0), 2)


def test_what_is_found_is_told(sound, without_canaries):
    run = replace(sound, rows=shifted(sound.rows, "delta"))
    check = audit.run_checks(run)[0]
    assert (check.name, check.ok) == ("leak_rows", False)
    assert "delta" in check.detail
    assert "in another future from 2024-03-" in check.detail


def test_every_feature_is_among_what_is_tried(history):
    assert set(audit.features(history).values) == {feature.name for feature in engine.FEATURES}
