"""The engine with the shipped parameters, and random markets to run through it."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml import settings
from mia_ml.core import calendar
from mia_ml.features import params
from mia_ml.features.stream import Engine, contract_id

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shipped():
    return settings.load(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def engine_params(shipped):
    """Parameters as shipped for ES, on minutes."""
    return params.build(shipped.features.model_dump(), shipped.context.model_dump(), tick=0.25, native=False)


@pytest.fixture(scope="session")
def sessions():
    return calendar.load("cme_globex", 2023, 2024).sessions


@pytest.fixture
def new_engine(engine_params, sessions):
    """A function that makes a fresh engine; every day trades one contract unless told otherwise."""

    def make(params=engine_params, contracts=None, sessions=sessions):
        if contracts is None:
            contracts = np.full(sessions.size, contract_id("ESH4"))
        return Engine(params, sessions, contracts)

    return make


@pytest.fixture(scope="session")
def tuesday(sessions):
    """An ordinary trading day, 5 March 2024."""
    return sessions[np.searchsorted(sessions["day"], 20240305)]
