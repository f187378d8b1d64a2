"""Rows are only ever added, by any number of processes; what keeps one from being recorded is one clear line."""

import itertools
import os
import pwd
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from mia_ml.core.errors import ConfigError, DataError, MiaError
from mia_ml.ledger import database, ledger, tables
from tests import postgres
from tests.ledger import writers
from tests.ledger.test_ledger import outcome
from tests.ledger.writers import JANUARY, WHEN, look, trial

TABLES = [table.name for table in (tables.VERSIONS, tables.LAUNCHES, tables.ENDS, tables.OUTCOMES, tables.LOOKS)]


def filled(where: str, project: Path) -> None:
    with ledger.open(where, project) as kept:
        kept.end(kept.launch(trial(0), WHEN), "complete", WHEN, 1.0)
        kept.record_outer([(trial(1, scope="outer"), outcome(1))], WHEN)
        look(kept, "a", *JANUARY, "ES")


def engine_of(where: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(where if "://" in where else f"sqlite:///{where}", poolclass=NullPool)


def content(where: str) -> dict[str, list[tuple[Any, ...]]]:
    with closing(engine_of(where).connect()) as connection:
        return {table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")] for table in TABLES}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "change", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table}"]
)
def test_no_row_is_ever_changed_or_removed(where: str, tmp_path: Path, table: str, change: str) -> None:
    filled(where, tmp_path)
    before = content(where)
    assert all(before.values()), "there is something to be changed"
    column = {"ledger_version": "version", "ledger_ends": "state", "ledger_outcomes": "sharpe"}.get(table, "when_utc")
    sqlite = "://" not in where
    if sqlite and change.startswith("TRUNCATE"):
        change = "INSERT OR REPLACE INTO {table} SELECT * FROM {table}"  # what SQLite has and PostgreSQL has not
    with closing(engine_of(where).connect()) as connection, pytest.raises(sqlalchemy.exc.DBAPIError) as refused:
        connection.exec_driver_sql(change.format(table=table, column=column))
    assert tables.ADDED_TO in str(refused.value)
    assert content(where) == before


def test_the_code_asks_for_no_change() -> None:
    room = Path(ledger.__file__).parent
    for path in room.glob("*.py"):
        code = path.read_text()
        for word in ("sa.update", "sa.delete", ".update(", ".delete("):
            assert word not in code, f"{path}: {word}"


def test_processes_and_threads_write_at_once(where: str, tmp_path: Path) -> None:
    """All of them begin with a ledger that does not exist yet, and share some configurations."""
    writers.all_at_once(writers.launch_many, [(where, str(tmp_path), first, 120, 3) for first in (0, 60, 120, 180)])
    numbers = range(300)
    with ledger.open(where, tmp_path) as kept:
        assert kept.inner_counts("ES", *JANUARY) == {
            "complete": sum(n % 3 > 0 and n % 2 == 1 for n in numbers),
            "pruned": 0,
            "failed": sum(n % 3 > 0 and n % 2 == 0 for n in numbers),
            "abandoned": sum(n % 3 == 0 for n in numbers),
        }
        (count,) = kept.counts()
        assert count.launches == 4 * 120


def test_looks_at_once_have_numbers_of_their_own(where: str, tmp_path: Path) -> None:
    writers.all_at_once(writers.look_often, [(where, str(tmp_path), who, 40) for who in ("ana", "bo", "cy")])
    with ledger.open(where, tmp_path) as kept:
        assert [look.look for look in kept.looks()] == list(range(1, 121))


def test_fresh_files_are_made_by_one_of_several(tmp_path: Path) -> None:
    places = [f"{number}/trials.db" for number in range(60)]
    writers.all_at_once(writers.open_each, [(places, str(tmp_path))] * 3)
    for where in places:
        filled(where, tmp_path)


def test_threads_share_a_ledger(where: str, tmp_path: Path) -> None:
    """Whatever one of them adds in a transaction, another does not get into the middle of it."""
    with ledger.open(where, tmp_path) as kept, ThreadPoolExecutor(3) as pool:
        results = [(trial(0, scope="outer"), outcome(0)), (trial(1, scope="outer"), outcome(1))]
        todo = [pool.submit(kept.record_outer, results, WHEN) for _ in range(20)]
        todo += [pool.submit(look, kept, f"{number}", *JANUARY, "ES") for number in range(20)]
        todo += [pool.submit(kept.launch, trial(number), WHEN) for number in range(20)]
        for done in todo:
            done.result()
        assert [one.look for one in kept.looks()] == list(range(1, 21))
        assert [(count.configurations, count.launches) for count in kept.counts()] == [(20, 20), (2, 40)]


