"""The three rules on handfuls of numbers."""

import numpy as np
import pytest

from mia_ml.canaries import claims, rules
from mia_ml.canaries.claims import Claims, Fold

PRINTS = np.array([10, 20, 20, 30]), np.array([100.0, 101.0, 102.0, 103.0])


def series(*pairs):
    return np.array([ts for ts, _ in pairs]), np.array([value for _, value in pairs], float)


@pytest.mark.parametrize(
    ("other", "at_ns", "detail"),
    [
        (series((1, 5), (2, np.nan), (3, 7)), None, ""),
        (series((1, 5), (2, np.nan), (3, 8)), 3, "7, but 8 in"),
        (series((1, 5), (2, 6), (3, 7)), 2, "nan, but 6 in"),
        (series((1, 5), (2, np.nan)), 3, "7, but absent in"),
        (series((1, 5), (3, 7)), 2, "nan, but absent in"),
        (series((0, 1), (1, 5), (2, np.nan), (3, 7)), 0, "absent, but 1 in"),
    ],
)
def test_a_value_must_be_the_same_in_every_future(other, at_ns, detail):
    found = rules.future({"x": series((1, 5), (2, np.nan), (3, 7))}, {"x": other}, 4)
    assert [finding.at_ns for finding in found] == ([] if at_ns is None else [at_ns])
    assert all(finding.detail.startswith(detail) for finding in found)


def test_only_what_is_dated_by_the_moment_counts_and_a_fill_is_known_just_after_it():
    told = Claims(
        claims.values(np.array([7, 5, 3]), x=np.array([1.0, 2.0, 3.0])).values,
        claims.fills([4, 4], np.array([4, 5]), 1, np.array([8.0, 9.0])),
    )
    dated = rules.dated(told, 5)
    assert {name: (ts.tolist(), value.tolist()) for name, (ts, value) in dated.items()} == {
        "x": ([3, 5], [3.0, 2.0]),
        "fills": ([5], [8.0]),
    }


@pytest.mark.parametrize(
    ("due", "at", "side", "price", "why"),
    [
        (15, 20, 1, 101.0, ""),
        (15, 20, -1, 102.0, ""),
        (15, 20, 1, 105.0, ""),  # worse than the market is always possible
        (15, 20, 1, 100.75, "0.25 points better than any print of that moment"),
        (15, 20, -1, 102.25, "0.25 points better than any print of that moment"),
        (21, 20, 1, 101.0, "before it could have been"),
        (15, 25, 1, 103.0, "when nothing printed"),
    ],
)
def test_a_fill_needs_its_time_and_a_print(due, at, side, price, why):
    found = rules.fill(claims.fills([due], np.array([at]), side, np.array([price])), *PRINTS)
    assert len(found) == bool(why)
    assert all(finding.detail.endswith(why) for finding in found)


@pytest.mark.parametrize(
    ("due", "at", "price", "why"),
    [
        (10, 10, 4.0, ""),  # at the open of the second bar
        (10, 20, 5.0, ""),  # inside, dated at its close
        (10, 20, 5.5, ""),  # worse than the bar is always possible
        (10, 20, 2.5, "better than its bar"),
        (11, 20, 4.0, "in a bar that had opened before it was due"),
    ],
)
def test_a_fill_in_bars_needs_a_bar_that_opened_in_time(due, at, price, why):
    opens, closes, low, high = np.array([0, 10]), np.array([10, 20]), np.array([1.0, 3.0]), np.array([2.0, 5.0])
    found = rules.fill_in_bars(claims.fills([due], np.array([at]), 1, np.array([price])), opens, closes, low, high)
    assert [finding.detail for finding in found] == ([f"bought at {price:g} {why}"] if why else [])


def lives(*spans):
    return tuple(np.array(ends, np.int64) for ends in zip(*spans, strict=True))


@pytest.mark.parametrize(
    ("trained", "wrong"),
    [
        ([(0, 6)], ""),
        ([(0, 7)], "end within"),  # 3 before the opening at 10, exclusive
        ([(0, 10)], "share a moment"),
        ([(12, 13)], "share a moment"),  # in a gap of the test lives it would be sound; here one test life holds it
        ([(21, 30)], "start within"),
        ([(25, 30)], "start within"),
        ([(26, 30)], ""),
    ],
)
def test_a_training_life_keeps_its_distance(trained, wrong):
    fold = Fold("f", *lives(*trained), *lives((10, 20)), before_ns=3, after_ns=5)
    found = rules.life(fold)
    assert len(found) == bool(wrong)
    assert all(wrong in finding.detail for finding in found)
