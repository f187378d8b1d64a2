"""A paper account: what a version's signals come to on the live tape, by the simulator of research.

    account.begin(20240304, "ESH4")        # a trading day; after a restart the account as it stood before that day
    account.advance(prints, signals)       # as often as there is news: at each bar close, the prints since the last one
    account.end(note)                      # the day is over: its row, and the account as it stands now
    account.save()                         # to the store; as often as wanted

The records are those of `backtest.simulator.simulate` on the same tape and signals, byte for byte, however the tape was
cut and wherever it was restarted. Nothing is lost with what was not saved: a day's records follow from its prints and
signals, so after a crash the day is begun again and comes to the same rows.

What is open when the tape ends stays open over a night or a week-end, as in research: a position without a print after
its flat time is closed by the next day's first print, at the price and time it had to close, and counts on that day.
When the contract rolls, what is open is closed at its last price.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from mia_ml.backtest import account as machine
from mia_ml.backtest.execution import Execution
from mia_ml.backtest.simulator import NO_SIGNALS, Result, Simulator
from mia_ml.core import moments
from mia_ml.core.errors import DataError
from mia_ml.core.instruments import Instrument
from mia_ml.core.tables import Columns
from serving.papers import account_tables as tables
from serving.papers import accounts
from serving.papers.accounts import Note, Row, Store

FORMAT = 1
SNAPSHOT = np.dtype(
    [
        ("format", "i8"),
        ("day", "i8"),  # 0: none was begun
        ("contract", "S32"),
        ("trades", "i8"),
        ("r", "f8"),
        ("before_usd", "f8"),  # equity when the day began
        ("day_signals", "i8"),
        ("day_trades", "i8"),
        ("day_r", "f8"),
        ("machine", machine.STATE),  # its session by the calendar's index, 0 when it has seen nothing
    ],
    align=True,
)


class Account:
    """version: `name/3`. The rest as in `backtest.simulator.Simulator`; sessions hold all days to come, and begin no
    later than the day the account was last saved on."""

    def __init__(
        self,
        version: str,
        execution: Execution,
        instrument: Instrument,
        sessions: np.ndarray,
        blackouts: np.ndarray,
        tape_kind: Literal["trades", "bars"],
        store: Store,
    ) -> None:
        self.version = version
        self.store = store
        self.capital_usd = execution.capital_usd
        self._simulator = Simulator(execution, instrument, sessions, tape_kind, blackouts)
        self._was = np.zeros(1, SNAPSHOT)
        self._was["before_usd"] = execution.capital_usd
        self._begun = False
        settings = {"execution": dataclasses.asdict(execution), "instrument": instrument.root, "tape": tape_kind}
        self._unsaved: list[Row] = [(tables.ACCOUNTS, _settings(version, settings))]

    def begin(self, day: int, contract: str) -> None:
        """The trading day yyyymmdd and its front contract; the first time the account comes from the store.

        Raises Unavailable when it cannot be read now: begin again later. DataError when it is no such account.
        """
        if not self._begun:
            kept = self.store.snapshot(self.version, day)
            if kept is not None:
                self.restore(kept)
            self._begun = True
            self._number_on(self.store.numbers(self.version, day))
        was = self._was[0]
        if day <= was["day"]:
            raise DataError(f"paper account of {self.version}: day {day} does not come after {was['day']}")
        rolled = was["contract"] not in (b"", contract.encode())
        was["day"], was["contract"], was["before_usd"] = day, contract, self.equity_usd
        was["day_signals"], was["day_trades"], was["day_r"] = 0, 0, 0.0
        if rolled:
            self.finish()

    def advance(self, tape: Columns, signals: np.ndarray = NO_SIGNALS) -> Result:
        """The next prints or bars, canonical columns in time, and SIGNAL records; as `Simulator.advance` takes them.

        Raises DataError on what cannot come next; the account is then as it was.
        """
        assert self._begun, "a day must begin first"
        result = self._simulator.advance(tape, signals)
        self._was["day_signals"] += signals.size
        return self._keep(result)

    def finish(self) -> Result:
        """The contract's tape ends here: what is open closes at its last price. `begin` does it at a roll."""
        return self._keep(self._simulator.finish())

    def end(self, note: Note) -> None:
        """The trading day is over; nothing of it is still to come."""
        was = self._was[0]
        day = accounts.Day(
            int(was["day"]),
            was["contract"].decode(),
            int(was["day_signals"]),
            int(was["day_trades"]),
            float(was["day_r"]),
            self.day_usd,
            self.equity_usd,
            self.position,
        )
        self._unsaved.append((tables.DAYS, {"version": self.version, **day._asdict()}))
        kept = {"version": self.version, "day": day.day, "state": self.snapshot()}
        self._unsaved.append((tables.SNAPSHOTS, kept))
        self._unsaved.append(accounts.note_row(self.version, day.day, note))

    def save(self) -> None:
        """All that is new to the store, from any thread. Raises Unavailable while it takes nothing: save again later.

        DataError when the store holds another result for the same signal or day.
        """
        with self.store.turn:
            rows = self._unsaved[:]
            self.store.write(rows)
            del self._unsaved[: len(rows)]  # others may have come meanwhile

    def snapshot(self) -> bytes:
        """The account between two calls, but for rows that are not saved."""
        state = self._simulator.state.copy()
        if _has_seen_something(state):
            state["session"] += self._simulator.sessions["index"][0]
        self._was["format"], self._was["machine"] = FORMAT, state
        return self._was.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Raises DataError when it is none of this version of the account."""
        if len(snapshot) != SNAPSHOT.itemsize or np.frombuffer(snapshot, "i8", 1)[0] != FORMAT:
            raise DataError(
                f"paper account of {self.version}: a snapshot of {len(snapshot)} bytes, this version writes "
                f"{SNAPSHOT.itemsize} in format {FORMAT}: move the state folder away, accounts then begin anew"
            )
        was = np.frombuffer(snapshot, SNAPSHOT).copy()
        sessions = self._simulator.sessions
        state = was["machine"].copy()
        if _has_seen_something(state):
            state["session"] -= sessions["index"][0]
        if not 0 <= state["session"][0] < sessions.size:
            raise DataError(
                f"paper account of {self.version}: stood on {was['day'][0]}, outside the sessions "
                f"{sessions['day'][0]}..{sessions['day'][-1]}: give sessions that hold its last day"
            )
        self._was = was
        self._simulator.restore(state.tobytes())
        self._begun = True

    @property
    def day(self) -> int:
        """yyyymmdd, 0 before the first one."""
        return int(self._was["day"][0])

    @property
    def equity_usd(self) -> float:
        """An open position counts at the last price, its whole cost paid."""
        return self._simulator.equity_usd

    @property
    def day_usd(self) -> float:
        return self.equity_usd - float(self._was["before_usd"][0])

    @property
    def position(self) -> int:
        return int(self._simulator.state["position"]["side"][0])

    @property
    def idle(self) -> bool:
        """Whether nothing is held and nothing waits for a fill: no print changes the equity."""
        return not self.position and not self._simulator.state["pending"]["side"][0]

    @property
    def entry_price(self) -> float:
        """NaN when flat."""
        return float(self._simulator.state["position"]["entry_price"][0]) if self.position else math.nan

    @property
    def trades(self) -> int:
        """Closed ones, ever."""
        return int(self._was["trades"][0])

    @property
    def mean_r(self) -> float:
        """NaN before the first trade."""
        return float(self._was["r"][0]) / self.trades if self.trades else math.nan

    def state(self) -> dict[str, Any]:
        """As the state of the service shows it."""
        return {
            "equity_usd": self.equity_usd,
            "day_usd": self.day_usd,
            "position": self.position,
            "entry_price": self.entry_price if self.position else None,
            "trades": self.trades,
            "mean_r": self.mean_r if self.trades else None,
        }

    def _number_on(self, used: tuple[int, int]) -> None:
        """Signals and trades go on behind those of a day that did not end: its version was gone before."""
        state = self._simulator.state
        state["n_signals"] = max(int(state["n_signals"][0]), used[0])
        state["n_trades"] = max(int(state["n_trades"][0]), used[1])

    def _keep(self, result: Result) -> Result:
        was = self._was[0]
        for trade in result.trades:
            was["trades"] += 1
            was["r"] += trade["net_r"]
            was["day_trades"] += 1
            was["day_r"] += trade["net_r"]
            closed = {"closed_day": int(was["day"])}
            self._unsaved.append(accounts.record_row(tables.TRADES, self.version, trade, **closed))
        for outcome in result.outcomes:
            self._unsaved.append(accounts.record_row(tables.OUTCOMES, self.version, outcome))
        return result


def _has_seen_something(state: np.ndarray) -> bool:
    return bool(state["event_ns"][0] != moments.NONE or state["signal_ns"][0] != moments.NONE)


def _settings(version: str, settings: Mapping[str, Any]) -> dict[str, str]:
    return {"version": version, "settings": json.dumps(settings, sort_keys=True)}
