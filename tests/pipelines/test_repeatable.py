"""The same bytes on one core and on two, under another hash seed, and after kill -9 wherever it strikes."""

import csv
import json
import time
from pathlib import Path

import pytest

from pipelines import BUNDLE, BUNDLES, LABELS, METRICS, ROWS, TABLES, TUNED, TUNING
from tests.pipelines import learning_world
from tests.pipelines.learning_world import FILTER_TRIALS, POLICY_TRIALS, World, content

PATIENCE_S = 300
AT_KILL = "at_kill"
"""What a killed stage had left, kept for the tests."""


def entries(journal: Path) -> int:
    return journal.read_bytes().count(b'"mia"') if journal.is_file() else 0


def killed(root: Path, stage: str, far_enough) -> None:
    """A stage killed as soon as it has come so far; none of the processes that it began lives on."""
    process = learning_world.begun(root, stage, PYTHONHASHSEED="1")
    deadline = time.monotonic() + PATIENCE_S
    while not far_enough():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.communicate(timeout=PATIENCE_S)  # its workers hold the other end of the pipe


def finished(root: Path, stage: str) -> None:
    process = learning_world.begun(root, stage, PYTHONHASHSEED="2")
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said


def journals(root: Path) -> list[Path]:
    return sorted((root / "studies").glob("*.journal"))


@pytest.fixture(scope="session")
def interrupted(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world's search and training anew: two workers, killed in the middle of each, run again."""

    def build(root: Path) -> None:
        learning_world.copy(world.root, root, *(folder.as_posix() for folder in (TABLES, ROWS, LABELS, METRICS)))
        learning_world.changed(root, {"workers": 2})
        killed(root, "tune", lambda: any(entries(journal) >= 3 for journal in journals(root)))
        (root / AT_KILL).mkdir()
        for journal in journals(root):
            (root / AT_KILL / journal.name).write_bytes(journal.read_bytes())
        finished(root, "tune")
        killed(root, "train", lambda: any((root / BUNDLES / window.name).is_dir() for window in world.windows))
        (root / AT_KILL / "bundles.json").write_text(json.dumps([path.name for path in (root / BUNDLES).iterdir()]))
        finished(root, "train")

    return learning_world.once(tmp_path_factory, "interrupted_world", build)


def test_it_was_killed_in_the_middle(interrupted: Path) -> None:
    before = {path.name: path.read_bytes() for path in (interrupted / AT_KILL).glob("*.journal")}
    assert before
    assert sum(entries(path) for path in journals(interrupted)) > sum(map(len_of_entries, before.values())) >= 3
    for name, lines in before.items():  # what was finished is not run again
        whole = lines[: lines.rfind(b"\n") + 1]
        assert (interrupted / "studies" / name).read_bytes().startswith(whole)
    assert "reports.json" not in json.loads((interrupted / AT_KILL / "bundles.json").read_text())


def len_of_entries(journal: bytes) -> int:
    return journal.count(b'"mia"')


@pytest.mark.parametrize("folder", [TUNED, BUNDLES, BUNDLE])
def test_the_same_bytes_as_in_one_go_on_one_core(world: World, interrupted: Path, folder: Path) -> None:
    found = content(interrupted, folder.as_posix())
    assert found
    assert found == content(world.root, folder.as_posix())


def test_the_newest_bundle_is_the_one_to_register(world: World) -> None:
    newest = {path.name: path.read_bytes() for path in (world.root / BUNDLES / "final").iterdir()}
    assert newest == {path.name: path.read_bytes() for path in (world.root / BUNDLE).iterdir()}


def test_as_many_trials_are_finished_as_were_asked_for(world: World, interrupted: Path) -> None:
    asked = {"policy": POLICY_TRIALS, "filter": FILTER_TRIALS}
    told = json.loads((interrupted / METRICS / "tune.json").read_text())
    for kind, trials in asked.items():
        for window in world.windows:
            table = TUNING / f"{window.name}-{kind}.csv"
            assert (interrupted / table).read_bytes() == (world.root / table).read_bytes()
            with (interrupted / table).open() as file:
                rows = list(csv.DictReader(file))
            assert [int(row["number"]) for row in rows] == list(range(trials))
            assert {row["state"] for row in rows} <= {"complete", "pruned"}
            (journal,) = (interrupted / "studies").glob(f"{window.name}-{kind}-*.journal")
            assert entries(journal) == trials
        assert told[f"{kind}_trials"] == trials * len(world.windows)
