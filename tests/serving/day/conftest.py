"""A desk of the two days with a roll."""

import pytest


@pytest.fixture
def desk(rolling, tmp_path):
    return rolling.desk(tmp_path)
