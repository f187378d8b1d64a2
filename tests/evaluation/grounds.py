"""Grounds over the two random ES days, and over as many made-up days as a test of what gains what needs."""

import itertools
from typing import Any

import numpy as np

from mia_ml.backtest.execution import Execution
from mia_ml.evaluation.ground import Ground, Window
from tests.backtest import worlds as tapes
from tests.evaluation import worlds


def windows(edges: list[int], confluence: dict[str, Any] | None = None) -> tuple[Window, ...]:
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
    ground = Ground(rows, labels, windows(between), np.unique(rows["day"]), worlds.CONTEXT, 100_000.0)
    return ground, tape, barrier, settings
