"""What a filter learns from: every candidate or its reason, told as it will be asked, no label that knows too much."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.errors import DataError
from mia_ml.evaluation import candidates, population
from mia_ml.evaluation.panel import BLOCK, Panel
from mia_ml.evaluation.population import known_rows
from mia_ml.features import engine
from mia_ml.labels.records import LABEL, SIDES, usable
from mia_ml.labels.weights import Weighting
from mia_ml.models.ensemble import SIGNAL_INPUTS
from mia_ml.models.training import TrainingConfig
from mia_ml.scoring.filter import ALONG
from tests.backtest import worlds as tapes
from tests.evaluation import worlds

GRID = (0.4, 0.7, 1.0, 1.3)
INPUTS = (ALONG + worlds.COMPONENTS[0], worlds.COMPONENTS[1], "vix", *SIGNAL_INPUTS)
SIZES = st.one_of(st.integers(1, 60), st.integers(BLOCK - 2, BLOCK + 2))
FORMULAS = worlds.formulas().filter(lambda formula: (formula.record["threshold"] > 0).all())
MOMENTS = st.integers(0, 12)
PLAIN_THRESHOLD = {"base": 0.2, "low": 1.0, "high": 1.0, "session": False}


def world(seed: int, size: int) -> tuple[np.ndarray, np.ndarray, Panel]:
    """Rows, their labels on a random tape that ends within some lives, and the panel of both."""
    rows = worlds.rows(seed, size, 0.01)
    rng = np.random.default_rng(seed)
    rows["vix"] = np.where(rng.random(rows.size) < 0.2, np.nan, rng.uniform(10, 40, rows.size))
    barrier = rng.choice(worlds.BARRIERS, rows.size)
    labels = worlds.labels_of("trades", tapes.trades(seed, 600), rows, barrier, worlds.Execution())
    return rows, labels, Panel.build(rows, labels, worlds.COMPONENTS, worlds.CONTEXT)


def label_of(labels: np.ndarray, candidate: np.void) -> np.void:
    return labels[candidate["row"], 0 if candidate["side"] > 0 else 1]


@settings(max_examples=30, deadline=None)
@given(tapes.SEEDS, SIZES, FORMULAS)
def test_each_candidate_is_an_event_or_is_counted(seed, size, formula):
    rows, labels, panel = world(seed, size)
    found = candidates.of(panel, formula, 0, rows.size, GRID)
    learnt = population.build(rows, labels, panel, formula, GRID, INPUTS)
    expected, excluded = [], Counter()
    for candidate in found:
        label = label_of(labels, candidate)
        if label["fate"] != Fate.TRADED:
            excluded[Fate(label["fate"]).name] += 1
        elif label["exit_reason"] == Exit.TAPE_END:
            excluded[Exit.TAPE_END.name] += 1
        else:
            expected.append((candidate["row"], candidate["side"], label["signal_ns"], label["end_ns"], label["net_r"]))
    assert learnt.excluded == excluded
    columns = (learnt.row, learnt.side, learnt.t0_ns, learnt.t1_ns, learnt.net_r)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
    assert learnt.y.tolist() == [int(net_r > 0) for *_, net_r in expected]
    assert learnt.y.size + sum(learnt.excluded.values()) == found.size


@settings(max_examples=20, deadline=None)
@given(tapes.SEEDS, FORMULAS)
def test_models_are_told_components_along_the_side_and_readings_as_they_are(seed, formula):
    rows, labels, panel = world(seed, BLOCK)
    found = candidates.of(panel, formula, 0, rows.size, GRID)
    found = found[[bool(usable(label_of(labels, candidate))) for candidate in found]]
    learnt = population.build(rows, labels, panel, formula, GRID, INPUTS)
    assert learnt.inputs == INPUTS
    for told, candidate in zip(learnt.X, found, strict=True):
        row, side = rows[candidate["row"]], candidate["side"]
        by_hand = [row[worlds.COMPONENTS[0]] * side, row[worlds.COMPONENTS[1]], row["vix"]]
        np.testing.assert_array_equal(told, [*by_hand, side, candidate["exceedance"]])


def test_a_mirrored_world_is_told_the_same_but_for_the_side():
    rows, labels, panel = world(7, 3 * BLOCK)
    plain = {"terms": dict.fromkeys(worlds.COMPONENTS, 1 / 9), "min_weight_present": 0.5}
    plain["threshold"] = {"base": 0.1, "low": 1.0, "high": 1.0, "session": False}
    formula = worlds.make_formula(**plain)
    mirrored = rows.copy()
    for name in engine.COMPONENTS:
        mirrored[name] = -rows[name]
    swapped = labels[:, ::-1].copy()
    swapped["side"] = SIDES
    turned = Panel.build(mirrored, swapped, worlds.COMPONENTS, worlds.CONTEXT)
    inputs = (*(ALONG + name for name in worlds.COMPONENTS), "vix", *SIGNAL_INPUTS)
    one = population.build(rows, labels, panel, formula, GRID, inputs)
    other = population.build(mirrored, swapped, turned, formula, GRID, inputs)
    assert one.y.size >= 20
    assert other.side.tolist() == (-one.side).tolist()
    np.testing.assert_array_equal(other.X[:, :-2], one.X[:, :-2])
    assert other.y.tolist() == one.y.tolist()


def lives(ends: list[tuple[int, int]]) -> np.ndarray:
    """A label pair a moment, each with the ends of its two sides after it."""
    labels = np.zeros((len(ends), 2), LABEL)
    labels["signal_ns"] = np.arange(len(ends))[:, None]
    labels["end_ns"] = labels["signal_ns"] + np.array(ends, np.int64).reshape(-1, 2)
    return labels


@given(st.lists(st.tuples(MOMENTS, MOMENTS), max_size=40), st.integers(-1, 60))
def test_no_label_that_reaches_too_far_is_let_through(ends, unknown_from):
    labels = lives(ends)
    kept = known_rows(labels, unknown_from)
    assert (labels["end_ns"][:kept] < unknown_from).all()
    if kept < len(ends):
        assert labels["end_ns"][kept].max() >= unknown_from


def test_a_life_that_ends_at_the_moment_itself_is_not_known():
    labels = lives([(0, 0), (1, 0), (0, 0)])  # ends 0, 2 on one side, 2
    assert [known_rows(labels, moment) for moment in (0, 1, 2, 3)] == [0, 1, 1, 3]
    assert known_rows(labels, None) == 3


def test_one_side_that_reaches_too_far_is_enough():
    assert known_rows(lives([(0, 0), (0, 9), (0, 0)]), 5) == 1
    assert known_rows(lives([(0, 0), (9, 0), (0, 0)]), 5) == 1


def test_part_of_a_population_weighs_only_its_own_events():
    rows, labels, panel = world(3, 3 * BLOCK)
    formula = worlds.make_formula(terms={worlds.COMPONENTS[0]: 1.0}, min_weight_present=0.0)
    learnt = population.build(rows, labels, panel, formula, GRID, INPUTS)
    half = learnt.y.size // 2
    assert half >= 20
    mask = np.arange(learnt.y.size) < half
    part = learnt.at(mask)
    changed = dataclasses.replace(learnt, t1_ns=np.where(mask, learnt.t1_ns, learnt.t1_ns + 10**15), net_r=learnt.net_r)
    config = TrainingConfig(
        forest=None, boosted=None, weights={"logistic": 1.0}, min_events=5, min_calibration_events=2, calibration="none"
    )
    one = part.train(Weighting(), config, 1)
    other = changed.at(np.arange(half)).train(Weighting(), config, 1)
    assert repr(one.report) == repr(other.report)
    assert part.row.tolist() == learnt.row[:half].tolist()


def test_a_window_without_an_event_is_refused_in_one_line():
    rows, labels, panel = world(1, 40)
    formula = worlds.make_formula(terms={worlds.COMPONENTS[0]: 1.0}, threshold={**PLAIN_THRESHOLD, "base": 5.0})
    empty = population.build(rows, labels, panel, formula, (1.0,), INPUTS)
    assert empty.X.shape == (0, len(INPUTS))
    with pytest.raises(DataError, match="training window has no event: widen it") as refused:
        empty.train(Weighting(), TrainingConfig(), 1)
    assert "\n" not in str(refused.value)
