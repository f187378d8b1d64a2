"""The face of the execution machine: whole tapes, chunks or single events go in, trades, outcomes and marks come out.

    simulator = Simulator(Execution(), INSTRUMENTS["ES"], calendar.between(20240102, 20240105))
    result = simulator.advance({"ts_event": ts, "price": price}, signals)    # as often as there is news
    result = simulator.finish()                                              # the tape, or the contract, ends

One simulator follows one contract at a time; at a roll `finish()` closes what is open and the next contract's tape
goes on with the same capital. However the tape is chopped, the records have the same bytes.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mia_ml.backtest import account, machine
from mia_ml.backtest.execution import Execution, params
from mia_ml.backtest.records import MARK, OUTCOME, SIGNAL, TRADE
from mia_ml.core import moments
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.instruments import Instrument
from mia_ml.core.tables import Columns

NO_SIGNALS = np.zeros(0, SIGNAL)
_PRICES = {"trades": ("price",), "bars": ("open", "high", "low", "close")}
_COLUMNS = {"trades": ("ts_event", "price"), "bars": ("ts_event", "open", "high", "low", "close", "volume")}


@dataclass(frozen=True)
class Result:
    """What a stretch of tape gave: TRADE by exit, OUTCOME by decision (a fill decides), MARK by minute."""

    trades: np.ndarray
    outcomes: np.ndarray
    marks: np.ndarray


def join(results: "list[Result]") -> Result:
    """Consecutive results as one, the outcomes in the order of their signals."""
    trades = np.concatenate([np.zeros(0, TRADE), *(result.trades for result in results)])
    outcomes = np.concatenate([np.zeros(0, OUTCOME), *(result.outcomes for result in results)])
    marks = np.concatenate([np.zeros(0, MARK), *(result.marks for result in results)])
    return Result(trades, outcomes[np.argsort(outcomes["signal"], kind="stable")], marks)


def simulate(
    execution: Execution,
    instrument: Instrument,
    sessions: np.ndarray,
    tape: Columns,
    signals: np.ndarray,
    blackouts: np.ndarray | None = None,
) -> Result:
    """One contract's tape from beginning to end, canonical columns of `trades` or of `bars`."""
    kind: Literal["trades", "bars"] = "trades" if "price" in tape else "bars"
    simulator = Simulator(execution, instrument, sessions, kind, blackouts)
    return join([simulator.advance(tape, signals), simulator.finish()])


