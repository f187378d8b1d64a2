"""Sealed days are out of every stage's sight until a look at them is on the record, whatever is killed when."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mia_ml.core.errors import DataError, TableError, UsageError
from mia_ml.core.moments import iso
from mia_ml.core.tables import SCHEMAS
from mia_ml.store import manifest, parquet, sealed

DAYS = (20231226, 20231227, 20231228, 20231229, 20240102)
FIRST = 20231228
KINDS = (("trades", "ESH4"), ("book", "ESH4"), ("options", "SPX"), ("vix", "VIX"))


class Killed(BaseException):
    pass


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    root = tmp_path / "tables"
    for day in DAYS:
        for table, symbol in KINDS:
            columns = {
                name: np.array(["synthetic"], object) if code == "O" else np.array([day]).astype(code)
                for name, code in SCHEMAS[table].columns.items()
            }
            parquet.write(root, table, symbol, day, columns)
    parquet.write(root, "trades", "ESM4", 20240102, parquet.read(root, "trades", "ESH4", 20240102))
    return root


def days_in(root: Path) -> set[int]:
    return {day for _, _, day, _ in parquet.inventory(root)}


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def kill_at(monkeypatch, calls: dict[str, int], step: int) -> None:
    """Before the step-th move, link or write, in order of their happening."""
    for name in ("replace", "link", "write"):
        original = getattr(os, name)

        def counted(*arguments, original=original, **named):
            calls["n"] += 1
            if calls["n"] == step:
                raise Killed
            return original(*arguments, **named)

        monkeypatch.setattr(os, name, counted)


def test_every_table_of_a_sealed_day_is_moved(tables: Path, tmp_path: Path) -> None:
    before = everything(tables)
    found = sealed.seal(tables, tmp_path / "sealed", FIRST)
    assert found == sealed.Holdout(20231228, 20240102, ("ES",), 13)
    assert days_in(tables) == {20231226, 20231227}
    assert days_in(tmp_path / "sealed") == {20231228, 20231229, 20240102}
    assert everything(tables) | everything(tmp_path / "sealed") == before
    assert not any(iso(day) in str(path) for day in DAYS[2:] for path in tables.rglob("*"))
    assert not (tables / "trades" / "ESM4").exists(), "an empty folder tells which contract was traded"


def test_sealing_again_changes_nothing(tables: Path, tmp_path: Path) -> None:
    first = sealed.seal(tables, tmp_path / "sealed", FIRST)
    before = everything(tmp_path)
    assert sealed.seal(tables, tmp_path / "sealed", FIRST) == first
    assert everything(tmp_path) == before


def test_a_killed_seal_is_finished_by_the_next(tables: Path, tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(tables, tmp_path / "copy")
    sealed.seal(tmp_path / "copy", tmp_path / "expected", FIRST)
    for step in range(1, 14):
        work = tmp_path / f"work{step}"
        shutil.copytree(tables, work / "tables")
        with monkeypatch.context() as patch:
            kill_at(patch, {"n": 0}, step)
            with pytest.raises(Killed):
                sealed.seal(work / "tables", work / "sealed", FIRST)
        assert everything(work / "tables") | everything(work / "sealed") == everything(tables)
        sealed.seal(work / "tables", work / "sealed", FIRST)
        assert everything(work / "tables") == everything(tmp_path / "copy")
        assert everything(work / "sealed") == everything(tmp_path / "expected")


def test_more_may_be_sealed_but_not_less(tables: Path, tmp_path: Path) -> None:
    sealed.seal(tables, tmp_path / "sealed", FIRST)
    with pytest.raises(TableError, match=r"2023-12-28.parquet: is sealed, a hold-out from 2023-12-29 on would show it"):
        sealed.seal(tables, tmp_path / "sealed", 20231229)
    assert sealed.seal(tables, tmp_path / "sealed", 20231227).first_day == 20231227
    assert days_in(tables) == {20231226}


def test_sealed_days_of_other_tables_are_not_mixed_in(tables: Path, tmp_path: Path) -> None:
    sealed.seal(tables, tmp_path / "sealed", FIRST)
    manifest.Manifest(days={f"trades/ESH4/{iso(day)}": [] for day in DAYS}).write(tables)
    with pytest.raises(TableError, match=r"book.ESH4.2023-12-28.parquet: was sealed of other tables than"):
        sealed.seal(tables, tmp_path / "sealed", FIRST)


def test_there_must_be_something_to_seal(tables: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no table of 2024-01-03 or later: nothing to seal"):
        sealed.seal(tables, tmp_path / "sealed", 20240103)
    with pytest.raises(TableError, match="gone: not a directory of tables"):
        sealed.seal(tmp_path / "gone", tmp_path / "sealed", FIRST)
    assert not (tmp_path / "gone").exists()


@dataclass
class World:
    """Tables with their hold-out sealed, and a record of tokens, one line a look."""

    root: Path

    def looks(self) -> list[str]:
        record = self.root / "looks"
        return record.read_text().split() if record.exists() else []

    def record(self, found: sealed.Holdout, token: str) -> str:
        if token not in self.looks():
            handle = os.open(self.root / "looks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                os.write(handle, f"{token}\n".encode())
            finally:
                os.close(handle)
        return token

    def look(self, why: str, out: str = "out") -> str:
        """Its token."""
        return sealed.unseal(self.root / "tables", self.root / "sealed", self.root / out, why, self.record)


@pytest.fixture
def world(tables: Path, tmp_path: Path) -> World:
    sealed.seal(tables, tmp_path / "sealed", FIRST)
    return World(tmp_path)


def test_a_look_is_recorded_and_shows_all_days(world: World) -> None:
    before = everything(world.root)

    def recorded(found: sealed.Holdout, token: str) -> sealed.Holdout:
        assert days_in(world.root / "out") == set(), "no day is seen before its look is on record"
        return found

    found = sealed.unseal(world.root / "tables", world.root / "sealed", world.root / "out", "a gate", recorded)
    assert found == sealed.Holdout(20231228, 20240102, ("ES",), 13)
    assert days_in(world.root / "out") == set(DAYS)
    assert everything(world.root).items() >= before.items(), "nothing is taken from the stages or given to them"


def test_a_look_that_cannot_be_recorded_shows_nothing(world: World) -> None:
    def refused(found: sealed.Holdout, token: str) -> None:
        raise DataError("ledger is full")

    with pytest.raises(DataError, match="ledger is full"):
        sealed.unseal(world.root / "tables", world.root / "sealed", world.root / "out", "a gate", refused)
    assert days_in(world.root / "out") == set()


def test_every_look_has_a_token_of_its_own(world: World, tables: Path) -> None:
    tokens = [world.look("why"), world.look("why"), world.look("another", out="elsewhere")]
    sealed.seal(tables, world.root / "sealed", 20231227)
    tokens.append(world.look("why"))
    assert len(set(tokens)) == 4
    assert world.looks() == tokens


def test_without_a_reason_nothing_is_shown(world: World) -> None:
    with pytest.raises(UsageError, match="needs its reason: say it with --why"):
        world.look(" \n")
    assert not (world.root / "out").exists()
    assert world.looks() == []


def test_a_killed_look_goes_on_as_itself(world: World, monkeypatch) -> None:
    expected = days_in(world.root / "tables") | days_in(world.root / "sealed")
    step, before_the_record = 0, 0
    while True:
        step += 1
        work = World(world.root / f"work{step}")
        for kind in ("tables", "sealed"):
            shutil.copytree(world.root / kind, work.root / kind)
        with monkeypatch.context() as patch:
            kill_at(patch, {"n": 0}, step)
            try:
                work.look("release 1")
            except Killed:
                shown = days_in(work.root / "out") - days_in(work.root / "tables")
                assert not shown or len(work.looks()) == 1, "no day is seen before its look is on record"
                before_the_record += not work.looks()
            else:
                break
        again = work.look("release 1")
        assert work.looks() == [again]
        assert days_in(work.root / "out") == expected
        assert not list((work.root / "out").rglob("*.part"))
    assert step > 20 * 2
    assert before_the_record == 2
    first = world.look("release 1")
    assert world.look("release 1") != first, "a finished look does not go on"


def test_a_killed_look_for_another_reason_or_at_other_days_is_another(world: World, tables: Path, monkeypatch) -> None:
    def killed(out: str) -> None:
        with monkeypatch.context() as patch:
            kill_at(patch, {"n": 0}, 5)
            with pytest.raises(Killed):
                world.look("release 1", out)

    killed("one")
    world.look("curious", "one")
    assert len(set(world.looks())) == 2
    killed("two")
    sealed.seal(tables, world.root / "sealed", 20231227)
    world.look("release 1", "two")
    assert len(set(world.looks())) == 4


def test_a_token_cut_off_by_a_power_failure_is_another_look(world: World) -> None:
    (world.root / "out").mkdir()
    (world.root / "out" / sealed.PENDING).write_text('{"about": ["wh')
    world.look("why")
    assert days_in(world.root / "out") == set(DAYS)
    assert not (world.root / "out" / sealed.PENDING).exists()


def test_where_days_may_be_shown(world: World, monkeypatch) -> None:
    with pytest.raises(UsageError, match="is the sealed folder itself"):
        world.look("why", out="sealed")

    def no_links(*_) -> None:
        raise OSError("no links here")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_links)
        world.look("copied where links are not known", out="copies")
    assert everything(world.root / "copies") == {
        **everything(world.root / "tables"),
        **everything(world.root / "sealed"),
    }
    world.look("put back", out="tables")
    assert days_in(world.root / "tables") == set(DAYS)


def test_nothing_sealed_is_nothing_to_look_at(tables: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="sealed: not a directory of tables"):
        World(tmp_path).look("why")
    (tmp_path / "sealed").mkdir()
    with pytest.raises(DataError, match="sealed: nothing is sealed here"):
        World(tmp_path).look("why")
    assert World(tmp_path).looks() == []
