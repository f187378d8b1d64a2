"""Rows and their labels, turned on their side: what one tuning trial reads, in the order in which it reads it.

A trial changes weights, thresholds and multipliers; it never changes a component, a context or what a decision taken
alone would have earned. Those are laid out once for all trials of a study.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.backtest.records import Exit, Fate
from mia_ml.confluence import decision, formula
from mia_ml.core.errors import ConfigError, DataError, refuse_unknown
from mia_ml.core.kernel import kernel
from mia_ml.core.moments import utc
from mia_ml.features import engine
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from mia_ml.labels.records import LABEL, SIDES

BLOCK = 512
"""Rows scored at a time: a block of every array in use fits the first-level cache."""

CONTEXTS = len(SESSIONS) * len(formula.CYCLE) * len(REGIMES)
DAY_START = 128
"""Added to the context of a trading day's first row."""

MOMENT = np.dtype([("ts", "i8"), ("free_row", "i4", (2,))], align=True)
"""When a row decides, and the first row whose signal is not blocked by buying, and by selling, at it."""

NO_STEPS = int(np.iinfo(np.int16).min)
_MOST_STEPS = int(np.iinfo(np.int16).max)

EARNED = np.dtype(
    [
        ("exit_ns", "i8"),
        ("exit_day", "i8"),  # position in `Panel.days`
        ("net_r", "f8"),
        ("net_usd", "f8"),
    ],
    align=True,
)
"""What a decision taken alone has earned."""


@dataclass(frozen=True)
class Panel:
    """Consecutive rows in columns.

    matrix: float64 [k, n], one contiguous line a component, in [-1, 1] or NaN.
    steps: int16 [k, n], the same in whole `step`s of the largest magnitude / 32767, NO_STEPS for NaN.
    gaps: int64 [k, blocks of `BLOCK` rows], how often a component is NaN in the block.
    context: uint8 [n], (session x gamma cycle x volatility regime), plus `DAY_START`.
    ts, day: int64 [n], as in ROW; moment: MOMENT [n].
    days: int64 [d], the trading days; day_start: int64 [d + 1], their first rows.
    traded: bool [n, 2], where it becomes a trade; earned: EARNED [n, 2], of those.
    cycle_days, regime: how `context` was coded; a formula of another context section is refused.
    """

    components: tuple[str, ...]
    matrix: np.ndarray
    steps: np.ndarray
    step: float
    gaps: np.ndarray
    context: np.ndarray
    ts: np.ndarray
    day: np.ndarray
    moment: np.ndarray
    days: np.ndarray
    day_start: np.ndarray
    traded: np.ndarray
    earned: np.ndarray
    cycle_days: tuple[int, ...]
    regime: str

    @staticmethod
    def build(rows: np.ndarray, labels: np.ndarray, components: tuple[str, ...], context: Mapping[str, Any]) -> "Panel":
        """The panel of ROW [n] and LABEL [n, 2], column 0 buying.

        components: those that any formula of the study may weigh.
        context: the settings' context section, as in `confluence.formula.build`.
        Raises ConfigError on a component that does not exist, DataError on rows that are not in time order, on rows
        without a session or a regime, and on labels that are not those of the rows.
        """
        for name in components:
            if name not in engine.COMPONENTS:
                raise ConfigError(f"panel: {refuse_unknown('component', name, engine.COMPONENTS)}")
        ts, day = np.ascontiguousarray(rows["ts"]), np.ascontiguousarray(rows["day"])
        _refuse_disorder(ts, day)
        _refuse_foreign_labels(labels, ts)
        cycle_days, regime = formula.cycle_days(context), formula.regime_field(context)
        first = np.flatnonzero(np.diff(day, prepend=day[0] - 1 if day.size else 0))
        codes = _contexts(rows, cycle_days, regime)
        codes[first] += DAY_START
        matrix = np.empty((len(components), rows.size))
        for k, name in enumerate(components):
            matrix[k] = rows[name]
        steps, step = _in_steps(matrix)
        moment = np.zeros(rows.size, MOMENT)
        moment["ts"], moment["free_row"] = ts, np.searchsorted(ts, labels["free_ns"], side="left")
        starts = np.append(first, rows.size)
        return Panel(
            components=tuple(components),
            matrix=matrix,
            steps=steps,
            step=step,
            gaps=_gaps(matrix),
            context=codes,
            ts=ts,
            day=day,
            moment=moment,
            days=day[first],
            day_start=starts,
            traded=labels["fate"] == Fate.TRADED,
            earned=_earned(labels, ts, starts),
            cycle_days=cycle_days,
            regime=regime,
        )

    def terms(self, formula_: formula.Formula) -> np.ndarray:
        """Lines of `matrix` that a formula weighs, in its order.

        Raises ConfigError on one that weighs a component the panel has not, or that was built on another context.
        """
        for name in formula_.terms:
            if name not in self.components:
                raise ConfigError(
                    f"formula {formula_.name}: component {name} is not in the panel: build the panel with it"
                )
        record = formula_.record[0]
        regime = engine.ROW.names[record["regime_column"]]  # type: ignore[index]
        if tuple(record["cycle_days"]) != self.cycle_days or regime != self.regime:
            raise ConfigError(
                f"formula {formula_.name}: cycle days {record['cycle_days'].tolist()} and {regime}, but the panel has "
                f"{list(self.cycle_days)} and {self.regime}: build both on one context section"
            )
        return np.array([self.components.index(name) for name in formula_.terms], np.int64)

    def checked(self, first_row: int, last_row: int) -> tuple[int, int]:
        """The rows [first_row, last_row) as given; raises DataError when the panel does not hold them."""
        if not 0 <= first_row <= last_row <= self.ts.size:
            raise DataError(f"rows {first_row}..{last_row} of a panel of {self.ts.size}: give 0 <= first <= last <= n")
        return first_row, last_row

    def days_of(self, first_row: int, last_row: int) -> tuple[int, int]:
        """The positions [first, last) in `days` of the trading days that rows [first_row, last_row) touch."""
        if first_row == last_row:
            return 0, 0
        first = int(np.searchsorted(self.day_start, first_row, side="right")) - 1
        return first, int(np.searchsorted(self.day_start, last_row, side="left"))


