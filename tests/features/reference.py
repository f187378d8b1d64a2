"""A second opinion: SPEC 3 and 4 in plain Python, slow and from the text alone. Imports nothing of the product.

`rows(days, until)` gives one dict of features per minute and day, from lists that are cut, filtered and summed again
for every row.
"""

from . import reference_battle as battle
from .reference_bars import bars_of, flow_ratio, follow_regime, known, latest, timeframe
from .reference_row import row_of

CARRIED = 1440


def profile_of(bars):
    """What a day leaves to the same minute of later days, from its own bars."""
    one, five = timeframe(bars, 1), timeframe(bars, 5)
    return {
        b["slot"]: {
            "volume": b["volume"],
            "flow": flow_ratio(bars, k),
            "atr": latest(one, k, "atr"),
            "atr_5m": latest(five, k, "atr"),
        }
        for k, b in enumerate(bars)
    }


def rows(days, until):
    """Feature rows of consecutive days, one list a day."""
    out, profiles, tails, last_vix = [], {}, {}, {}
    for day in days:
        bars = bars_of(day, until)
        for b in bars:
            b["day"] = day.index
        previous = [profiles.get((day.index - k, day.contract)) for k in range(20, 0, -1)]
        carried = tails.get((day.index - 1, day.contract), [])
        vix = ([last_vix[day.index - k] for k in range(20, 0, -1) if day.index - k in last_vix] or [None])[-1]
        out.append(day_rows(day, carried, bars, [p for p in previous if p], vix))
        profiles[day.index, day.contract] = profile_of(bars)
        tails[day.index, day.contract] = (carried + bars)[-CARRIED:]
        if bars and bars[-1]["vix"]:
            last_vix[day.index] = bars[-1]["vix"]
    return out


def day_rows(day, carried, bars, profiles, earlier_vix):

    every = carried + bars
    frames = {m: timeframe(every, m) for m in (1, 5, 15)}
    for frame in frames.values():
        battle.signals(frame)
    context = {"regime": 0, "ratios": [], "past_vwap": {"globex": {}, "rth": {}}, "atrs": []}
    for k in range(len(carried)):
        follow_regime(context, every[k], latest(frames[5], k, "atr"))
        if known(every[k]["close"]) and known(atr := latest(frames[1], k, "atr")):
            context["atrs"].append(atr)
    return [
        row_of(day, every, len(carried), k, frames, profiles, earlier_vix, context)
        for k in range(len(carried), len(every))
    ]
