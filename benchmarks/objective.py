"""One objective evaluation, a formula scored, crossed, traded and judged, over 500 thousand bars and 10 components.

The market is synthetic and made so that our rules and the peers' coincide: a bar opens where the one before closed;
prices move in two ticks and barriers stand an odd number of ticks away, so that touching and trading through are one;
the bar after a crossing is narrower than the stop, since vectorbt holds no stop against the bar it enters on. No
time-out, costs, latency or flat time, which not all of them have. Other bars may touch both barriers: the stop is
first.
"""

import functools
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from benchmarks import peer_environment
from benchmarks.figures import Figure
from benchmarks.timing import medians
from mia_ml import settings
from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import Exit
from mia_ml.confluence import formula
from mia_ml.confluence.formula import Formula
from mia_ml.core import calendar
from mia_ml.core.errors import DataError
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.core.moments import MINUTE
from mia_ml.core.tables import Columns
from mia_ml.evaluation import candidates, columns, policy, statistics
from mia_ml.evaluation.panel import CONTEXTS, DAY_START, Panel
from mia_ml.evaluation.statistics import Statistics
from mia_ml.features import engine
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from mia_ml.labels.barriers import Walker
from mia_ml.labels.records import LABEL, SIDES

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"
BARS = 500_000
WEIGHTS = (0.20, 0.15, 0.12, 0.13, 0.08, 0.08, 0.09, 0.15, 0.10, 0.05)
COMPONENTS = engine.COMPONENTS[: len(WEIGHTS)]
WARM_UP = 10  # bars without the first two components, every day
ES = INSTRUMENTS["ES"]
BARRIER = 2.6  # points: a stop 11 ticks away, a take-profit 21
EXECUTION = Execution(
    timeout_bars=10**9,
    timeout_bar_min=0,
    latency_ms=0,
    slippage_ticks=0.0,
    commission_ticks=0.0,
    flat_at_session_end=False,
)
PEERS = {"vectorbt": ("vectorbt==1.2.0",), "backtesting": ("backtesting==0.6.6",)}
SCRIPT = Path(__file__).with_name("objective_peer.py")


@dataclass(frozen=True)
class Case:
    """A study's panel, a formula, and the bars behind it."""

    panel: Panel
    formula: Formula
    labels: np.ndarray
    bars: Columns

    def trades(self) -> np.ndarray:
        return policy.run(self.panel, self.formula, 0, self.panel.ts.size)

    def evaluate(self) -> Statistics:
        """The objective evaluation that is timed."""
        return statistics.of(self.panel, self.trades(), 0, self.panel.ts.size, EXECUTION.capital_usd)


