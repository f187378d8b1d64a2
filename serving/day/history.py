"""What the days before left in the engine: replayed once, then kept as a snapshot.

Days come from the service's own logs where it saw them to their end, else from the canonical tables. Each day's
snapshot is named by a hash of everything that led to it: a file that changed anywhere before is noticed and run again.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mia_ml.core import calendar, kernel
from mia_ml.core.errors import DataError
from mia_ml.datasets import days as table_days
from mia_ml.features import engine
from mia_ml.features.stream import Engine, contract_id
from mia_ml.features.tape import Tape
from mia_ml.scoring.content import Content
from serving.intake import journal
from serving.intake.tape import tape_of
from serving.unavailable import Unavailable

Show = Callable[[str, int], None]


@dataclass(frozen=True)
class PastDay:
    """A finished trading day. tape: reads its events. identity: changes when they do."""

    day: int
    contract: str
    identity: str
    tape: Callable[[int], Tape]


class Market:
    """The trading days of one instrument as the service knows them.

    sessions: SESSION records. contracts: int64 beside them, what was traded; 0 on days without data. Engines share it.
    """

    def __init__(self, content: Content, tables: Path, logs: Path, today_ns: int) -> None:
        self.calendar_name = content.calendar
        self.native = content.native
        self.root = content.instrument
        self.tables = tables
        self.logs = logs
        found = self._table_days()
        learnt = content.training.first_day // 10_000  # what is replayed may be as old as that
        first = min([learnt, _year(today_ns) - 1, *(day.day // 10_000 for day in found)])
        loaded = calendar.load(content.calendar, first, _year(today_ns) + 1)
        self.sessions = loaded.sessions.copy()
        self.contracts = np.zeros(self.sessions.size, np.int64)
        self._found = found
        for day in found:
            self.trades(day.day, day.contract)

    def at(self, ts_ns: int) -> int:
        """Position of the trading day a moment belongs to. Raises DataError beyond the calendar."""
        at = int(np.searchsorted(self.sessions["close_ns"], ts_ns, side="left"))
        if at == self.sessions.size or ts_ns < self.sessions["midnight_ns"][0]:
            raise DataError(
                f"{np.datetime64(ts_ns, 'ns')}Z lies outside the trading days {self._span()}; check the clock"
            )
        return at

    def trades(self, day: int, contract: str) -> None:
        """Say what is traded on a day."""
        at = int(np.searchsorted(self.sessions["day"], day))
        self.contracts[at] = contract_id(contract)

    def before(self, day: int) -> list[PastDay]:
        """Days with data before a trading day, in order: the service's own where it saw their end, or nobody else has
        them, else the tables'."""
        past = {found.day: self._from_tables(found) for found in self._found if found.day < day}
        for folder in sorted(self.logs.glob("[0-9]*")):
            own = int(folder.name)
            if own >= day or not (folder / "day.json").is_file():
                continue
            about = journal.about(folder)
            if about.contract and (own not in past or about.finished):  # without a price it is no day of data
                past[own] = self._from_log(folder, about)
        for known in past.values():
            self.trades(known.day, known.contract)
        return [past[day] for day in sorted(past)]

    def tables_of(self, day: int) -> table_days.Day | None:
        """The tables' part of a trading day."""
        return next((found for found in self._found if found.day == day), None)

    def _table_days(self) -> tuple[table_days.Day, ...]:
        if not self.tables.is_dir():
            return ()
        try:
            return table_days.plan(self.tables, self.root, self.calendar_name, self.native).days
        except DataError:
            return ()  # no tables yet: the service begins with what it hears

    def _from_tables(self, day: table_days.Day) -> PastDay:
        files = [*day.prices.values(), *(path for paths in day.indices.values() for path in paths)]
        stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files)]
        return PastDay(day.day, day.contract, repr(stats), lambda grace_ns: table_days.tape_of(day, grace_ns))

    def _from_log(self, folder: Path, about: journal.Day) -> PastDay:
        stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.log"))]

        def tape(grace_ns: int) -> Tape:
            return tape_of({table: _sorted(records) for table, records in journal.read(folder).items()})

        return PastDay(about.day, about.contract, repr(stats), tape)

    def _span(self) -> str:
        return f"{self.sessions['day'][0]}..{self.sessions['day'][-1]}"


def _sorted(records: np.ndarray) -> np.ndarray:
    return records[np.argsort(records["ts_event"], kind="stable")]


def _year(ts_ns: int) -> int:
    return int(np.datetime64(ts_ns, "ns").astype("datetime64[Y]").astype(int)) + 1970


class Snapshots:
    """Engine snapshots in a folder. writes: whether new ones are kept there."""

    def __init__(self, folder: Path, writes: bool = True) -> None:
        self.folder = folder
        self._writes = writes
        folder.mkdir(parents=True, exist_ok=True)

    def engine_before(self, market: Market, content: Content, day: int, show: Show) -> Engine:
        """An engine that has seen every day before `day`, from the latest snapshot on that still holds."""
        built = Engine(content.engine_params(), market.sessions, market.contracts)
        past = market.before(day)
        keys = _keys(content, past)
        start = next((k for k in range(len(past), 0, -1) if self._holds(keys[k - 1])), 0)
        if start:
            built.restore(self._file(keys[start - 1]).read_bytes())
        events = 0
        for own in past[start:]:
            events += _run_whole(built, market, own, content.grace_ns)
            show(str(own.day), events)
        if past[start:] and self._writes:
            self._keep(keys[-1], built)
        return built

    def keep(self, market: Market, content: Content, day: int, built: Engine) -> None:
        """Keep an engine that has seen every day before `day`."""
        past = market.before(day)
        if past:
            self._keep(_keys(content, past)[-1], built)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.state"

    def _holds(self, key: str) -> bool:
        file = self._file(key)
        return file.is_file() and file.stat().st_size == engine.STATE.itemsize  # a lost power leaves less of it

    def _keep(self, key: str, built: Engine) -> None:
        beside = self.folder / f".{key}.part"
        try:
            beside.write_bytes(built.snapshot())
            os.replace(beside, self._file(key))
        except OSError as error:
            raise Unavailable(f"{beside}: {error.strerror}; no day ends until it can be written") from None
        for old in sorted(self.folder.glob("*.state"), key=lambda path: path.stat().st_mtime)[:-8]:
            old.unlink()


def _run_whole(built: Engine, market: Market, own: PastDay, grace_ns: int) -> int:
    events = own.tape(grace_ns)
    at = int(np.searchsorted(market.sessions["day"], own.day))
    built.run(events, int(market.sessions["close_ns"][at]))
    return events.trade_ts.size + events.book_ts.size + events.bars.size


def _keys(content: Content, past: list[PastDay]) -> list[str]:
    digest = hashlib.sha256(content.engine_params().tobytes())
    digest.update(f"{kernel.version('features')} {engine.STATE.itemsize} {content.grace_ns}".encode())
    keys = []
    for own in past:
        digest.update(f"{own.day} {own.contract} {own.identity}".encode())
        keys.append(digest.hexdigest()[:32])
    return keys
