"""The learning world, whole: every stage has run in it. Tests read it and change copies."""

from pathlib import Path

import pytest

from tests.pipelines import learning_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> learning_world.World:
    def build(root: Path) -> None:
        learning_world.run(learning_world.lay(root), *learning_world.STAGES)

    return learning_world.World(learning_world.once(tmp_path_factory, "learning_world", build))
