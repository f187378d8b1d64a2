"""The minutes of a day and the small sums of the second opinion (`reference`), from the day's own events."""

from bisect import bisect_left
from dataclasses import dataclass

NAN = float("nan")
SECOND = 1_000_000_000
MINUTE = 60 * SECOND


@dataclass
class Day:
    index: int
    contract: str
    session: dict
    trades: list  # (ts, price, size, side)
    book: list  # (ts, bid price, ask price, five bid sizes, five ask sizes)
    options: list  # (ts, underlying, call wall, put wall, zero gamma, call volume, put volume)
    vix: list  # (ts, value)
    late: list  # arrival times of events that missed their bar


def known(x):
    return x == x


def clip(x, low=-1.0, high=1.0):
    return x if not known(x) else min(high, max(low, x))


def mean(values):
    return sum(values) / len(values) if values else NAN


def slope(y):
    x = [k - (len(y) - 1) / 2 for k in range(len(y))]
    return sum(a * (b - y[-1]) for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)


def share(a, b):
    return (a - b) / (a + b) if a + b else NAN


def imbalance(snapshot):
    bids, asks = snapshot[3], snapshot[4]
    return 0.6 * share(bids[0], asks[0]) + 0.4 * share(sum(bids), sum(asks))


def prints_of(trades):
    """(ts, price, size, aggressor, move since the print before, feed knew) of each print."""
    out, before, last_move = [], None, 0
    for ts, price, size, side in trades:
        move = 0 if before is None else (price > before) - (price < before)
        last_move = move or last_move
        before = price
        out.append((ts, price, size, side or last_move, move, side != 0))
    return out


def orders_of(prints):
    """(ts, size, aggressor, direction): consecutive prints of one moment and side are one order."""
    groups = []
    for p in prints:
        if groups and groups[-1][-1][0] == p[0] and groups[-1][-1][3] == p[3]:
            groups[-1].append(p)
        else:
            groups.append([p])
    out, before, direction = [], None, 0
    for group in groups:
        price = group[-1][1]
        if before is not None and price != before:
            direction = 1 if price > before else -1
        before = price
        out.append((group[0][0], sum(p[2] for p in group), group[0][3], direction))
    return out


def momentum(directions, sizes, volume_directions):
    signed = sum(d * v for d, v in zip(volume_directions, sizes, strict=True))
    return 0.4 * sum(directions) / len(directions) + 0.6 * signed / sum(sizes)


