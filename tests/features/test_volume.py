"""Volume confirmation, delta divergence and smart money by numbers that fit on paper."""

import numpy as np
import pytest

from mia_ml.features import divergence, smart_money, volume

from . import worked
from .worked import NAN


@pytest.mark.parametrize(
    ("rvol", "buy", "sell", "size", "value"),
    [
        (0.9, 65, 35, 100, 0.33),  # 0.9/1.8 = 0.5 times 2.2 x 30/100 = 0.66
        (0.9, 35, 65, 100, -0.33),
        (3.6, 100, 0, 100, 1.0),  # both factors stop at 1
        (1.8, 50, 50, 100, 0.0),
        (NAN, 0, 0, 0, 0.0),  # a bar without volume
        (NAN, 65, 35, 100, NAN),
        (1.0, NAN, NAN, 0, NAN),  # a bar file without sides
    ],
)
def test_volume_confirmation(engine_params, rvol, buy, sell, size, value):
    bar = worked.bars(buy=buy, sell=sell, volume=size)[0]
    got = volume.confirmation(bar, rvol, engine_params[0]["volume"])
    assert got == pytest.approx(value, nan_ok=True)


def test_both_relative_volumes(engine_params):
    """Ten bars of 100 and one of 150: 1.5 by the trailing mean, 0.75 by a same-time mean of 200."""
    bars = worked.bars(volume=[100.0] * 10 + [150.0], buy=0.0, sell=0.0)
    for usual, expected in ((200.0, 0.75), (NAN, 1.5)):
        row = worked.row()
        volume.step(bars, 10, engine_params[0]["volume"], usual, row)
        assert (row["rvol"], row["rvol_trailing"]) == (expected, 1.5)
    volume.step(bars, 9, engine_params[0]["volume"], NAN, row)
    assert np.isnan(row["rvol"])


RISE = np.arange(10.0)
ZIGZAG = np.array([0.0, 3, 1, 4, 2, 5, 3, 6, 4, 7])


@pytest.mark.parametrize(
    ("closes", "cvd", "rvol", "value"),
    [
        (RISE, -20 * RISE, 1.0, -1.0),  # both slopes equal their mean change: ps = 1, ds = -1
        (-RISE, 20 * RISE, 1.0, 1.0),
        (RISE, 20 * RISE, 1.0, 0.0),  # they agree
        (RISE, -20 * RISE, 0.99, 0.0),
        (RISE, np.zeros(10), 1.0, 0.0),  # a zero divisor is 0
        # sum of x y over centred x is 47.5, of x x 82.5, mean change (5 x 3 + 4 x 2)/9: ps = 0.2253, over 0.3
        (ZIGZAG, -RISE, 1.0, -(47.5 / 82.5) / (23 / 9) / 0.3),
        (0.25 * ZIGZAG, -RISE, 1.0, -(47.5 / 82.5) / (23 / 9) / 0.3),  # unitless
    ],
)
def test_delta_divergence(engine_params, closes, cvd, rvol, value):
    got = divergence.divergence(np.array(closes), np.array(cvd), rvol, engine_params[0]["divergence"])
    assert got == pytest.approx(value)


def test_the_literal_divergence_fires_when_price_and_delta_agree(engine_params):
    """Slopes 1 and 20: 21/21.001; the contracts swamp the points, so against each other still 19/21.001 = 0.905."""
    p = engine_params[0]["divergence"]
    assert divergence.literal(RISE, 20 * RISE, 0.6, p) == pytest.approx(21 / 21.001)
    assert divergence.literal(RISE, -20 * RISE, 0.6, p) == pytest.approx(19 / 21.001)
    assert divergence.literal(RISE, 20 * RISE, 0.5, p) == 0  # exactly on the threshold
    assert divergence.literal(-RISE, -20 * RISE, -0.9, p) == 0  # its volume condition is signed


def smart(bars, engine_params):
    row = worked.row()
    smart_money.step(bars, bars.size - 1, engine_params[0]["smart_money"], row)
    return row["smart_money_index"], row["smart_money_index_literal"]


def test_smart_money(engine_params):
    """300 bought and 100 sold: 200/(400 + 500) = 0.2222, literal 200/400 = 0.5. No large order: 0. 19 bars: nothing."""
    buy, sell = [0.0] * 18 + [100, 200], [0.0] * 19 + [100]
    bars = worked.bars(large_buy=buy, large_sell=sell, large_print_buy=buy, large_print_sell=sell)
    assert smart(bars, engine_params) == pytest.approx((200 / 900, 0.5))
    assert smart(bars[1:], engine_params) == pytest.approx((NAN, NAN), nan_ok=True)
    assert smart(worked.bars(large_buy=np.zeros(20)), engine_params) == (0, 0)


@pytest.mark.parametrize(("earlier", "factor"), [(200.0, 1.3), (300.0, 1.0), (199.0, 1.3)])
def test_unusual_large_volume_is_boosted(engine_params, earlier, factor):
    """Five windows with `earlier` each; this one has 450: more than 1.5 x 200, not more than 1.5 x 300."""
    buy = np.zeros(120)
    buy[[0, 20, 40, 60, 80]] = earlier
    buy[119] = 450
    bars = worked.bars(large_buy=buy, large_print_buy=buy)
    index, literal = smart(bars, engine_params)
    assert index == pytest.approx(min(450 / 950 * factor, 1))
    assert literal == pytest.approx(factor)  # 450/450, and no clip: up to 1.3
    index, _ = smart(bars[20:], engine_params)
    assert index == pytest.approx(450 / 950)  # four windows are too few


def test_the_index_stops_at_one(engine_params):
    buy = np.zeros(120)
    buy[119] = 5000  # 5000/5500 x 1.3 = 1.18
    assert smart(worked.bars(large_buy=buy, large_print_buy=buy), engine_params) == pytest.approx((1.0, 1.3))


def test_a_large_order_may_be_many_prints(new_engine, tuesday):
    """50 + 50 + 1 of one moment is an order of 101 contracts; 100 is not large, and no print is."""
    prints = [(1, 5000.0, 50, 1), (1, 5000.0, 50, 1), (1, 5000.0, 1, 1), (2, 5000.0, 100, -1)]
    rows = worked.run(new_engine(), tuesday, 20, trades=worked.trades(tuesday, *prints))
    assert rows["smart_money_index"][19] == pytest.approx(101 / 601)
    assert rows["smart_money_index_literal"][19] == 0
    assert np.isnan(rows["smart_money_index"][18])
