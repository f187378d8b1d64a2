"""The built-in history, and a small run of the pipeline's rooms with all that the audit asks for."""

import numpy as np
import pytest

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import signals
from mia_ml.backtest.simulator import Simulator, join
from mia_ml.canaries import market, products
from mia_ml.core import calendar
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.core.moments import MINUTE
from mia_ml.datasets import build, days
from mia_ml.features import intake
from mia_ml.features.stream import Engine
from mia_ml.labels.barriers import Walker
from mia_ml.scoring.scorer import Scorer
from mia_ml.store import parquet
from tests import small_world

EXECUTION, ES = Execution(), INSTRUMENTS["ES"]
HOUR = 60 * MINUTE


@pytest.fixture(scope="session")
def engine_params():
    return small_world.engine_params()


@pytest.fixture(scope="session")
def history(engine_params):
    return market.history(engine_params)


def labels_of(plan, rows, barrier, prices_of, table):
    walker = Walker(EXECUTION, ES, sessions_of(plan), table)
    found = []
    for position, day in enumerate(plan.days):
        if position and day.contract != plan.days[position - 1].contract:
            found.append(walker.finish())
        own = rows["day"] == day.day
        found.append(walker.advance(prices_of(day), rows["ts"][own], rows["day"][own], barrier[own]))
    return np.concatenate([*found, walker.finish()])


def trades_of(plan, rows, barrier, prices_of, table):
    """One decision an hour, now up, now down."""
    chosen = np.flatnonzero((rows["minute_of_day"] % 60 == 0) & np.isfinite(barrier))
    side = np.where(np.arange(chosen.size) % 2, 1, -1)
    decided = signals(rows["ts"][chosen], rows["day"][chosen], side, barrier[chosen])
    simulator, results = Simulator(EXECUTION, ES, sessions_of(plan), table), []
    for position, day in enumerate(plan.days):
        if position and day.contract != plan.days[position - 1].contract:
            results.append(simulator.finish())
        results.append(simulator.advance(prices_of(day), decided[decided["day"] == day.day]))
    return join([*results, simulator.finish()]).trades


def sessions_of(plan):
    first, last = (np.searchsorted(plan.sessions["day"], plan.days[at].day) for at in (0, -1))
    return plan.sessions[first : last + 1]


def run_of(plan, params, native, rows, tape_of, prices_of):
    """Everything that a run over the days of a plan makes: its last two days are tested on the ones before."""
    table = "bars" if native else "trades"
    barrier = np.fmax(rows["atr_5m"], rows["atr_5m_usual"])
    labels = labels_of(plan, rows, barrier, prices_of, table)
    opens_ns, embargo_ns = plan.days[-2].open_ns, 60 * MINUTE
    trained = labels[labels["end_ns"].max(axis=1) < opens_ns - embargo_ns]
    tested = rows[rows["day"] >= plan.days[-2].day]
    return products.Run(
        params=params,
        days=plan,
        native=native,
        tape_of=tape_of,
        prices_of=prices_of,
        rows=rows,
        labels=labels,
        barrier=barrier,
        execution=EXECUTION,
        instrument=ES,
        blackouts=np.zeros((0, 2), np.int64),
        trades=trades_of(plan, rows, barrier, prices_of, table),
        folds=[products.window("last days", trained, opens_ns, plan.days[-1].close_ns, embargo_ns)],
        policies=[products.Policy("configured", lambda r: Scorer(small_world.shipped_formula()).decide(r), tested)],
    )


@pytest.fixture(scope="session")
def sound(tmp_path_factory, engine_params):
    """Five thin days of ticks with a roll, from files as the pipeline has them."""
    root = small_world.write(tmp_path_factory.mktemp("tables"), 0, 5, overlap_days=3, days=8)
    plan = small_world.plan(root)
    return run_of(
        plan,
        engine_params,
        False,
        np.concatenate([rows for _, rows in build.rows(engine_params, plan, small_world.GRACE_NS)]),
        lambda day: days.tape_of(day, small_world.GRACE_NS),
        lambda day: parquet.read_file(day.prices["trades"], "trades"),
    )


@pytest.fixture(scope="session")
def sound_bars():
    """A hundred days of hourly bars: more than an engine carries."""
    sessions = calendar.load("cme_globex", 2024, 2024).sessions
    rng = np.random.default_rng(3)
    price, tables, plan = 5000.0, {}, []
    for session in sessions[10:110]:
        ts = np.arange(session["open_ns"] + HOUR, session["close_ns"] + 1, HOUR)
        close = price + 0.25 * np.cumsum(rng.integers(-20, 21, ts.size))
        bars = {"ts_event": ts, "open": np.append(price, close[:-1]), "close": close}
        bars["high"] = np.maximum(bars["open"], close) + 0.25 * rng.integers(0, 20, ts.size)
        bars["low"] = np.minimum(bars["open"], close) - 0.25 * rng.integers(0, 20, ts.size)
        bars["volume"] = rng.integers(1, 9000, ts.size).astype(float)
        bars |= {name: np.full(ts.size, np.nan) for name in ("buy_volume", "sell_volume", "n_trades")}
        price, day = float(close[-1]), int(session["day"])
        tables[day] = bars
        plan.append(days.Day(day, "ESH4", {}, {}, 0, int(session["open_ns"]), int(session["close_ns"]), 0.25))
    params = small_world.engine_params(native=True)
    held = days.Days(tuple(plan), sessions, np.full(sessions.size, 1))
    stream = Engine(params, held.sessions, held.contracts)

    def tape_of(day):
        return intake.tape(bars=tables[day.day])

    rows = np.concatenate([stream.run(tape_of(day)) for day in plan])
    return run_of(held, params, True, rows, tape_of, lambda day: tables[day.day])
