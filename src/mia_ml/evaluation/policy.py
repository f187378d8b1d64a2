"""What a formula would have earned: its decisions on the rows of a panel, and the trades they lead to.

Trade for trade the same as `scoring.Scorer` deciding those rows and `backtest.Simulator` executing the signals, when an
opposite signal does not reverse: what a trade earns then depends on its own decision only, and what it blocks on its
own end. So labels of decisions taken alone, strung together by `free_row`, are the simulator's answer.
"""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import DataError
from mia_ml.core.kernel import kernel
from mia_ml.evaluation import columns
from mia_ml.evaluation.panel import BLOCK, MOMENT, Panel

TRADES = np.dtype(
    [
        ("row", "i8"),  # of the signal, in the panel
        ("side", "i8"),  # +1 long, -1 short
        ("exit_ns", "i8"),
        ("exit_day", "i8"),  # position in the panel's days
        ("net_r", "f8"),
        ("net_usd", "f8"),
    ],
    align=True,
)

_NO_FILTER = np.zeros((0, 2), np.bool_)


def run(panel: Panel, formula: Formula, first_row: int, last_row: int, passes: np.ndarray | None = None) -> np.ndarray:
    """TRADES of rows [first_row, last_row), in time, decided as if nothing was before the first.

    passes: bool [n, 2], the filter's verdict on buying and selling at each of the panel's rows; None lets all pass. A
        crossing that does not pass has consumed the arm, starts no cooldown and does not count to the day's limit.
    Raises ConfigError on a formula that the panel was not built for, DataError on rows or verdicts it does not hold.
    """
    first_row, last_row = panel.checked(first_row, last_row)
    terms = panel.terms(formula)
    if passes is None:
        passes = _NO_FILTER
    elif passes.shape != panel.traded.shape or passes.dtype != np.bool_:
        raise DataError(
            f"passes: {passes.dtype} {passes.shape} for a panel of {panel.ts.size} rows: give bool [rows, 2]"
        )
    decided = _run(
        formula.record,
        terms,
        (panel.matrix, panel.steps, panel.step, panel.gaps),
        panel.context,
        panel.moment,
        panel.day_start,
        panel.traded,
        np.ascontiguousarray(passes),
        first_row,
        last_row,
        columns.room(),
        np.zeros(1, decision.STATE),
    )
    trades = np.empty(decided.size, TRADES)
    _fill(trades, decided, panel.earned)
    return trades


@kernel
def _run(
    formulas,
    terms,
    panel,
    codes,
    moments,
    day_start,
    traded,
    passes,
    first_row,
    last_row,
    room,
    states,
):
    """What is traded, as 2 row + column."""
    formula, state = formulas[0], states[0]
    contexts, block_raw, block_present, block_sums, outside, found = room
    context = contexts[0]
    columns.settle(formula, 1.0, context)
    blurred = columns.blur(formula, terms, panel[2])
    here = np.empty(BLOCK, MOMENT)
    decided = np.empty(BLOCK, np.int64)
    count, free_row, next_day = 0, 0, 0
    first = first_row
    while first < last_row:
        last = min((first // BLOCK + 1) * BLOCK, last_row)
        code, size = codes[first:last], last - first
        raw, present, sums = block_raw[:size], block_present[:size], block_sums[:size]
        off = columns.score(formula, terms, panel, blurred, first, last, raw, present, sums, outside)
        n_edges, near = columns.edges(raw, code, context, off, outside, found)
        if near:
            columns.sharpen(formula, terms, panel[0], first, raw, code, context, off)
            n_edges, near = columns.edges(raw, code, context, off, outside, found)
        for k in range(n_edges):  # apart from what branches on them, so that memory answers many at once
            here[k] = moments[first + found[k]]
        for k in range(n_edges):
            side = columns.side(formula, terms, panel[0], first, found[k], raw, code, context, off)
            row = first + found[k]
            column = 0 if side > 0 else 1
            if side == 0 or (passes.size > 0 and not passes[row, column]):
                continue
            if row >= day_start[next_day]:
                while row >= day_start[next_day]:
                    next_day += 1
                decision.open_day(state, next_day)
            since_signal_ns = here[k].ts - state.last_signal_ns
            action = decision.verdict(since_signal_ns, state.signals, formula.cooldown_ns, formula.most_signals)
            if action != decision.SIGNAL:
                continue
            state.signals += 1
            state.last_signal_ns = here[k].ts
            if row < free_row:
                continue
            free_row = here[k].free_row[column]
            if traded[row, column]:
                if count == decided.size:
                    decided = columns.twice(decided)
                decided[count] = 2 * row + column
                count += 1
        columns.leave(first, raw, code, context, off)
        first = last
    return decided[:count]


@kernel
def _fill(trades, decided, earned):
    """What each trade earned; apart from the decisions, for the same reason."""
    for i in range(trades.size):
        row, column = decided[i] // 2, decided[i] % 2
        alone, trade = earned[row, column], trades[i]
        trade.row = row
        trade.side = 1 - 2 * column
        trade.exit_ns = alone.exit_ns
        trade.exit_day = alone.exit_day
        trade.net_r = alone.net_r
        trade.net_usd = alone.net_usd
