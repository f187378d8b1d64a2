"""Triple-barrier labels: for every row, what the one simulator makes of buying and of selling there, taken alone.

    walker = Walker(Execution(), INSTRUMENTS["ES"], sessions)
    labels = walker.advance({"ts_event": ts, "price": price}, ts_ns, day, barrier)    # day by day, or in any pieces
    labels = walker.finish()                                                          # the tape, or the contract, ends

Take-profit, stop and time-out are the three barriers (Lopez de Prado, Advances in Financial Machine Learning, 2018,
ch. 3), with the latency, flat time and costs of `Execution`: a label is a trade that the simulator would report.

A run of decisions through the simulator is the greedy choice among their labels, since one position is open at a time:
take the first, then again and again the next with `signal_ns` at or after the last one's `free_ns`.
"""

from typing import Literal

import numpy as np

from mia_ml.backtest import account, machine
from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import signals
from mia_ml.backtest.simulator import Simulator
from mia_ml.core.errors import ConfigError
from mia_ml.core.instruments import Instrument
from mia_ml.core.tables import Columns
from mia_ml.labels import walk
from mia_ml.labels.records import SIDES

_PIECE = 4096
"""Decisions walked in one go: bounds the memory of their machines to a few MB."""


class Walker:
    """Labels of decisions on a tape, in the order of the decisions, as soon as both sides are over.

    sessions, tape, blackouts: as for `backtest.simulator.Simulator`. Raises ConfigError for `execution.reverse`, whose
    trades end with a later decision.
    """

    def __init__(
        self,
        execution: Execution,
        instrument: Instrument,
        sessions: np.ndarray,
        tape: Literal["trades", "bars"] = "trades",
        blackouts: np.ndarray | None = None,
    ) -> None:
        if execution.reverse:
            raise ConfigError(
                "execution.reverse = True: such a trade ends with a later decision, so no decision has a label of its "
                "own: set it to false"
            )
        self._flat = Simulator(execution, instrument, sessions, tape, blackouts)
        self._open = np.zeros((0, 2), walk.OPEN)
        self._out = account.buffers(0, 4)

    @property
    def waiting(self) -> int:
        """Decisions whose labels are still to come."""
        return self._open.shape[0]

    def advance(self, tape: Columns, ts_ns: np.ndarray, day: np.ndarray, barrier: np.ndarray) -> np.ndarray:
        """LABEL records [m, 2] of the decisions completed by the next events, none passed over.

        tape: canonical columns of `trades` or `bars`. ts_ns, day, barrier: [n], the decisions of the stretch: closing
        time of the bar, trading day (yyyymmdd) and A in points; NaN where there is none, which ends as NO_BARRIER.
        Raises DataError for what the simulator refuses.
        """
        decided = signals(ts_ns, day, np.ones(len(ts_ns), np.int64), barrier)
        times, events, decided = self._flat.checked(tape, decided)
        side: Literal["left", "right"] = "left" if self._flat.tape == "trades" else "right"
        first = np.searchsorted(times, decided["ts_ns"], side=side)
        done, start = [], 0
        for piece in range(0, max(decided.size, 1), _PIECE):
            following = piece + _PIECE
            stop = int(first[following]) if following < decided.size else times.size
            chosen = slice(piece, following)
            done.append(self._walk(times[start:stop], events[start:stop], decided[chosen], first[chosen] - start))
            start = stop
        return np.concatenate(done)

    def finish(self) -> np.ndarray:
        """LABEL records [m, 2] of all that is open: the tape, or the contract, ends here."""
        flat = self._flat
        walk.end(flat.state, flat.params, flat.sessions, self._open, self._out)
        flat.finish()
        return self._completed()

    def _walk(self, times: np.ndarray, events: np.ndarray, decided: np.ndarray, first: np.ndarray) -> np.ndarray:
        flat, carried = self._flat, self.waiting
        prints = flat.tape == "trades"
        tape = (prints, times, events if prints else np.zeros(0), np.zeros(0, machine.BAR) if prints else events)
        self._open = np.concatenate([self._open, np.zeros((decided.size, len(SIDES)), walk.OPEN)])
        walk.along(
            flat.state, flat.params, flat.sessions, flat.blackouts, tape, decided, first, self._open, carried, self._out
        )
        return self._completed()

    def _completed(self) -> np.ndarray:
        """Leaves the first decision that is not over, and all behind it, for later."""
        state = self._open["machine"]
        over = ((state["position"]["side"] == 0) & (state["pending"]["side"] == 0)).all(axis=1)
        count = over.size if over.all() else int(np.argmin(over))
        labels = self._open["label"][:count].copy()
        self._open = self._open[count:].copy()
        return labels
