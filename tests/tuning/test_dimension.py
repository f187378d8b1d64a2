import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError
from mia_ml.tuning.dimension import Choice, Range, Whole, read

UNIT = st.floats(0, 1)


@given(UNIT, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_range_comes_back(u: float, low: float, width: float) -> None:
    dimension = Range(low, low + width)
    value = dimension.value(u)
    assert dimension.low <= value <= dimension.high
    assert dimension.value(dimension.coordinate(value)) == pytest.approx(value, abs=1e-9 * (1 + abs(low) + width))


@given(UNIT, st.floats(1e-6, 1e6), st.floats(1, 1e6))
@example(0.5, 9.0, math.nextafter(1, 2))
def test_a_logarithmic_range_comes_back(u: float, low: float, factor: float) -> None:
    dimension = Range(low, low * factor, log=True)
    value = dimension.value(u)
    assert dimension.low <= value <= dimension.high
    assert dimension.value(dimension.coordinate(value)) == pytest.approx(value, rel=1e-9)


@given(UNIT, st.integers(-50, 50), st.integers(0, 50))
def test_whole_numbers_come_back_exactly(u: float, low: int, width: int) -> None:
    dimension = Whole(low, low + width)
    value = dimension.value(u)
    assert low <= value <= low + width
    assert dimension.value(dimension.coordinate(value)) == value


def test_every_whole_number_and_choice_has_an_equal_part() -> None:
    grid = [(k + 0.5) / 12 for k in range(12)]
    assert [Whole(1, 3).value(u) for u in grid] == [1] * 4 + [2] * 4 + [3] * 4
    assert [Choice(("a", "b")).value(u) for u in grid] == ["a"] * 6 + ["b"] * 6
    assert Choice((True, 1)).coordinate(True) == 0.25


def test_a_logarithmic_range_is_halved_at_its_geometric_mean() -> None:
    assert Range(0.01, 1.0, log=True).value(0.5) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ([0.4, 0.1], "low 0.4 is above high 0.1"),
        ({"log": [0.0, 1.0]}, "low 0.0 to high 1.0 has no logarithm"),
        ({"int": [1.5, 3]}, "low 1.5 and high 3 must be whole"),
        ({"choice": []}, "needs one or more different values"),
        ({"choice": ["a", "a"]}, "needs one or more different values"),
        ({"flot": [0, 1]}, "did you mean 'float'"),
        ({"int": [0, 1], "log": [1, 2]}, "must have one key"),
        ([0, float("inf")], "must be finite"),
        (0.3, "is no range"),
        ([0.1], "is no range"),
        ([True, 3], "is no range"),
    ],
)
def test_impossible_ranges_are_refused_with_their_values(spec: object, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        read(spec)
