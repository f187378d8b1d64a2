"""A random tape and its signals, day by day, to be fed to a paper account in pieces."""

from typing import NamedTuple

import numpy as np

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.simulator import Result, Simulator, join
from serving.papers.accounts import Note
from serving.papers.paper import Account
from tests.backtest import worlds
from tests.backtest.market import DAYS, ES

NO_BLACKOUTS = np.zeros((0, 2), np.int64)
WHOLE = Note(bars=1380, decided=1380, complete=True, incidents=())


class World(NamedTuple):
    """days: of each day yyyymmdd, its contract, its columns and its signals."""

    kind: str
    execution: Execution
    days: tuple


def world(kind, seed, rolls=False, **chosen):
    tape = {"trades": worlds.trades, "bars": worlds.bars}[kind](seed)
    decided = worlds.decisions(seed, tape)
    day_of = DAYS["day"][np.searchsorted(DAYS["close_ns"], tape["ts_event"])]
    days = []
    for day in np.unique(np.concatenate([day_of, decided["day"]])).tolist():
        contract = "ESM4" if rolls and day >= 20240104 else "ESH4"
        columns = {name: column[day_of == day] for name, column in tape.items()}
        days.append((day, contract, columns, decided[decided["day"] == day]))
    return World(kind, Execution(**chosen), tuple(days))


def account(world, store, sessions=DAYS, version="mia-ml/3"):
    return Account(version, world.execution, ES, sessions, NO_BLACKOUTS, world.kind, store)


def research(world):
    """What research gives: `pipelines.execution.walk` without its files."""
    simulator = Simulator(world.execution, ES, DAYS, world.kind)
    results, before = [], world.days[0][1]
    for _, contract, columns, signals in world.days:
        if contract != before:
            results.append(simulator.finish())
        before = contract
        results.append(simulator.advance(columns, signals))
    return join([*results, simulator.finish()])


def pieces(world, columns, signals, cuts):
    """A day's events and signals in their one order, cut anywhere."""
    ts, when = columns["ts_event"], signals["ts_ns"]
    is_signal = np.repeat([0, 1], [ts.size, when.size])
    first = is_signal if world.kind == "bars" else 1 - is_signal
    for piece in np.split(np.lexsort([first, np.concatenate([ts, when])]), sorted(cuts)):
        events = piece[piece < ts.size]
        yield {name: column[events] for name, column in columns.items()}, signals[piece[piece >= ts.size] - ts.size]


def same(one: Result, other: Result):
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ("trades", "outcomes"))


def stored(store, version="mia-ml/3"):
    """The trades in the order of their exits, as research has them, and the outcomes."""
    trades, _ = store.trades(version)
    order = np.lexsort([trades["signal"], trades["exit_ns"]])
    return Result(trades[order], store.outcomes(version), np.zeros(0))


def live(world, store, rng=None):
    """The whole world through one account; with `rng` in pieces."""
    kept = account(world, store)
    for day, contract, columns, signals in world.days:
        kept.begin(day, contract)
        cuts = rng.integers(0, columns["ts_event"].size + 1, 5) if rng is not None else []
        for events, decided in pieces(world, columns, signals, cuts):
            kept.advance(events, decided)
            kept.save()
        kept.end(WHOLE)
        kept.save()
    return kept
