"""Formulas as the confluence tests make them, and one small world with its ensemble."""

import shutil

import pytest

from mia_ml.scoring import bundle
from tests.confluence.conftest import make_formula, shipped
from tests.scoring import small

__all__ = ["make_formula", "shipped"]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Three thin days as tables, their rows, and an ensemble trained on them."""
    return small.world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def written(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "bundle"
    bundle.write(folder, small.content(world.ensemble, rows_=world.rows), world.golden())
    return folder


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "bundle")