class Simulator:
    """Execution of signals on a tape.

    sessions: consecutive trading days (`core.calendar`) that hold the whole tape.
    tape: 'trades' walks along prints, 'bars' along bar ranges, pessimistically.
    blackouts: int64 of shape (n, 2): [start_ns, end_ns) around scheduled news; no signal inside is traded.
    """

    def __init__(
        self,
        execution: Execution,
        instrument: Instrument,
        sessions: np.ndarray,
        tape: Literal["trades", "bars"] = "trades",
        blackouts: np.ndarray | None = None,
    ) -> None:
        if tape == "trades" and execution.timeout_bar_min == 0:
            raise ConfigError(
                "execution.timeout_bar_min = 0 counts bars, and a tape of trades has none: give a duration"
            )
        self.tape = tape
        self.params = params(execution, instrument)
        self.state = account.fresh(self.params)
        self.sessions = _checked_sessions(sessions)
        self.blackouts = _checked_blackouts(np.zeros((0, 2), np.int64) if blackouts is None else blackouts)

    def snapshot(self) -> bytes:
        """The state between two events; `restore` on a simulator of the same settings goes on from there."""
        return self.state.tobytes()

    def restore(self, snapshot: bytes) -> None:
        if len(snapshot) != account.STATE.itemsize:
            raise DataError(
                f"execution snapshot: {len(snapshot)} bytes, this version writes {account.STATE.itemsize}: start fresh"
            )
        self.state = np.frombuffer(snapshot, account.STATE).copy()

    @property
    def equity_usd(self) -> float:
        """After the last event, an open position at its price and with its whole cost paid."""
        return float(account.equity_usd(self.state[0], self.params[0]))

    def advance(self, tape: Columns, signals: np.ndarray = NO_SIGNALS) -> Result:
        """The next events in time. A signal at t goes before prints at t and after the bar that closes at t."""
        ts_ns, events, signals = self.checked(tape, signals)
        span_minutes = int(ts_ns[-1] - ts_ns[0]) // moments.MINUTE if ts_ns.size else 0
        out = account.buffers(signals.size, min(ts_ns.size, span_minutes + self.sessions.size + 1) + 1)
        if self.tape == "trades":
            machine.run_trades(self.state, self.params, self.sessions, self.blackouts, ts_ns, events, signals, out)
        else:
            machine.run_bars(self.state, self.params, self.sessions, self.blackouts, events, signals, out)
        return _used(out)

    def finish(self) -> Result:
        """The tape, or the contract, ends here."""
        out = account.buffers(0, 1)
        machine.finish(self.state, self.params, self.sessions, out)
        return _used(out)

    def checked(self, tape: Columns, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The next events as the kernels read them: their times, prices of prints or BAR records, and signals.

        Raises DataError for events that no tape can hold, or that come before what was fed.
        """
        missing = [name for name in _COLUMNS[self.tape] if name not in tape]
        if missing:
            raise DataError(f"{self.tape}: column {missing[0]} is missing: give {', '.join(_COLUMNS[self.tape])}")
        ts_ns = np.require(tape["ts_event"], np.int64, ["C", "W"])
        self._check_tape(tape, ts_ns)
        self._check_signals(signals, ts_ns)
        signals = np.require(signals, requirements=["C", "W"])
        if self.tape == "trades":
            return ts_ns, np.require(tape["price"], np.float64, ["C", "W"]), signals
        bars = np.zeros(ts_ns.size, machine.BAR)
        for name in _COLUMNS["bars"]:
            bars[name] = tape[name]
        return ts_ns, bars, signals

    def _check_tape(self, tape: Columns, ts_ns: np.ndarray) -> None:
        _refuse_backwards(self.tape, ts_ns, int(self.state["event_ns"][0]))
        self._refuse_outside(self.tape, ts_ns)
        for name in _PRICES[self.tape]:
            bad = np.flatnonzero(~np.isfinite(tape[name]))
            if bad.size:
                row = int(bad[0])
                raise DataError(
                    f"{self.tape}: row {row}: {name} {tape[name][row]} is no price; ingest quarantines such rows"
                )
        if self.tape == "bars":
            bad = np.flatnonzero(
                (tape["low"] > np.minimum(tape["open"], tape["close"]))
                | (tape["high"] < np.maximum(tape["open"], tape["close"]))
            )
            if bad.size:
                row = int(bad[0])
                values = ", ".join(f"{name} {tape[name][row]}" for name in _PRICES["bars"])
                raise DataError(f"bars: row {row}: {values} is no bar; ingest quarantines such rows")

    def _check_signals(self, signals: np.ndarray, ts_ns: np.ndarray) -> None:
        if signals.dtype != SIGNAL:
            raise DataError(f"signals: dtype {signals.dtype} is not SIGNAL: build them with backtest.records.signals")
        decided = signals["ts_ns"]
        last_signal, last_event = int(self.state["signal_ns"][0]), int(self.state["event_ns"][0])
        _refuse_backwards("signals", decided, last_signal)
        self._refuse_outside("signals", decided)
        # at one moment a bar's close comes before the signal, and the signal before a print
        bars_first = self.tape == "bars"
        if decided.size and (decided[0] < last_event or (decided[0] == last_event and not bars_first)):
            raise DataError(
                f"signals: row 0: {moments.utc(decided[0])} comes before an event already fed, "
                f"{moments.utc(last_event)}: feed signals and {self.tape} in time order"
            )
        if ts_ns.size and (ts_ns[0] < last_signal or (ts_ns[0] == last_signal and bars_first)):
            raise DataError(
                f"{self.tape}: row 0: {moments.utc(ts_ns[0])} comes before a signal already fed, "
                f"{moments.utc(last_signal)}: feed signals and {self.tape} in time order"
            )
        wrong = np.flatnonzero(np.abs(signals["side"]) != 1)
        if wrong.size:
            row = int(wrong[0])
            raise DataError(f"signals: row {row}: side {signals['side'][row]} must be +1 or -1")
        day = self.sessions["day"][np.searchsorted(self.sessions["close_ns"], decided)]
        wrong = np.flatnonzero(signals["day"] != day)
        if wrong.size:
            row = int(wrong[0])
            raise DataError(
                f"signals: row {row}: day {signals['day'][row]}, but {moments.utc(decided[row])} belongs to "
                f"{day[row]}: use the sessions of the instrument's own calendar"
            )

    def _refuse_outside(self, what: str, ts_ns: np.ndarray) -> None:
        first, last = self.sessions[0], self.sessions[-1]
        earliest = first["midnight_ns"] - moments.DAY
        bad = np.flatnonzero((ts_ns < earliest) | (ts_ns > last["close_ns"]))
        if bad.size:
            row = int(bad[0])
            raise DataError(
                f"{what}: row {row}: {moments.utc(ts_ns[row])} lies outside the trading days {first['day']}.."
                f"{last['day']}: give the simulator sessions that hold the whole tape"
            )


def _used(out: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> Result:
    trades, outcomes, marks, used = out
    return Result(trades[: used[0]].copy(), outcomes[: used[1]].copy(), marks[: used[2]].copy())


def _refuse_backwards(what: str, ts_ns: np.ndarray, last_ns: int) -> None:
    bad = np.flatnonzero(ts_ns < np.concatenate([[last_ns], ts_ns[:-1]])[: ts_ns.size])
    if bad.size:
        row = int(bad[0])
        raise DataError(f"{what}: row {row}: {moments.utc(ts_ns[row])} runs backwards: feed events in time order")


def _checked_sessions(sessions: np.ndarray) -> np.ndarray:
    if sessions.size == 0:
        raise DataError("execution: no trading days given: pass the calendar's sessions of the tape's span")
    if not (np.diff(sessions["index"]) == 1).all():
        raise DataError("execution: trading days are missing between the sessions: pass calendar.between(first, last)")
    return sessions.copy()


def _checked_blackouts(blackouts: np.ndarray) -> np.ndarray:
    blackouts = np.array(blackouts, np.int64)
    if blackouts.ndim != 2 or blackouts.shape[1] != 2:
        raise DataError(f"blackouts: shape {blackouts.shape}: give one row of start_ns, end_ns an interval")
    edges = blackouts.ravel()
    if not (np.diff(edges) >= 0).all():
        raise DataError("blackouts: intervals overlap, are unsorted or end before they start: sort and merge them")
    return blackouts