@functools.cache
def case(n: int = BARS, seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    context = settings.load(PARAMS).context.model_dump()
    sessions = calendar.load("cme_globex", 2022, 2024).between(20220103, 20241230)
    rows = _rows(rng, n, sessions)
    chosen = _formula(context)
    unlabelled = np.zeros((n, len(SIDES)), LABEL)
    unlabelled["signal_ns"], unlabelled["side"] = rows["ts"][:, None], SIDES
    panel = Panel.build(rows, unlabelled, COMPONENTS, context)
    bars = _bars(rng, rows["ts"], candidates.of(panel, chosen, 0, n)["row"])
    walker = Walker(EXECUTION, ES, sessions, "bars")
    labels = [walker.advance(bars, rows["ts"].copy(), rows["day"].copy(), np.full(n, BARRIER)), walker.finish()]
    return Case(Panel.build(rows, np.concatenate(labels), COMPONENTS, context), chosen, np.concatenate(labels), bars)


def speed() -> Iterator[Figure]:
    """On one core, from the panel to the statistics."""
    study = case()
    seconds, read_s = _seconds(study), _reading(study.panel)
    note = (
        f"{BARS:,} bars, {len(COMPONENTS)} components, {study.trades().size:,} trades; "
        f"reading the components alone takes {1e3 * read_s:.1f} ms"
    )
    yield Figure("objective_ms", 1e3 * seconds, "ms", 7.0, at_least=False, note=note)


def against(peer: str, name: str, target: float) -> Iterator[Figure]:
    """How many times longer a peer takes. Raises DataError unless it makes our trades."""
    study = case()
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-peer-") as folder:
        peer_s = run_peer(study, peer, Path(folder))
        why = disagreement(ours(study), np.load(Path(folder) / f"trades-{peer}.npy"))
    if why:
        raise DataError(f"{peer} and mia-ml differ in {why}")
    ours_s = _seconds(study)
    note = f"{1e3 * ours_s:.1f} ms against {peer_s:.2f} s, the same {study.trades().size:,} trades"
    yield Figure(name, peer_s / ours_s, "times", target, note=note)


def run_peer(study: Case, peer: str, folder: Path) -> float:
    """Seconds of one evaluation by a peer; its trades stay in the folder."""
    python = peer_environment.ensured(peer, PEERS[peer])
    write(study, folder)
    return float(peer_environment.answer(python, SCRIPT, peer, str(folder))["seconds"])


def write(study: Case, folder: Path) -> None:
    """What `objective_peer` reads."""
    panel, record = study.panel, study.formula.record[0]
    contexts = columns.room()[0]
    columns.settle(record, 1.0, contexts[0])
    np.save(folder / "bars.npy", np.stack([study.bars[name] for name in ("open", "high", "low", "close")]))
    np.save(folder / "components.npy", panel.matrix)
    np.save(folder / "context.npy", panel.context % DAY_START)
    np.save(folder / "day.npy", panel.day)
    np.save(folder / "multiplier.npy", contexts["multiplier"][0, :CONTEXTS])
    np.save(folder / "threshold.npy", contexts["threshold"][0, :CONTEXTS])
    rules = {
        "weights": list(WEIGHTS),
        "least_weight": float(record["least_weight"]),
        "risk": float(study.labels["risk_ticks"][0, 0]) * ES.tick,
        "target": float(study.labels["target_ticks"][0, 0]) * ES.tick,
    }
    (folder / "rules.json").write_text(json.dumps(rules))


def ours(study: Case) -> np.ndarray:
    """Our closed trades as a peer writes its own: entry bar, side, exit bar, points."""
    trades = study.trades()
    label = study.labels[trades["row"], np.where(trades["side"] > 0, 0, 1)]
    exit_bar = np.searchsorted(study.panel.ts, label["exit_ns"])
    found = np.column_stack([trades["row"] + 1, trades["side"], exit_bar, label["net_ticks"] * ES.tick])
    return found[label["exit_reason"] != Exit.TAPE_END]


def disagreement(mine: np.ndarray, theirs: np.ndarray) -> str:
    """The first trade that differs, empty when none does."""
    for i in range(max(len(mine), len(theirs))):
        if i >= min(len(mine), len(theirs)):
            return f"their number: {len(theirs)} against {len(mine)}"
        if (mine[i, :3] != theirs[i, :3]).any() or abs(mine[i, 3] - theirs[i, 3]) > 1e-6:
            return f"trade {i}: entry bar, side, exit bar, points {theirs[i].tolist()} against {mine[i].tolist()}"
    return ""


def _rows(rng: np.random.Generator, n: int, sessions: np.ndarray) -> np.ndarray:
    """Consecutive minutes: components that wander, sessions and cycle by time, regimes in runs of half an hour."""
    rows = np.zeros(n, engine.ROW)
    length = (sessions["close_ns"] - sessions["open_ns"]) // MINUTE
    day = np.repeat(np.arange(sessions.size), length)[:n]
    minute = np.concatenate([np.arange(1, count + 1) for count in length])[:n]
    rows["ts"] = sessions["open_ns"][day] + minute * MINUTE
    rows["day"] = sessions["day"][day]
    rows["session"] = minute * len(SESSIONS) // (length.max() + 1)
    rows["days_to_expiry"] = sessions["days_to_expiry"][day]
    rows["volatility_regime"] = np.repeat(rng.integers(0, len(REGIMES), n // 30 + 1), 30)[:n]
    for k, name in enumerate(COMPONENTS):
        memory = 0.9
        wandering = lfilter([0.5 * np.sqrt(1 - memory**2)], [1, -memory], rng.normal(size=n))
        rows[name] = np.clip(wandering, -1, 1)
        if k < 2:
            rows[name][minute <= WARM_UP] = np.nan
    return rows


def _formula(context: dict[str, object]) -> Formula:
    plain = settings.load(PARAMS).confluence.model_dump() | {
        "terms": dict(zip(COMPONENTS, WEIGHTS, strict=True)),
        "cooldown_minutes": 0,
        "max_signals_per_day": BARS,
    }
    return formula.build(plain, context)


def _bars(rng: np.random.Generator, ts: np.ndarray, crossed: np.ndarray) -> Columns:
    two_ticks = 2 * ES.tick

    def even(points: np.ndarray) -> np.ndarray:
        return np.round(points / two_ticks) * two_ticks

    narrow = np.zeros(ts.size + 1, np.bool_)
    narrow[crossed + 1] = True
    most = np.where(narrow[:-1], 2.5, 20.0)  # points from the open; the stop is 2.75 away
    step = np.clip(even(rng.normal(size=ts.size)), -most, most)
    close = 20_000 + np.cumsum(step)
    opened = close - step
    wick = np.where(rng.random(ts.size) < 0.02, 8.0, 0.5)
    above, below = (even(wick * rng.random(ts.size)) for _ in range(2))
    return {
        "ts_event": ts.copy(),
        "open": opened,
        "high": np.minimum(np.maximum(opened, close) + above, opened + most),
        "low": np.maximum(np.minimum(opened, close) - below, opened - most),
        "close": close,
        "volume": np.ones(ts.size),
    }


def _seconds(study: Case) -> float:
    """One evaluation of ten in a row, as a study runs them and as the peers are timed."""
    (seconds,) = medians(lambda: [study.evaluate() for _ in range(10)], repetitions=15)
    return seconds / 10


def _reading(panel: Panel) -> float:
    """Seconds that one sum over the component matrix takes: the memory's share."""
    (seconds,) = medians(panel.matrix.sum, repetitions=21)
    return seconds
