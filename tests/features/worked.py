"""Small markets written by hand: times in seconds from the trading day's open."""

import copy

import numpy as np

from mia_ml.core.moments import MINUTE, NS
from mia_ml.features import bar, engine, intake, params

NAN = float("nan")


def record(dtype, **values):
    """One record; what is not given is 0."""
    out = np.zeros(1, dtype)
    for name, value in values.items():
        out[name] = value
    return out[0]


def bars(**columns):
    """BAR records a minute apart; a scalar column repeats."""
    size = max(np.size(c) for c in columns.values())
    out = np.zeros(size, bar.BAR)
    out["ts"] = (1 + np.arange(size)) * MINUTE
    out["day"] = 1
    for name, values in columns.items():
        out[name] = values
    return out


def row():
    return np.zeros(1, engine.ROW)[0]


def changed(shipped, changes, native=False, tick=0.25):
    """The shipped parameters but for `changes`: section -> key -> value."""
    features = copy.deepcopy(shipped.features.model_dump())
    for section, values in changes.items():
        features[section].update(values)
    return params.build(features, shipped.context.model_dump(), tick=tick, native=native)


def table(session, names, rows):
    open_ns = int(session["open_ns"])
    out = {"ts_event": np.array([open_ns + round(r[0] * NS) for r in rows], np.int64)}
    for k, (name, dtype) in enumerate(names):
        out[name] = np.array([r[k + 1] for r in rows], dtype)
    return out


def trades(session, *rows):
    """(seconds, price, size, side)"""
    return table(session, (("price", "f8"), ("size", "i8"), ("side", "i1")), rows)


def book(session, *rows):
    """(seconds, five bid sizes, five ask sizes), quoted at 5000.00 and 5000.25"""
    flat = [(s, 5000.0, 5000.25, *bids, *asks) for s, bids, asks in rows]
    names = [("bid_px_00", "f8"), ("ask_px_00", "f8"), *((n, "i8") for n in intake.BOOK_SIZES)]
    return table(session, names, flat)


def options(session, *rows):
    """(seconds, underlying, call wall, put wall, zero gamma, call volume, put volume)"""
    return table(session, [(n, "f8") for n in intake.NEEDED["options"][1:]], rows)


def vix(session, *rows):
    """(seconds, value)"""
    return table(session, [("value", "f8")], rows)


def quiet_minutes(session, minutes, price=5000.0, size=10, swing=1.0):
    """Each minute trades `size` at price and `size` a swing higher: ATR(14) is the swing on every timeframe."""
    rows = []
    for m in range(minutes):
        rows += [(60 * m + 10, price + swing, size, 1), (60 * m + 20, price, size, -1)]
    return trades(session, *rows)


def run(stream, session, minutes, **tables):
    """The rows of the first minutes of a trading day."""
    return stream.run(intake.tape(**tables), until=int(session["open_ns"]) + minutes * MINUTE)
