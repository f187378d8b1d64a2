"""Fixtures every room shares."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real vendor samples beside the checkout; a clone without it skips the tests that need them."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real market data is not beside this checkout (../shared/data): it is never committed")
    return SHARED_DATA
