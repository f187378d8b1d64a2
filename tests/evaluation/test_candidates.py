"""Candidates are the crossings of a naive walk at each level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError
from mia_ml.evaluation import candidates
from mia_ml.evaluation.panel import BLOCK, Panel
from mia_ml.scoring.scorer import Scorer
from tests.backtest import worlds as tapes
from tests.evaluation import worlds
from tests.evaluation.test_policy import world

GRID = (0.4, 0.6, 0.8, 1.0, 1.2)
SIZES = st.one_of(st.integers(1, 60), st.integers(BLOCK - 2, BLOCK + 2), st.integers(2 * BLOCK, 3 * BLOCK))


def naive(decisions, levels):
    """Events by row, then level: each level walks the same scores with its own threshold and its own arm."""
    events = []
    for level in levels:
        day, armed, raw_before = None, False, np.nan
        for i, d in enumerate(decisions):
            if d["day"] != day:
                day, armed = d["day"], False
            if np.isnan(d["score"]):
                continue
            threshold = level * d["threshold"]
            multiplier = d["session_factor"] * d["volatility_factor"] * d["cycle_factor"]
            inside = abs(d["score"]) <= threshold
            if not inside and armed and abs(raw_before * multiplier) <= threshold:
                with np.errstate(divide="ignore", over="ignore"):
                    events.append((i, 1 if d["score"] > 0 else -1, level, abs(d["score"]) / threshold))
            armed, raw_before = inside, d["raw"]
    return sorted(events, key=lambda event: (event[0], event[2]))


@settings(max_examples=30, deadline=None)
@given(tapes.SEEDS, SIZES, st.sampled_from([0, 0.002, 0.1]), worlds.formulas(), st.sampled_from([GRID, (1.0,)]))
def test_candidates_are_those_of_a_naive_walk(seed, size, missing, formula, levels):
    rows, *_, panel = world("bars", seed, size, missing, {})
    first = size // 7
    expected = naive(Scorer(formula).decide(rows[first:]), levels)
    found = candidates.of(panel, formula, first, rows.size, levels)
    assert [(c["row"] - first, c["side"], c["level"], c["exceedance"]) for c in found] == expected
    assert (found["exceedance"] > 1).all()


@settings(max_examples=10, deadline=None)
@given(tapes.SEEDS, worlds.formulas())
def test_level_one_is_what_the_scorer_calls_crossings(seed, formula):
    rows, *_, panel = world("bars", seed, BLOCK, 0.01, {})
    decisions = Scorer(formula).decide(rows)
    crossed = np.flatnonzero(decisions["crossing"])
    found = candidates.of(panel, formula, 0, rows.size)
    assert found["row"].tolist() == crossed.tolist()
    assert found["side"].tolist() == decisions["crossing"][crossed].tolist()
    assert found["exceedance"].tobytes() == decisions["exceedance"][crossed].tobytes()


@pytest.mark.parametrize("levels", [(), (0.0, 1.0), (1.0, 0.8), (1.0, 1.0), (np.nan,)])
def test_levels_that_do_not_rise_are_refused(levels):
    panel: Panel = world("bars", 1, 20, 0.0, {})[-1]
    with pytest.raises(ConfigError, match="give rising multiples of the threshold"):
        candidates.of(panel, worlds.make_formula(terms={worlds.COMPONENTS[0]: 1.0}), 0, 20, levels)
