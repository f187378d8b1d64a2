"""The features in peers.EXPRESSED by polars: prints and snapshots of a trading day to minutes, minutes to features.

The heavy part is lazy, so that polars plans it and runs it on all cores; the part on some 1,400 minutes is eager,
because planning it took longer than running it. Times are marked as sorted, which makes grouping by minute a scan.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from benchmarks.peers import EXPRESSED, slope_weights
from mia_ml.core.moments import MINUTE, NS
from mia_ml.core.tables import Columns

NAN = float("nan")
BIDS = [f"bid_sz_{level:02d}" for level in range(5)]
SUMS = ("volume", "delta", "unknown", "large_buy", "large_sell", "large_print_buy", "large_print_sell")
ASKS = [f"ask_sz_{level:02d}" for level in range(5)]


def frames(tables: Mapping[str, Columns]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Trades and book in memory; the columns are shared, not copied."""
    return pl.DataFrame(tables["trades"]).lazy(), pl.DataFrame(tables["book"]).lazy()


def scan(trades: Path, book: Path) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Trades and book on disk; polars reads the columns that the query needs."""
    return pl.scan_parquet(trades), pl.scan_parquet(book)


def features(trades: pl.LazyFrame, book: pl.LazyFrame, open_ns: int, close_ns: int) -> pl.DataFrame:
    """One row a minute, columns `EXPRESSED`."""
    prints = _prints(trades, open_ns)
    minutes, orders, snapshots = pl.collect_all([_minutes(prints), _orders(prints), _book(book, open_ns)])
    bars = pl.DataFrame({"minute": pl.int_range((close_ns - open_ns) // MINUTE, eager=True)})
    for part in (minutes, orders, snapshots):
        bars = bars.join(part, on="minute", how="left", maintain_order="left")
    return _features(_quiet_minutes(bars, open_ns), open_ns).select(pl.col(name).fill_null(NAN) for name in EXPRESSED)


def _prints(trades: pl.LazyFrame, open_ns: int) -> pl.LazyFrame:
    """Trades with their minute, move, and aggressor: by the tick rule where the feed does not say."""
    moved = pl.col("price").diff().sign().cast(pl.Int64).fill_null(0)
    side = pl.col("side").cast(pl.Int64)
    tick_rule = pl.col("moved").replace(0, None).forward_fill().fill_null(0)
    return trades.select(
        "ts_event",
        "price",
        "size",
        side=side,
        minute=((pl.col("ts_event") - open_ns) // MINUTE).set_sorted(),
        moved=moved,
        ticks=(pl.col("price") - pl.col("price").first()) / 0.25,
    ).with_columns(aggressor=pl.when(side == 0).then(tick_rule).otherwise(side))


def _minutes(prints: pl.LazyFrame) -> pl.LazyFrame:
    size, side = pl.col("size"), pl.col("aggressor")
    flow = pl.when(pl.col("moved") > 0).then(size).otherwise(-size)
    literal = 0.4 * (pl.col("moved").rolling_sum(20) / 20) + 0.6 * (flow.rolling_sum(20) / size.rolling_sum(20))
    signed = size * side
    return (
        prints.select(
            "minute",
            "price",
            "size",
            signed=signed,
            unknown=pl.when(pl.col("side") == 0).then(size).otherwise(0),
            large=pl.when(size > 100).then(signed).otherwise(0),
            ticks=size * pl.col("ticks"),
            ticks2=size * pl.col("ticks") ** 2,
            literal=literal,
        )
        .group_by("minute")
        .agg(
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
            volume=pl.col("size").sum(),
            delta=pl.col("signed").sum(),
            unknown=pl.col("unknown").sum(),
            ticks=pl.col("ticks").sum(),
            ticks2=pl.col("ticks2").sum(),
            large_print_buy=pl.col("large").clip(lower_bound=0).sum(),
            large_print_sell=-pl.col("large").clip(upper_bound=0).sum(),
            tick_momentum_literal=pl.col("literal").last(),
        )
    )


def _orders(prints: pl.LazyFrame) -> pl.LazyFrame:
    """Prints of one time and side are one order: the difference of the running volume at their last prints."""
    ts, side, size = pl.col("ts_event"), pl.col("aggressor"), pl.col("size")
    ends = ((ts != ts.shift(-1)) | (side != side.shift(-1))).fill_null(True)
    rolling = {name: pl.col(name).rolling_sum(20) for name in ("moved", "flow", "size")}
    return (
        prints.select("minute", "price", "aggressor", running=size.cum_sum(), ends=ends)
        .filter("ends")
        .with_columns(
            size=pl.col("running").diff().fill_null(pl.col("running")),
            moved=pl.col("price").diff().sign().cast(pl.Int64).replace(0, None).forward_fill().fill_null(0),
        )
        .with_columns(signed=size * side, flow=size * pl.col("moved"))
        .select(
            "minute",
            "moved",
            "flow",
            "size",
            large=pl.when(size > 100).then(pl.col("signed")).otherwise(0),
            tick_momentum=0.4 * (rolling["moved"] / 20) + 0.6 * (rolling["flow"] / rolling["size"]),
            aggression_bias=pl.col("signed").rolling_sum(100) / size.rolling_sum(100),
        )
        .group_by("minute")
        .agg(
            tick_momentum=pl.col("tick_momentum").last(),
            aggression_bias=pl.col("aggression_bias").last(),
            tick_momentum_60s=0.4 * pl.col("moved").mean() + 0.6 * (pl.col("flow").sum() / pl.col("size").sum()),
            large_buy=pl.col("large").clip(lower_bound=0).sum(),
            large_sell=-pl.col("large").clip(upper_bound=0).sum(),
        )
    )


def _book(book: pl.LazyFrame, open_ns: int) -> pl.LazyFrame:
    """The last imbalance of each minute, and its integral from the minute's first snapshot to its end."""
    now = pl.col("ts_event")
    minute = (now - open_ns) // MINUTE
    bid, ask = pl.col(BIDS[0]), pl.col(ASKS[0])
    bids, asks = sum((pl.col(name) for name in BIDS[1:]), bid), sum((pl.col(name) for name in ASKS[1:]), ask)
    end = (minute + 1) * MINUTE + open_ns
    return (
        book.select(
            ts=now,
            minute=minute.set_sorted(),
            imbalance=0.6 * ((bid - ask) / (bid + ask)) + 0.4 * ((bids - asks) / (bids + asks)),
            width=pl.min_horizontal(now.shift(-1), end) - now,
            mid=0.5 * (pl.col("bid_px_00") + pl.col("ask_px_00")),
        )
        .with_columns(area=pl.col("imbalance") * pl.col("width"))
        .group_by("minute")
        .agg(
            first_ts=pl.col("ts").first(),
            last_ts=pl.col("ts").last(),
            mid=pl.col("mid").last(),
            imbalance=pl.col("imbalance").last(),
            area=pl.col("area").sum(),
        )
    )


