"""A kept run is whole or not there."""

import json
from pathlib import Path

import pytest

from mia_ml.tracking import pending
from tests.tracking import trees


def test_a_folder_has_all_that_sending_needs(tmp_path: Path) -> None:
    folder = pending.keep(tmp_path / "pending", "tests", trees.run(tmp_path), trees.model(tmp_path))
    for original in ("note.txt", "model/MLmodel", "model/artifacts/weights"):
        (tmp_path / original).unlink()
    record = json.loads((folder / "run.json").read_text())
    assert [child["name"] for child in record["children"]] == ["fold 0", "fold 1"]
    assert (folder / "files" / "tables" / "note.txt").read_text() == "parent"
    assert (folder / "children" / "0001" / "files" / "trials" / "1.csv").is_file()
    assert (folder / "model" / "artifacts" / "weights").read_text() == "a" * 64
    assert json.loads((folder / "model.json").read_text())["identity"] == "a" * 64
    assert pending.waiting(tmp_path / "pending") == [folder]


def test_a_run_cut_off_while_it_is_kept_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pending.keep(tmp_path / "pending", "tests", trees.run(tmp_path, files={"gone.txt": tmp_path / "gone.txt"}))
    assert pending.waiting(tmp_path / "pending") == []


def test_a_folder_cut_off_while_it_is_taken_away_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tmp_path / "pending"
    folder = pending.keep(parent, "tests", trees.run(tmp_path))
    with monkeypatch.context() as broken:
        broken.setattr(pending.shutil, "rmtree", lambda _: None)
        pending.done(folder)
    assert pending.waiting(parent) == []
    with pending.alone(parent):
        pass
    assert [path.name for path in parent.iterdir()] == [".lock"]
