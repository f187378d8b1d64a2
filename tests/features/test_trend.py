"""VWAP trend, Dow trend and timeframes by numbers that fit on paper."""

import numpy as np
import pytest

from mia_ml.features import dow, vwap

from . import worked
from .worked import NAN


def test_vwap_trend(engine_params, tuesday):
    """Ten bars of 1 contract at 5000, then one of 10 at 5002.

    vwap 5001 (20 points over 20 contracts), sd 1, close 1 above: 0.5 x 1/(2 x 1). Ten bars ago the vwap was 5000,
    ATR 4: 0.5 x 1/4. Together 0.375. With ATR(14, 5 min) 4 the sd is floored at 2: 0.125 + 0.125.
    """
    ticks = 8.0  # 2 points
    bars = worked.bars(
        close=[5000.0] * 10 + [5002.0],
        reference=5000.0,
        anchored_volume=[*range(1, 11), 20],
        anchored_ticks=[0.0] * 10 + [10 * ticks],
        anchored_ticks2=[0.0] * 10 + [10 * ticks**2],
    )
    for atr_5m, value in ((NAN, 0.375), (4.0, 0.25)):
        state = np.zeros(1, vwap.STATE)[0]
        for i in range(11):
            row = worked.row()
            vwap.step(state, engine_params[0]["vwap"], 0.25, tuesday, bars, i, 4.0, atr_5m, row)
            if i < 10:
                assert np.isnan(row["vwap_trend_globex"])  # ten bars after the anchor
        assert row["vwap_globex"] == 5001
        assert row["vwap_trend_globex"] == pytest.approx(value)


def test_two_anchors_disagree_in_sign(new_engine, tuesday):
    """The night trades at 5040, cash opens at 5000 and climbs: below the day's average, above the session's."""
    cash = (int(tuesday["rth_open_ns"]) - int(tuesday["open_ns"])) // 10**9
    night = [(60 * m, 5040.0 - (m % 2), 50, -1) for m in range(cash // 60)]
    climb = [(cash + 60 * m + 1, 5000.0 + 0.5 * m, 1, 1) for m in range(20)]
    rows = worked.run(new_engine(), tuesday, cash // 60 + 20, trades=worked.trades(tuesday, *night, *climb))
    first = cash // 60
    assert rows["minute_of_day"][first] == 571  # the first cash bar closes at 09:31
    assert np.isnan(rows["vwap_trend_rth"][first : first + 10]).all()
    assert rows["vwap_trend_rth"][first + 10] > 0 > rows["vwap_trend_globex"][first + 10]
    assert rows["vwap_rth"][first] == 5000
    np.testing.assert_array_equal(rows["vwap_trend_rth"][:first], rows["vwap_trend_globex"][:first])


@pytest.mark.parametrize(
    ("high", "low", "value"),
    [
        (0.25, 0.15, 0.2 / 0.4),  # mean slope 0.2 against a tenth of ATR 4
        (-0.25, -0.15, -0.5),
        (2.0, 2.0, 1.0),
        (0.25, -0.15, 0.0),
        (0.25, 0.0, 0.0),
    ],
)
def test_dow_trend(engine_params, high, low, value):
    k = np.arange(20)
    row = worked.row()
    bars = worked.bars(high=5010 + high * k, low=5000 + low * k)
    dow.step(bars, 19, engine_params[0]["dow"], 4.0, row)
    assert row["dow_trend_regime"] == pytest.approx(value)
    dow.step(bars, 18, engine_params[0]["dow"], 4.0, row)
    assert np.isnan(row["dow_trend_regime"])  # 19 bars
    bars["high"][0] = NAN
    dow.step(bars, 19, engine_params[0]["dow"], 4.0, row)
    assert np.isnan(row["dow_trend_regime"])  # a bar before the day's first trade


def test_only_complete_timeframe_bars_count(new_engine, tuesday):
    """Minutes swing 1 point, those of the fifteenth 5-minute bar 3: ATR(14, 5 min) is 16/14, at minute 75."""
    trades = worked.quiet_minutes(tuesday, 80)
    trades["price"][trades["ts_event"] == int(tuesday["open_ns"]) + (72 * 60 + 10) * 10**9] = 5003.0
    atr = worked.run(new_engine(), tuesday, 80, trades=trades)["atr_5m"]
    assert np.isnan(atr[68])
    assert atr[69] == 1  # 14 bars of 5 minutes
    assert atr[73] == 1  # minute 72's swing waits for the bar to complete
    assert atr[74] == pytest.approx(16 / 14)
