"""Statistics of a stretch of market, so that a simulated one can be held against a real one.

`measure` takes canonical trades and book columns and gives unitless or named-unit figures; `compare` sets two stretches
side by side. Orders are consecutive prints of one moment and side.
"""

import numpy as np

from mia_ml.core.moments import NS
from mia_ml.core.tables import Columns

Market = dict[str, Columns]
"""Canonical `trades` and `book` of one contract over one stretch."""


def hour(market: Market, first_ns: int, last_ns: int) -> Market:
    """The part of a market with `first_ns <= ts_event < last_ns`."""
    out = {}
    for table, columns in market.items():
        inside = (columns["ts_event"] >= first_ns) & (columns["ts_event"] < last_ns)
        out[table] = {name: column[inside] for name, column in columns.items()}
    return out


def orders(trades: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time, side, size in contracts and number of prints of each aggressor order."""
    ts, side = trades["ts_event"], trades["side"]
    first = np.flatnonzero(np.r_[True, (np.diff(ts) != 0) | (np.diff(side) != 0)])
    return ts[first], side[first], np.add.reduceat(trades["size"], first), np.diff(np.r_[first, ts.size])


def autocorrelation(x: np.ndarray, lag: int) -> float:
    return correlation(x[:-lag], x[lag:])


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation; NaN when either does not vary."""
    if x.size < 3 or np.std(x) == 0 or np.std(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def each_second(book: Columns, tick: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mid price in ticks, best-queue imbalance and spread in ticks as of each whole second the book covers."""
    ts = book["ts_event"]
    at = np.arange(-(-int(ts[0]) // NS), int(ts[-1]) // NS + 1) * NS
    row = np.searchsorted(ts, at, side="right") - 1
    bid, ask = book["bid_px_00"][row], book["ask_px_00"][row]
    bid_size, ask_size = book["bid_sz_00"][row].astype(float), book["ask_sz_00"][row].astype(float)
    return (bid + ask) / 2 / tick, (bid_size - ask_size) / (bid_size + ask_size), (ask - bid) / tick


def measure(market: Market, tick: float) -> dict[str, float]:
    """Figures of a stretch, by name."""
    trades, book = market["trades"], market["book"]
    seconds = (int(book["ts_event"][-1]) - int(book["ts_event"][0])) / NS
    ts, side, size, prints = orders(trades)
    side = side.astype(float)
    mid, imbalance, _ = each_second(book, tick)
    move = np.diff(mid)
    spread = np.round((book["ask_px_00"] - book["bid_px_00"]) / tick)[:-1]
    held = np.diff(book["ts_event"])
    best = np.concatenate([book["bid_sz_00"], book["ask_sz_00"]])
    per_second = np.bincount((book["ts_event"] - book["ts_event"][0]) // NS)
    return {
        "prints an hour": ts.size * float(prints.mean()) / seconds * 3600,
        "book updates an hour": book["ts_event"].size / seconds * 3600,
        "book updates per print": book["ts_event"].size / trades["ts_event"].size,
        "book updates a second, 99 % quantile over mean": float(np.quantile(per_second, 0.99) / per_second.mean()),
        "orders within 1 ms of the one before": float((np.diff(ts) < 1_000_000).mean()),
        "time at a spread of 1 tick": float(held[spread == 1].sum() / held.sum()),
        "updates at a spread of 1 tick": float((spread == 1).mean()),
        "crossed or locked updates": float((spread <= 0).sum()),
        "best queue, median contracts": float(np.median(best)),
        "best queue, 95 % over median": float(np.quantile(best, 0.95) / np.median(best)),
        "order size, mean contracts": float(size.mean()),
        "orders of 1 contract": float((size == 1).mean()),
        "order size, 99 % quantile": float(np.quantile(size, 0.99)),
        "prints per order": float(prints.mean()),
        "aggressor side autocorrelation, lag 1": autocorrelation(side, 1),
        "aggressor side autocorrelation, lag 2": autocorrelation(side, 2),
        "aggressor side autocorrelation, lag 10": autocorrelation(side, 10),
        "prints tied with a book update": float(np.isin(trades["ts_event"], book["ts_event"]).mean()),
        "mid moves 1 s: standard deviation, ticks": float(move.std()),
        "mid moves 1 s: share of zeros": float((move == 0).mean()),
        "mid moves 1 s: kurtosis": float(((move - move.mean()) ** 4).mean() / move.var() ** 2),
        "mid moves 1 s: autocorrelation": autocorrelation(move, 1),
        "size of mid moves 1 s: autocorrelation": autocorrelation(np.abs(move), 1),
        "best-queue imbalance: standard deviation": float(imbalance.std()),
        "imbalance and the next second's mid move": correlation(imbalance[:-1], move),
    }


def compare(simulated: Market, real: Market, tick: float) -> list[dict[str, float | str]]:
    """One row a figure: its name, the simulated and the real value, and their ratio."""
    left, right = measure(simulated, tick), measure(real, tick)
    return [
        {
            "figure": name,
            "simulated": left[name],
            "real": right[name],
            "ratio": left[name] / right[name] if right[name] else float("nan"),
        }
        for name in left
    ]
