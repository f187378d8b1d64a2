"""Small bundles on a thin simulated day: with models, with other provenance, and without models."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml.scoring import bundle, golden
from tests import small_world
from tests.scoring import small


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundles `trained`, `retrained` and `formula`."""
    room = tmp_path_factory.mktemp("bundles")
    world = small.world(room / "tables", days=1)
    days, tapes = small_world.plan(world.tables), world.tapes()
    inputs = np.vstack([small.inputs_of(world.rows)[-40:], np.full((1, len(small.INPUTS)), np.nan)])
    tape = golden.record(tapes, days.sessions, days.contracts, inputs)
    bundle.write(room / "trained", small.content(world.ensemble), tape)
    bundle.write(room / "retrained", small.content(world.ensemble, data_fingerprint="1" * 64), tape)
    bundle.write(room / "formula", small.content(None), golden.record(tapes, days.sessions, days.contracts))
    return room


@pytest.fixture(scope="session")
def trained(bundles: Path) -> bundle.Bundle:
    return bundle.load(bundles / "trained")
