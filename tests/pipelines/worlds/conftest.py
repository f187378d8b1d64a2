"""The tiny campaign, finished. Tests read it and change copies."""

import pytest

from tests.pipelines.worlds import small


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> small.Whole:
    return small.finished(tmp_path_factory)
