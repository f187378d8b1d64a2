"""The paper accounts of all versions at work: what their signals would have come to, at each bar close.

A version's account is begun when it begins to decide; while it only stands by, what it holds is seen to its end.
"""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mia_ml.core.tables import Columns
from mia_ml.judge.judgement import Judgement
from mia_ml.scoring import signals
from serving import accounts, events, shadow, statement
from serving.accounts import Note, Store
from serving.paper import Account
from serving.rail import STANDBY, Contender, Verdict
from serving.trading_day import TradingDay
from serving.unavailable import Unavailable


class Papers:
    """store: where they are kept. sessions: of the market, for all days to come. level: of running intervals."""

    def __init__(self, store: Store, sessions: np.ndarray, state: Path, level: float) -> None:
        self.store = store
        self.judgements: dict[str, Judgement | None] = {}
        self._accounts: dict[str, Account] = {}
        self._sessions = sessions
        self._state = state
        self._level = level
        self._day = 0
        self._bars: dict[str, set[int]] = {}
        self._incidents: dict[str, None] = {}
        self._curves: dict[str, list[tuple[int, float]]] = {}
        self._ended: set[str] = set()
        self._champions: list[tuple[int, str]] = []
        self._pairings: dict[str, dict[str, Any] | None] = {}

    def follow(self, day: TradingDay, out: list[tuple[Verdict, bool]]) -> None:
        """Decisions that are out, and whether each is acted upon, in time; what was printed meanwhile is the day's."""
        if day.day != self._day:
            self._day = day.day
            self._bars.clear()
            self._incidents.clear()
            self._curves.clear()
            self._ended.clear()
        prints, bars = day.take_prints()
        tape: Columns = prints
        if bars.size:
            tape = events.columns("bars", bars)
        for contender in (contender for rail in day.rails for contender in rail.contenders):
            if contender.role != STANDBY or contender.version in self._accounts:  # what is open is seen to its end
                mine = [(verdict, act) for verdict, act in out if verdict.contender is contender]
                self._advance(contender, day, tape, mine)
        with contextlib.suppress(Unavailable):  # nothing is lost: it is saved the next time
            self.save()

    def champion_is(self, contender: Contender, day: int) -> None:
        """From here on in a trading day; written with what is saved next."""
        self._champions.append((day, contender.version))

    def incident(self, text: str) -> None:
        """Something that a day on paper must not hide."""
        self._incidents[text] = None

    def save(self) -> None:
        """All that is new to the store. Raises Unavailable."""
        while self._champions:
            self.store.champion(*self._champions[0])
            del self._champions[0]
        for account in self._accounts.values():
            account.save()

    def end(self, day: TradingDay, contenders: Iterable[Contender], bars: int) -> None:
        """The trading day is over; `bars` it had. Raises Unavailable: end it again."""
        for contender in contenders:
            account = self._accounts.get(contender.version)
            if account is None or account.day != day.day:
                continue
            decided = len(self._bars.get(contender.version, ()))
            note = Note(bars, decided, decided >= bars, tuple(self._incidents))
            if contender.version not in self._ended:
                account.end(note)
                self._ended.add(contender.version)
            self.save()
            statement.write_evidence(self._state, self.store, contender.version, self._level)
        self._pairings.clear()

    def state(self, version: str) -> dict[str, Any] | None:
        account = self._accounts.get(version)
        return account.state() if account else None

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Equity in USD at bar closes of the day, ns UTC, by version."""
        return self._curves

    def against_champion(self, version: str) -> dict[str, Any] | None:
        if version not in self._pairings:
            self._pairings[version] = shadow.against_champion(self.store, version, self._level)
        return self._pairings[version]

    def statement(self, day: int | None) -> dict[str, Any]:
        """Raises DataError for a day that is not known."""
        now: Mapping[str, Any] = {version: account.state() for version, account in self._accounts.items()}
        running = now if day in (None, self._day) else {}
        return statement.of_all(self.store, day, self._level, self.judgements, running)

    def _advance(self, by: Contender, day: TradingDay, tape: Columns, mine: list[tuple[Verdict, bool]]) -> None:
        account = self._accounts.get(by.version)
        if account is None:
            account = self._accounts[by.version] = self._account(by)
        if account.day != day.day:
            account.begin(day.day, day.arrivals.contract)
        seen = self._bars.setdefault(by.version, set())
        seen.update(int(verdict.row["ts"][0]) for verdict, _ in mine)
        acted = [verdict for verdict, act in mine if act]
        if acted:
            rows = np.concatenate([verdict.row for verdict in acted])
            taken = np.concatenate([verdict.decision for verdict in acted])
            account.advance(tape, signals.signals_of(rows, taken))
        elif tape["ts_event"].size:
            account.advance(tape)
        if mine:
            self._curves.setdefault(by.version, []).append((int(mine[-1][0].row["ts"][0]), account.equity_usd))

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


def in_folder(state: Path, sessions: np.ndarray, level: float) -> Papers:
    """The accounts of a state folder. Raises DataError, Unavailable."""
    return Papers(accounts.open_store(state / accounts.FILE), sessions, state, level)
