"""A slow simulator written from the rules alone: it searches the whole tape for each signal, in plain Python.

Nothing is shared with the product. A tape is a list of `Print`: a trade is one, a bar is four (its open; then its worst
point and its best point for the open position, which only resting orders see; then its close).
"""

import math
from dataclasses import dataclass

MINUTE = 60_000_000_000


@dataclass(frozen=True)
class Print:
    time: int  # when it happened, as far as is known
    known: int  # when the tape tells it
    low: int  # ticks
    high: int
    kind: str  # 'trade', 'open', 'range', 'close'
    bar: int = 0
    traded: bool = True


@dataclass(frozen=True)
class Rules:
    take_profit: float
    stop: float
    timeout_ns: int
    timeout_bars: int
    latency_ns: int
    flat: bool
    reverse: bool
    tick: float


def of_trades(ts, ticks):
    return [Print(t, t, p, p, "trade") for t, p in zip(ts, ticks, strict=True)]


def of_bars(ts, opens, highs, lows, closes, volume, days):
    tape, before = [], None
    for n, end in enumerate(ts):
        start = None if before is None else min(max(before, day_of(end, days)[1]), end)
        traded = volume[n] > 0
        if start is not None:
            tape.append(Print(start, end, opens[n], opens[n], "open", n, traded))
        tape.append(Print(end, end, lows[n], highs[n], "range", n, traded))
        tape.append(Print(end, end, closes[n], closes[n], "close", n, traded))
        before = end
    return tape


def day_of(ts, days):
    """(name, open, close) of the first day that has not closed before ts."""
    return next(day for day in days if ts <= day[2])


def simulate(tape, signals, days, rules):
    """signals: (ts, side, A in points). Returns fates and trades, both as tuples, in the order of the signals."""
    fates, trades, current = [], [], None
    last_ts = max([p.known for p in tape] + [s[0] for s in signals], default=0)

    def flat_of(ts):
        return day_of(ts, days)[2] - 5 * MINUTE if rules.flat else math.inf

    def ended_day(ts):
        return rules.flat and last_ts > day_of(ts, days)[2]

    def find_fill(ts):
        for n, p in enumerate(tape):
            if p.kind == "trade" and p.time >= ts + rules.latency_ns:
                return n
            if p.kind == "open" and p.time >= ts and p.known > ts + rules.latency_ns and p.traded:
                return n
        return None

    def find_exit(position):
        entry, side = tape[position["fill"]], position["side"]
        worst = best = 0
        flat, deadline = flat_of(entry.time), entry.time + rules.timeout_ns
        last = entry

        def done(p, price, reason):
            result = side * (price - entry.low)
            return p, price, reason, min(worst, result), max(best, result)

        for n in range(position["fill"] + 1, len(tape)):
            p = tape[n]
            if rules.flat and p.known > day_of(entry.time, days)[2]:
                return n, *done(Print(flat, flat, 0, 0, "flat"), last.low, "SESSION_END")
            if not p.traded:
                continue
            bad, good = sorted((side * (p.low - entry.low), side * (p.high - entry.low)))
            if p.kind != "close":
                if bad <= -position["risk"]:
                    level = -position["risk"] if p.kind == "range" else bad
                    return n, *done(p, entry.low + side * level, "STOP")
                if good > position["target"]:
                    worst = min(worst, bad) if p.kind == "range" else worst
                    return n, *done(p, entry.low + side * position["target"], "TAKE_PROFIT")
            if p.kind == "range":
                worst, best = min(worst, bad), max(best, good)
                continue
            bars_held = p.bar - entry.bar + (p.kind == "close")
            late = bars_held >= rules.timeout_bars if rules.timeout_ns == 0 else p.time >= deadline
            if p.time >= flat or late:
                return n, *done(p, p.low, "SESSION_END" if p.time >= flat else "TIMEOUT")
            if n == position["cut"]:
                return n, *done(p, p.low, "REVERSED")
            worst, best, last = min(worst, bad), max(best, good), p
        if ended_day(entry.time):
            return len(tape), *done(Print(flat, flat, 0, 0, "flat"), last.low, "SESSION_END")
        end = Print(tape[-1].time, tape[-1].known, 0, 0, "end")
        return len(tape), *done(end, last.low, "TAPE_END")

    def settle(position):
        _, p, price, reason, worst, best = find_exit(position)
        entry = tape[position["fill"]]
        gross = position["side"] * (price - entry.low)
        trades.append(
            (position["signal"], entry.time, entry.low, p.time, price, reason, gross, worst, best, position["risk"])
        )

    def before(n, ts):
        """Whether tape item n came before a decision at ts: a bar's close does, a print at ts does not."""
        p = tape[n]
        return p.known <= ts if p.kind != "trade" else p.known < ts

    def is_open(position, ts):
        if rules.flat and ts > day_of(tape[position["fill"]].time, days)[2]:
            return False
        n = find_exit(position)[0]
        return n == len(tape) or not before(n, ts)

    waiting_until = None  # (fill index or None, day close) of the entry that was last accepted
    for number, (ts, side, barrier) in enumerate(signals):
        waits = False
        if waiting_until is not None:
            fill, close = waiting_until
            waits = (fill is None or not before(fill, ts)) and not (rules.flat and ts > close)
        if ts >= flat_of(ts):
            fates.append("AFTER_FLAT_TIME")
        elif not 0 < barrier < math.inf:
            fates.append("NO_BARRIER")
        elif waits:
            fates.append("ENTRY_PENDING")
        elif current and is_open(current, ts) and not (rules.reverse and current["side"] != side):
            fates.append("IN_POSITION")
        else:
            fill = find_fill(ts)
            waiting_until = (fill, day_of(ts, days)[2])
            if fill is None:
                fates.append("AFTER_FLAT_TIME" if ended_day(ts) else "NO_TRADE_AFTER")
            elif tape[fill].time >= flat_of(ts):
                fates.append("AFTER_FLAT_TIME")
            else:
                fates.append("TRADED")
                if current:
                    current["cut"] = fill
                    settle(current)
                current = {
                    "signal": number,
                    "side": side,
                    "fill": fill,
                    "cut": None,
                    "risk": max(1, math.ceil(rules.stop * barrier / rules.tick - 1e-6)),
                    "target": max(1, math.ceil(rules.take_profit * barrier / rules.tick - 1e-6)),
                }
    if current:
        settle(current)
    return fates, trades
