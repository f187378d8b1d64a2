"""The features in peers.EXPRESSED by pandas: prints and snapshots of a trading day to minutes, minutes to features.

Groups are runs of equal minutes in sorted time, so `reduceat` on their starts stands for groupby: it is several times
faster. Recursions that pandas has no verb for, such as the last direction, are forward fills.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmarks.peers import EXPRESSED, slope_weights
from mia_ml.core.moments import MINUTE, NS
from mia_ml.core.tables import Columns

SUMS = ["volume", "delta", "unknown", "large_buy", "large_sell", "large_print_buy", "large_print_sell"]


def frames(tables: Mapping[str, Columns]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trades and book in memory."""
    return pd.DataFrame(tables["trades"]), pd.DataFrame(tables["book"])


def features(trades: pd.DataFrame, book: pd.DataFrame, open_ns: int, close_ns: int) -> pd.DataFrame:
    """One row a minute, columns `EXPRESSED`."""
    prints = _prints(trades, open_ns)
    grid = pd.RangeIndex((close_ns - open_ns) // MINUTE, name="minute")
    parts = (_minutes(prints), _orders(prints), _book(book, open_ns))
    bars = pd.concat([part.reindex(grid) for part in parts], axis=1)
    return _features(_quiet_minutes(bars), open_ns)[list(EXPRESSED)]


def _runs(key: pd.Series) -> np.ndarray:
    """Where each run of equal values starts."""
    values = key.to_numpy()
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))


def _by_minute(frame: pd.DataFrame, sums: list[str], lasts: list[str]) -> pd.DataFrame:
    starts = _runs(frame["minute"])
    ends = np.concatenate([starts[1:], [len(frame)]]) - 1
    out = {name: np.add.reduceat(frame[name].to_numpy(), starts) for name in sums}
    out |= {name: frame[name].to_numpy()[ends] for name in lasts}
    return pd.DataFrame(out, index=frame["minute"].to_numpy()[starts])


def _direction(moved: pd.Series) -> pd.Series:
    return moved.where(moved != 0).ffill().fillna(0.0)


def _prints(trades: pd.DataFrame, open_ns: int) -> pd.DataFrame:
    """Trades with their minute, move, and aggressor: by the tick rule where the feed does not say."""
    price, side = trades["price"], trades["side"]
    moved = np.sign(price.diff()).fillna(0.0)
    return pd.DataFrame(
        {
            "ts": trades["ts_event"],
            "minute": (trades["ts_event"] - open_ns) // MINUTE,
            "price": price,
            "size": trades["size"].astype(float),
            "moved": moved,
            "ticks": (price - price.iloc[0]) / 0.25,
            "known": side != 0,
            "aggressor": side.astype(float).where(side != 0, _direction(moved)),
        }
    )


def _momentum(moved: pd.Series, flow: pd.Series, size: pd.Series) -> pd.Series:
    return 0.4 * (moved.rolling(20).sum() / 20) + 0.6 * (flow.rolling(20).sum() / size.rolling(20).sum())


def _minutes(prints: pd.DataFrame) -> pd.DataFrame:
    size, moved, ticks = prints["size"], prints["moved"], prints["ticks"]
    signed = size * prints["aggressor"]
    frame = pd.DataFrame(
        {
            "minute": prints["minute"],
            "close": prints["price"],
            "volume": size,
            "delta": signed,
            "unknown": size.where(~prints["known"], 0.0),
            "ticks": size * ticks,
            "ticks2": size * ticks**2,
            "large_print_buy": size.where((size > 100) & (signed > 0), 0.0),
            "large_print_sell": size.where((size > 100) & (signed < 0), 0.0),
            "tick_momentum_literal": _momentum(moved, size.where(moved > 0, -size), size),
        }
    )
    sums = ["volume", "delta", "unknown", "ticks", "ticks2", "large_print_buy", "large_print_sell"]
    out = _by_minute(frame, sums, ["close", "tick_momentum_literal"])
    starts, price = _runs(frame["minute"]), prints["price"].to_numpy()
    return out.assign(
        open=price[starts], high=np.maximum.reduceat(price, starts), low=np.minimum.reduceat(price, starts)
    )


