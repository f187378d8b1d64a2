"""Sealed days are out of every stage's sight until a look at them is on the record, whatever is killed when."""

import json
import os
import shutil
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


class World:
    """Tables with their hold-out sealed, and a record."""

    def __init__(self, root: Path):
        self.root = root
        self.record = root / "ledger" / "unsealed.jsonl"

    def look(self, why: str, out: str = "out", when: str = "2026-11-22T10:00:00+00:00") -> sealed.Look:
        return sealed.unseal(
            self.root / "tables",
            self.root / "sealed",
            self.root / out,
            self.record,
            who="ana",
            when_utc=when,
            why=why,
        )


@pytest.fixture
def world(tables: Path, tmp_path: Path) -> World:
    sealed.seal(tables, tmp_path / "sealed", FIRST)
    return World(tmp_path)


def test_a_look_is_recorded_and_shows_all_days(world: World) -> None:
    before = everything(world.root)
    assert world.look("gate of\n release 1") == sealed.Look(
        1, "ana", "2026-11-22T10:00:00+00:00", "gate of release 1", "2023-12-28", "2024-01-02", ["ES"], 13
    )
    assert days_in(world.root / "out") == set(DAYS)
    assert everything(world.root).items() >= before.items(), "nothing is taken from the stages or given to them"
    assert json.loads(world.record.read_text())["why"] == "gate of release 1"


def test_looks_are_counted_by_period_and_instrument(world: World, tables: Path) -> None:
    assert [world.look(f"reason {k}").look for k in (1, 2, 3)] == [1, 2, 3]
    sealed.seal(tables, world.root / "sealed", 20231227)
    assert world.look("one more day").look == 4, "an added day does not reset the count"
    lines = world.record.read_text().splitlines()
    assert [json.loads(line)["look"] for line in lines] == [1, 2, 3, 4]
    other = World(world.root / "nq")
    other.record = world.record
    for kind in ("tables", "sealed"):
        shutil.copytree(world.root / kind, other.root / kind)
        (other.root / kind / "trades" / "ESH4").rename(other.root / kind / "trades" / "NQH4")
        shutil.rmtree(other.root / kind / "book")
    shutil.rmtree(other.root / "sealed" / "trades" / "ESM4")
    assert other.look("another instrument").look == 1
    assert [look.alpha for look in sealed.looks(world.record)] == [0.05 / 2, 0.05 / 6, 0.05 / 12, 0.05 / 20, 0.05 / 2]


def test_without_a_reason_nothing_is_shown(world: World) -> None:
    with pytest.raises(UsageError, match="needs its reason: say it with --why"):
        world.look(" \n")
    assert not (world.root / "out").exists()
    assert sealed.looks(world.record) == []


def test_a_killed_look_goes_on_as_itself(world: World, monkeypatch) -> None:
    expected = days_in(world.root / "tables") | days_in(world.root / "sealed")
    step = 0
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
                assert not shown or len(sealed.looks(work.record)) == 1, "no day is seen before its line is written"
            else:
                break
        again = work.look("release 1", when="2026-11-23T10:00:00+00:00")
        assert again.look == 1
        assert sealed.looks(work.record) == [again]
        assert days_in(work.root / "out") == expected
        assert not list((work.root / "out").rglob("*.part"))
    assert step > 20 * 2
    assert world.look("release 1").look == 1
    assert world.look("release 1").look == 2, "a finished look does not go on"


def test_a_line_cut_off_by_a_kill_is_written_over(world: World) -> None:
    world.look("one")
    whole = world.record.read_bytes()
    world.record.write_bytes(whole + whole[:40])
    assert [look.why for look in sealed.looks(world.record)] == ["one"]
    assert world.look("two").look == 2
    assert [look.why for look in sealed.looks(world.record)] == ["one", "two"]


def test_a_record_that_was_edited_stops_the_look(world: World) -> None:
    world.look("one")
    world.record.write_text('{"look": 1}\n' + world.record.read_text())
    with pytest.raises(TableError, match=r"unsealed.jsonl: line 1 is not a look"):
        world.look("two")
    assert len(world.record.read_text().splitlines()) == 2


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
    assert not (tmp_path / "ledger").exists()
