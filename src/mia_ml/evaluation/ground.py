"""The out-of-sample ground on which policies are compared: the same test windows, the same outcomes, the same days.

In front of each window something was chosen. Whatever is asked then, another formula, another threshold, no filter, is
run through the very same windows. A window's decisions start as if nothing was before it; a position that is still
open when the next window begins blocks there too, since there is one account. So the trades are those of
`scoring.Scorer` on each window and one `backtest.Simulator` through all of them, which strings of labels are (see
`evaluation.policy`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence import formula as formulas
from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import DataError
from mia_ml.core.kernel import kernel
from mia_ml.evaluation import candidates, verdicts
from mia_ml.evaluation.panel import Panel
from mia_ml.features import engine
from mia_ml.labels.records import SIDES
from mia_ml.metrics import day_sums
from mia_ml.scoring.filter import Filter

OUTCOME = np.dtype(
    [
        ("day", "i8"),  # of the signal, yyyymmdd
        ("row", "i8"),  # of the signal
        ("side", "i8"),  # +1 long, -1 short
        ("exit_ns", "i8"),
        ("net_ticks", "f8"),  # of one contract
        ("net_r", "f8"),
        ("net_usd", "f8"),
        ("risk_ticks", "f8"),
        ("target_ticks", "f8"),
        ("cost_ticks", "f8"),
    ],
    align=True,
)
"""One trade."""

SIGNALLED = np.dtype([("day", "i8"), ("row", "i8"), ("side", "i8")], align=True)
"""One signal, traded or blocked by an open position."""


@dataclass(frozen=True)
class Window:
    """One fold. confluence, filter: what was chosen in front of it. train, test: rows [first, last) of the ground."""

    name: str
    confluence: Mapping[str, Any]
    filter: Filter | None
    train: tuple[int, int]
    test: tuple[int, int]


FormulaOf = Callable[[Window], Formula]
PassesOf = Callable[[Window, Formula], np.ndarray | None]
"""A window's formula to bool [rows, 2], which crossings pass, column 0 buying; None lets all pass."""


@dataclass(frozen=True)
class Outcome:
    """What a policy came to. trades: OUTCOME [t], signals: SIGNALLED [s], both in time.

    pnl_usd: float64 [d] by the trading day of the exit; what closes after the last day counts on it.
    """

    trades: np.ndarray
    signals: np.ndarray
    pnl_usd: np.ndarray

    @property
    def signal_days(self) -> np.ndarray:
        """int64 [s], yyyymmdd."""
        return self.signals["day"]

    def sums(self, days: np.ndarray) -> np.ndarray:
        """DAY_SUMS [d] of the ground's days."""
        return day_sums.of(self.trades, self.signal_days, days, self.pnl_usd)