def _orders(prints: pd.DataFrame) -> pd.DataFrame:
    """Prints of one time and side are one order: the difference of the running volume at their last prints."""
    ts, aggressor = prints["ts"], prints["aggressor"]
    ends = (ts != ts.shift(-1)) | (aggressor != aggressor.shift(-1))
    orders = prints.assign(running=prints["size"].cumsum()).loc[ends, ["minute", "price", "aggressor", "running"]]
    size = orders["running"].diff().fillna(orders["running"])
    moved = _direction(np.sign(orders["price"].diff()))
    signed, flow = size * orders["aggressor"], size * moved
    frame = pd.DataFrame(
        {
            "minute": orders["minute"],
            "count": 1.0,
            "moved": moved,
            "flow": flow,
            "size": size,
            "large_buy": size.where((size > 100) & (signed > 0), 0.0),
            "large_sell": size.where((size > 100) & (signed < 0), 0.0),
            "tick_momentum": _momentum(moved, flow, size),
            "aggression_bias": signed.rolling(100).sum() / size.rolling(100).sum(),
        }
    )
    sums = ["count", "moved", "flow", "size", "large_buy", "large_sell"]
    out = _by_minute(frame, sums, ["tick_momentum", "aggression_bias"])
    out["tick_momentum_60s"] = 0.4 * (out["moved"] / out["count"]) + 0.6 * (out["flow"] / out["size"])
    return out.drop(columns=["count", "moved", "flow", "size"])


def _book(book: pd.DataFrame, open_ns: int) -> pd.DataFrame:
    """The last imbalance of each minute, and its integral from the minute's first snapshot to its end.

    head, tail: ns from the minute's start to its first snapshot, from the last one to the end; moments themselves would
    lose digits where a quiet minute makes pandas turn them into floats.
    """
    ts = book["ts_event"].to_numpy()
    minute = (ts - open_ns) // MINUTE
    size = {name: book[name].to_numpy() for name in book.columns if "_sz_" in name}
    bid, ask = size["bid_sz_00"], size["ask_sz_00"]
    bids, asks = (sum(size[f"{side}_sz_{level:02d}"] for level in range(5)) for side in ("bid", "ask"))
    imbalance = 0.6 * ((bid - ask) / (bid + ask)) + 0.4 * ((bids - asks) / (bids + asks))
    end = (minute + 1) * MINUTE + open_ns
    following = np.append(ts[1:], end[-1])
    frame = pd.DataFrame(
        {
            "minute": minute,
            "tail": (end - ts).astype(float),
            "imbalance": imbalance,
            "area": imbalance * (np.minimum(following, end) - ts),
            "mid": 0.5 * (book["bid_px_00"] + book["ask_px_00"]),
        }
    )
    out = _by_minute(frame, ["area"], ["tail", "imbalance", "mid"])
    starts = _runs(frame["minute"])
    return out.assign(head=(ts[starts] - minute[starts] * MINUTE - open_ns).astype(float))


def _quiet_minutes(bars: pd.DataFrame) -> pd.DataFrame:
    """Minutes without prints repeat the last price; the imbalance holds until the next snapshot, or for 60 s."""
    close = bars["close"].ffill()
    bars[SUMS] = bars[SUMS].fillna(0.0).where(close.notna())
    held = bars["imbalance"].ffill()
    before = held.shift(1)
    head = bars["head"].fillna(float(MINUTE))
    span = (MINUTE - head).where(before.isna(), float(MINUTE))
    minute = bars.index.to_series()
    age = bars["tail"].ffill() + (minute - minute.where(bars["tail"].notna()).ffill()) * MINUTE
    fresh = age <= MINUTE
    ticked = ["tick_momentum", "tick_momentum_literal", "aggression_bias"]
    return bars.assign(
        **{name: bars[name].fillna(close) for name in ("open", "high", "low")},
        **{name: bars[name].fillna(0.0) for name in ("ticks", "ticks2")},
        **{name: bars[name].ffill() for name in ticked},
        close=close,
        mid=bars["mid"].ffill().where(fresh),
        book_age=age / NS,
        order_book_imbalance=held.where(fresh),
        order_book_imbalance_mean=((bars["area"].fillna(0.0) + (before * head).fillna(0.0)) / span).where(fresh),
    )


