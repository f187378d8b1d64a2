"""Worlds that several tests live through: each is made once."""

import pytest

from mia_ml.confluence.decision import SIGNAL
from mia_ml.sources import simulator
from tests.serving import live_world


@pytest.fixture(scope="session")
def faulty(tmp_path_factory):
    """One live day of a feed that does many things wrong that are nothing to refuse."""
    faults = simulator.Faults(late=0.01, gaps_per_day=3, unknown_side=0.02)
    root = tmp_path_factory.mktemp("faulty")
    return live_world.world(root, start="2024-03-11", days=2, intensity=0.0015, faults=faults)


@pytest.fixture(scope="session")
def rolling(tmp_path_factory):
    """Two live days, of which the second trades the next contract."""
    root = tmp_path_factory.mktemp("rolling")
    world = live_world.world(root, live=2, start="2024-03-06", days=3, intensity=0.001)
    assert len({day.contract for day in world.days}) == 2
    return world


@pytest.fixture(scope="session")
def eager(rolling, tmp_path_factory):
    """The same two days decided by a low threshold without models: signals on both, none out of its training range."""
    world = live_world.eager(tmp_path_factory.mktemp("eager"), rolling.tables, live=2)
    assert set(world.research.decisions["day"][world.research.decisions["action"] == SIGNAL]) == {20240307, 20240308}
    return world
