"""What else could have happened: a tape that ends at a moment, and one that goes on differently from there.

A value used at `moment` may depend on events with `ts_event < moment` only; a file's bar is known at its close. So what
was used by then must be the same, byte for byte, on the tape as it is, on `until` and on `otherwise`. The first unmasks
what waits for later data, the second also what gets along without them.
"""

import numpy as np

from mia_ml.features import intake
from mia_ml.features.tape import Tape

STRETCH = 2.0
"""The other future moves the other way and further: a mirror alone would keep every range."""
VIX_FACTOR = 1.5


def _known(events: Tape, moment: int) -> list[int]:
    """How many events of each kind are known at a moment, in the order of `intake.times_of`."""
    *others, bars = intake.times_of(events)
    return [*(int(np.searchsorted(ts, moment)) for ts in others), int(np.searchsorted(bars, moment, side="right"))]


def until(events: Tape, moment: int) -> Tape:
    """The events known at a moment."""
    return intake.take(events, tuple(slice(0, known) for known in _known(events, moment)))


def otherwise(events: Tape, moment: int) -> Tape:
    """The events of the same times; those not known yet at `moment` say something else.

    Prices go the other way from the last one known, twice as far; buyers are sellers, bids are asks and calls are puts;
    the sizes come in reverse.
    """
    copied = ("price", "side", "size", "bid", "ask", "options", "vix", "bars")
    out = events._replace(**{name: getattr(events, name).copy() for name in copied})
    out = out._replace(sizes=tuple(column.copy() for column in events.sizes))
    trades, book, options, vix, _, bars = (slice(known, None) for known in _known(events, moment))
    pivot = _last_price(events, moment)

    def mirrored(price: np.ndarray) -> np.ndarray:
        return pivot - STRETCH * (price - pivot)

    out.price[trades] = mirrored(events.price[trades])
    out.side[trades] = -events.side[trades]
    out.size[trades] = events.size[trades][::-1]
    out.bid[book], out.ask[book] = mirrored(events.ask[book]), mirrored(events.bid[book])
    levels = len(events.sizes) // 2
    for k in range(levels):
        out.sizes[k][book], out.sizes[levels + k][book] = events.sizes[levels + k][book], events.sizes[k][book]
    told = events.options[options]
    for name in ("underlying_px", "call_wall", "put_wall", "zero_gamma"):
        out.options[name][options] = told["underlying_px"] - STRETCH * (told[name] - told["underlying_px"]) + STRETCH
    for name, other in (("call_volume", "put_volume"), ("put_volume", "call_volume")):
        out.options[name][options] = told[other]
    out.vix["value"][vix] = VIX_FACTOR * events.vix["value"][vix]
    ours = events.bars[bars]
    for name, other in (("open", "open"), ("high", "low"), ("low", "high"), ("close", "close")):
        out.bars[name][bars] = mirrored(ours[other])
    for name, other in (("buy_volume", "sell_volume"), ("sell_volume", "buy_volume"), ("volume", "volume")):
        out.bars[name][bars] = ours[other][::-1]
    return out


def _last_price(events: Tape, moment: int) -> float:
    """Of the prints, bars or mids known at a moment, the last; the first of all where none is known."""
    trades, book, *_, bars = _known(events, moment)
    mids = 0.5 * (events.bid + events.ask)
    for prices, known in ((events.price, trades), (events.bars["close"], bars), (mids, book)):
        if prices.size:
            return float(prices[max(known - 1, 0)])
    return 0.0
