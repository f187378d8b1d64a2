"""A small trained ensemble, and a bundle's content around it, on the thin simulated days of `small_world`."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.datasets import build
from mia_ml.models import export, fit
from mia_ml.models.combine import Combination
from mia_ml.models.ensemble import SIGNAL_INPUTS, Ensemble
from mia_ml.models.fitted import Isotonic, Sigmoid
from mia_ml.scoring import filter as filters
from mia_ml.scoring import golden, ranges
from mia_ml.scoring.content import Content, Training
from mia_ml.scoring.fingerprint import code_fingerprint
from tests import small_world

FEATURES = ("order_book_imbalance", "tick_momentum", "vwap_trend_globex", "options_flow_bias", "rvol", "minute_of_day")
RULE = filters.Rule("break_even", 0.03)
INPUTS = (*FEATURES, *SIGNAL_INPUTS)


class World(NamedTuple):
    tables: Path
    rows: np.ndarray
    ensemble: Ensemble

    def tapes(self):
        return [small_world.days.tape_of(day, small_world.GRACE_NS) for day in small_world.plan(self.tables).days]

    def golden(self):
        plan = small_world.plan(self.tables)
        return golden.record(self.tapes(), plan.sessions, plan.contracts, inputs_of(self.rows))


def world(root):
    tables = small_world.write(root, days=3, intensity=0.003)
    found = rows(tables)
    return World(tables, found, ensemble(found))


def rows(tables):
    plan = small_world.plan(tables)
    return np.concatenate([rows for _, rows in build.rows(small_world.engine_params(), plan, small_world.GRACE_NS)])


def inputs_of(rows_, seed=0):
    """Every row as if it had crossed, float64 [n, inputs]."""
    rng = np.random.default_rng(seed)
    side = rng.choice([-1.0, 1.0], rows_.size)
    exceedance = 1 + rng.exponential(0.3, rows_.size)
    return np.column_stack([*(rows_[name] for name in FEATURES), side, exceedance])


def ensemble(rows_, level=0.45):
    """A forest, a boosted and a logistic model; crossings win at about `level`, more with the book on their side."""
    rng = np.random.default_rng(1)
    x = inputs_of(rows_)
    lean = np.nan_to_num(x[:, 0]) * x[:, -2]
    y = (rng.random(rows_.size) < np.clip(level + 0.4 * lean, 0.02, 0.98)).astype(np.int64)
    kinds = (fit.Forest(trees=20, depth=4), fit.Boosted(trees=20, depth=3), fit.Logistic(c=1.0))
    calibrators = (Isotonic(np.array([0.1, 0.9]), np.array([0.15, 0.85])), None, Sigmoid(-4.0, 2.0))
    members = []
    for kind, calibrator in zip(kinds, calibrators, strict=True):
        fitted = fit.fit(kind, INPUTS, x, y, np.ones(y.size), 3)
        members.append(type(fitted)(fitted.kind, fitted.inputs, fitted.estimator, calibrator))
    return export.export(members, Combination("average", (0.5, 0.3, 0.2)))


def content(ensemble_, rule=RULE, rows_=None, **changes):
    """rows_: whose ranges are the training ranges; without them each is -1 to 1."""
    chosen = settings.load(small_world.SHIPPED)
    sections = {name: getattr(chosen, name).model_dump() for name in ("features", "context", "confluence", "costs")}
    sections["execution"] = chosen.execution.model_dump()
    terms = formula.build(changes.get("confluence", sections["confluence"]), sections["context"]).terms
    ranged = ranges.features_behind(terms, () if ensemble_ is None else ensemble_.inputs)
    plain = {
        "instrument": "ES",
        "calendar": "cme_globex",
        "native": False,
        **sections,
        "ensemble": ensemble_,
        "rule": rule if ensemble_ is not None else None,
        "ranges": dict.fromkeys(ranged, (-1.0, 1.0)) if rows_ is None else ranges.of(rows_, ranged),
        "training": Training(20240304, 20240305, 1, 11),
        "synthetic": True,
        "data_fingerprint": "0" * 64,
        "code_fingerprint": code_fingerprint(),
    }
    return Content(**plain | changes)
