"""Battle navale by hand: bars of ATR 1 (limit 1.25 points), fed to the 1-minute field."""

import numpy as np
import pytest

from mia_ml.features import battle, frames

from . import worked
from .worked import NAN

FLAT = (100.0, 100.5, 100.0, 100.25)  # open, high, low, close


class Field:
    def __init__(self, engine_params):
        self.params = engine_params[0]["battle"]
        self.state = np.zeros(1, battle.STATE)
        battle.reset(self.state[0])
        self.field = self.state[0]["field"][0]

    def feed(self, ohlc, buy=60.0, sell=40.0, times=1):
        for _ in range(times):
            names = ("open", "high", "low", "close")
            bar = worked.record(frames.FRAME, **dict(zip(names, ohlc, strict=True)), buy=buy, sell=sell, atr_before=1.0)
            battle.on_bar(self.field, self.params, 0.25, bar)
        return self.field["signal"]


@pytest.fixture
def field(engine_params):
    return Field(engine_params)


BREAK_UP = (100.5, 102.5, 100.5, 102.5)  # its own range of 2 points is too wide for a base
BREAK_DOWN = (100.0, 100.0, 98.0, 98.0)
WIDE = (101.0, 103.0, 101.0, 101.5)  # triggers nothing


def test_a_close_above_a_green_base_starts_an_up_trend(field):
    """Base of 4 bars, range 0.5 of 1.25: quality 0.5 x 1/9 + 0.5 x 0.6 = 0.3556. Buyers have 300 of 500 over five
    bars: 2 x 0.6 - 1 = 0.2. Signal (0.3556 + 0.2)/2."""
    assert field.feed(FLAT, times=4) == 0
    assert field.feed(BREAK_UP) == pytest.approx((0.5 / 9 + 0.3 + 0.2) / 2)


def test_dominance_stops_at_zero_and_one(field):
    field.feed(FLAT, times=4)
    assert field.feed(BREAK_UP, buy=0, sell=1000) == pytest.approx((0.5 / 9 + 0.3) / 2)
    assert field.feed(BREAK_UP, buy=10, sell=0, times=5) == pytest.approx((0.5 / 9 + 0.3 + 1) / 2)
    assert field.feed(BREAK_UP, buy=0, sell=0, times=5) == pytest.approx((0.5 / 9 + 0.3) / 2)  # no volume


def test_a_base_needs_three_bars(field):
    field.feed(FLAT, times=2)
    assert field.feed(BREAK_UP) == 0


def test_the_thirteenth_bar_starts_the_next_base(field):
    field.feed(FLAT, times=13)
    assert field.field["green"]["bars"] == 12
    assert field.field["forming"]["bars"] == 1


def test_the_limit_of_the_first_bar_holds(field):
    """1.25 points exactly still fits, a tick more breaks."""
    field.feed(FLAT, times=3)
    field.feed((100.5, 101.25, 100.0, 100.5))
    assert field.field["forming"]["bars"] == 4
    field.feed((100.5, 101.5, 100.5, 100.75))
    assert (field.field["green"]["bars"], field.field["forming"]["bars"]) == (4, 1)


def test_a_red_base_mirrors_it_and_reverses(field):
    field.feed(FLAT, times=4)
    assert field.feed(BREAK_UP) > 0
    field.feed(FLAT, buy=40, sell=60, times=4)
    assert field.feed(BREAK_DOWN, buy=40, sell=60) == pytest.approx(-(0.5 / 9 + 0.3 + 0.2) / 2)


def test_without_delta_a_base_has_the_colour_of_its_candle(field):
    field.feed(FLAT, buy=NAN, sell=NAN, times=3)  # opened 100, closed 100.25
    assert field.feed(BREAK_UP, buy=NAN, sell=NAN) == pytest.approx(0.3 / 2)


def test_a_down_bar_below_the_base_ends_the_trend(field):
    field.feed(FLAT, times=3)
    assert field.feed(BREAK_UP) > 0
    assert field.feed((99.0, 101.0, 98.0, 99.5)) > 0  # below the low, but not a down bar
    assert field.feed((101.0, 102.0, 100.0, 100.0)) > 0  # a down bar that closes on the low
    assert field.feed((101.0, 102.0, 99.0, 99.75)) == 0


def test_both_triggers_at_once_end_the_trend(field):
    """A green base at 100, then a red one at 105: a close at 103 is above the one and below the other."""
    field.feed(FLAT, times=3)
    field.feed((100.0, 102.0, 100.0, 100.25), times=1)  # breaks the base, triggers nothing
    field.feed((105.0, 105.5, 105.0, 105.25), buy=40, sell=60, times=3)
    assert field.field["state"] == 1  # the first of them closed above green
    field.field["green"]["spent"] = 0
    field.feed((104.0, 105.0, 102.5, 103.0))
    assert field.field["state"] == 0


def test_thirty_bars_without_a_new_base_end_the_trend(field):
    field.feed(FLAT, times=3)  # counts from here
    assert field.feed(WIDE, times=29) > 0
    assert field.feed(WIDE) == 0


def test_a_trend_keeps_the_base_that_started_it(field):
    field.feed(FLAT, times=4)
    first = field.feed(BREAK_UP)
    field.feed((102.5, 102.5, 102.5, 102.5), times=12)
    assert field.feed((102.5, 105.0, 102.5, 105.0)) == pytest.approx(first)


@pytest.mark.parametrize(
    ("one", "five", "fifteen", "literal"),
    [
        (0.4, 0.2, 0.1, 0.2 + 0.06 + 0.02 + 0.2),
        (-0.4, -0.2, -0.1, -0.48),
        (0.4, 0.2, 0.0, 0.26),  # 0 is no sign
        (0.4, -0.2, 0.1, 0.16),
        (1.0, 1.0, 1.0, 1.2),
        (NAN, 1.0, 1.0, NAN),
    ],
)
def test_mtf_confluence(engine_params, one, five, fifteen, literal):
    state, row = np.zeros(1, battle.STATE), worked.row()
    state["field"]["signal"][0] = (one, five, fifteen)
    battle.write(state[0], engine_params[0]["battle"], True, row)
    assert row["mtf_confluence_literal"] == pytest.approx(literal, nan_ok=True)
    assert row["mtf_confluence"] == pytest.approx(np.clip(literal, -1, 1), nan_ok=True)
    battle.write(state[0], engine_params[0]["battle"], False, row)
    assert np.isnan(row["battle_navale_5"])  # before the day's first trade
