"""Days that a desk lives through by the wall clock, moved by hand, and what research makes of what was written down."""

import msgspec
import numpy as np

from mia_ml.core.moments import MINUTE
from mia_ml.datasets import days as table_days
from mia_ml.features.stream import Engine
from serving.guards.clock import AnchoredClock
from serving.intake import journal
from serving.intake.tape import tape_of
from tests import small_world
from tests.serving import live_world

S = 10**9


def first(world, kind, n=0):
    return [e for e in world.events if type(e) is kind][n]


def changed(e, **values):
    return msgspec.structs.replace(e, **values)


class Time:
    """A machine's clocks, moved by hand."""

    def __init__(self, ns):
        self.ns = ns
        self.began = ns

    def clock(self, skew_ms=2_000):
        return AnchoredClock(skew_ms * 1_000_000, wall=lambda: self.ns, monotonic=lambda: self.ns - self.began + 1)


def by_the_wall(world, state, time, listener, **changes):
    desk = world.desk(state, publish=[listener], clock=time.clock(), **{"hold_ms": 0} | changes)
    desk.core.acting.now_ns = desk.clock.now_ns
    desk._live = True
    return desk


def live_through(desk, time, events, rng, late=0.0):
    """Each event some milliseconds after its moment, some after their bar, and a tick a second."""
    coming, came = [], 0
    for e in events:
        came = max(came, e.ts_event + int(rng.integers(1, 40)) * 1_000_000)
        behind = rng.random() < late
        coming.append(((e.ts_event // MINUTE + 1) * MINUTE + 400_000_000 if behind else came, e))
    coming.sort(key=lambda each: each[0])
    for position, (came, e) in enumerate(coming, desk.resume_after("ws") + 1):
        tick = max(time.ns // S + 1, came // S - 90) * S  # of a long silence the last seconds are enough
        while tick < came:
            time.ns = max(time.ns, tick)
            desk.tick()
            tick += S
        time.ns = max(time.ns, came)
        yield desk.take("ws", [changed(e, position=position)], 0)


def rerun(world, state, day):
    """What research makes of what was written down."""
    tape = tape_of(
        {
            table: found[np.argsort(found["ts_event"], kind="stable")]
            for table, found in journal.read(state / "days" / str(day.day)).items()
        }
    )
    plan = small_world.plan(world.tables)
    engine = Engine(world.content.engine_params(), plan.sessions, plan.contracts)
    for before in plan.days:
        if before.day < day.day:
            engine.run(table_days.tape_of(before, world.content.grace_ns), before.close_ns)
    rows = engine.run(tape, day.close_ns)
    rows = rows[rows["day"] == day.day]
    scorer = world.content.scorer()
    taken = scorer.decide(rows)
    return [
        live_world.decisions.decided(rows[k : k + 1], taken[k : k + 1], day.contract, scorer) for k in range(rows.size)
    ]
