"""The index side of a day: option levels and flow on SPX, and the VIX.

Option levels come out at 08:00 New York and are refreshed every two hours; option flow comes every minute of the cash
session, and each row repeats the levels in force. At rest 44 % of the contracts traded are calls. VIX prints every
15 seconds from 03:15 to a quarter of an hour after the cash close or to the end of the day, the last one being the
day's close: it falls when the index rises, as far as the index has come by then. A day without a cash session has
neither.
"""

import numpy as np

from mia_ml.core.moments import MINUTE, NONE, NS
from mia_ml.core.tables import Columns
from mia_ml.sources.simulator.chain import LEVERAGE, Day, generator
from mia_ml.sources.simulator.world import World

CALLS_AT_REST = 0.44
OPTION_CONTRACTS = 5_000.0
"""Index options traded in a minute of mean activity; the cash session runs at about three times that."""
VIX_FIRST = 3 * 60 + 15  # minutes after midnight New York
VIX_STEP = 15 * NS


def options(world: World, day: Day) -> Columns:
    """The day's `options` table, on SPX; without rows on a day without levels."""
    session = day.session
    rng = generator(world, day.position, "options")
    open_ns = int(session["open_ns"])
    if day.levels:
        flow_ns = np.arange(session["rth_open_ns"] + MINUTE, session["rth_close_ns"] + 1, MINUTE)
    else:
        flow_ns = np.zeros(0, np.int64)
    published_ns = open_ns + np.array([levels.second for levels in day.levels], np.int64) * NS
    ts = np.union1d(published_ns, flow_ns)
    is_flow = np.isin(ts, flow_ns)
    minute = np.maximum(0, (ts - open_ns) // MINUTE - 1)
    resting = np.log(CALLS_AT_REST / (1.0 - CALLS_AT_REST))
    calls = 1.0 / (1.0 + np.exp(-(resting + day.skews.options[minute] + 0.15 * rng.standard_normal(ts.size))))
    contracts = OPTION_CONTRACTS * day.activity[minute] * np.exp(0.3 * rng.standard_normal(ts.size))
    in_force = np.maximum(0, np.searchsorted(published_ns, ts, side="right") - 1)

    def level(name: str) -> np.ndarray:
        return np.array([getattr(levels, name) for levels in day.levels], np.float64)[in_force]

    return {
        "ts_event": ts.astype(np.int64),
        "underlying_px": np.round(day.path[(ts - open_ns) // NS] * world.tick, 2),
        "call_wall": level("call_wall"),
        "put_wall": level("put_wall"),
        "zero_gamma": level("zero_gamma"),
        "net_gex": np.round(level("net_gex")),
        "call_volume": np.where(is_flow, np.round(contracts * calls), 0.0),
        "put_volume": np.where(is_flow, np.round(contracts * (1.0 - calls)), 0.0),
        "provenance": np.full(ts.size, world.label, dtype=object),
    }


def vix(world: World, day: Day) -> Columns:
    """The day's `vix` table."""
    session = day.session
    if session["rth_open_ns"] == NONE:
        return {"ts_event": np.zeros(0, np.int64), "value": np.zeros(0)}
    rng = generator(world, day.position, "vix")
    last_ns = min(int(session["rth_close_ns"]) + 15 * MINUTE, int(session["close_ns"]))
    ts = np.arange(session["midnight_ns"] + VIX_FIRST * MINUTE, last_ns + 1, VIX_STEP).astype(np.int64)
    part = np.arange(1, ts.size + 1) / ts.size
    come = day.path[(ts - int(session["open_ns"])) // NS] * world.tick / day.previous_index - 1.0
    own = np.cumsum(rng.standard_normal(ts.size)) / np.sqrt(ts.size)
    own += part * (day.vix_noise - own[-1])  # a bridge to the part of the day's change that is not the return's
    pull = (1.0 - world.vix_persistence) * np.log(day.vix_mean / day.previous_vix)
    change = part * pull + world.vix_volatility * (LEVERAGE * np.clip(come / day.daily_sigma, -6.0, 6.0) + own)
    return {"ts_event": ts, "value": np.round(np.clip(day.previous_vix * np.exp(change), 5.0, 150.0), 2)}
