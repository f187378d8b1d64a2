"""A small market for the live service: what research decides on it, and the same market as messages of a feed."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mia_ml import settings
from mia_ml.core.moments import NONE, iso
from mia_ml.datasets import days as table_days
from mia_ml.scoring import signals
from mia_ml.settings.serve import Serve
from mia_ml.store import parquet
from mia_ml.store.rules import Rules
from pipelines.execution import walk
from serving.app.metrics import Metrics
from serving.day import decisions, parity
from serving.day.acting import Acting
from serving.day.catch_up import begun_in
from serving.day.days import Core
from serving.day.desk import Desk
from serving.day.fleet import Fleet
from serving.day.history import Market, Snapshots
from serving.day.rail import CHAMPION, Contender
from serving.day.trading_day import record_of
from serving.guards.clock import AnchoredClock
from serving.guards.standing import Standing
from serving.intake import wire
from serving.intake.rows import Rows
from tests import small_world
from tests.scoring import small

IDLE_S = 300.0
"""How long one may take who runs when nobody else wants to, while the rest of the suite wants to."""


class Research(NamedTuple):
    """What research gives on some days: ROW and DECISION arrays, and the deterministic part of each line."""

    rows: np.ndarray
    decisions: np.ndarray
    lines: list[bytes]


class World(NamedTuple):
    """tables: of every day. before: without the last ones, which are to be lived through. days: those, Day. messages:
    their events as a feed sends them. events: the same, decoded. research: what is to be decided on them."""

    tables: Path
    before: Path
    content: object
    days: tuple
    messages: list[dict]
    events: list[wire.Event]
    research: Research

    @property
    def lines(self):
        return self.research.lines

    @property
    def end(self):
        """That the last day is over."""
        return wire.Clock(self.days[-1].close_ns)

    def walked(self, since_ns=0, prices=table_days.prices):
        """What the stages of research make of what was decided on the days to be lived, by signals after a moment."""
        fired = signals.signals_of(self.research.rows, self.research.decisions)
        plan = replace(small_world.plan(self.tables), days=tuple(self.days))
        return walk(settings.load(small_world.SHIPPED), plan, fired[fired["ts_ns"] > since_ns], "trades", prices)

    def desk(self, state, **changes):
        return desk(state, self.before, self.content, **{"today_ns": self.days[0].open_ns} | changes)


def world(root, live=1, content=None, **simulated):
    """A simulated market of which the last `live` days are to be lived through."""
    tables = small_world.write(root / "tables", **simulated)
    return of_tables(root, tables, content or small.content(small.ensemble(small.rows(tables))), live)


def eager(root, tables, live, **confluence):
    """The last days of some tables decided by a low threshold without models, and by other changes of the formula."""
    rows = small.rows(tables)
    plain = small.content(None, rows_=rows)
    confluence = {**plain.confluence, "threshold": {**plain.confluence["threshold"], "base": 0.1}, **confluence}
    return of_tables(root, tables, small.content(None, rows_=rows, confluence=confluence), live)


def of_tables(root, tables, content, live=1):
    days = table_days.plan(tables, content.instrument, content.calendar, content.native).days[-live:]
    before = root / "before"
    shutil.copytree(tables, before)
    for day in days:
        for path in before.rglob(f"{iso(day.day)}.parquet"):
            path.unlink()
    messages = []
    for day in days:
        messages += events_of(day, len(messages) + 1)
    return World(
        tables, before, content, days, messages, decoded(messages), research(content, tables, [d.day for d in days])
    )


def decoded(messages):
    """Messages as the events that a desk takes."""
    most = wire.MOST_EVENTS
    return [e for k in range(0, len(messages), most) for e in wire_events(messages[k : k + most])]


def serve_settings(**changes):
    chosen = settings.load(small_world.SHIPPED).serve.model_dump()
    return Serve.model_validate({**chosen, "clock": "event", "sync": "never", **changes})


def research(content, tables, days):
    """days: yyyymmdd, whose decisions are wanted; every day of the tables is run, to its close."""
    from mia_ml.features.stream import Engine

    plan = table_days.plan(tables, content.instrument, content.calendar, content.native)
    engine = Engine(content.engine_params(), plan.sessions, plan.contracts)
    rows, contracts = [], {}
    for day in plan.days:
        rows.append(engine.run(table_days.tape_of(day, content.grace_ns), day.close_ns))
        contracts[day.day] = day.contract
    rows = np.concatenate(rows)
    scorer = content.scorer()
    taken = scorer.decide(rows)
    wanted = np.isin(rows["day"], days)
    lines = [
        decisions.decided(rows[k : k + 1], taken[k : k + 1], contracts[int(rows["day"][k])], scorer)
        for k in np.flatnonzero(wanted)
    ]
    return Research(rows[wanted], taken[wanted], lines)


def events_of(day, first=1):
    """The events of a day of tables as a feed sends them: in event order, late ones when they came."""
    found = []
    paths = [(table, day.contract, [path]) for table, path in day.prices.items()]
    paths += [(table, table_days.INDEX[table], own) for table, own in day.indices.items()]
    for table, symbol, own in paths:
        for path in own:
            columns = parquet.read_file(path, table)
            values = {name: column.tolist() for name, column in columns.items()}
            rank = {"vix": 1, "options": 2, "trades": 3, "book": 4, "bars": 5}[table]
            for k, ts in enumerate(values["ts_event"]):
                if not day.after_ns < ts <= day.close_ns:
                    continue
                came = values["ts_recv"][k] if "ts_recv" in values else NONE
                late = came != NONE and came >= (ts // 60_000_000_000 + 1) * 60_000_000_000 + small_world.GRACE_NS
                found.append((came if late else ts, rank, len(found), message(table, symbol, values, k)))
    found.sort(key=lambda each: each[:3])
    return [msg | {"position": first + n} for n, (*_, msg) in enumerate(found)]


def message(table, symbol, values, k):
    out = {"kind": {"trades": "trade", "bars": "bar"}.get(table, table), "symbol": symbol}
    if table == "book":
        for name in ("bid_px", "ask_px", "bid_sz", "ask_sz"):
            out[name] = [_plain(values[f"{name}_{level:02d}"][k]) for level in range(5)]
        names = ["ts_event", "ts_recv"]
    else:
        names = [name for name in values if name != "provenance"]
    return out | {name: _plain(values[name][k]) for name in names if name in values}


def _plain(value):
    return None if isinstance(value, float) and math.isnan(value) else value


def desk(
    state, tables, content, *, today_ns, publish=(), follower=None, screening=None, versions=None, clock=None, **changes
):
    """A desk on a bundle's content, with tables of the days before. versions: (content, role) by name, for more."""
    serve = serve_settings(**changes)
    at_work = versions or {"mia-ml/1": (content, CHAMPION)}
    fleet = Fleet(
        Market(content, tables, state / "days", today_ns),
        Snapshots(state / "engine"),
        [Contender(name, "0" * 64, role, "", own, own.scorer()) for name, (own, role) in at_work.items()],
        lambda what, n: None,
    )
    clock = clock or AnchoredClock(serve.guards.skew_ms * 1_000_000)
    acting = Acting(Standing(), serve.guards, state / "drift", clock.now_ns)
    for contender in fleet:
        acting.know(contender.version, contender.content, max(begun_in(state), default=0))
    core = Core(serve, screening or Rules(), state, fleet, acting, Metrics())
    return Desk(core, clock, list(publish), follower or Nobody())