def _quiet_minutes(bars: pl.DataFrame, open_ns: int) -> pl.DataFrame:
    """Minutes without prints repeat the last price; the imbalance holds until the next snapshot, or for 60 s."""
    close = pl.col("close").forward_fill()
    traded = close.is_not_null()
    zero = [pl.when(traded).then(pl.col(name).fill_null(0)) for name in SUMS]
    start = pl.col("minute") * MINUTE + open_ns
    held = pl.col("imbalance").forward_fill()
    before = held.shift(1)
    head = (pl.col("first_ts").fill_null(start + MINUTE) - start).cast(pl.Float64)
    area = pl.col("area").fill_null(0.0) + (before * head).fill_null(0.0)
    span = pl.when(before.is_null()).then(MINUTE - head).otherwise(float(MINUTE))
    age = start + MINUTE - pl.col("last_ts").forward_fill()
    fresh = age <= MINUTE
    return bars.with_columns(
        *zero,
        *(pl.col(name).fill_null(0.0) for name in ("ticks", "ticks2")),
        *(pl.col(name).fill_null(close) for name in ("open", "high", "low")),
        *(pl.col(name).forward_fill() for name in ("tick_momentum", "tick_momentum_literal", "aggression_bias")),
        close=close,
        mid=pl.when(fresh).then(pl.col("mid").forward_fill()),
        book_age=age / NS,
        order_book_imbalance=pl.when(fresh).then(held),
        order_book_imbalance_mean=pl.when(fresh).then(area / span),
    )


