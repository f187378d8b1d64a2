"""A training window gives one ensemble, whatever surrounds it; too little is refused."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import calibrate, combine, fit, training
from mia_ml.models.selection import Selection
from mia_ml.models.training import Trained, TrainingConfig, train
from tests.models.test_fit import learnt

INPUTS = ("trend", "flow", "absent", "side", "exceedance")
MINUTE = 60_000_000_000
SMALL = TrainingConfig(fit.Forest(trees=15, depth=4), fit.Boosted(trees=15, depth=3), fit.Logistic())


def window(n: int = 300, seed: int = 0) -> tuple[np.ndarray, ...]:
    """X, y, weights, t0_ns, t1_ns: one event every ten minutes, living up to half an hour, ends unsorted."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    X[rng.random(n) < 0.2, 1] = np.nan
    X[:, 2] = np.nan
    X[:, 3] = rng.choice([-1.0, 1.0], n)
    X[:, 4] = rng.choice([0.6, 0.8, 1.0], n)
    y = (X[:, 0] + X[:, 3] * np.nan_to_num(X[:, 1]) + rng.normal(size=n) > 0).astype(np.int8)
    t0 = np.arange(n) * 10 * MINUTE
    return X, y, rng.uniform(0.2, 1.0, n), t0, t0 + rng.integers(1, 30, n) * MINUTE


def run(events: tuple[np.ndarray, ...], config: TrainingConfig = SMALL, seed: int = 7, threads: int = 1) -> Trained:
    return train(*events, INPUTS, config, seed, threads)


def estimators(trained: Trained) -> list[bytes]:
    return [learnt(member) for member in trained.members]


def everything(trained: Trained) -> tuple[Any, ...]:
    """All that was learnt, as values that compare."""
    maps = []
    for member in trained.members:
        given = member.calibrator
        maps.append((given.x.tobytes(), given.y.tobytes()) if isinstance(given, calibrate.Isotonic) else given)
    return estimators(trained), maps, trained.combination, trained.inputs, json.dumps(trained.report)


