"""One small world with its ensemble."""

import pytest

from tests.scoring import small


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Three thin days as tables, their rows, and an ensemble trained on them."""
    return small.world(tmp_path_factory.mktemp("world"))
