"""What is said of a decision and whether anybody acts on it; what of the past is kept for drift."""

import numpy as np
import pytest

from mia_ml.confluence import decision
from mia_ml.core.errors import DataError
from mia_ml.features import engine
from serving.day.acting import PASSED, RECOVERED, Acting
from serving.day.output import Cause
from serving.day.rail import CHAMPION, Contender, Verdict
from serving.guards.drift import Block
from serving.guards.standing import Standing
from tests.scoring import small
from tests.serving import live_world

V = "mia-ml/1"
NOTHING = decision.ACTIONS.index("none")
CAUSE = Cause(60, None, 0)


@pytest.fixture(scope="module")
def contender():
    content = small.content(None)
    return Contender(V, "0" * 64, CHAMPION, "", content, content.scorer())


def acting(folder, **guards):
    chosen = live_world.serve_settings().guards
    return Acting(Standing(), chosen.model_copy(update=guards), folder, lambda: 70)


def known(folder, contender, day=0, **guards):
    found = acting(folder, **guards)
    found.know(V, contender.content, day)
    return found


def verdict(contender, action=decision.SIGNAL, day=20240307, session=3, ts=60, **values):
    """Inputs in the middle of their ranges but for `values`."""
    row, taken = np.zeros(1, engine.ROW), np.zeros(1, decision.DECISION)
    for name in contender.content.ranges:
        row[name] = 0.0
    for name, value in values.items():
        row[name] = value
    row["ts"], row["day"] = ts, day
    taken["ts"], taken["day"], taken["session"], taken["action"] = ts, day, session, action
    taken["score"], taken["pass_mark"], taken["probability"] = 1.0, 0.5, 0.6
    return Verdict(contender, row, taken)


def test_a_signal_that_nothing_stands_against_acts(contender, tmp_path):
    live = known(tmp_path, contender).live_of(verdict(contender), CAUSE)
    assert (live.act, live.why, live.ts_event, live.ts_recv, live.ts_decided) == (True, [], 60, None, 70)
    assert live.latency_us is None
    assert not live.recovered


def test_no_signal_does_not_act_though_nothing_stands_against_it(contender, tmp_path):
    assert not known(tmp_path, contender).live_of(verdict(contender, NOTHING), CAUSE).act


def test_whoever_is_timed_has_a_latency(contender, tmp_path):
    assert known(tmp_path, contender).live_of(verdict(contender), Cause(60, 65, 1)).latency_us > 0


@pytest.mark.parametrize(("recovered", "why"), [(True, RECOVERED), (False, PASSED)])
def test_whose_moment_has_passed_does_not_act_and_what_stands_now_is_nothing_to_it(contender, tmp_path, recovered, why):
    made = known(tmp_path, contender)
    made.standing.add("manual", "by hand", 1)
    live = made.live_of(verdict(contender), CAUSE, recovered, why)
    assert (live.act, live.why, live.recovered) == (False, [why], recovered)


def test_what_stands_against_it_is_said(contender, tmp_path):
    made = known(tmp_path, contender)
    made.standing.add("manual", "by hand", 1)
    live = made.live_of(verdict(contender), CAUSE)
    assert (live.act, live.why) == (False, ["by hand"])


def test_inputs_out_of_range_are_borne_up_to_a_number_and_said_in_any_case(contender, tmp_path):
    name = next(iter(contender.content.ranges))
    out = verdict(contender, **{name: 9.0})
    borne = known(tmp_path, contender, range_most=1).live_of(out, CAUSE)
    assert (borne.act, borne.why) == (True, [f"out of its training range, borne: {name} is 9, training saw -1 to 1"])
    refused = known(tmp_path, contender, range_most=0).live_of(out, CAUSE)
    assert (refused.act, refused.why) == (False, [f"out of its training range: {name} is 9, training saw -1 to 1"])


def test_a_score_that_is_none_says_which_inputs_are_absent(contender, tmp_path):
    absent = verdict(contender, NOTHING)
    for column in contender.scorer.formula.record[0]["column"]:
        absent.row.view(np.float64)[column] = np.nan
    absent.decision["score"], absent.decision["weight_present"] = np.nan, 0.0
    live = known(tmp_path, contender).live_of(absent, CAUSE)
    assert not live.act
    assert live.why[0].startswith("score is NaN: 0.00 of the weight present")


def drifting(made, contender, n_days, first=0):
    """A watched input that moves from -0.8 to 0.8 after 30 days; each session with two bars."""
    name = next(name for name in contender.content.ranges if name not in ("minute_of_day", "days_to_expiry"))
    for k in range(first, n_days):
        day = 20240101 + 100 * (k // 28) + k % 28
        for session in range(7):
            for bar in range(2):
                value = 0.8 if k >= 30 else -0.8
                ts = (k * 7 + session) * 10 + bar
                made.after(verdict(contender, day=day, session=session, ts=ts, **{name: value + 0.01 * (ts % 3)}))
    return name, day


@pytest.fixture(scope="module")
def drifted(contender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drifted")
    name, day = drifting(known(folder, contender), contender, 33)
    return folder, name, day


@pytest.mark.parametrize(("policy", "act"), [("warn", True), ("stand_down", False)])
def test_drift_is_kept_over_restarts_and_warns_or_stands_down(contender, drifted, policy, act):
    folder, name, day = drifted
    live = known(folder, contender, drift=policy).live_of(verdict(contender, day=day), CAUSE)
    assert live.act is act
    assert len([line for line in live.why if line.startswith(f"drift of {name}: mean -0.79")]) == 1


def test_a_day_that_is_run_again_is_kept_once_and_not_watched_twice(contender, tmp_path):
    before = known(tmp_path, contender)
    drifting(before, contender, 3)
    kept = (tmp_path / "mia-ml-1.jsonl").read_bytes()
    days = [Block.read(line).day for line in kept.splitlines()]
    assert days == [20240101] * 7 + [20240102] * 7 + [20240103] * 6  # the last session has not ended
    again = known(tmp_path, contender, day=20240103)
    assert again._drift[V]._seen == [20240101, 20240102]
    drifting(again, contender, 4, first=2)
    after = (tmp_path / "mia-ml-1.jsonl").read_bytes()
    assert after.startswith(kept)
    assert len(after.splitlines()) == 27


def test_a_line_that_a_crash_tore_is_cut_and_one_that_is_none_refused(contender, tmp_path):
    drifting(known(tmp_path, contender), contender, 2)
    path = tmp_path / "mia-ml-1.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    known(tmp_path, contender)
    assert path.read_bytes() == whole
    path.write_bytes(whole + b'{"day": "x"}\n')
    with pytest.raises(DataError, match=r"mia-ml-1.jsonl line 14: .*remove it") as one:
        known(tmp_path, contender)
    assert "\n" not in str(one.value)


def test_sessions_that_cannot_be_written_are_written_later_and_hold_up_nobody(contender, tmp_path):
    made = known(tmp_path, contender)
    made.standing.add("gap:f", "gap", 1, until_ns=1)
    path = tmp_path / "mia-ml-1.jsonl"
    path.mkdir()
    drifting(made, contender, 1)
    assert not made.standing
    path.rmdir()
    drifting(made, contender, 2, first=1)
    assert [Block.read(line).session for line in path.read_bytes().splitlines()] == [*range(7), *range(6)]
