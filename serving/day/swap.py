"""A change of versions while the service runs: the newcomer catches up beside the others, then takes over at once.

A version whose features are those of one at work joins its engine, with the rows of the day. Another gets an engine of
its own: the days before and the log of today are run in a thread, then what has come meanwhile, between two events.
"""

import asyncio

import numpy as np

from serving.day.desk import Desk
from serving.day.history import Snapshots
from serving.day.rail import CHAMPION, STANDBY, Contender, Rail
from serving.day.trading_day import TradingDay
from serving.intake import journal
from serving.intake.merge import Found
from serving.intake.tape import tape_of


async def join(desk: Desk, snapshots: Snapshots, newcomer: Contender) -> None:
    """Let a version in. Raises DataError when it cannot share the tape."""
    fleet = desk.core.fleet
    fleet.check(newcomer)
    day = desk.day
    desk.core.acting.know(newcomer.version, newcomer.content, day.day if day else 0)
    rail = fleet.rail_of(newcomer)
    if rail is None and day is not None:
        rail = await _caught_up(desk, snapshots, newcomer, day)
    if day is not desk.day:
        await join(desk, snapshots, newcomer)  # the day has turned meanwhile
        return
    if rail is None:
        fleet.invite(newcomer)
        return
    fleet.add(newcomer, rail)
    if day is not None:
        desk.take_up(newcomer)


def take_over(desk: Desk, newcomer: Contender) -> None:
    """The champion from the next bar on; who was it until now stands by."""
    before = desk.core.fleet.champion
    if before is newcomer:
        return
    give(desk, before, STANDBY)
    give(desk, newcomer, CHAMPION)


def give(desk: Desk, contender: Contender, role: str) -> None:
    """A role from the next bar on, on the record of the day: a restart goes by it."""
    if contender.role == role:
        return
    contender.role = role
    if desk.day is not None:
        desk.take_up(contender)


async def _caught_up(desk: Desk, snapshots: Snapshots, newcomer: Contender, day: TradingDay) -> Rail:
    """A rail of its own that has seen what the others have."""
    arrivals, fleet = day.arrivals, desk.core.fleet
    arrivals.log.flush()
    before = _released(day)

    def build() -> Rail:
        engine = snapshots.engine_before(fleet.market, newcomer.content, day.day, lambda what, n: None)
        rail = Rail(engine, [newcomer])
        rail.run(tape_of(_sorted(before)))
        return rail

    rail = await asyncio.to_thread(build)
    arrivals.log.flush()
    after = _released(day)
    rest = {table: _without(records, before.get(table)) for table, records in after.items()}
    rail.run(tape_of(_sorted(rest)), day.rails[0].engine.last_close_ns)
    rail.contenders = [newcomer]
    return rail


def _released(day: TradingDay) -> Found:
    """What the engines at work have seen of the day."""
    waiting = day.arrivals.merge.numbers()
    found = journal.read(day.arrivals.log.folder)
    return {table: records[~np.isin(records["number"], waiting)] for table, records in found.items()}


def _without(records: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    return records if seen is None else records[~np.isin(records["number"], seen["number"])]


def _sorted(found: Found) -> Found:
    return {table: records[np.argsort(records["ts_event"], kind="stable")] for table, records in found.items()}