def bars_of(day, until):
    """The minutes of a day as dicts, from its own events."""
    s = day.session
    prints = prints_of(day.trades)
    orders = orders_of(prints)
    ts_prints, ts_orders = [p[0] for p in prints], [o[0] for o in orders]
    ts_book = [b[0] for b in day.book]
    levels = [(o[0], *moved_levels(day, o, prints, ts_prints, ts_book)) for o in day.options if any(map(known, o[2:5]))]
    out = []
    for t in range(s["open_ns"] + MINUTE, min(until, s["close_ns"]) + 1, MINUTE):
        earlier = prints[: bisect_left(ts_prints, t)]
        mine = [p for p in earlier if p[0] >= t - MINUTE]
        done = orders[: bisect_left(ts_orders, t)]
        mine_orders = [o for o in done if o[0] >= t - MINUTE]
        price = earlier[-1][1] if earlier else NAN
        traded = bool(earlier)
        b = {"ts": t, "slot": (t - s["midnight_ns"]) // MINUTE + 359, "close": price, "past": earlier}
        b["open"] = mine[0][1] if mine else price
        b["high"] = max([p[1] for p in mine], default=price)
        b["low"] = min([p[1] for p in mine], default=price)
        b["volume"] = sum(p[2] for p in mine) if traded else NAN
        b["buy"] = sum(p[2] for p in mine if p[3] > 0) if traded else NAN
        b["sell"] = sum(p[2] for p in mine if p[3] < 0) if traded else NAN
        b["unknown"] = sum(p[2] for p in mine if not p[5])
        for name, items, at, side in (("orders", mine_orders, 1, 2), ("prints", mine, 2, 3)):
            large = [(x[at], x[side]) for x in items if x[at] > 100]
            b["large_" + name] = [sum(v for v, d in large if d == k) if traded else NAN for k in (1, -1)]
        b["momentum"] = b["momentum_literal"] = b["aggression"] = b["momentum_60s"] = NAN
        if len(done) >= 20:
            last = done[-20:]
            b["momentum"] = momentum([o[3] for o in last], [o[1] for o in last], [o[3] for o in last])
        if mine_orders:
            d = [o[3] for o in mine_orders]
            b["momentum_60s"] = momentum(d, [o[1] for o in mine_orders], d)
        if len(earlier) >= 20:
            last = earlier[-20:]
            falls = [1 if p[4] > 0 else -1 for p in last]
            b["momentum_literal"] = momentum([p[4] for p in last], [p[2] for p in last], falls)
        if len(done) >= 100:
            b["aggression"] = sum(o[1] * o[2] for o in done[-100:]) / sum(o[1] for o in done[-100:])
        b["late"] = sum(t - MINUTE <= arrival < t for arrival in day.late)
        read_book(b, day, ts_book, t)
        current = [row for row in levels if row[0] < t]
        b["levels_ts"] = current[-1][0] if current else 0
        b["walls"] = current[-1][1:] if current else (NAN, NAN, NAN)
        flow = [o for o in day.options if o[0] < t and known(o[5]) and known(o[6])]
        b["flow_ts"] = flow[-1][0] if flow else 0
        b["calls"] = sum(o[5] for o in flow if o[0] >= t - MINUTE or len(out) == 0)
        b["puts"] = sum(o[6] for o in flow if o[0] >= t - MINUTE or len(out) == 0)
        b["vix"] = ([v for v in day.vix if v[0] < t] or [None])[-1]
        out.append(b)
    return out


def moved_levels(day, row, prints, ts_prints, ts_book):
    """Walls and zero gamma on the future: by the mid at the row's moment, by the last trade where no book is fresh."""
    at, k = bisect_left(ts_book, row[0]), bisect_left(ts_prints, row[0])
    future = prints[k - 1][1] if k else NAN
    if at and row[0] - ts_book[at - 1] <= 60 * SECOND:
        mid = (day.book[at - 1][1] + day.book[at - 1][2]) / 2
        future = mid if known(mid) else future
    return [level + future - row[1] for level in row[2:5]]


def read_book(b, day, ts_book, t):
    at = bisect_left(ts_book, t)
    b["imbalance"] = b["imbalance_mean"] = b["mid"] = NAN
    b["book_ts"] = ts_book[at - 1] if at else 0
    if not at or t - ts_book[at - 1] > 60 * SECOND:
        return
    first = max(bisect_left(ts_book, t - MINUTE) - 1, 0)
    area = span = 0.0
    for k in range(first, at):
        since = max(ts_book[k], t - MINUTE)
        width = (ts_book[k + 1] if k + 1 < at else t) - since
        value = imbalance(day.book[k])
        if known(value) and width > 0:
            area += value * width
            span += width
    b["imbalance"] = imbalance(day.book[at - 1])
    b["imbalance_mean"] = area / span if span else NAN
    b["mid"] = (day.book[at - 1][1] + day.book[at - 1][2]) / 2


def timeframe(bars, minutes):
    """Completed bars of a timeframe, each with `last`, the number of the base bar that completed it."""
    out, group = [], []
    for k, b in enumerate(bars):
        if group and group[-1]["day"] != b["day"]:
            group = []  # the day's end left it incomplete
        if known(b["close"]):
            group.append(b)
        if group and (b["ts"] // MINUTE) % minutes == 0:
            out.append(
                {
                    "open": group[0]["open"],
                    "high": max(g["high"] for g in group),
                    "low": min(g["low"] for g in group),
                    "close": group[-1]["close"],
                    "buy": sum(g["buy"] for g in group),
                    "sell": sum(g["sell"] for g in group),
                    "last": k,
                }
            )
            group = []
    for k, f in enumerate(out):
        before = out[k - 1]["close"] if k else f["close"]
        f["range"] = max(f["high"], before) - min(f["low"], before)
        f["atr"] = sum(x["range"] for x in out[k - 13 : k + 1]) / 14 if k >= 13 else NAN
    return out


def latest(frames, k, name):
    """The value at the last completed bar as of base bar k."""
    return ([f[name] for f in frames if f["last"] <= k] or [NAN])[-1]


def flow_ratio(bars, k):
    b = bars[k]
    if k < 29 or not b["flow_ts"] or b["ts"] - b["flow_ts"] > 60 * MINUTE:
        return NAN
    window = bars[k - 29 : k + 1]
    return share(sum(w["calls"] for w in window), sum(w["puts"] for w in window))


def usual(profiles, slot, name, combine=mean):
    values = [p[slot][name] for p in profiles if slot in p and known(p[slot][name])]
    return combine(values) if len(values) >= 5 else NAN


def follow_regime(context, b, atr):
    """+1 above zero gamma, -1 below; inside one ATR(14, 5 min) of it the last one holds."""
    distance = b["close"] - b["walls"][2]
    if not known(distance):
        return
    if context["regime"] == 0:
        context["regime"] = 1 if distance >= 0 else -1
    elif abs(distance) > atr:
        context["regime"] = 1 if distance > 0 else -1
