"""Battle navale in plain Python: lists of bars instead of running extremes, the golden rule as SPEC 3.11 words it."""

TICK = 0.25


def reach(bars):
    return max(b["high"] for b in bars) - min(b["low"] for b in bars)


def colour(bars):
    delta = sum(b["buy"] - b["sell"] for b in bars)
    lean = delta if delta == delta else bars[-1]["close"] - bars[0]["open"]
    return (lean > 0) - (lean < 0)


def quality(base):
    return 0.5 * (len(base["bars"]) - 3) / 9 + 0.5 * (1 - reach(base["bars"]) / base["limit"])


def signals(frames):
    """Write `signal` into each bar of a timeframe: NaN until ATR(14) was known at the bar before."""
    bases, forming = [], None  # bases that count, oldest first; a forming one joins with its third bar
    state, started_by, quiet = 0, None, 0
    for k, bar in enumerate(frames):
        atr_before = frames[k - 1]["atr"] if k else float("nan")
        if atr_before != atr_before:
            bar["signal"] = float("nan")
            continue
        quiet += 1
        if forming and len(forming["bars"]) < 12 and reach([*forming["bars"], bar]) <= forming["limit"]:
            forming["bars"].append(bar)
            if len(forming["bars"]) == 3:
                bases.append(forming)
                quiet = 0
        else:
            limit = max(4 * TICK, 1.25 * atr_before)
            fits = bar["high"] - bar["low"] <= limit
            forming = {"bars": [bar], "limit": limit, "used": False} if fits else None
        green = next((b for b in reversed(bases) if colour(b["bars"]) > 0), None)
        red = next((b for b in reversed(bases) if colour(b["bars"]) < 0), None)
        up = bool(green) and not green["used"] and bar["close"] > max(b["high"] for b in green["bars"])
        down = bool(red) and not red["used"] and bar["close"] < min(b["low"] for b in red["bars"])
        for fired, base in ((up, green), (down, red)):
            if fired:
                base["used"] = True  # a base triggers once
        if up and down:
            state = 0
        elif up or down:
            side = 1 if up else -1
            if state != side:
                started_by = quality(green if up else red)
            state = side
        else:
            falls = bar["close"] < bar["open"] and green and bar["close"] < min(b["low"] for b in green["bars"])
            rises = bar["close"] > bar["open"] and red and bar["close"] > max(b["high"] for b in red["bars"])
            if (state > 0 and falls) or (state < 0 and rises):
                state = 0
        if quiet >= 30:
            state = 0
        bar["signal"] = 0.0
        if state:
            last = frames[max(0, k - 4) : k + 1]
            sides = sum(b["buy"] for b in last), sum(b["sell"] for b in last)
            share = sides[0 if state > 0 else 1] / sum(sides) if sum(sides) > 0 else 0.0
            bar["signal"] = state * (started_by + min(1.0, max(0.0, 2 * share - 1))) / 2
