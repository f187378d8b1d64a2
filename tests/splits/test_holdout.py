"""Where the sealed hold-out begins."""

import pytest

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.splits.holdout import first_sealed_day
from tests.splits.test_splitters import weekdays

DAYS = weekdays("2015-08-13", "2020-03-01")  # 2020-02-28 is the last


@pytest.mark.parametrize(
    ("holdout", "first"),
    [
        ("24 months", 20180301),
        ("2 years", 20180301),
        ("1 month", 20200129),
        ("30 days", int(DAYS[-30])),
        ("1 day", 20200228),
        (0.1, int(DAYS[-119])),
        ("10 %", int(DAYS[-119])),
        ("10%", int(DAYS[-119])),
        ("none", None),
        (None, None),
    ],
)
def test_first_sealed_day(holdout, first):
    assert DAYS.size == 1187
    assert first_sealed_day(DAYS, holdout) == first
    assert first_sealed_day(DAYS[::-1], holdout) == first


def test_shares_are_exact():
    """0.07 * 100 is 7.000000000000001 in floating point, and would seal eight days."""
    assert first_sealed_day(DAYS[:100], 0.07) == DAYS[93]
    assert first_sealed_day(DAYS[:10], 0.01) == DAYS[9]


@pytest.mark.parametrize("holdout", [0.0, 1.0, -0.2, "100 %", 30, "0 %"])
def test_a_share_is_below_one(holdout):
    with pytest.raises(ConfigError, match="a share lies between 0 and 1"):
        first_sealed_day(DAYS, holdout)


@pytest.mark.parametrize("holdout", ["a lot", "", "-3 months", "0 days", "nan", "1/0"])
def test_nonsense_is_refused(holdout):
    with pytest.raises(ConfigError, match="write a count and a unit"):
        first_sealed_day(DAYS, holdout)


@pytest.mark.parametrize("holdout", ["60 months", "1187 days", "99.99 %"])
def test_something_must_be_left(holdout):
    with pytest.raises(DataError, match=f"a hold-out of {holdout} would seal all 1187 trading days"):
        first_sealed_day(DAYS, holdout)