def _refuse_disorder(ts: np.ndarray, day: np.ndarray) -> None:
    bad = np.flatnonzero((np.diff(ts) <= 0) | (np.diff(day) < 0))
    if bad.size:
        row = int(bad[0]) + 1
        raise DataError(f"panel: row {row}: {utc(int(ts[row]))}, day {day[row]} comes before row {row - 1}: sort rows")


def _refuse_foreign_labels(labels: np.ndarray, ts: np.ndarray) -> None:
    if labels.dtype != LABEL or labels.shape != (ts.size, 2):
        raise DataError(f"panel: labels {labels.dtype.kind}{labels.shape} for {ts.size} rows: give LABEL of [rows, 2]")
    wrong = np.flatnonzero((labels["signal_ns"] != ts[:, None]).any(axis=1) | (labels["side"] != SIDES).any(axis=1))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"panel: labels of row {row} are of {utc(int(labels['signal_ns'][row, 0]))} and sides "
            f"{labels['side'][row].tolist()}, the row is {utc(int(ts[row]))}: give each row its own, +1 then -1"
        )


@kernel
def _cycle_parts(cycle_days, days_to_expiry):
    parts = np.empty(days_to_expiry.size, np.int64)
    for i in range(parts.size):
        parts[i] = decision.cycle_part(cycle_days, days_to_expiry[i])
    return parts


def _contexts(rows: np.ndarray, cycle_days: tuple[int, ...], regime: str) -> np.ndarray:
    code = np.zeros(rows.size, np.uint8)
    for name, values, count in (
        ("session", rows["session"], len(SESSIONS)),
        (
            "days_to_expiry",
            _cycle_parts(np.array(cycle_days), np.ascontiguousarray(rows["days_to_expiry"])),
            len(formula.CYCLE),
        ),
        (regime, rows[regime], len(REGIMES)),
    ):
        wrong = np.flatnonzero(~((values >= 0) & (values < count)))
        if wrong.size:
            row = int(wrong[0])
            raise DataError(f"panel: row {row}: {name} {values[row]} is none of 0..{count - 1}: build the rows anew")
        code = code * count + values.astype(np.uint8)
    return code


def _in_steps(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    steps = np.zeros(matrix.shape, np.int16)
    step = max((float(np.nanmax(np.abs(line), initial=0.0)) for line in matrix), default=0.0) / _MOST_STEPS
    step = step or 1.0
    for line, in_steps in zip(matrix, steps, strict=True):
        in_steps[:] = np.nan_to_num(np.rint(line / step), nan=NO_STEPS)
    return steps, step


def _gaps(matrix: np.ndarray) -> np.ndarray:
    n = matrix.shape[1]
    gaps = np.zeros((matrix.shape[0], -(-n // BLOCK)), np.int64)
    for block in range(gaps.shape[1]):
        gaps[:, block] = np.isnan(matrix[:, block * BLOCK : (block + 1) * BLOCK]).sum(axis=1)
    return gaps


def _earned(labels: np.ndarray, ts: np.ndarray, day_start: np.ndarray) -> np.ndarray:
    earned = np.zeros(labels.shape, EARNED)
    for name in ("exit_ns", "net_r", "net_usd"):
        earned[name] = labels[name]
    # a bar holds what came up to its close; what the session's end closes belongs to the day that ended
    exit_row = np.minimum(np.searchsorted(ts, labels["exit_ns"], side="left"), max(ts.size - 1, 0))
    own_row = np.broadcast_to(np.arange(ts.size)[:, None], labels.shape)
    row = np.where(labels["exit_reason"] == Exit.SESSION_END, own_row, np.maximum(exit_row, own_row))
    earned["exit_day"] = np.searchsorted(day_start, row, side="right") - 1
    return earned
