import numpy as np
import pytest

from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.errors import DataError
from mia_ml.labels import events
from mia_ml.labels.records import LABEL
from tests.backtest import worlds
from tests.backtest.market import at, prints, signal
from tests.labels.paper import label


def paper():
    """Row 0 wins bought and loses sold, row 1 has no barrier, row 2 is open when the tape ends."""
    tape = prints((1, 5000.0), (2, 5004.25), (61, 5004.25), (62, 5004.5))
    return label(tape, signal((0, 1, 2.0), (30, 1, np.nan), (60, 1, 9.0)))


def test_a_crossing_wins_or_loses_net_of_costs():
    found = events.build(paper(), np.array([0, 0]), np.array([1, -1]), np.array([2, 2]), np.array([1.5, 1.2]))
    assert len(found) == 2
    assert (found.row.tolist(), found.side.tolist(), found.level.tolist()) == ([0, 0], [-1, 1], [2, 2])
    assert (found.y.tolist(), found.exceedance.tolist()) == ([0, 1], [1.2, 1.5])
    assert found.y.dtype == np.int8
    assert found.net_r.tolist() == pytest.approx([-19.3 / 8, 13.7 / 8])  # sold at 5000.00, stopped at 5004.25
    assert (found.t0_ns.tolist(), found.t1_ns.tolist()) == ([at(0)] * 2, [at(2)] * 2)
    assert (found.risk_ticks.tolist(), found.target_ticks.tolist()) == ([8, 8], [16, 16])
    assert found.excluded == {}


def test_a_gain_smaller_than_its_costs_is_a_loss():
    """Two ticks up at the time-out, 2.3 ticks of costs."""
    labels = label(prints((1, 5000.0), (6001, 5000.5)), signal((0, 1, 2.0)))
    found = events.build(labels, np.array([0]), np.array([1]), np.array([0]), np.array([1.1]))
    assert (found.y.tolist(), found.net_ticks.tolist()) == ([0], [pytest.approx(-0.3)])


def test_what_gave_no_outcome_is_counted_by_its_reason():
    row = np.array([0, 1, 2, 2, 1])
    found = events.build(paper(), row, np.array([1, 1, 1, -1, 1]), np.array([0, 0, 0, 0, 1]), np.full(5, 1.2))
    assert found.row.tolist() == [0]
    assert found.excluded == {"NO_BARRIER": 2, "TAPE_END": 2}


def test_whatever_order_candidates_come_in():
    tape = worlds.trades(3)
    labels = label(tape, worlds.decisions(3, tape))
    rng = np.random.default_rng(0)
    row, level, side = (grid.ravel() for grid in np.meshgrid(np.arange(labels.shape[0]), np.arange(5), [1, -1]))
    exceedance = rng.uniform(1, 3, row.size)
    order = rng.permutation(row.size)
    plain = events.build(labels, row, side, level, exceedance)
    mixed = events.build(labels, row[order], side[order], level[order], exceedance[order])
    assert 0 < len(plain) < row.size
    assert len(plain) + sum(plain.excluded.values()) == row.size
    for name, column in vars(plain).items():
        if name != "excluded":
            assert column.tobytes() == vars(mixed)[name].tobytes(), name
    assert plain.excluded == mixed.excluded
    own = labels[plain.row, (1 - plain.side) // 2]
    assert (own["fate"] == Fate.TRADED).all()
    assert not (own["exit_reason"] == Exit.TAPE_END).any()
    np.testing.assert_array_equal(plain.y, own["net_ticks"] > 0)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([3], [1], [0], [1.2]), r"entry 0: row 3: the labels have rows 0..2"),
        (([0, 0], [1, 0], [0, 1], [1.2, 1.2]), r"entry 1: side 0: give \+1 or -1"),
        (([0], [1], [0], [np.nan]), "entry 0: exceedance nan: a row without a score"),
        (([0, 0], [1, 1], [4, 4], [1.2, 1.2]), r"row, level, side \[0, 4, 1\] comes twice"),
        (([0, 0], [1], [0], [1.2]), r"have lengths \[2, 1, 1, 1\]"),
    ],
)
def test_impossible_candidates(columns, message):
    with pytest.raises(DataError, match=message):
        events.build(paper(), *(np.array(column) for column in columns))


def test_no_candidates_are_no_events():
    none = np.zeros(0, np.int64)
    found = events.build(np.zeros((0, 2), LABEL), none, none, none, np.zeros(0))
    assert (len(found), found.excluded) == (0, {})
