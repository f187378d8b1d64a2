"""Random rows with their labels, and random formulas, over two ES days."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from mia_ml import settings
from mia_ml.backtest.execution import Execution
from mia_ml.confluence import formula
from mia_ml.confluence.formula import Formula
from mia_ml.core.moments import MINUTE
from mia_ml.features import engine
from mia_ml.features.clock import SESSIONS
from mia_ml.labels.barriers import Walker
from mia_ml.labels.records import LABEL, SIDES
from tests.backtest import worlds
from tests.backtest.market import DAYS, ES

SHIPPED = settings.load(Path(__file__).resolve().parents[2] / "params.yaml")
CONTEXT = SHIPPED.context.model_dump()
COMPONENTS = engine.COMPONENTS[:9]
BARRIERS = (np.nan, 0.1, 1.0, 2.1, 5.0)

FACTORS = st.sampled_from([0.0, 0.5, 0.7, 0.8, 1.0, 1.1, 1.2, 1.3])
WEIGHTS = st.floats(-1, 1).filter(lambda weight: abs(weight) > 0.01)


@st.composite
def formulas(draw) -> Formula:
    names = draw(st.lists(st.sampled_from(COMPONENTS), min_size=1, unique=True))
    changes = {
        "terms": {name: draw(WEIGHTS) for name in names},
        "min_weight_present": draw(st.sampled_from([0.0, 0.6, 1.0])),
        "threshold": {
            "base": draw(st.floats(0.0, 0.4)),
            "low": draw(FACTORS),
            "high": draw(FACTORS),
            "session": draw(st.booleans()),
        },
        "session": {name: draw(FACTORS) for name in SESSIONS},
        "gamma_cycle": {name: draw(FACTORS) for name in formula.CYCLE},
        "volatility_adjustment": {name: draw(FACTORS) for name in ("low", "normal", "high")},
        "cooldown_minutes": draw(st.sampled_from([0, 3, 15])),
        "max_signals_per_day": draw(st.sampled_from([1, 3, 100])),
    }
    return make_formula(**changes)


def make_formula(context: dict[str, Any] = CONTEXT, **changes: Any) -> Formula:
    return formula.build(SHIPPED.confluence.model_dump() | changes, context)


def rows(seed: int, n: int, missing: float) -> np.ndarray:
    """ROW of random minutes: components that wander, runs of contexts, some components missing, for a while or once."""
    rng = np.random.default_rng(seed)
    open_minutes = np.concatenate([np.arange(d["open_ns"] // MINUTE + 1, d["close_ns"] // MINUTE + 1) for d in DAYS])
    later = open_minutes[open_minutes * MINUTE > worlds.START]
    out = np.zeros(min(n, later.size), engine.ROW)
    out["ts"] = np.sort(rng.choice(later, out.size, replace=False)) * MINUTE
    out["day"] = DAYS["day"][np.searchsorted(DAYS["close_ns"], out["ts"])]

    def runs(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, 25)[: out.size]

    out["session"] = runs(rng.integers(0, len(SESSIONS), n))
    out["volatility_regime"] = runs(rng.integers(0, 4, n))
    out["days_to_expiry"] = runs(rng.integers(0, 15, n))
    for name in COMPONENTS:
        out[name] = np.clip(np.cumsum(rng.choice([-0.2, -0.05, 0.0, 0.05, 0.2], out.size)) % 2 - 1, -1, 1)
        out[name][rng.random(out.size) < missing] = np.nan
        out[name][runs(rng.random(n) < missing)] = np.nan
    return out


def no_labels(rows_: np.ndarray) -> np.ndarray:
    labels = np.zeros((rows_.size, len(SIDES)), LABEL)
    labels["signal_ns"], labels["side"] = rows_["ts"][:, None], SIDES
    return labels


def labels_of(kind: str, tape: dict[str, np.ndarray], rows_: np.ndarray, barrier: np.ndarray, execution: Execution):
    walker = Walker(execution, ES, DAYS, kind)  # type: ignore[arg-type]
    labels = walker.advance(tape, rows_["ts"].copy(), rows_["day"].copy(), barrier)
    return np.concatenate([labels, walker.finish()])
