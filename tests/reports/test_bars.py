"""The small bars: in their place, on the axis, and honest about what they cut."""

import math

from hypothesis import given
from hypothesis import strategies as st

from mia_ml.metrics import estimate
from mia_ml.metrics.estimate import Estimate
from mia_ml.reports import bars

finite = st.floats(-1e6, 1e6)
maybe = st.one_of(finite, st.just(math.nan))


@given(finite, maybe, maybe, st.tuples(maybe, maybe), st.sampled_from(["R", "probability"]))
def test_everything_lies_on_the_axis_in_its_order(
    value: float, low: float, high: float, bounds: tuple[float, float], unit: str
) -> None:
    drawn = bars.bar(value, low, high, unit, bounds)
    if drawn is None:
        assert all(map(math.isnan, (low, high, *bounds)))
        return
    places = [drawn.value, *(drawn.interval or ()), *drawn.marks, *(drawn.passing or ())]
    assert all(0 <= place <= 100 for place in places)
    known = [(point, place) for point, place in zip(bounds, (drawn.passing or ())[:2], strict=False) if point == point]
    known += [(value, drawn.value)]
    known += list(zip((low, high), drawn.interval or (), strict=False))
    known.sort()
    assert [place for _, place in known] == sorted(place for _, place in known)
    assert drawn.cut == (False, False)


def test_what_passes_is_on_the_side_of_its_bound() -> None:
    floor = bars.bar(0.1, -0.1, 0.3, "R", (0.0, math.nan))
    ceiling = bars.bar(0.1, -0.1, 0.3, "R", (math.nan, 0.0))
    band = bars.bar(30.0, 20.0, 40.0, "signals/month", (25.0, 35.0))
    assert floor is not None
    assert ceiling is not None
    assert band is not None
    assert (floor.passing, ceiling.passing) == ((28.4, 100.0), (0.0, 28.4))
    assert (band.passing, band.marks) == ((28.4, 71.6), (28.4, 71.6))
    assert bars.bar(0.1, -0.1, 0.3, "R").passing is None  # type: ignore[union-attr]


def test_a_probability_is_seen_on_all_that_it_can_be() -> None:
    drawn = bars.bar(0.5, math.nan, math.nan, "probability", (0.95, math.nan))
    assert drawn is not None
    assert drawn.value == 50.0


def test_nothing_to_see_is_no_bar() -> None:
    assert bars.bar(math.nan, 0.0, 1.0, "R") is None
    assert bars.bar(3.0, math.nan, math.nan, "trades") is None
    assert bars.against_zero([estimate.undecided("p", "R", "no trades")]) == [None]
    assert bars.against_zero([]) == []


def test_lengths_compare_and_what_is_out_of_proportion_is_cut() -> None:
    wide = Estimate("e", 0.1, -9.0, 9.0, "R")
    alike = [Estimate("e", 0.1, 0.0, 0.2, "R"), Estimate("e", -0.1, -0.2, 0.0, "R"), Estimate("e", 0.0, -0.1, 0.1, "R")]
    drawn = [one for one in bars.against_zero([*alike, wide]) if one is not None]
    sizes = [one.interval[1] - one.interval[0] for one in drawn[:3] if one.interval]
    assert max(sizes) - min(sizes) < 0.2
    assert len({one.marks for one in drawn}) == 1
    assert [one.cut for one in drawn] == [(False, False)] * 3 + [(True, True)]
    assert drawn[3].interval == (0.0, 100.0)


def test_a_lone_figure_is_never_cut() -> None:
    (drawn,) = bars.against_zero([Estimate("e", 0.1, -9.0, 9.0, "R")])
    assert drawn is not None
    assert drawn.cut == (False, False)
