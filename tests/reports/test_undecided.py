"""Everything that a judgement leaves open is listed once, with its reason."""

from mia_ml.metrics import estimate
from mia_ml.reports import undecided
from tests.reports import sample


def test_a_part_and_a_reason_make_one_line() -> None:
    found = undecided.figures(sample.nothing())
    assert found[0] == undecided.Open(
        "figures, tuned and filtered",
        ("win rate", "expectancy a trade, net", "annual Sharpe ratio"),
        "no trades",
    )
    assert len({(one.where, one.why) for one in found}) == len(found)


def test_components_that_are_absent_are_told_from_horizons_that_are() -> None:
    found = [one for one in undecided.figures(sample.short()) if one.where == "information"]
    assert [(one.names, one.why) for one in found if one.why == "absent from this source"] == [
        (("gamma levels", "options flow bias"), "absent from this source")
    ]
    (other,) = [one for one in found if one.why == "rows are a minute apart"]
    assert len(other.names) == 9
    assert other.names[0] == "order book imbalance at 1 s"


def test_nothing_is_listed_where_all_stands() -> None:
    made = sample.short()
    stands = estimate.point("x", 1.0, "R")
    parts = ("psr", "dsr", "dsr_raw_n", "dsr_inner", "pbo", "spa_p", "min_track_record_days", "min_backtest_years")
    whole = made.model_copy(
        update={
            "differences": {},
            "ladders": {},
            "stress": (),
            "information": (),
            "benchmarks": (),
            "selection": made.selection.model_copy(update=dict.fromkeys(parts, stands)),
        }
    )
    assert undecided.figures(whole) == []
