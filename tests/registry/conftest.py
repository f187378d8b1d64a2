"""Small bundles: with models, with other provenance, and without models. Rows and tape are made up.

And stores to promote in: a fresh one, and one with a champion.
"""

from pathlib import Path

import numpy as np
import pytest

from mia_ml.core import calendar
from mia_ml.features import intake
from mia_ml.scoring import bundle, golden
from tests.registry.shelf import copy, crown, fresh
from tests.scoring import small

MINUTE_NS = 60_000_000_000


def rows(n: int = 300) -> np.ndarray:
    """Rows of the features that the models see, one in ten missing."""
    rng = np.random.default_rng(3)
    out = np.zeros(n, [(name, "f8") for name in small.FEATURES])
    for name in small.FEATURES:
        out[name] = np.where(rng.random(n) < 0.1, np.nan, rng.uniform(-1, 1, n))
    return out


def tape(inputs: np.ndarray | None = None) -> golden.Golden:
    """Two prints a minute for an hour."""
    sessions = calendar.load("cme_globex", 2023, 2024).sessions
    n = 120
    trades = {
        "ts_event": sessions["open_ns"][200] + MINUTE_NS // 2 * np.arange(1, n + 1),
        "price": 4_800.0 + 0.25 * (np.arange(n) % 9),
        "size": np.full(n, 3),
        "side": np.resize(np.array([1, 1, -1], np.int8), n),
    }
    return golden.record([intake.tape(trades)], sessions, np.full(sessions.size, 1), inputs)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundles `trained`, `retrained` and `formula`."""
    room = tmp_path_factory.mktemp("bundles")
    ensemble = small.ensemble(rows())
    inputs = np.vstack([small.inputs_of(rows())[-40:], np.full((1, len(small.INPUTS)), np.nan)])
    bundle.write(room / "trained", small.content(ensemble), tape(inputs))
    bundle.write(room / "retrained", small.content(ensemble, data_fingerprint="1" * 64), tape(inputs))
    bundle.write(room / "formula", small.content(None), tape())
    return room


@pytest.fixture(scope="session")
def trained(bundles: Path) -> bundle.Bundle:
    return bundle.load(bundles / "trained")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fresh(tmp_path)


@pytest.fixture(scope="module")
def crowned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 was champion, version 2 is."""
    root = fresh(tmp_path_factory.mktemp("crowned"))
    crown(root, "1", "2")
    return root


@pytest.fixture
def reigned(crowned: Path, tmp_path: Path) -> Path:
    return copy(crowned, tmp_path)