CONFIGS = {
    "default": SMALL,
    "isotonic": replace(SMALL, calibration="isotonic", class_weight="balanced"),
    "simplex": replace(SMALL, combination="simplex"),
    "stacked": replace(SMALL, combination="stacked", calibration="none"),
    "information": replace(SMALL, selection=Selection("mutual_information", keep=1)),
    "permutation": replace(SMALL, selection=Selection("permutation", keep=1, repeats=2)),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_equal_bytes_on_one_and_two_threads(config: TrainingConfig) -> None:
    with threadpool_limits(2):
        two = everything(run(window(), config, threads=2))
    assert everything(run(window(), config)) == two


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_noise_after_the_training_window_changes_nothing_that_was_fitted(config: TrainingConfig) -> None:
    events = window()
    inside = events[4] < 250 * 10 * MINUTE
    before = everything(run(tuple(array[inside] for array in events), config))
    rng = np.random.default_rng(99)
    later = ~inside
    events[0][later] = rng.normal(0, 1e6, (later.sum(), 5))
    events[1][later] = rng.integers(0, 2, later.sum())
    events[2][later] = rng.random(later.sum())
    assert everything(run(tuple(array[inside] for array in events), config)) == before


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_noise_in_the_part_held_back_changes_no_estimator_imputer_scaler_or_selection(config: TrainingConfig) -> None:
    events = window()
    first = run(events, config)
    rng = np.random.default_rng(99)
    later = events[3] >= first.report["cut_ns"]
    assert later.sum() == 75
    events[0][later] = rng.normal(0, 1e3, (75, 5))
    events[1][later] = rng.integers(0, 2, 75)
    events[2][later] = rng.random(75)
    second = run(events, config)
    assert estimators(second) == estimators(first)
    assert second.inputs == first.inputs
    assert everything(second)[1:3] != everything(first)[1:3]


def test_noise_in_purged_rows_changes_nothing() -> None:
    events = window()
    events[4][10] = events[3][-1]
    first = run(events)
    cut = first.report["cut_ns"]
    purged = (events[3] < cut) & (events[4] >= cut)
    assert first.report["purged_rows"] == purged.sum() > 1
    events[0][purged] = 1e9
    assert estimators(run(events)) == estimators(first)


def test_members_come_calibrated_in_their_order_and_learn() -> None:
    trained = run(window(1200))
    assert [member.kind for member in trained.members] == ["forest", "boosted", "logistic"]
    assert trained.combination == combine.Combination("average", (0.5, 0.3, 0.2))
    assert trained.inputs == ("trend", "flow", "side", "exceedance")
    assert all(member.inputs == trained.inputs for member in trained.members)
    assert all(isinstance(member.calibrator, calibrate.Sigmoid) for member in trained.members)
    X, y, _, _, _ = window(1200, seed=1)
    p = training.predict(trained, X[:, [0, 1, 3, 4]])
    assert ((p > 0.5) == y).mean() > 0.65
    assert abs(p.mean() - y.mean()) < 0.1


def test_the_report_counts_every_row() -> None:
    events = window()
    events[2][:4] = 0
    report = json.loads(json.dumps(run(events).report))
    rows = [report[part]["rows"] + report[part]["weightless_rows"] for part in ("fitting", "held_back")]
    assert sum(rows) + report["purged_rows"] == 300
    assert report["window"]["weightless_rows"] == 4
    assert report["dropped"] == {"absent": "absent"}
    assert report["members"]["logistic"]["log_loss"] < report["members"]["logistic"]["log_loss_of_base_rate"]
    assert 0.5 < report["members"]["forest"]["auc"] <= 1


def test_a_member_whose_calibrator_turns_it_round_is_reported() -> None:
    events = window()
    later = events[3] >= run(events).report["cut_ns"]
    events[1][later] = 1 - events[1][later]
    assert run(events).report["members"]["logistic"]["reversed"]
    assert not run(window()).report["members"]["logistic"]["reversed"]


def test_nothing_is_held_back_where_nothing_is_learnt_from_it() -> None:
    trained = run(window(), replace(SMALL, calibration="none"))
    assert trained.report["fitting"]["rows"] == 300
    assert trained.report["held_back"]["rows"] == 0
    assert [member.calibrator for member in trained.members] == [None] * 3


def test_one_member_has_all_the_weight() -> None:
    alone = replace(SMALL, boosted=None, logistic=None, weights={"forest": 1.0})
    assert run(window(), alone).combination.weights == (1.0,)
    assert run(window(), replace(alone, combination="simplex")).combination.weights == (1.0,)


def test_weights_are_learnt_from_probabilities_that_no_calibrator_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels that nothing foretells: a calibrator knows its own events better than those it has not seen."""
    learnt_from: list[tuple[np.ndarray, ...]] = []
    tuned = combine.tuned
    monkeypatch.setattr(combine, "tuned", lambda *seen: learnt_from.append(seen) or tuned(*seen))
    X, _, weights, t0, t1 = window(1200)
    events = X, np.random.default_rng(5).integers(0, 2, 1200).astype(np.int8), weights, t0, t1
    trained = run(events, replace(SMALL, calibration="isotonic", combination="simplex"))
    ((y, p, weights),) = learnt_from
    back = events[3] >= trained.report["cut_ns"]
    for m, member in enumerate(trained.members):
        known = calibrate.apply(member.calibrator, fit.probability(member, X[back][:, [0, 1, 3, 4]]))
        assert combine.log_loss(y, p[:, m], weights) > combine.log_loss(events[1][back], known, events[2][back])


def first(n: int, events: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(array[:n] for array in events)


def test_windows_with_too_little_are_refused() -> None:
    with pytest.raises(DataError, match=r"training window has 12 events \(\d+ rows won, \d+ lost\) and needs 50"):
        run(first(12, window()))
    with pytest.raises(DataError, match=r"training window has 12 events .* needs 50 with both: widen the window"):
        run(tuple(np.repeat(array, 5, axis=0) for array in first(12, window())))
    with pytest.raises(DataError, match=r"\(0 rows won, 300 lost\)"):
        run((window()[0], np.zeros(300, np.int8), *window()[2:]))
    one_sided = window()
    one_sided[1][one_sided[3] < 224 * 10 * MINUTE] = 1
    with pytest.raises(DataError, match="fitting part of the training window has"):
        run(one_sided)
    later = window()
    later[1][later[3] > 200 * 10 * MINUTE] = 1
    with pytest.raises(DataError, match="sigmoid calibration has 75 events held back"):
        run(later)
    with pytest.raises(DataError, match=r"sigmoid calibration has 15 events held back .* needs 20"):
        run(first(60, window()), replace(SMALL, min_calibration_events=20))
    with pytest.raises(DataError, match="half of the part that simplex weights learn from has"):
        run(first(60, window()), replace(SMALL, combination="simplex"))
    with pytest.raises(DataError, match="give each its life"):
        train(*window()[:4], window()[4][1:], INPUTS, SMALL, 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": {"forest": 0.5, "boosted": 0.3, "logistic": 0.3}}, "sum to 1.1: make them sum to 1"),
        ({"logistic": None}, "the members are forest, boosted: give each member its weight"),
        ({"forest": None, "boosted": None, "logistic": None}, "no member is configured"),
        ({"class_weight": "balanced", "calibration": "none"}, "shifts the probabilities"),
        ({"class_weight": "even"}, "class_weight 'even'"),
        ({"calibration": "beta"}, "calibration 'beta'"),
        ({"combination": "vote"}, "combination 'vote'"),
        ({"calibration_share": 1.0}, "above 0 and below 1"),
        ({"min_events": 1}, "each must be at least 2"),
    ],
)
def test_impossible_configs_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        replace(SMALL, **change)
