"""The event loop: orders against the book, around the value of the future.

Each event is one book update, with the prints of an aggressive order before it at the same nanosecond, or without.
Between whole seconds the value is a Brownian bridge. When it runs more than `BAND` ticks from the mid price, the
quotes give way, half of the time to an aggressive order that sweeps them. Within the band orders arrive with a side
that leans towards the value and with its last moves, repeats the side before, and carries the skew of the drivers;
queues lean likewise.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.tables import LEVELS
from mia_ml.sources.simulator import queues

BAND = 1.0  # ticks
REPEAT = 0.3  # share of orders that copy the side of the order before
CHASE, CHASE_S = 0.6, 20.0  # log odds by which orders follow a move of one sigma, seconds over which they see it
CHASE_SCALE = np.sqrt(2.0 * CHASE_S - 1.0)
BURST = 0.4  # share of events that answer the one before
FOLLOW = 0.35  # share of orders that another one follows at once
HEAT, HEAT_LIFE_S = 0.6, 0.8  # share of events that orders excite, and how long that lasts
STEER_S = 300.0  # over which the number of updates is steered back to the plan
CLOSE_SPREAD = 0.35  # chance that the next event closes a wider spread
FILL = 12.0  # contracts, mean size of a resting order
LARGE = 100  # contracts
LARGEST = 1500

_retreat, _advance, _touch, _fresh = queues.retreat, queues.advance, queues.touch, queues.fresh


@kernel
def _chance(log_odds):
    return 1.0 / (1.0 + np.exp(-log_odds))


@kernel
def _order_size(rng, large):
    if large:
        return min(LARGEST, int(LARGE + 1 + LARGE * (rng.random() ** -0.45 - 1.0)))
    if rng.random() < 0.55:
        return 1
    return min(LARGE, int(2.0 * rng.random() ** -0.7))


@kernel
def _grown(column):
    out = np.empty((column.shape[0] * 3 // 2 + 1024, *column.shape[1:]), column.dtype)
    out[: column.shape[0]] = column
    return out


@kernel
def trade_day(
    rng, open_ns, path, sigma, rate, depth, book_skew, flow_skew, large_skew, order_share, refill, large_orders
):
    """One contract's day.

    path: value at each second, ticks. By minute: sigma (ticks per root second), rate (book updates a second), depth
    (contracts), and the skews. order_share: orders per book update. refill: chance that a swept side is quoted again in
    the same update (1 for a thinned feed). large_orders: share of orders above 100 contracts in the cash session.

    Returns prints (ts, price ticks, size, side) and book rows (ts, bid, ask in ticks, sizes[rows, 10], bids first).
    """
    seconds = path.size - 1
    end_ns = open_ns + np.int64(seconds) * 1_000_000_000
    guess = int(rate.sum() * 60.0 * 1.1) + 1024
    b_ts, b_bid, b_ask = np.empty(guess, np.int64), np.empty(guess, np.int32), np.empty(guess, np.int32)
    b_size = np.empty((guess, 2 * LEVELS), np.int32)
    t_guess = int(guess * order_share * 1.5) + 1024
    t_ts, t_price = np.empty(t_guess, np.int64), np.empty(t_guess, np.int32)
    t_size, t_side = np.empty(t_guess, np.int32), np.empty(t_guess, np.int8)
    n_book, n_trade, orders = 0, 0, 0

    bid = np.int64(np.floor(path[0]))
    ask = bid + 1
    bids, asks = np.empty(LEVELS, np.int64), np.empty(LEVELS, np.int64)
    bid_touched, ask_touched = np.empty(LEVELS, np.int64), np.empty(LEVELS, np.int64)
    for level in range(LEVELS):
        _fresh(rng, bids, bid_touched, level, open_ns, depth[0], 0.0)
        _fresh(rng, asks, ask_touched, level, open_ns, depth[0], 0.0)

    now, known_ns, v, second = open_ns, open_ns, path[0], 0
    last_side, mood, chase, heat, planned = 1, 0.0, 0.0, HEAT, 0.0
    answering, following, quiet = False, False, False
    heating = HEAT / HEAT_LIFE_S
    busiest = depth.max()
    while True:
        pace = rate[min(second // 60, rate.size - 1)]
        if answering or following or (not quiet and rng.random() < BURST):
            quiet = False
            wait = 2e-5 + min(1e-3, 0.2 / pace) * rng.standard_exponential()
        else:
            steer = min(3.0, max(0.2, 1.0 + (planned - n_book) / (STEER_S * pace)))
            wait = rng.standard_exponential() / (steer * pace * (1.0 - BURST) * (1.0 - HEAT + heat))
            quiet = wait > 0.5 * HEAT_LIFE_S  # the heat falls meanwhile: draw again from there
            wait = min(wait, 0.5 * HEAT_LIFE_S)
        heat *= np.exp(-wait / HEAT_LIFE_S)
        planned += pace * wait
        now += np.int64(wait * 1e9) + 1
        if now >= end_ns:
            break
        at = int((now - open_ns) // 1_000_000_000)
        if at != second:
            for passed in range(second + 1, at + 1):
                moved = (path[passed] - path[passed - 1]) / sigma[(passed - 1) // 60]
                chase += (moved * CHASE_SCALE - chase) / CHASE_S
            second = at
            v = path[second]
            known_ns = open_ns + np.int64(second) * 1_000_000_000
        minute = second // 60
        left = 1e-9 * (open_ns + np.int64(second + 1) * 1_000_000_000 - known_ns)
        step = 1e-9 * (now - known_ns)
        v += (path[second + 1] - v) * step / left
        v += sigma[minute] * np.sqrt(max(0.0, step * (left - step) / left)) * rng.standard_normal()
        known_ns = now
        if quiet:
            continue

        gap = v - 0.5 * (bid + ask)
        near = min(1.0, max(-1.0, gap))
        lean = 0.7 * near + book_skew[minute]
        deep = depth[minute]
        want = order_share * (n_book + 1) - orders  # orders the day is behind its share
        side, sweep, ticks = 0, False, 0
        if ask - bid > 1 and abs(gap) <= BAND and rng.random() < max(CLOSE_SPREAD, refill):
            ticks = 1 if rng.random() < _chance(2.5 * gap) else -1
            if ticks > 0:
                bid += 1
                _advance(rng, bids, bid_touched, 1, now, 0.6 * deep, lean)
            else:
                ask -= 1
                _advance(rng, asks, ask_touched, 1, now, 0.6 * deep, -lean)
        elif abs(gap) > BAND:
            ticks = max(1, int(abs(gap) + 0.5))
            side = 1 if gap > 0 else -1
            sweep = rng.random() < (0.6 if want > 0.0 else 0.1)
        elif following or rng.random() < order_share * (1.0 - FOLLOW) + 0.02 * want:
            if rng.random() < REPEAT:
                side = last_side
            else:
                side = 1 if rng.random() < _chance(1.2 * near + CHASE * chase + mood + flow_skew[minute]) else -1
        else:
            level = 0 if rng.random() < 0.5 else 1 + int(rng.random() * (LEVELS - 1))
            both = rng.random() < refill
            if both or rng.random() < 0.5:
                _touch(rng, bids, bid_touched, level, now, deep, lean)
                if not both:
                    level = -1
            if level >= 0:
                _touch(rng, asks, ask_touched, level, now, deep, -lean)

        answering, following = False, False
        if side != 0 and (ticks == 0 or sweep):
            orders += 1
            heat += heating / (pace * order_share)
            following = rng.random() < FOLLOW and want > -5.0
            mood = 0.9 * mood + 0.45 * rng.standard_normal()
            large = rng.random() < large_orders * min(1.0, 1.2 * deep / busiest)
            if large and not sweep:
                side = 1 if rng.random() < _chance(near + CHASE * chase + large_skew[minute]) else -1
            last_side = side
            queue = asks if side > 0 else bids
            touch_px = ask if side > 0 else bid
            size = _order_size(rng, large)
            reach = 0
            if sweep:
                reach = min(ticks, LEVELS)
            elif size >= queue[0] and rng.random() < _chance(4.0 * side * gap - 0.5):
                reach = 1
            for level in range(max(1, reach)):
                # a sweep takes part of what is shown on its way, the rest is cancelled ahead of it
                part = min(queue[level], size) if sweep else size
                while part > 0:  # one print for each resting order hit
                    fill = min(part, 1 + int(FILL * rng.standard_exponential()))
                    if n_trade == t_ts.size:
                        t_ts, t_price, t_size, t_side = _grown(t_ts), _grown(t_price), _grown(t_size), _grown(t_side)
                    t_ts[n_trade], t_price[n_trade] = now, touch_px + side * level
                    t_size[n_trade], t_side[n_trade] = fill, side
                    n_trade += 1
                    part -= fill
            if reach == 0:
                if size >= queue[0]:  # filled by an order that showed only its tip
                    _fresh(rng, queue, ask_touched if side > 0 else bid_touched, 0, now, 0.5 * deep, -side * lean)
                else:
                    queue[0] -= size
            ticks = reach

        if side != 0 and ticks > 0:
            both = rng.random() < refill or (not sweep and ticks > 1)
            if side > 0:
                ask += ticks
                _retreat(rng, asks, ask_touched, min(ticks, LEVELS), now, deep, -lean)
                if both:
                    _advance(rng, bids, bid_touched, min(ask - 1 - bid, LEVELS), now, deep, lean)
                    bid = ask - 1
            else:
                bid -= ticks
                _retreat(rng, bids, bid_touched, min(ticks, LEVELS), now, deep, lean)
                if both:
                    _advance(rng, asks, ask_touched, min(ask - 1 - bid, LEVELS), now, deep, -lean)
                    ask = bid + 1
            answering = rng.random() >= refill

        if n_book == b_ts.size:
            b_ts, b_bid, b_ask, b_size = _grown(b_ts), _grown(b_bid), _grown(b_ask), _grown(b_size)
        b_ts[n_book], b_bid[n_book], b_ask[n_book] = now, bid, ask
        for level in range(LEVELS):
            b_size[n_book, level] = bids[level]
            b_size[n_book, LEVELS + level] = asks[level]
        n_book += 1
    prints = (t_ts[:n_trade], t_price[:n_trade], t_size[:n_trade], t_side[:n_trade])
    return prints, (b_ts[:n_book], b_bid[:n_book], b_ask[:n_book], b_size[:n_book])
