"""Gamma levels and option flow by numbers that fit on paper."""

import numpy as np
import pytest

from mia_ml.features import gamma, options_flow

from . import worked
from .worked import NAN

ATR = 2.0  # reach 8 points, dead band 2 points


def regimes(engine_params, closes, zero_gamma=5000.0, atr=ATR):
    state, out = np.zeros(1, gamma.STATE)[0], []
    for close in closes:
        gamma.follow(state, engine_params[0]["gamma"], worked.bars(close=close, zero_gamma=zero_gamma)[0], atr)
        out.append(state["regime"])
    return out


def test_the_regime_keeps_its_side_inside_the_dead_band(engine_params):
    """The first price chooses; then only more than 2 points beyond zero gamma changes sides: exactly 2 does not."""
    assert regimes(engine_params, [5001, 4999, 4998, 4997.75, 5002, 5002.25]) == [1, 1, 1, -1, -1, 1]
    assert regimes(engine_params, [4999.75, 5002]) == [-1, -1]
    assert regimes(engine_params, [5000.0, NAN, 4000.0], atr=NAN) == [1, 1, 1]  # no band known: nothing flips


@pytest.mark.parametrize(
    ("close", "value"),
    [
        (5004.0, -0.25),  # put 4998 is 6 away: 0.25; call 5008 is 4 away: 0.5
        (4996.0, -0.75),  # below: put 2 away 0.75, call 12 away 0; the sign flips
        (5008.0, -1.0),  # on the call wall, the put wall 10 away
    ],
)
def test_gamma_levels(engine_params, close, value):
    bar = worked.bars(close=close, zero_gamma=5000.0, put_wall=4998.0, call_wall=5008.0, levels_ts=1)[0]
    row = worked.row()
    gamma.step(np.zeros(1, gamma.STATE)[0], engine_params[0]["gamma"], bar, ATR, row)
    assert row["gamma_levels"] == pytest.approx(value)


def test_index_levels_move_onto_the_future(new_engine, tuesday, shipped):
    """At second 30 the mid is 5000.125 and the index 4960: every level rises by 40.125 points."""
    one = (1, 1, 1, 1, 1)
    tables = {
        "trades": worked.quiet_minutes(tuesday, 80),
        "book": worked.book(tuesday, (29, one, one)),
        "options": worked.options(tuesday, (30, 4960.0, 4962.0, 4958.0, 4940.0, 1, 1)),
    }
    row = worked.run(new_engine(), tuesday, 80, **tables)[79]
    # ATR(14, 5 min) 1: reach 4. Put wall 4998.125, 1.875 below; call wall 5002.125, 2.125 above
    assert row["atr_5m"] == 1
    assert row["gamma_levels"] == pytest.approx((1 - 1.875 / 4) - (1 - 2.125 / 4))
    assert row["levels_age"] == 80 * 60 - 30
    tables["options"] = worked.options(tuesday, (30, NAN, 4962.0, 4958.0, 4940.0, 1, 1))
    row = worked.run(new_engine(), tuesday, 80, **tables)[79]
    assert np.isnan(row["gamma_levels"])  # no index price, no basis
    tables["options"] = worked.options(tuesday, (30, NAN, 5002.0, 4999.0, 4990.0, 1, 1))
    quoted = worked.changed(shipped, {"gamma_levels": {"levels_on_future": True}})
    row = worked.run(new_engine(quoted), tuesday, 80, **tables)[79]
    assert row["gamma_levels"] == pytest.approx((1 - 1 / 4) - (1 - 2 / 4))


def flow_rows(engine_params, bars, usual):
    state, out = np.zeros(1, options_flow.STATE)[0], []
    for i in range(bars.size):
        row = worked.row()
        options_flow.step(state, bars, i, engine_params[0]["options_flow"], usual, row)
        out.append((row["options_flow_bias"], row["options_flow_bias_literal"]))
    return np.array(out)


def test_options_flow_is_centred(engine_params):
    """40 calls and 60 puts in 30 minutes: -0.2. The usual at this time is -0.3, so flow is 0.1 bullish."""
    calls, puts = np.zeros(30), np.zeros(30)
    calls[3], puts[20] = 40, 60
    bars = worked.bars(call_volume=calls, put_volume=puts, flow_ts=1)
    out = flow_rows(engine_params, bars, -0.3)
    assert out[29] == pytest.approx((0.1, -0.2))
    assert np.isnan(out[28]).all()  # 29 minutes
    assert np.isnan(flow_rows(engine_params, bars, NAN)[29, 0])  # nothing yet to centre on
    assert flow_rows(engine_params, bars, 0.9)[29, 0] == -1  # clipped


def test_options_flow_centres_on_its_own_day_until_profiles_are_known(engine_params):
    """Ratio -0.2 for 30 bars (minutes 30..59), then a bar with 160 more calls: (200 - 60)/260 + 0.2."""
    calls, puts = np.zeros(60), np.zeros(60)
    calls[::30], puts[::30] = 40, 60
    calls[59] = 160
    out = flow_rows(engine_params, worked.bars(call_volume=calls, put_volume=puts, flow_ts=1), NAN)
    assert np.isnan(out[58, 0])  # 29 earlier ratios
    assert out[59] == pytest.approx((140 / 260 + 0.2, 140 / 260))


def test_options_flow_goes_stale_after_an_hour(engine_params):
    bars = worked.bars(call_volume=np.full(90, 1.0), put_volume=0.0, flow_ts=60_000_000_000 * 20)
    literal = flow_rows(engine_params, bars, 0.0)[:, 1]
    assert literal[79] == 1  # the bar that closes at minute 80, exactly an hour later
    assert np.isnan(literal[80])
    bars["call_volume"] = 0
    assert np.isnan(flow_rows(engine_params, bars, 0.0)[79, 1])  # nothing traded
