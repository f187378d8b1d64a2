"""Formulas as the confluence tests make them, and one small world with its ensemble."""

import pytest

from tests.confluence.conftest import make_formula, shipped
from tests.scoring import small

__all__ = ["make_formula", "shipped"]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Three thin days as tables, their rows, and an ensemble trained on them."""
    return small.world(tmp_path_factory.mktemp("world"))
