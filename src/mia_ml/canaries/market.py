"""The built-in history: ten thin simulated days with all tables, a roll among them, the same on every machine."""

import numpy as np

from mia_ml.canaries.history import VOLUME, History
from mia_ml.core.tables import Batch, Columns
from mia_ml.datasets import roll
from mia_ml.features import intake
from mia_ml.features.stream import contract_id
from mia_ml.sources import simulator
from mia_ml.sources.simulator import contracts

DAYS = 10
TEST_DAYS = 3
MIDDAY_NS = 150 * 60_000_000_000
"""The test window opens two and a half hours into a cash session, so that lives cross its opening."""


def history(params: np.ndarray, seed: int = 5) -> History:
    """params: of the engine, on minutes; their tick is set to that of ES."""
    params = params.copy()
    params["tape"]["tick"], params["frames"]["native"] = 0.25, 0
    world = simulator.World(seed=seed, start="2024-03-04", days=DAYS, intensity=0.002, overlap_days=3)
    sessions = contracts.sessions(world)
    tables: dict[tuple[str, str], list[Columns]] = {}
    for item in simulator.read(world):
        if isinstance(item, Batch):
            tables.setdefault((item.table, item.symbol), []).append(item.columns)
    joined = {
        key: {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "ts_recv"}
        for key, parts in tables.items()
    }
    traded = {symbol: columns for (table, symbol), columns in joined.items() if table == "trades"}
    volumes, front = _volumes(traded, sessions)
    tape = intake.tape(
        trades=_front_of(joined, "trades", front, sessions),
        book=_front_of(joined, "book", front, sessions),
        options=joined["options", "SPX"],
        vix=joined["vix", "VIX"],
    )
    opening_ns = int(sessions["rth_open_ns"][-TEST_DAYS]) + MIDDAY_NS
    ids = np.array([contract_id(symbol) for symbol in front])
    return History(params, sessions, ids, tape, volumes, opening_ns, int(sessions["close_ns"][-1]))


def _volumes(traded: dict[str, Columns], sessions: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """What each contract traded by day, and the one in front."""
    records = []
    by_day: dict[int, dict[str, float]] = {}
    for session in sessions:
        day = by_day.setdefault(int(session["day"]), {})
        for symbol, columns in traded.items():
            first, last = np.searchsorted(columns["ts_event"], (session["open_ns"], session["close_ns"]))
            if volume := float(columns["size"][first:last].sum()):
                day[symbol] = volume
                records.append((session["close_ns"], session["day"], contract_id(symbol), volume))
    return np.array(records, VOLUME), list(roll.front(by_day).values())


def _front_of(joined: dict[tuple[str, str], Columns], table: str, front: list[str], sessions: np.ndarray) -> Columns:
    parts = []
    for symbol, session in zip(front, sessions, strict=True):
        columns = joined[table, symbol]
        first, last = np.searchsorted(columns["ts_event"], (session["open_ns"], session["close_ns"]))
        parts.append({name: values[first:last] for name, values in columns.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