def bring(world, desk_, events, size=1000):
    """Consecutive events of a world as portions of a feed that was screened, tens of times as fast as messages; then
    clocks, if any."""
    mine = [e for e in events if not isinstance(e, wire.Clock)]
    first, last = (mine[0].position, mine[-1].position) if mine else (1, 0)
    assert len(mine) == last + 1 - first
    for begin in range(max(first, desk_.resume_after("ws") + 1), last + 1, size):
        rows = [part.behind(begin - 1) for part in _rows(world)]
        end = min(begin + size, last + 1)
        rows = [part._replace(records=part.records[part.records["position"] < end].copy()) for part in rows]
        desk_.take_portion("ws", True, [part for part in rows if part.records.size])
    desk_.take("ws", [e for e in events if isinstance(e, wire.Clock)], 0)


def difference(desk_, sent=None):
    """What `parity.difference` says of the day of a desk, by those at work on it."""
    fleet = desk_.core.fleet
    fresh = [replace(contender, scorer=contender.content.scorer()) for contender in fleet]
    again = Fleet(fleet.market, Snapshots(desk_.core.state / "engine"), fresh, lambda what, n: None)
    return parity.difference(again, desk_.day.day, desk_.core.rules, sent or desk_.journal)


def _rows(world):
    """The events of a world as rows of its tables, made once."""
    known = _ROWS.get(id(world.messages))
    if known is None:
        found = {}
        for e in world.events:
            table, record = record_of(e, 0, NONE if e.ts_recv is None else e.ts_recv)
            found.setdefault((table, e.symbol), []).append(record)
        rows = [Rows(table, symbol, np.concatenate(parts)) for (table, symbol), parts in found.items()]
        known = _ROWS[id(world.messages)] = (world.messages, rows)
    return known[1]


_ROWS: dict = {}


class Nobody:
    """Follows nothing."""

    def champion_is(self, contender, day): ...

    def follow(self, day, out): ...

    def end(self, day, bars): ...


def wire_events(messages):
    return wire.decode(wire.encode(messages))


def reopened(desk_):
    """A desk after a start: it goes on with the last day that was begun."""
    begun = begun_in(desk_.core.state)
    if begun:
        desk_.open_day(int(np.searchsorted(desk_.core.fleet.market.sessions["day"], begun[-1])))
    return desk_


def decision_of(line):
    """The deterministic part of a line."""
    return bytes(decisions._KEPT.decode(line).decision)


def on_disk(state):
    """The journal of all days, lines."""
    files = sorted((state / "decisions").glob("*.jsonl"))
    return b"".join(path.read_bytes() for path in files).splitlines(keepends=True)
