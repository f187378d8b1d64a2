"""The days before: run once, kept, and run again when anything of them has changed."""

import os
import shutil

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.datasets import days as table_days
from mia_ml.store import parquet
from serving.day.history import Market, Snapshots
from serving.intake import journal, wire
from serving.intake.events import RECORD
from serving.intake.journal import Day
from serving.unavailable import Unavailable
from tests import small_world
from tests.scoring import small
from tests.serving import live_world


def silent(what, n):
    pass


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return small_world.write(tmp_path_factory.mktemp("tables"), start="2024-03-11", days=3, intensity=0.001)


@pytest.fixture(scope="module")
def content():
    return small.content(None)


@pytest.fixture(scope="module")
def days(tables):
    return small_world.plan(tables).days


@pytest.fixture
def copied(tables, tmp_path):
    return shutil.copytree(tables, tmp_path / "tables")


class Counted:
    """Says which days were run."""

    def __init__(self):
        self.days = []

    def __call__(self, what, n):
        self.days.append(int(what))


def market(content, tables, state, days):
    return Market(content, tables, state / "days", days[-1].open_ns)


def before(content, tables, state, days, snapshots=None):
    """The engine before the last day and which days were run for it."""
    ran = Counted()
    kept = snapshots or Snapshots(state / "engine")
    return kept.engine_before(market(content, tables, state, days), content, days[-1].day, ran), ran.days


def rows(built, day, content):
    return built.run(table_days.tape_of(day, content.grace_ns), day.close_ns).tobytes()


def test_a_snapshot_gives_the_same_bytes_as_the_whole_run(tables, content, days, tmp_path):
    whole, ran = before(content, tables, tmp_path, days)
    assert ran == [day.day for day in days[:-1]]
    again, ran = before(content, tables, tmp_path, days)
    assert ran == []
    assert again.snapshot() == whole.snapshot()
    assert rows(again, days[-1], content) == rows(whole, days[-1], content)
    research = live_world.research(content, tables, [days[-1].day])
    assert rows(before(content, tables, tmp_path, days)[0], days[-1], content) == research.rows.tobytes()


def test_a_day_more_is_run_from_the_last_snapshot(tables, content, days, tmp_path):
    kept = Snapshots(tmp_path / "engine")
    known = market(content, tables, tmp_path, days)
    kept.engine_before(known, content, days[1].day, silent)
    _, ran = before(content, tables, tmp_path, days, kept)
    assert ran == [days[1].day]


def test_a_file_that_has_changed_is_noticed_and_run_again(copied, content, days, tmp_path):
    plain, _ = before(content, copied, tmp_path, days)
    path = next(copied.glob(f"trades/*/*{days[0].day // 100 % 100:02d}-{days[0].day % 100:02d}.parquet"))
    columns = parquet.read_file(path, "trades")
    columns["price"] = columns["price"].copy()
    columns["price"][5:] += 0.25
    parquet.write(copied, "trades", days[0].contract, days[0].day, columns)
    changed, ran = before(content, copied, tmp_path, days)
    assert ran == [day.day for day in days[:-1]]
    assert changed.snapshot() != plain.snapshot()


