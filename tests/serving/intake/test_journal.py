"""The arrivals of a day on disk: what is torn, full or damaged loses nothing that was confirmed and invents nothing."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import DataError
from serving.intake import journal
from serving.intake.events import RECORD, TABLES
from serving.intake.journal import DayLog, FeedName, Role
from serving.unavailable import Unavailable

DAY = 20240312
ORDER = ("trades", "book", "vix", "trades", "trades", "options", "book", "bars", "trades")
"""Tables in the order of arrival."""


def record(table, number):
    out = np.zeros(1, RECORD[table])
    for name in out.dtype.names:
        out[name] = number * 3 + len(name)
    out["number"] = number
    return out


def written(folder, order=ORDER):
    """A folder with one record of each table of `order`; the log is left as a killed process leaves it."""
    log, found = DayLog.open(folder, DAY)
    assert not found
    log.about.contract = "ESM4"
    log.describe()
    for number, table in enumerate(order, 1):
        log.append(table, record(table, number).tobytes())
        log.flush()
    return log


def numbers(found):
    return sorted(int(n) for records in found.values() for n in records["number"])


def same(found, order):
    """Whether it is exactly the first so many records of `order`."""
    whole = {table: [record(table, n) for n, own in enumerate(order, 1) if own == table] for table in order}
    return found.keys() == whole.keys() and all(
        np.array_equal(found[table], np.concatenate(parts)) for table, parts in whole.items()
    )


def test_what_is_written_is_read_back(tmp_path):
    log = written(tmp_path / "day")
    log.about.feeds.append(FeedName("ws", False))
    log.about.roles.append(Role("mia-ml/1", "champion", 5))
    log.describe()
    assert log.flush()
    assert not log.flush()
    assert same(journal.read(tmp_path / "day"), ORDER)
    again, found = DayLog.open(tmp_path / "day", DAY)
    assert same(found, ORDER)
    assert again.about == log.about
    assert journal.about(tmp_path / "day") == log.about


def test_records_are_eight_byte_words_without_holes():
    for table in TABLES:
        dtype = RECORD[table]
        assert {dtype[name].itemsize for name in dtype.names} == {8}
        assert dtype.itemsize == 8 * len(dtype.names)


def test_a_tail_torn_at_any_byte_is_cut_and_gone_on_from(tmp_path):
    size = RECORD["trades"].itemsize
    for kept in range(0, 2 * size + 1, 8):
        folder = tmp_path / str(kept)
        written(folder, ("trades", "trades"))
        os.truncate(folder / "trades.log", kept)
        whole = kept // size
        again, found = DayLog.open(folder, DAY)
        assert numbers(found) == list(range(1, whole + 1))
        for number in range(whole + 1, whole + 3):
            again.append("trades", record("trades", number).tobytes())
        again.flush()
        assert same(journal.read(folder), ("trades",) * (whole + 2))


@settings(max_examples=60, deadline=None)
@given(order=st.lists(st.sampled_from(TABLES), min_size=1, max_size=14), data=st.data())
def test_files_torn_apart_give_no_hole_and_lose_nothing_before_it(tmp_path_factory, order, data):
    folder = tmp_path_factory.mktemp("day")
    written(folder, order)
    kept = {}
    for table in dict.fromkeys(order):
        path = folder / f"{table}.log"
        kept[table] = data.draw(st.integers(0, path.stat().st_size), label=table)
        if data.draw(st.booleans(), label="the length alone reached the disk"):
            kept[table] -= kept[table] % RECORD[table].itemsize
            path.write_bytes(path.read_bytes()[: kept[table]] + bytes(path.stat().st_size - kept[table]))
        else:
            os.truncate(path, kept[table])
    seen = dict.fromkeys(order, 0)
    first_missing = len(order)
    for n, table in enumerate(order):
        seen[table] += RECORD[table].itemsize
        if seen[table] > kept[table]:
            first_missing = n
            break
    again, found = DayLog.open(folder, DAY)
    assert same(found, order[:first_missing])
    for n, table in enumerate(order[first_missing:], first_missing + 1):
        again.append(table, record(table, n).tobytes())
    again.flush()
    assert same(journal.read(folder), order)


class Disk:
    """Stands for os.write: takes `room` bytes, then has no space left."""

    def __init__(self, room):
        self.room = room
        self._write = os.write

    def write(self, file, data):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self._write(file, bytes(data)[: self.room])
        self.room -= taken
        return taken


@pytest.mark.parametrize("room", [0, 1, 87, 88, 90, 200, 500])
def test_a_full_disk_is_said_in_one_line_and_loses_nothing(tmp_path, monkeypatch, room):
    log = written(tmp_path / "day", ("trades",))
    for number, table in enumerate(ORDER[1:], 2):
        log.append(table, record(table, number).tobytes())
    disk = Disk(room)
    monkeypatch.setattr(os, "write", disk.write)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"day/\w+\.log: No space left on device; nothing is taken until") as one:
            log.flush()
        assert "\n" not in str(one.value)
    log.append("trades", record("trades", len(ORDER) + 1).tobytes())
    disk.room = 10_000
    assert log.flush()
    log.sync()
    assert same(journal.read(tmp_path / "day"), ("trades", *ORDER[1:], "trades"))


def test_a_disk_that_takes_a_byte_at_a_time_is_enough(tmp_path, monkeypatch):
    log = written(tmp_path / "day", ())
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data)[:1]))
    log.append("trades", record("trades", 1).tobytes())
    log.flush()
    assert same(journal.read(tmp_path / "day"), ("trades",))


def test_the_folder_says_whose_its_records_are_before_it_has_any(tmp_path, monkeypatch):
    log = written(tmp_path / "day", ())
    log.about.feeds.append(FeedName("ws", False))
    log.describe()
    log.append("trades", record("trades", 1).tobytes())

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"day\.json: No space left"):
                log.flush()
        assert not journal.read(tmp_path / "day")
    assert log.flush()
    assert journal.about(tmp_path / "day").feeds == [FeedName("ws", False)]
    assert same(journal.read(tmp_path / "day"), ("trades",))


def test_a_disk_that_cannot_sync_says_so_and_is_asked_again(tmp_path, monkeypatch):
    log = written(tmp_path / "day")
    synced = []

    def broken(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(Unavailable, match="Input/output error"):
            log.sync()
    monkeypatch.setattr(os, "fdatasync", synced.append)
    log.sync()
    assert len(synced) == len(set(ORDER))
    log.sync()
    assert len(synced) == len(set(ORDER))


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "days").write_text("a file")
    with pytest.raises(Unavailable, match="Not a directory"):
        DayLog.open(tmp_path / "days" / "20240312", DAY)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "day.json"),
        (b'{"day": 20240312, "feeds": [{"na', "day.json"),
        (b'{"day": "20240312"}', "Expected `int`"),
        (b'{"day": 20240312, "format": 9}', "format 9: this version reads 1"),
        (b"\xff\xfe", "day.json"),
        (None, "No such file"),
    ],
)
def test_a_damaged_day_is_refused_in_one_line_with_a_remedy(tmp_path, content, line):
    written(tmp_path / "day").close()
    about = Path(tmp_path / "day" / "day.json")
    about.unlink() if content is None else about.write_bytes(content)
    with pytest.raises(DataError, match=line) as one:
        DayLog.open(tmp_path / "day", DAY)
    assert "\n" not in str(one.value)
    assert "move the day's folder away" in str(one.value)


def test_closing_writes_what_was_held_and_lets_go_of_the_files(tmp_path):
    log = written(tmp_path / "day", ("trades",))
    log.append("vix", record("vix", 2).tobytes())
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    log.close()
    assert same(journal.read(tmp_path / "day"), ("trades", "vix"))
    if before is not None:
        assert len(set(os.listdir("/proc/self/fd"))) < len(before)
