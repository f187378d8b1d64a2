"""Grounds over the two random ES days, and over as many made-up days as a test of what gains what needs."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import Exit
from mia_ml.core.moments import DAY, MINUTE
from mia_ml.evaluation.ground import Ground, Window
from mia_ml.features import engine
from mia_ml.labels.records import LABEL, SIDES
from tests.backtest import worlds as tapes
from tests.evaluation import worlds

CAPITAL_USD = 100_000.0
RISK, TARGET, COST = 8.0, 16.0, 2.3  # ticks
OPENS_MIN = 570


def windows(edges: list[int], confluence: Mapping[str, Any] | None = None) -> tuple[Window, ...]:
    """Windows between consecutive rows, each trained on everything before it."""
    section = worlds.SHIPPED.confluence.model_dump() if confluence is None else confluence
    return tuple(
        Window(f"w{k}", section, None, (0, first), (first, last))
        for k, (first, last) in enumerate(itertools.pairwise(edges))
    )


def walked(
    kind: str, seed: int, size: int, missing: float, edges: list[float], **execution: Any
) -> tuple[Ground, dict[str, np.ndarray], np.ndarray, Execution]:
    """A ground with labels walked along a random tape; the tape, the barriers and the execution beside it.

    edges: of the test windows, as shares of the rows.
    """
    rows = worlds.rows(seed, size, missing)
    tape = {"trades": tapes.trades, "bars": tapes.bars}[kind](seed, 600)
    barrier = np.random.default_rng(seed).choice(worlds.BARRIERS, rows.size)
    settings = Execution(**execution)
    labels = worlds.labels_of(kind, tape, rows, barrier, settings)
    between = sorted({int(share * rows.size) for share in edges})
    ground = Ground(rows, labels, windows(between), np.unique(rows["day"]), worlds.CONTEXT, CAPITAL_USD)
    return ground, tape, barrier, settings


def made(
    seed: int,
    n_days: int = 120,
    minutes: int = 390,
    n_windows: int = 4,
    edge: Mapping[str, float] | None = None,
    day_luck: float = 0.0,
    components: tuple[str, ...] = engine.COMPONENTS,
) -> Ground:
    """Days of minutes with independent components, of which some move the price.

    A decision ends 15 minutes later in its take-profit or its stop; it pays nothing on the mean, before costs. edge: by
    component, how much its full vote adds to the probability of going up. day_luck: spread of a day's own drift,
    likewise. The first fifth of the days is there to train on only.
    """
    rng = np.random.default_rng(seed)
    dates = np.busday_offset("2019-01-02", np.arange(n_days), roll="forward")
    day = np.array([int(str(date).replace("-", "")) for date in dates])
    rows = np.zeros(n_days * minutes, engine.ROW)
    minute = np.tile(OPENS_MIN + 1 + np.arange(minutes), n_days)
    rows["ts"] = np.repeat(dates.astype("datetime64[ns]").astype(np.int64), minutes) + minute * MINUTE
    rows["day"], rows["minute_of_day"] = np.repeat(day, minutes), minute
    rows["session"] = 1 + (minute > 660) + (minute > 840)
    rows["volatility_regime"] = np.repeat(rng.choice([0, 1, 2], n_days, p=[0.3, 0.5, 0.2]), minutes)
    rows["days_to_expiry"] = np.repeat(np.arange(n_days)[::-1] % 21, minutes)
    rows["close"] = 4000 + np.cumsum(rng.normal(0, 0.5, rows.size))
    rows["atr_5m"] = rows["atr_5m_usual"] = 2.0
    for name in engine.COMPONENTS:
        rows[name] = np.nan
    for name in components:
        waves = rng.normal(0, 1, (n_days, minutes + 8))
        smooth = np.lib.stride_tricks.sliding_window_view(waves, 9, axis=1).mean(axis=2) * 3
        rows[name] = np.clip(smooth * 0.5, -1, 1).ravel()
    drift = np.repeat(rng.normal(0, day_luck, n_days), minutes)
    for name, strength in (edge or {}).items():
        drift = drift + strength * rows[name]
    first = n_days // 5 * minutes
    edges = np.linspace(first, rows.size, n_windows + 1).astype(int) // minutes * minutes
    labels = _labels(rng, rows, drift)
    return Ground(rows, labels, windows(edges.tolist()), day[n_days // 5 :], worlds.CONTEXT, CAPITAL_USD, components)


def _labels(rng: np.random.Generator, rows: np.ndarray, drift: np.ndarray) -> np.ndarray:
    labels = np.zeros((rows.size, len(SIDES)), LABEL)
    labels["signal_ns"], labels["day"], labels["side"] = rows["ts"][:, None], rows["day"][:, None], SIDES
    even = RISK / (RISK + TARGET)
    chance = rng.random(rows.size)
    won = np.stack([chance < even + drift, 1 - chance < even - drift], axis=1)
    labels["exit_reason"] = np.where(won, Exit.TAKE_PROFIT, Exit.STOP)
    labels["entry_ns"] = labels["signal_ns"] + 1
    last_ns = rows["ts"] // DAY * DAY + (16 * 60) * MINUTE
    for name in ("exit_ns", "free_ns", "end_ns"):
        labels[name] = np.minimum(rows["ts"] + 15 * MINUTE, last_ns)[:, None]
    labels["risk_ticks"], labels["target_ticks"], labels["cost_ticks"] = RISK, TARGET, COST
    labels["net_ticks"] = np.where(won, TARGET, -RISK) - COST
    labels["net_r"] = labels["net_ticks"] / RISK
    labels["net_usd"] = labels["net_ticks"] * 12.5
    return labels


def without(ground: Ground, *components: str) -> Ground:
    """The same ground, with components that have no value."""
    rows = ground.rows.copy()
    for name in components:
        rows[name] = np.nan
    return dataclasses.replace(ground, rows=rows)


def chosen(ground: Ground, confluence: Mapping[str, Any], filter: Any = None) -> Ground:
    """The same ground, where this was chosen in front of every window."""
    parts = tuple(dataclasses.replace(window, confluence=confluence, filter=filter) for window in ground.windows)
    return dataclasses.replace(ground, windows=parts)