def test_a_checkout_of_dvc_shares_the_ledger_of_its_project(tmp_path: Path) -> None:
    checkout = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    checkout.mkdir(parents=True)
    for folder in (checkout, tmp_path):
        with ledger.open("ledger/trials.db", folder) as kept:
            kept.launch(trial(0 if folder == checkout else 1), WHEN)
            assert kept.where == str(tmp_path / "ledger" / "trials.db")
    with ledger.open("ledger/trials.db", checkout) as kept:
        assert kept.inner_counts("ES", *JANUARY)["abandoned"] == 2
    assert list(checkout.iterdir()) == []


def refusal(where: str, project: Path, kind: type[MiaError] = DataError) -> str:
    with pytest.raises(kind) as refused:
        ledger.open(where, project)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "trials.db"
    path.write_bytes(b"day,pnl\n" * 400)
    line = refusal("trials.db", tmp_path)
    assert line.startswith(
        f"ledger {path}: file is not a database: nothing is scored uncounted: restore it from a copy"
    )
    assert path.read_bytes() == b"day,pnl\n" * 400


def test_the_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE runs (id INTEGER)")
        other.commit()
    before = path.read_bytes()
    line = refusal("mlflow.db", tmp_path)
    assert line == f"{path}: no ledger but another database, with a table runs: give another file"
    assert path.read_bytes() == before


def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trials.db"
    filled("trials.db", tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x5a" * (len(whole) - 4096))
    line = refusal("trials.db", tmp_path)
    assert "malformed" in line
    assert "restore it from a copy" in line


def test_a_ledger_of_a_later_version_is_left_alone(where: str, tmp_path: Path) -> None:
    filled(where, tmp_path)
    with closing(engine_of(where).connect()) as connection:
        connection.exec_driver_sql("INSERT INTO ledger_version VALUES (2)")
        connection.commit()
    assert "a ledger of version 2, this mia-ml knows version 1: update it" in refusal(where, tmp_path)


@pytest.mark.parametrize("where", ["/proc/none/trials.db", "a_file/trials.db", "a_folder"])
def test_a_place_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    (tmp_path / "a_file").touch()
    (tmp_path / "a_folder").mkdir()
    line = refusal(where, tmp_path)
    assert line.startswith(f"ledger {tmp_path / where}: ")
    assert "give ledger.where a file that can be written" in line or "make it and its folder writable" in line


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write where nobody may."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_that_may_only_be_read() -> None:
    folder = Path(tempfile.mkdtemp(prefix="mia-ledger-"))  # pytest's own are for one user
    filled("trials.db", folder)
    for path, mode in ((folder / "trials.db", 0o444), (folder, 0o555)):
        path.chmod(mode)
    try:
        with without_privileges():
            assert "make it and its folder writable" in refusal("trials.db", folder)
            assert "make it and its folder writable" in refusal("another.db", folder)
            assert "Permission denied: give ledger.where a file" in refusal("folder/trials.db", folder)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with ledger.open("trials.db", tmp_path) as kept:
        kept._kept._say("PRAGMA max_page_count = 1")  # no less than what it has
        with pytest.raises(DataError, match="is full: nothing is scored uncounted: make room"):
            list(map(kept.launch, map(trial, range(1_000)), itertools.repeat(WHEN)))
        with pytest.raises(DataError, match="is full"):
            kept.record_outer([(trial(0, scope="outer"), outcome(0))], WHEN)
        assert kept.outer("ES", *JANUARY) == ()
        kept._kept._say("PRAGMA max_page_count = 100000")
        kept.record_outer([(trial(0, scope="outer"), outcome(0))], WHEN)
        assert len(kept.outer("ES", *JANUARY)) == 1


def test_another_process_that_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled("trials.db", tmp_path)
    monkeypatch.setattr(database, "WAIT_S", 0.01)
    with closing(sqlite3.connect(tmp_path / "trials.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "is locked: nothing is scored uncounted: another process keeps it" in refusal("trials.db", tmp_path)


def test_an_address_nobody_knows(tmp_path: Path) -> None:
    line = refusal("mysql://mia:secret@desk/trials", tmp_path, ConfigError)
    assert line == "ledger.where mysql://desk/trials: give the path of a file, or postgresql+psycopg://..."


def test_a_server_that_is_away_is_one_line_without_the_password(server: str, tmp_path: Path) -> None:
    line = refusal(server.replace("host=", "host=/nowhere"), tmp_path)
    assert "check the address and that the server runs" in line
    assert "secret" not in line


def test_a_lost_connection_is_one_line(server: str, tmp_path: Path) -> None:
    with ledger.open(postgres.emptied(server), tmp_path) as kept:
        with closing(engine_of(server).connect()) as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        with pytest.raises(DataError, match="every finished trial is kept, run the same again") as refused:
            kept.launch(trial(0), WHEN)
        assert "\n" not in str(refused.value)


def test_a_ledger_may_stand_beside_other_tables_on_a_server(server: str, tmp_path: Path) -> None:
    with closing(engine_of(postgres.emptied(server)).connect()) as connection:
        connection.exec_driver_sql("CREATE TABLE studies (id INTEGER)")
        connection.commit()
    filled(server, tmp_path)
    assert all(content(server).values())