def _features(bars: pl.DataFrame, open_ns: int) -> pl.DataFrame:
    volume, delta, close = pl.col("volume"), pl.col("delta"), pl.col("close")
    mean_volume = volume.shift(1).rolling_mean(10)
    confirmed = delta.sign() * (pl.col("rvol_trailing") / 1.8).clip(upper_bound=1.0)
    strength = (2.2 * delta.abs() / volume).clip(upper_bound=1.0)
    bars = bars.with_columns(
        _true_range("high", "low", "close").rolling_mean(14).alias("atr_1m"),
        rvol_trailing=pl.when(mean_volume > 0).then(volume / mean_volume),
        aggression_bias_5m=delta.rolling_sum(5) / volume.rolling_sum(5),
        cvd=delta.cum_sum(),
        vwap=pl.col("ticks").cum_sum() / volume.cum_sum(),
        mean_square=pl.col("ticks2").cum_sum() / volume.cum_sum(),
        reference=pl.col("open").drop_nulls().first(),
        five=(pl.col("minute") + open_ns // MINUTE) // 5,
    ).with_columns(
        price_slope=_slope("close", 10),
        flow_slope=_slope("cvd", 10),
        price_unit=close.diff().abs().rolling_sum(9) / 9,
        flow_unit=delta.abs().rolling_sum(9) / 9,
        high_slope=_slope("high", 20),
        low_slope=_slope("low", 20),
    )
    bars = bars.join(_atr_5m(bars), on="minute", how="left", maintain_order="left")
    bars = bars.with_columns(pl.col("atr_5m").forward_fill())
    return bars.with_columns(
        volume_confirmation_trailing=pl.when(volume == 0).then(0.0).otherwise(confirmed * strength),
        delta_divergence=_divergence(),
        smart_money_index=_smart_money("large_buy", "large_sell", 500).clip(-1.0, 1.0),
        smart_money_index_literal=_smart_money("large_print_buy", "large_print_sell", 0),
        fallback_share=pl.when(volume > 0).then(pl.col("unknown") / volume),
        vwap_globex=pl.col("reference") + pl.col("vwap") * 0.25,
        vwap_trend_globex=_vwap_trend(),
        dow_trend_regime=_dow(),
    )


def _true_range(high: str, low: str, close: str) -> pl.Expr:
    before = pl.col(close).shift(1)
    return pl.max_horizontal(pl.col(high), before) - pl.min_horizontal(pl.col(low), before)


def _atr_5m(bars: pl.DataFrame) -> pl.DataFrame:
    """At the last minute of each five; a five that the day's end cut short is not complete."""
    return (
        bars.filter(pl.col("close").is_not_null())
        .group_by("five", maintain_order=True)
        .agg(pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("minute").last())
        .select("minute", atr_5m=_true_range("high", "low", "close").rolling_mean(14))
    )


def _slope(column: str, bars: int) -> pl.Expr:
    weights, below = slope_weights(bars)
    return pl.col(column).cast(pl.Float64).rolling_sum(bars, weights=weights) / below


def _divergence() -> pl.Expr:
    ps, ds = (
        pl.when(pl.col(f"{name}_unit") > 0).then(pl.col(f"{name}_slope") / pl.col(f"{name}_unit")).otherwise(0.0)
        for name in ("price", "flow")
    )
    m = pl.min_horizontal(ps.abs(), ds.abs())
    fires = (ps * ds < 0) & (m > 0.15) & (pl.col("rvol_trailing") >= 1)
    known = pl.col("rvol_trailing").is_not_null() & pl.col("flow_slope").is_not_null()
    return pl.when(known).then(pl.when(fires).then(-ps.sign() * (m / 0.3).clip(upper_bound=1.0)).otherwise(0.0))


def _smart_money(bought: str, sold: str, rest: int) -> pl.Expr:
    buy, sell = pl.col(bought).rolling_sum(20), pl.col(sold).rolling_sum(20)
    total = buy + sell
    earlier = [total.shift(20 * window) for window in range(1, 21)]
    unusual = earlier[4].is_not_null() & (total > 1.5 * pl.mean_horizontal(*earlier))
    index = (buy - sell) / (total + rest) * pl.when(unusual).then(1.3).otherwise(1.0)
    return pl.when(total == 0).then(0.0).otherwise(index)


def _vwap_trend() -> pl.Expr:
    vwap, atr = pl.col("vwap"), pl.col("atr_1m")
    sd = 0.25 * (pl.col("mean_square") - vwap**2).clip(lower_bound=0.0).sqrt()
    sd = pl.max_horizontal(sd, 0.5 * pl.col("atr_5m"))
    away = (pl.col("close") - pl.col("reference") - vwap * 0.25) / (2 * sd)
    drift = 0.25 * (vwap - vwap.shift(10)) / atr
    known = (sd > 0) & (atr > 0)
    return pl.when(known).then(0.5 * away.clip(-1.0, 1.0) + 0.5 * drift.clip(-1.0, 1.0))


def _dow() -> pl.Expr:
    high, low, atr = pl.col("high_slope"), pl.col("low_slope"), pl.col("atr_1m")
    size = ((0.5 * (high + low)).abs() / (0.1 * atr)).clip(upper_bound=1.0)
    known = high.is_not_null() & atr.is_not_null()
    return pl.when(known).then(pl.when((high * low > 0) & (atr > 0)).then(high.sign() * size).otherwise(0.0))
