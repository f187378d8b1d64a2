"""Other futures: the same up to the moment, another market after it, and a market still."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.canaries import futures
from mia_ml.core.moments import MINUTE
from mia_ml.features import intake

TS = np.arange(1, 9) * MINUTE
PRICE = np.array([100.0, 101, 102, 101, 100, 99, 100, 103])


def small_tape():
    book = {"ts_event": TS, "bid_px_00": PRICE - 0.25, "ask_px_00": PRICE}
    book |= {name: np.arange(8) + 10 * k for k, name in enumerate(intake.BOOK_SIZES)}
    flow = {"call_volume": np.arange(8.0), "put_volume": np.arange(8.0) + 5}
    levels = {"underlying_px": PRICE - 40, "call_wall": PRICE, "put_wall": PRICE - 80, "zero_gamma": PRICE - 40}
    bars = {"ts_event": TS, "open": PRICE, "high": PRICE + 2, "low": PRICE - 1, "close": PRICE, "volume": PRICE}
    bars |= {"buy_volume": PRICE, "sell_volume": PRICE - 90, "n_trades": PRICE}
    return intake.tape(
        trades={
            "ts_event": TS,
            "price": PRICE,
            "size": np.arange(1, 9),
            "side": np.tile(np.array([1, -1], np.int8), 4),
        },
        book=book,
        options={"ts_event": TS} | levels | flow,
        vix={"ts_event": TS, "value": PRICE / 5},
        bars=bars,
    )


def test_until_a_moment_keeps_what_came_before_it_and_the_bar_that_closes_at_it():
    cut = futures.until(small_tape(), int(TS[3]))
    assert [ts.size for ts in intake.times_of(cut)] == [3, 3, 3, 3, 0, 4]


def test_otherwise_prices_go_the_other_way_twice_as_far():
    """The last price known before the fifth minute is 101: 100 becomes 103, 99 becomes 105."""
    other = futures.otherwise(small_tape(), int(TS[4]))
    assert other.price.tolist() == [100, 101, 102, 101, 103, 105, 103, 97]
    assert other.size.tolist() == [1, 2, 3, 4, 8, 7, 6, 5]
    assert other.side.tolist() == [1, -1, 1, -1, -1, 1, -1, 1]
    assert (other.ask - other.bid).tolist() == [0.25] * 4 + [0.5] * 4
    assert other.sizes[0].tolist() == [0, 1, 2, 3, 54, 55, 56, 57]
    assert other.vix["value"][3:5].tolist() == [101 / 5, 1.5 * 100 / 5]
    assert other.options["call_volume"][3:5].tolist() == [3, 9]
    assert (other.bars["high"] >= other.bars[["open", "close"]].tolist()[0][0]).any()
    assert (other.bars["low"] <= np.minimum(other.bars["open"], other.bars["close"])).all()
    assert (other.bars["high"] >= np.maximum(other.bars["open"], other.bars["close"])).all()


@settings(max_examples=50, deadline=None)
@given(minute=st.integers(0, 10), seconds=st.integers(0, 59))
def test_nothing_known_at_the_moment_changes_and_everything_later_does(minute, seconds):
    moment = minute * MINUTE + seconds * 1_000_000_000
    whole = small_tape()
    cut, other = futures.until(whole, moment), futures.otherwise(whole, moment)
    assert [ts.tolist() for ts in intake.times_of(other)] == [ts.tolist() for ts in intake.times_of(whole)]
    again = futures.until(other, moment)
    for mine, theirs in zip(cut, again, strict=True):
        parts = zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]
        assert all(a.tobytes() == b.tobytes() for a, b in parts)
    later = whole.trade_ts >= moment
    assert (whole.side[later] == -other.side[later]).all()
    assert (whole.vix["value"][later] != other.vix["value"][later]).all()
    assert whole.price.tolist() == PRICE.tolist()  # the tape given is left as it was