def _features(bars: pd.DataFrame, open_ns: int) -> pd.DataFrame:
    volume, delta, close = bars["volume"], bars["delta"], bars["close"]
    mean_volume = volume.shift(1).rolling(10).mean()
    rvol = (volume / mean_volume).where(mean_volume > 0)
    summed = volume.cumsum()
    vwap = bars["ticks"].cumsum() / summed
    reference = bars["open"].dropna().iloc[0]
    atr = _true_range(bars).rolling(14).mean()
    atr_5m = _atr_5m(bars, open_ns).reindex(bars.index).ffill()
    confirmed = np.sign(delta) * (rvol / 1.8).clip(upper=1.0) * (2.2 * delta.abs() / volume).clip(upper=1.0)
    return bars.assign(
        rvol_trailing=rvol,
        aggression_bias_5m=delta.rolling(5).sum() / volume.rolling(5).sum(),
        fallback_share=(bars["unknown"] / volume).where(volume > 0),
        atr_1m=atr,
        atr_5m=atr_5m,
        volume_confirmation_trailing=confirmed.mask(volume == 0, 0.0),
        delta_divergence=_divergence(close, delta, rvol),
        smart_money_index=_smart_money(bars["large_buy"], bars["large_sell"], 500).clip(-1.0, 1.0),
        smart_money_index_literal=_smart_money(bars["large_print_buy"], bars["large_print_sell"], 0),
        vwap_globex=reference + vwap * 0.25,
        vwap_trend_globex=_vwap_trend(close - reference, vwap, bars["ticks2"].cumsum() / summed, atr, atr_5m),
        dow_trend_regime=_dow(bars, atr),
    )


def _true_range(bars: pd.DataFrame) -> pd.Series:
    before = bars["close"].shift(1)
    return np.fmax(bars["high"], before) - np.fmin(bars["low"], before)


def _atr_5m(bars: pd.DataFrame, open_ns: int) -> pd.Series:
    """At the last minute of each five."""
    traded = bars[bars["close"].notna()]
    five = pd.Series((traded.index + open_ns // MINUTE) // 5, traded.index)
    joined = traded.groupby(five).agg({"high": "max", "low": "min", "close": "last"})
    atr = _true_range(joined).rolling(14).mean()
    return atr.set_axis(five.drop_duplicates(keep="last").index)


def _slope(values: pd.Series, bars: int) -> pd.Series:
    weights, below = slope_weights(bars)
    windows = np.lib.stride_tricks.sliding_window_view(values.to_numpy(), bars)
    return pd.Series(windows @ np.array(weights) / below, values.index[bars - 1 :]).reindex(values.index)


def _divergence(close: pd.Series, delta: pd.Series, rvol: pd.Series) -> pd.Series:
    price_unit = close.diff().abs().rolling(9).sum() / 9
    flow_unit = delta.abs().rolling(9).sum() / 9
    flow_slope = _slope(delta.cumsum(), 10)
    ps = (_slope(close, 10) / price_unit).where(price_unit > 0, 0.0)
    ds = (flow_slope / flow_unit).where(flow_unit > 0, 0.0)
    m = np.minimum(ps.abs(), ds.abs())
    fires = (ps * ds < 0) & (m > 0.15) & (rvol >= 1)
    vote = (-np.sign(ps) * (m / 0.3).clip(upper=1.0)).where(fires, 0.0)
    return vote.where(rvol.notna() & flow_slope.notna())


def _smart_money(bought: pd.Series, sold: pd.Series, rest: int) -> pd.Series:
    buy, sell = bought.rolling(20).sum(), sold.rolling(20).sum()
    total = buy + sell
    earlier = pd.concat([total.shift(20 * window) for window in range(1, 21)], axis=1)
    unusual = earlier[earlier.columns[0]].notna() & (earlier.notna().sum(axis=1) >= 5)
    unusual &= total > 1.5 * earlier.mean(axis=1)
    index = (buy - sell) / (total + rest) * np.where(unusual, 1.3, 1.0)
    return index.mask(total == 0, 0.0)


def _vwap_trend(
    away: pd.Series, vwap: pd.Series, mean_square: pd.Series, atr: pd.Series, atr_5m: pd.Series
) -> pd.Series:
    sd = np.fmax(0.25 * np.sqrt((mean_square - vwap**2).clip(lower=0.0)), 0.5 * atr_5m)
    distance = ((away - vwap * 0.25) / (2 * sd)).clip(-1.0, 1.0)
    drift = (0.25 * (vwap - vwap.shift(10)) / atr).clip(-1.0, 1.0)
    return (0.5 * distance + 0.5 * drift).where((sd > 0) & (atr > 0))


def _dow(bars: pd.DataFrame, atr: pd.Series) -> pd.Series:
    high, low = _slope(bars["high"], 20), _slope(bars["low"], 20)
    size = ((0.5 * (high + low)).abs() / (0.1 * atr)).clip(upper=1.0)
    return (np.sign(high) * size).where((high * low > 0) & (atr > 0), 0.0).where(high.notna() & atr.notna())
