"""The paper accounts of all versions at work: what their signals would have come to, at each bar close.

A version's account is begun when it begins to decide. What it holds when it only stands by, or has gone, is seen to its
end. What an account cannot be told yet waits for it; one that contradicts its own past is told nothing more, which is
said, and the others go on.
"""

import contextlib
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mia_ml.backtest.simulator import NO_SIGNALS
from mia_ml.core.errors import DataError
from mia_ml.core.tables import Columns
from mia_ml.judge.judgement import Judgement
from mia_ml.registry.paper_gate import PARITY, UNSEEN
from mia_ml.scoring import signals
from serving.day.rail import CHAMPION, STANDBY, Contender, Verdict
from serving.day.trading_day import Printed, TradingDay
from serving.papers import accounts, shadow, statement
from serving.papers.accounts import Note, Store
from serving.papers.incidents import Episodes, Incidents
from serving.papers.paper import Account
from serving.unavailable import Unavailable

Decisions = list[tuple[Verdict, bool]]
"""Each with whether it is acted upon."""


class Papers:
    """store: where they are kept. sessions: of the market, for all days to come. level: of running intervals."""

    def __init__(self, store: Store, sessions: np.ndarray, state: Path, level: float) -> None:
        self.store = store
        self.judgements: dict[str, Judgement | None] = {}
        self.broken: dict[str, str] = {}
        """By version, why its account is told nothing more; one line."""
        self._accounts: dict[str, Account] = {}
        self._sessions = sessions
        self._state = state
        self._level = level
        self._champions: list[tuple[int, str]] = []
        self._pairings: dict[str, dict[str, Any] | None] = {}
        self._begin(0)

    def follow(self, day: TradingDay, out: Decisions, standing: Episodes, printed: Printed) -> None:
        """Decisions that are out, in time; what stood against acting then, and what had been printed since the last."""
        rails = [contender for rail in day.rails for contender in rail.contenders]
        if day.day != self._day:
            self._begin(day.day)
            for contender in rails:
                if contender.role == CHAMPION:  # a crash may have come before this was saved
                    self.champion_is(contender, day.day)
        self._incidents.stand(standing)
        tape = printed.tape
        for contender in rails:
            mine = [(verdict, act) for verdict, act in out if verdict.contender is contender]
            version = contender.version
            if version not in self._accounts:
                if contender.role == STANDBY and not mine:
                    continue
                self._accounts[version] = self._account(contender)
            self._bars.setdefault(version, set()).update(int(verdict.row["ts"][0]) for verdict, _ in mine)
            self._waiting.setdefault(version, []).append((tape, mine))
        for version in self._waiting.keys() - {contender.version for contender in rails}:
            self._waiting[version].append((tape, []))
        with contextlib.suppress(Unavailable):  # nothing is lost: it is told and saved the next time
            self._tell(day)
            self.save_notes()

    def champion_is(self, contender: Contender, day: int) -> None:
        """From here on in a trading day; written with what is saved next."""
        self._champions.append((day, contender.version))

    def save(self) -> None:
        """All that is new to the store. Raises Unavailable."""
        self.save_notes()
        self.save_accounts()

    def save_accounts(self) -> None:
        """What follows from a day's prints and signals: a crash loses none of it, so it may be saved late, and by
        another thread. Raises Unavailable."""
        for version, account in list(self._accounts.items()):
            if version not in self.broken:
                with self._sound(version):
                    account.save()

    def save_notes(self) -> None:
        """What nothing else remembers: who was champion, and what stood against acting. Raises Unavailable."""
        while self._champions:
            self.store.champion(*self._champions[0])
            del self._champions[0]
            self._pairings.clear()
        if not self._incidents.noted:
            for version, bars in self._bars.items():
                note = Note(len(bars), len(bars), False, self._incidents.so_far(version))
                self.store.write([accounts.note_row(version, self._day, note)])
            self._incidents.noted = True

    def end(self, day: TradingDay, bars: int, standing: Episodes) -> None:
        """The trading day is over; `bars` it had. standing: what stands even now. Raises Unavailable: end it again."""
        if day.day != self._day:  # nothing was decided
            return
        self._tell(day)
        self.save()
        for version, decided in self._bars.items():
            if version in self.broken:
                continue
            if version not in self._ended:
                whole = len(decided) >= bars
                note = Note(bars, len(decided), whole, self._incidents.at_end(version, standing))
                self._accounts[version].end(note)
                self._ended.add(version)
            with self._sound(version):
                self._accounts[version].save()
                statement.write_evidence(self._state, self.store, version, self._level)
        self._pairings.clear()

    def unseen(self) -> dict[int, list[str]]:
        """Days that are over and not yet run again from their logs, in order, with who decided. Raises Unavailable."""
        found: dict[int, list[str]] = {}
        for version in self.store.versions():
            for day, note in self.store.notes(version).items():
                if UNSEEN in note.incidents:
                    found.setdefault(day, []).append(version)
        return dict(sorted(found.items()))

    def seen(self, day: int, versions: list[str], difference: str) -> None:
        """A day was run again: what differs from what was sent, empty when nothing does. Raises Unavailable: then it
        still waits."""
        parity = [f"{PARITY}: {difference}"] if difference else []
        for version in versions:
            note = self.store.notes(version)[day]
            rest = [text for text in note.incidents if text != UNSEEN]
            amended = note._replace(incidents=tuple(dict.fromkeys([*parity, *rest])))
            statement.write_evidence(self._state, self.store, version, self._level, {day: amended})
            self.store.write([accounts.note_row(version, day, amended)])

    def state(self, version: str) -> dict[str, Any] | None:
        account = self._accounts.get(version)
        return account.state() if account else None

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Equity in USD at bar closes of the day, ns UTC, by version."""
        return self._curves

    def against_champion(self, version: str) -> dict[str, Any] | None:
        """The verdict that runs; None while the store cannot be read, too."""
        if version not in self._pairings:
            try:
                self._pairings[version] = shadow.against_champion(self.store, version, self._level)
            except Unavailable:
                return None
        return self._pairings[version]

    def statement(self, day: int | None) -> dict[str, Any]:
        """Raises DataError for a day that is not known, Unavailable."""
        with contextlib.suppress(Unavailable):  # what the store cannot take now it shows later
            self.save()
        now = {version: account.state() for version, account in self._accounts.items()}
        running = now if day in (None, self._day) else {}
        return statement.of_all(self.store, day, self._level, self.judgements, running)

    def close(self) -> None:
        """Save what can be saved, and go. Raises Unavailable."""
        try:
            self.save()
        finally:
            self.store.close()

    def _begin(self, day: int) -> None:
        self._day = day
        self._incidents = Incidents(self.store, day)
        self._bars: dict[str, set[int]] = {}
        self._waiting: dict[str, list[tuple[Columns, Decisions]]] = {}
        self._curves: dict[str, list[tuple[int, float]]] = {}
        self._ended: set[str] = set()

    def _tell(self, day: TradingDay) -> None:
        """Every account what waits for it. Raises Unavailable."""
        for version, waiting in self._waiting.items():
            account = self._accounts[version]
            if version in self.broken:
                waiting.clear()
                continue
            with self._sound(version):
                if account.day != day.day:
                    account.begin(day.day, day.arrivals.contract)
                while waiting:
                    self._advance(account, *waiting.pop(0))

    def _advance(self, account: Account, tape: Columns, mine: Decisions) -> None:
        """Bar by bar while there is anything to gain or to lose: a day that is run again has a thousand.

        A signal goes before the prints of its moment, and after the native bar that closes with it.
        """
        ts = tape["ts_event"]
        side: Literal["left", "right"] = "left" if "price" in tape else "right"
        begin = 0
        for verdict, act in sorted(mine, key=lambda each: int(each[0].row["ts"][0])):
            closed = int(verdict.row["ts"][0])
            if act or not account.idle:
                end = max(begin, int(np.searchsorted(ts, closed, side)))
                taken = signals.signals_of(verdict.row, verdict.decision) if act else NO_SIGNALS
                account.advance(_part(tape, begin, end), taken)
                begin = end
            self._curves.setdefault(account.version, []).append((closed, account.equity_usd))
        account.advance(_part(tape, begin, ts.size))

    @contextlib.contextmanager
    def _sound(self, version: str) -> Any:
        """What contradicts the past of an account ends it, and nothing else."""
        try:
            yield
        except DataError as error:
            self.broken[version] = str(error)

    def _account(self, by: Contender) -> Account:
        content = by.content
        return Account(
            by.version,
            content.execution_settings(),
            content.traded(),
            self._sessions,
            content.blackouts(),
            "bars" if content.native else "trades",
            self.store,
        )


def _part(tape: Columns, begin: int, end: int) -> Columns:
    return {name: column[begin:end] for name, column in tape.items()}


def in_folder(state: Path, sessions: np.ndarray, level: float) -> Papers:
    """The accounts of a state folder. Raises DataError, Unavailable."""
    return Papers(accounts.open_store(state / accounts.FILE), sessions, state, level)
