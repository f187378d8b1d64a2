"""Formulas from plain settings, and rows that hold only what a formula reads."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.core.moments import MINUTE
from mia_ml.features import engine, volatility
from mia_ml.features.clock import SESSIONS
from mia_ml.scoring.scorer import Scorer

NOON = 1_709_568_000_000_000_000


@pytest.fixture(scope="session")
def shipped():
    return settings.load(Path(__file__).resolve().parents[2] / "params.yaml")


@pytest.fixture
def make_formula(shipped):
    """A formula of two terms, vwap .6 and dow -.4, threshold .25, multipliers 1, no cooldown; changes by keyword."""

    def make(**changes):
        plain = shipped.confluence.model_dump() | {
            "terms": {"vwap_trend_globex": 0.6, "dow_trend_regime": -0.4},
            "threshold": {"base": 0.25, "low": 0.8, "high": 1.4, "session": False},
            "session": dict.fromkeys(SESSIONS, 1.0),
            "gamma_cycle": dict.fromkeys(formula.CYCLE, 1.0),
            "volatility_adjustment": {"low": 1.0, "normal": 1.0, "high": 1.0},
            "cooldown_minutes": 0,
            "max_signals_per_day": 100,
        }
        return formula.build(plain | changes, shipped.context.model_dump())

    return make


def rows(vwap, dow=0.0, **fields):
    """One ROW a minute from two components; other fields by keyword, scalars or arrays."""
    out = np.zeros(len(vwap), engine.ROW)
    out["ts"] = NOON + MINUTE * np.arange(len(vwap))
    out["day"] = 20240304
    out["session"] = SESSIONS.index("midday")
    out["volatility_regime"] = volatility.NORMAL
    out["days_to_expiry"] = 15
    out["vwap_trend_globex"] = vwap
    out["dow_trend_regime"] = dow
    for name, values in fields.items():
        out[name] = values
    return out


def decide(formula_, rows_):
    return Scorer(formula_).decide(rows_)
