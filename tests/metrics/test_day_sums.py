"""Sums over days give the figures of `metrics.kpi`, whatever days they are put together from."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import DataError
from mia_ml.metrics import day_sums, kpi

DAYS = np.array([20240102, 20240103, 20240104, 20240105])
CAPITAL_USD = 100_000.0
FIELDS = (*day_sums._TRADE_FIELDS, "cost_usd", "mae_ticks", "mfe_ticks")


def trades(*of_days):
    """ES trades, (day, net ticks) each, with a risk of 10 ticks, a target of 20 and a cost of 2."""
    records = np.zeros(len(of_days), [("day", "i8"), *((name, "f8") for name in FIELDS)])
    for record, (day, net_ticks) in zip(records, of_days, strict=True):
        record["day"], record["net_ticks"] = day, net_ticks
    records["risk_ticks"], records["target_ticks"], records["cost_ticks"] = 10, 20, 2
    records["net_r"] = records["net_ticks"] / 10
    records["net_usd"] = records["net_ticks"] * 12.5
    return records


FOUR = trades((20240103, 18), (20240105, -12), (20240103, -8), (20240105, 0))
PNL_USD = np.array([0.0, 225.0, -100.0, -150.0])


def everything(sums):
    return np.arange(sums.size)


def test_four_trades_by_day():
    sums = day_sums.of(FOUR, np.array([20240102, 20240103, 20240103, 20240105]), DAYS, PNL_USD)
    by_day = {name: sums[name].tolist() for name in day_sums.DAY_SUMS.names}
    assert by_day == {
        "day": DAYS.tolist(),
        "n_trades": [0, 2, 0, 2],
        "n_wins": [0, 1, 0, 0],
        "n_signals": [1, 2, 0, 1],
        "net_r": [0, 1.0, 0, -1.2],
        "cost_r": [0, 0.4, 0, 0.4],
        "break_even": [0, 0.8, 0, 0.8],  # (10 + 2) / (20 + 10) each
        "won_usd": [0, 225, 0, 0],
        "lost_usd": [0, 100, 0, 150],
        "pnl_usd": PNL_USD.tolist(),
    }


def as_kpi(found, n_signals, pnl_usd):
    figures = [
        *kpi.of_trades(found),
        *kpi.of_days(pnl_usd, CAPITAL_USD),
        *kpi.of_equity(CAPITAL_USD + np.cumsum(pnl_usd), CAPITAL_USD),
        *kpi.frequency(n_signals, found.size, pnl_usd.size),
    ]
    return {figure.name: figure for figure in figures}


ticks = st.integers(-200, 200).map(lambda tenths: tenths / 10)


@settings(deadline=None)  # the first one compiles
@given(
    found=st.lists(st.tuples(st.sampled_from(DAYS.tolist()), ticks), max_size=12),
    signals=st.lists(st.sampled_from(DAYS.tolist()), max_size=5),
    pnl=st.lists(st.sampled_from([0.0, 12.5, -37.3, 400.0]), min_size=4, max_size=4),
    risks=st.lists(st.sampled_from([4.0, 10.0, 13.0]), min_size=12, max_size=12),
)
def test_figures_units_and_reasons_are_those_of_kpi(found, signals, pnl, risks):
    records, pnl_usd = trades(*found), np.array(pnl)
    records["risk_ticks"] = risks[: records.size]
    sums = day_sums.of(records, np.array(signals, np.int64), DAYS, pnl_usd)
    expected = as_kpi(records, len(signals), pnl_usd)
    figures, why = day_sums.figures(sums, everything(sums), CAPITAL_USD)._asdict(), day_sums.reasons(sums)
    assert figures.keys() == day_sums.UNITS.keys()
    for name, value in figures.items():
        assert value == pytest.approx(expected[name].value, rel=1e-12, abs=1e-12, nan_ok=True), name
        assert day_sums.UNITS[name] == expected[name].unit
        assert why.get(name, "") == expected[name].undecidable
        assert math.isnan(value) == bool(why.get(name)), name


def test_no_day_decides_nothing_but_sums():
    sums = np.zeros(0, day_sums.DAY_SUMS)
    figures, why = day_sums.figures(sums, everything(sums), CAPITAL_USD)._asdict(), day_sums.reasons(sums)
    known = {name: value for name, value in figures.items() if not math.isnan(value)}
    assert known == {"max_drawdown": 0, "net_usd": 0}
    assert figures.keys() - known.keys() == why.keys()


def test_a_profit_that_never_varies_has_no_sharpe_ratio():
    """Nor a huge one because the mean of 251 days of 12.6 is not 12.6 to the last bit."""
    sums = np.zeros(251, day_sums.DAY_SUMS)
    sums["pnl_usd"] = 12.6
    assert np.sum(sums["pnl_usd"]) / 251 != 12.6
    assert math.isnan(day_sums.figures(sums, everything(sums), CAPITAL_USD).sharpe)
    assert day_sums.reasons(sums)["sharpe"] == "daily P&L never varies"


@settings(deadline=None)
@given(st.permutations(range(4)), st.permutations(range(4)))
def test_the_order_of_trades_is_nothing_and_that_of_days_the_drawdown_only(order_of_trades, order_of_days):
    sums = day_sums.of(FOUR, FOUR["day"], DAYS, PNL_USD)
    np.testing.assert_array_equal(day_sums.of(FOUR[order_of_trades], FOUR["day"], DAYS, PNL_USD), sums)
    here = day_sums.figures(sums, everything(sums), CAPITAL_USD)
    moved = day_sums.figures(sums, np.array(order_of_days), CAPITAL_USD)
    equity = CAPITAL_USD + np.cumsum(PNL_USD[order_of_days])
    assert moved.max_drawdown == kpi.as_floats(kpi.of_equity(equity, CAPITAL_USD))["max_drawdown"]
    assert moved._replace(max_drawdown=0) == pytest.approx(here._replace(max_drawdown=0), rel=1e-12)


def test_days_drawn_twice_count_twice():
    sums = day_sums.of(FOUR, FOUR["day"], DAYS, PNL_USD)
    drawn = day_sums.figures(sums, np.array([1, 1, 3]), CAPITAL_USD)
    twice = trades((0, 18), (0, -8), (0, 18), (0, -8), (0, -12), (0, 0))
    expected = as_kpi(twice, 6, PNL_USD[[1, 1, 3]])
    assert drawn == pytest.approx([expected[name].value for name in drawn._fields])


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"days": DAYS[[0, 1, 1, 3]]}, "do not rise after 20240103"),
        ({"pnl_usd": PNL_USD[:3]}, r"shape \(3,\) for 4 days"),
        ({"signal_days": np.array([20240102, 20240106])}, "a signal of 20240106"),
        ({"trades": trades((20240101, 3))}, "a trade of 20240101"),
        ({"trades": trades((20240102, 3), (20240102, math.nan))}, "net_ticks is nan in row 1"),
        ({"pnl_usd": np.array([0.0, math.inf, 0.0, 0.0])}, "pnl_usd is inf in row 1"),
    ],
)
def test_refusals_name_the_place(changed, text):
    sound = {"trades": FOUR, "signal_days": FOUR["day"], "days": DAYS, "pnl_usd": PNL_USD}
    with pytest.raises(DataError, match=text):
        day_sums.of(**sound | changed)