def test_other_parameters_do_not_share_a_snapshot(tables, content, days, tmp_path):
    before(content, tables, tmp_path, days)
    features = {**content.features, "order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
    _, ran = before(small.content(None, features=features), tables, tmp_path, days)
    assert len(ran) == 2


def test_a_snapshot_that_is_cut_is_made_again(tables, content, days, tmp_path):
    whole, _ = before(content, tables, tmp_path, days)
    (file,) = (tmp_path / "engine").glob("*.state")
    os.truncate(file, 100)
    again, ran = before(content, tables, tmp_path, days)
    assert len(ran) == 2
    assert again.snapshot() == whole.snapshot()


def test_a_snapshot_that_cannot_be_kept_is_said_in_one_line(tables, content, days, tmp_path, monkeypatch):
    kept = Snapshots(tmp_path / "engine")

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        before(content, tables, tmp_path, days, kept)


def test_no_more_than_eight_snapshots_are_kept(tables, content, days, tmp_path):
    kept = Snapshots(tmp_path / "engine")
    built, _ = before(content, tables, tmp_path, days, kept)
    for n in range(12):
        kept._keep(f"{n:032x}", built)
    assert len(list((tmp_path / "engine").glob("*.state"))) == 8


# the service's own days


@pytest.fixture(scope="module")
def lived(tables, content, tmp_path_factory):
    """A state in which the service saw the second day to its end, and heard less of it than the tables hold."""
    root = tmp_path_factory.mktemp("lived")
    days = small_world.plan(tables).days
    desk = live_world.desk(
        root / "live", _without(tables, root / "before", days[1:]), content, today_ns=days[1].open_ns
    )
    events = live_world.decoded(live_world.events_of(days[1]))
    desk.take("ws", events[: len(events) // 2], 0)
    desk.take("ws", [wire.Clock(days[2].open_ns)], 0)
    desk.close()
    return root / "live", desk.core.fleet.rails[0].engine.snapshot()


def _without(tables, to, days):
    shutil.copytree(tables, to)
    for day in days:
        for path in to.rglob(f"{live_world.iso(day.day)}.parquet"):
            path.unlink()
    return to


def test_a_day_that_the_service_saw_to_its_end_comes_before_the_tables(tables, content, days, lived, tmp_path):
    state = shutil.copytree(lived[0], tmp_path / "live")
    own, _ = before(content, tables, state, days)
    assert own.snapshot() == lived[1]
    theirs, _ = before(content, tables, tmp_path / "other", days)
    assert own.snapshot() != theirs.snapshot()


def test_a_day_that_the_service_did_not_see_to_its_end_is_the_tables(tables, content, days, lived, tmp_path):
    state = shutil.copytree(lived[0], tmp_path / "live")
    _unfinished(state, days[1].day)
    own, _ = before(content, tables, state, days)
    theirs, _ = before(content, tables, tmp_path / "other", days)
    assert own.snapshot() == theirs.snapshot()


def _unfinished(state, day):
    path = state / "days" / str(day) / "day.json"
    text = path.read_bytes()
    assert b'"finished":true' in text
    path.write_bytes(text.replace(b'"finished":true', b'"finished":false'))


def test_a_day_that_nobody_else_has_is_the_services_own_though_it_did_not_end(tables, content, days, lived, tmp_path):
    state = shutil.copytree(lived[0], tmp_path / "live")
    _unfinished(state, days[1].day)
    only_first = _without(tables, tmp_path / "tables", days[1:])
    own, _ = before(content, only_first, state, days)
    assert own.snapshot() == lived[1]


def test_a_log_that_has_changed_is_noticed(tables, content, days, lived, tmp_path):
    state = shutil.copytree(lived[0], tmp_path / "live")
    kept, _ = before(content, tables, state, days)
    path = state / "days" / str(days[1].day) / "trades.log"
    records = np.fromfile(path, RECORD["trades"])
    records["price"][records.size // 2 :] += 0.25
    path.write_bytes(records.tobytes())
    changed, ran = before(content, tables, state, days)
    assert ran[-1] == days[1].day
    assert changed.snapshot() != kept.snapshot()


def test_a_day_without_a_price_is_none(tables, content, days, tmp_path):
    folder = tmp_path / "days" / str(days[1].day)
    log, _ = journal.DayLog.open(folder, days[1].day)
    log.about = Day(days[1].day, finished=True)
    log.describe()
    log.close()
    known = market(content, _without(tables, tmp_path / "tables", days[1:]), tmp_path, days)
    assert [own.day for own in known.before(days[2].day)] == [days[0].day]


# the market


def test_without_tables_it_begins_with_what_it_hears(content, days, tmp_path):
    known = Market(content, tmp_path / "none", tmp_path / "days", days[0].open_ns)
    assert known.before(days[0].day) == []
    assert known.tables_of(days[0].day) is None
    assert int(known.sessions["day"][known.at(days[0].open_ns)]) == days[0].day
    built = Snapshots(tmp_path / "engine").engine_before(known, content, days[0].day, silent)
    assert built.snapshot() is not None


def test_a_moment_belongs_to_the_day_that_it_lies_in(tables, content, days, tmp_path):
    known = market(content, tables, tmp_path, days)
    for at, day in ((days[1].after_ns + 1, days[1]), (days[1].open_ns, days[1]), (days[1].close_ns, days[1])):
        assert int(known.sessions["day"][known.at(at)]) == day.day
    for at in (0, 1 << 61):
        with pytest.raises(DataError, match="lies outside the trading days"):
            known.at(at)


def test_what_is_traded_is_known_of_every_day_and_can_be_said(tables, content, days, tmp_path):
    known = market(content, tables, tmp_path, days)
    at = int(np.searchsorted(known.sessions["day"], days[0].day))
    assert known.contracts[at] == table_days.contract_id(days[0].contract)
    known.trades(days[0].day, "ESZ9")
    assert known.contracts[at] == table_days.contract_id("ESZ9")
    assert known.tables_of(days[0].day).day == days[0].day
