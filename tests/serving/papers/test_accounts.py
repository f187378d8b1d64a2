"""Paper accounts on disk: added to, never changed; a disk that takes nothing costs nothing but time."""

import math
import shutil
import sqlite3

import numpy as np
import pytest
import sqlalchemy as sa

from mia_ml.backtest.records import TRADE
from mia_ml.core.errors import DataError
from serving.papers import account_tables as tables
from serving.papers import accounts
from serving.papers.accounts import Note
from serving.unavailable import Unavailable
from tests.serving.paper_days import DAYS, WHOLE, account, live, research, same, stored, world


@pytest.fixture
def path(tmp_path):
    return tmp_path / "live" / accounts.FILE


def row(signal=0, **values):
    trade = np.zeros(1, TRADE)
    trade["signal"] = signal
    for name, value in values.items():
        trade[name] = value
    return accounts.record_row(tables.TRADES, "mia-ml/3", trade[0], closed_day=20240103)


def test_records_come_back_byte_for_byte(path):
    market = world("trades", 1)
    with accounts.open_store(path) as store:
        kept = live(market, store)
        kept.finish()
        kept.save()
    with accounts.open_store(path, make=False) as store:
        assert np.isnan(store.outcomes("mia-ml/3")["barrier"]).any()
        assert same(stored(store), research(market))
        assert store.versions() == ["mia-ml/3"]


def test_written_twice_is_written_once(path):
    with accounts.open_store(path) as store:
        store.write([row(net_r=0.1), row(1, net_r=math.nan)])
        store.write([row(net_r=0.1), row(1, net_r=math.nan), row(2)])
        trades, closed = store.trades("mia-ml/3")
        assert trades["signal"].tolist() == [0, 1, 2]
        assert closed.tolist() == [20240103] * 3


def test_another_value_for_what_is_there_is_said_and_not_written(path):
    with accounts.open_store(path) as store:
        store.write([row(net_r=0.1)])
        with pytest.raises(
            DataError, match=r"paper_trades of version mia-ml/3 signal 0 has net_r 0.1, now it came to 0.2"
        ):
            store.write([row(1), row(net_r=0.2)])
        assert store.trades("mia-ml/3")[0]["net_r"].tolist() == [0.1], "and nothing that came with it"


def test_an_account_belongs_to_its_settings(path):
    with accounts.open_store(path) as store:
        live(world("trades", 1), store)
        other = account(world("trades", 1, stop=1.5), store)
        other.begin(20240109, "ESH4")
        with pytest.raises(DataError, match="paper_accounts of version mia-ml/3 has settings"):
            other.save()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE paper_trades SET net_r = 9",
        "DELETE FROM paper_trades",
        "INSERT OR REPLACE INTO paper_days SELECT * FROM paper_days",
        "UPDATE paper_champions SET version = 'mia-ml/1'",
    ],
)
def test_whoever_asks_no_row_is_changed(path, statement):
    with accounts.open_store(path) as store:
        live(world("trades", 1), store)
        store.champion(20240103, "mia-ml/3")
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
        other.execute(statement)
    other.close()


def test_while_another_holds_the_file_it_is_said_and_saved_later(path):
    market = world("trades", 1)
    with accounts.open_store(path) as store:
        kept = account(market, store)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for day, contract, columns, signals in market.days:
            kept.begin(day, contract)
            kept.advance(columns, signals)
            kept.end(WHOLE)
            with pytest.raises(Unavailable, match=r"paper accounts .*: database is locked: another program holds it"):
                kept.save()
        other.execute("ROLLBACK")
        other.close()
        kept.finish()
        kept.save()
        assert same(stored(store), research(market))
        assert len(store.days("mia-ml/3")) == len(market.days)


def test_a_full_disk_is_said_and_nothing_lost(path):
    market = world("trades", 1)
    with accounts.open_store(path) as store:
        kept = account(market, store)
        with store.turn:
            pages = store._connection.exec_driver_sql("PRAGMA page_count").scalar()
            store._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for day, contract, columns, signals in market.days:
            kept.begin(day, contract)
            kept.advance(columns, signals)
            kept.end(WHOLE._replace(incidents=("a long story " * 1000,)))
        with pytest.raises(Unavailable, match="database or disk is full: make room"):
            kept.save()
        assert store.versions() == [], "all or nothing"
        with store.turn:
            store._connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        kept.finish()
        kept.save()
        assert same(stored(store), research(market))
        assert len(store.notes("mia-ml/3")) == len(market.days)


def test_the_last_note_of_a_day_counts(path):
    with accounts.open_store(path) as store:
        broken = Note(1380, 1300, False, ("feed es: no event for 5 minutes",))
        for note in (WHOLE, broken, broken, WHOLE, broken):
            store.write([accounts.note_row("mia-ml/3", 20240103, note)])
        assert store.notes("mia-ml/3") == {20240103: broken}
        count = store._connection.execute(sa.select(sa.func.count()).select_from(tables.NOTES)).scalar()
        assert count == 4, "saying the same again adds nothing"


def test_champions_by_day(path):
    with accounts.open_store(path) as store:
        for day, version in (
            (20240103, "a/1"),
            (20240103, "a/1"),
            (20240104, "a/1"),
            (20240104, "a/2"),
            (20240103, "a/1"),
        ):
            store.champion(day, version)
        assert store.champions() == {20240103: ("a/1",), 20240104: ("a/1", "a/2")}


def test_the_snapshot_of_the_last_day_before(path):
    market = world("trades", 1)
    with accounts.open_store(path) as store:
        kept = live(market, store)
        days = [day for day, *_ in market.days]
        assert store.snapshot("mia-ml/3", days[0]) is None
        assert store.snapshot("mia-ml/2", days[-1] + 1) is None
        assert store.snapshot("mia-ml/3", days[-1] + 1) == kept.snapshot()
        assert store.snapshot("mia-ml/3", days[-1]) != kept.snapshot()
    assert DAYS.size >= len(days)


def test_what_is_no_store_is_refused_in_one_line(path, tmp_path):
    with pytest.raises(DataError, match=r"paper.db: no paper account yet: mia serve keeps them"):
        accounts.open_store(path, make=False)
    path.parent.mkdir()
    path.write_text("no database" * 400)
    with pytest.raises(Unavailable, match=r"file is not a database: restore it from a copy"):
        accounts.open_store(path)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE something (x)")
    other.close()
    with pytest.raises(DataError, match="no paper accounts but another database, with a table something"):
        accounts.open_store(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="File exists: make its folder writable"):
        accounts.open_store(tmp_path / "file" / "paper.db")


def test_a_later_version_of_the_tables_is_refused(path):
    accounts.open_store(path).close()
    shutil.copy(path, path.with_name("copy"))
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO paper_version VALUES (2)")
    other.close()
    with pytest.raises(DataError, match="paper accounts of version 2, this mia-ml knows 1: update it"):
        accounts.open_store(path)