@dataclass(frozen=True)
class Ground:
    """rows: ROW [n] of the whole sample, training rows included; labels: LABEL [n, 2] beside them.

    windows: in time, their test rows apart. days: int64 [d], every trading day of the test windows, yyyymmdd in order.
    context: the settings' context section. Raises DataError on windows or days that are not as told.
    """

    rows: np.ndarray
    labels: np.ndarray
    windows: Sequence[Window]
    days: np.ndarray
    context: Mapping[str, Any]
    capital_usd: float
    components: tuple[str, ...] = field(default=engine.COMPONENTS)

    def __post_init__(self) -> None:
        end = 0
        for window in self.windows:
            first, last = window.test
            if not end <= first < last <= self.rows.size:
                raise DataError(
                    f"window {window.name}: test rows {first}..{last} after row {end} of {self.rows.size}: "
                    "give windows in time that do not overlap and hold a row"
                )
            end = last
        if not self.days.size or (np.diff(self.days) <= 0).any():
            raise DataError(f"{self.days.size} days of the test windows: give one or more, rising")
        tested = self.rows["day"][self.test_rows]
        foreign = tested[~np.isin(tested, self.days)]
        if foreign.size:
            raise DataError(f"day {foreign[0]} is tested, but not among the days: give every day of the test windows")

    @cached_property
    def panel(self) -> Panel:
        """Of all rows, with every component."""
        return Panel.build(self.rows, self.labels, self.components, self.context)

    @cached_property
    def test_rows(self) -> np.ndarray:
        """int64, the rows of all test windows."""
        return np.concatenate([np.zeros(0, np.int64), *(np.arange(*window.test) for window in self.windows)])

    def formula(self, confluence: Mapping[str, Any]) -> Formula:
        """The formula of a confluence section; raises ConfigError as `confluence.formula.build` does."""
        return formulas.build(confluence, self.context)

    def chosen(self, window: Window) -> Formula:
        """The formula that was chosen in front of a window."""
        return self.formula(window.confluence)

    def verdict(self, judge: Filter | None, formula: Formula, window: Window) -> np.ndarray | None:
        """What a filter lets pass of a formula's crossings in a window's test rows, bool [n, 2]; None without one."""
        return None if judge is None else verdicts.passes(judge, formula, self.rows, self.panel, *window.test)

    def filtered(self, window: Window, formula: Formula) -> np.ndarray | None:
        """The verdict of the filter that was chosen in front of the window."""
        return self.verdict(window.filter, formula, window)

    def run(self, formula_of: FormulaOf, passes_of: PassesOf | None = None) -> Outcome:
        """Every window with its formula, and with what may pass.

            ground.run(ground.chosen, ground.filtered)    # tuned and filtered, as it would have been traded
            ground.run(lambda window: configured)         # one formula in every window, unfiltered

        Raises ConfigError on a formula that the panel was not built for.
        """
        fired = []
        for window in self.windows:
            formula = formula_of(window)
            passes = None if passes_of is None else passes_of(window, formula)
            fired.append(self.signals(formula, window.test, passes))
        return self.traded(np.concatenate([np.zeros(0, SIGNALLED), *fired]))

    def signals(self, formula: Formula, rows: tuple[int, int], passes: np.ndarray | None = None) -> np.ndarray:
        """SIGNALLED of rows [first, last), decided as if nothing was before the first."""
        crossed = candidates.of(self.panel, formula, *rows)
        row, side = crossed["row"], crossed["side"]
        if passes is not None:
            passed = passes[row, _column(side)]
            row, side = row[passed], side[passed]
        ts, day = self.panel.ts[row], self.panel.day[row]
        kept = _fired(formula.record, ts, day, np.zeros(1, decision.STATE))
        found = np.empty(int(kept.sum()), SIGNALLED)
        found["day"], found["row"], found["side"] = day[kept], row[kept], side[kept]
        return found

    def traded(self, signals: np.ndarray) -> Outcome:
        """What SIGNALLED records in time come to in one account."""
        row, column = signals["row"], _column(signals["side"])
        free_row, is_traded = self.panel.moment["free_row"][row, column], self.panel.traded[row, column]
        kept = _strung(np.ascontiguousarray(row), free_row, is_traded)
        row, column = row[kept], column[kept]
        trades = np.empty(row.size, OUTCOME)
        labels = self.labels[row, column]
        for name in OUTCOME.names or ():
            if name != "row":
                trades[name] = labels[name]
        trades["row"] = row
        exit_day = self.panel.days[self.panel.earned["exit_day"][row, column]]
        position = np.minimum(np.searchsorted(self.days, exit_day), self.days.size - 1)
        pnl_usd = np.bincount(position, trades["net_usd"], self.days.size)
        return Outcome(trades, signals, pnl_usd)


def _column(side: np.ndarray) -> np.ndarray:
    return np.where(side == SIDES[0], 0, 1)


@kernel
def _fired(formulas, ts, day, states):
    """Which crossings that met no objection become signals."""
    formula, state = formulas[0], states[0]
    kept = np.zeros(ts.size, np.bool_)
    for i in range(ts.size):
        if i == 0 or day[i] != state.day:
            decision.open_day(state, day[i])
        since_signal_ns = ts[i] - state.last_signal_ns
        action = decision.verdict(since_signal_ns, state.signals, formula.cooldown_ns, formula.most_signals)
        if action == decision.SIGNAL:
            state.signals += 1
            state.last_signal_ns = ts[i]
            kept[i] = True
    return kept


@kernel
def _strung(row, free_row, traded):
    """Which signals become trades: those that no trade or order before them blocks."""
    kept = np.zeros(row.size, np.bool_)
    free = 0
    for i in range(row.size):
        if row[i] >= free:
            free = free_row[i]
            kept[i] = traded[i]
    return kept
