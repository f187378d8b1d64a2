"""A market and its registry, which each test finds as it was."""

import shutil

import pytest

from tests.serving.service.started import Market


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return Market(tmp_path_factory.mktemp("market"))


@pytest.fixture
def registry(market, tmp_path):
    """The registry is moved to, not copied: its places are absolute."""
    kept = tmp_path / "kept.db"
    shutil.copyfile(market.registry / "mlflow.db", kept)
    ledger = tmp_path / "ledger"
    shutil.copytree(market.registry / "ledger", ledger)
    yield market.registry
    shutil.copyfile(kept, market.registry / "mlflow.db")
    shutil.rmtree(market.registry / "ledger")
    shutil.copytree(ledger, market.registry / "ledger")
