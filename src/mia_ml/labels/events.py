"""Meta-labels: whether the trade that a crossing proposed was worth its costs (Lopez de Prado 2018, section 3.6).

A candidate is a crossing at one level of the threshold grid: row, side, |score| / threshold. Its event is the label of
that row and side, so its y is 1 when net_ticks > 0. A row and side that cross at several levels give one event for each
level, with one life: their uniqueness shares the weight out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.errors import DataError
from mia_ml.labels.records import SIDES, usable


@dataclass(frozen=True)
class Events:
    """What a filter learns from, columns of one length n, ordered by row, level and side.

    row, side (+1, -1), level: int64. exceedance: |score| / threshold. y: int8, 1 when the trade won net of costs.
    t0_ns, t1_ns: life, decision to last event read; ends are not sorted.
    net_ticks (of one contract), net_r, risk_ticks, target_ticks, cost_ticks: of that trade.
    excluded: how many candidates gave no event, by reason, a Fate or TAPE_END.
    """

    row: np.ndarray
    side: np.ndarray
    level: np.ndarray
    exceedance: np.ndarray
    y: np.ndarray
    t0_ns: np.ndarray
    t1_ns: np.ndarray
    net_ticks: np.ndarray
    net_r: np.ndarray
    risk_ticks: np.ndarray
    target_ticks: np.ndarray
    cost_ticks: np.ndarray
    excluded: Mapping[str, int]

    def __len__(self) -> int:
        return self.row.size


def build(labels: np.ndarray, row: np.ndarray, side: np.ndarray, level: np.ndarray, exceedance: np.ndarray) -> Events:
    """Events of candidates, whatever order those come in.

    labels: LABEL [rows, 2]. row, side, level, exceedance: one entry a candidate; `row` counts rows of `labels`.
    Raises DataError for a candidate without a row, a side or a number, and for one given twice.
    """
    row, side, level, exceedance = _checked(labels, row, side, level, exceedance)
    order = np.lexsort([side, level, row])
    row, side, level, exceedance = row[order], side[order], level[order], exceedance[order]
    own = labels[row, np.where(side == SIDES[0], 0, 1)]
    kept = usable(own)
    chosen = own[kept]
    return Events(
        row=row[kept],
        side=side[kept],
        level=level[kept],
        exceedance=exceedance[kept],
        y=(chosen["net_ticks"] > 0).astype(np.int8),
        t0_ns=chosen["signal_ns"].copy(),
        t1_ns=chosen["end_ns"].copy(),
        excluded=_reasons(own[~kept]),
        **{name: chosen[name].copy() for name in ("net_ticks", "net_r", "risk_ticks", "target_ticks", "cost_ticks")},
    )


def _reasons(unusable: np.ndarray) -> dict[str, int]:
    fates, counts = np.unique(unusable["fate"], return_counts=True)
    names = [Fate(fate).name if fate != Fate.TRADED else Exit.TAPE_END.name for fate in fates]
    return dict(zip(names, counts.tolist(), strict=True))


def _checked(
    labels: np.ndarray, row: np.ndarray, side: np.ndarray, level: np.ndarray, exceedance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    lengths = [len(row), len(side), len(level), len(exceedance)]
    if len(set(lengths)) != 1:
        raise DataError(f"candidates: row, side, level, exceedance have lengths {lengths}, give one length")
    row, side, level = (np.asarray(column, np.int64) for column in (row, side, level))
    exceedance = np.asarray(exceedance, np.float64)
    for name, values, wrong, remedy in (
        ("row", row, (row < 0) | (row >= labels.shape[0]), f"the labels have rows 0..{labels.shape[0] - 1}"),
        ("side", side, np.abs(side) != 1, "give +1 or -1"),
        ("exceedance", exceedance, ~np.isfinite(exceedance), "a row without a score is no candidate"),
    ):
        if wrong.any():
            first = int(np.argmax(wrong))
            raise DataError(f"candidates: entry {first}: {name} {values[first]}: {remedy}")
    keys, counts = np.unique(np.stack([row, level, side], axis=1), axis=0, return_counts=True)
    if (counts > 1).any():
        where = keys[np.argmax(counts > 1)].tolist()
        raise DataError(f"candidates: row, level, side {where} comes twice: one crossing is one candidate")
    return row, side, level, exceedance
