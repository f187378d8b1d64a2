"""The record of promotions: whatever is done to it is seen, and what a killed writer left costs nothing."""

import errno
import fcntl
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import record
from mia_ml.registry.record import Entry, Gate, Head

GATE = Gate(
    table="desk", name="dsr", blocking=True, rule="dsr >= 0.95", status="pass", value=0.97, unit="probability", why=""
)


def fields(**changes: Any) -> dict[str, Any]:
    given = {
        "when_utc": "2026-01-02T03:04:05+00:00",
        "who": "ana",
        "action": "promote",
        "model": "mia-es",
        "version": "3",
        "stage": "paper",
        "reason": 'Größe ≥ 2 \U0001f40e \\ " \r \u2028',
        "gates": (GATE,),
        "fingerprints": {"data_fingerprint": "md5:0"},
    }
    return given | changes


def write(path: Path, n: int) -> Head:
    """A record of n entries."""
    with record.writing(path) as writer:
        for i in range(n):
            writer.append(**fields(version=str(i)))
        return writer.head


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Head]:
    path = tmp_path_factory.mktemp("record") / "promotions.jsonl"
    head = write(path, 5)
    return path.read_bytes(), head


def seen(changed: bytes, head: Head) -> str:
    """What a reader who knows the head says of it, on disk; empty when nothing."""
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "promotions.jsonl"
        path.write_bytes(changed)
        try:
            record.check(record.read(path), head, "it", "the registry")
        except DataError as error:
            return str(error)
    return ""


def test_entries_come_back(tmp_path: Path, whole: tuple[bytes, Head]) -> None:
    head = write(tmp_path / "deep" / "r.jsonl", 3)
    entries = record.read(tmp_path / "deep" / "r.jsonl")
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert entries[0].before == record.NOTHING_BEFORE
    assert [entry.before for entry in entries[1:]] == [entry.sha256 for entry in entries[:-1]]
    assert record.head_of(entries) == head
    assert {name: getattr(entries[2], name) for name in fields()} == fields(version="2")
    assert not seen(*whole)
    assert record.read(tmp_path / "none.jsonl") == []


@given(st.data())
def test_any_byte_changed_is_seen(whole: tuple[bytes, Head], data: st.DataObject) -> None:
    found, head = whole
    place = data.draw(st.integers(0, len(found) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != found[place]))
    said = seen(found[:place] + bytes([byte]) + found[place + 1 :], head)
    line = found[:place].count(b"\n") + 1
    assert f"entry {line} " in said
    assert "\n" not in said


@given(st.data())
def test_any_bytes_taken_out_or_put_in_are_seen(whole: tuple[bytes, Head], data: st.DataObject) -> None:
    found, head = whole
    start = data.draw(st.integers(0, len(found) - 2))
    end = data.draw(st.integers(start, len(found) - 2))  # without its last end of line it is whole
    put = data.draw(st.binary(min_size=start == end, max_size=8).filter(lambda put: put != found[start:end]))
    assert seen(found[:start] + put + found[end:], head)


@given(st.lists(st.integers(0, 4), max_size=7).filter(lambda order: order != [0, 1, 2, 3, 4]))
def test_lines_removed_reordered_or_doubled_are_seen(whole: tuple[bytes, Head], order: list[int]) -> None:
    found, head = whole
    lines = found.splitlines(keepends=True)
    if order[:5] == [0, 1, 2, 3, 4]:
        with pytest.raises(DataError, match="entry 6 does not follow the one before"):
            record.parse(b"".join(lines[i] for i in order), "it")
    else:
        wrong = next((i for i in range(min(5, len(order))) if order[i] != i), len(order))
        assert f"entry {wrong + 1} " in seen(b"".join(lines[i] for i in order), head)


def test_a_tail_that_is_cut_off_is_seen_by_its_head(whole: tuple[bytes, Head]) -> None:
    found, head = whole
    lines = found.splitlines(keepends=True)
    for left in range(5):
        assert record.parse(b"".join(lines[:left]), "it")[-1:] == record.parse(found, "it")[left - 1 : left]
        assert f"it: ends after entry {left}, the registry knows 5" in seen(b"".join(lines[:left]), head)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_entry_rewritten_and_sealed_anew_is_seen_at_the_next(whole: tuple[bytes, Head], number: int) -> None:
    entries = record.parse(whole[0], "it")
    entries[number - 1] = record.sealed(entries[number - 1].model_copy(update={"who": "eve"}))
    said = seen(b"".join(map(record.line, entries)), whole[1])
    assert f"entry {number + 1} does not follow the one before" in said


def test_a_record_written_anew_is_seen_by_its_head(tmp_path: Path, whole: tuple[bytes, Head]) -> None:
    with record.writing(tmp_path / "forged") as writer:
        for i in range(5):
            writer.append(**fields(version=str(i), who="eve"))
    assert "entry 5 is " in seen((tmp_path / "forged").read_bytes(), whole[1])


@pytest.mark.parametrize(
    "change", [{"number": "1"}, {"extra": 1}, {"gates": []}, {"when_utc": None}, {"gates": [{"value": float("nan")}]}]
)
def test_an_entry_of_another_form_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    import json

    write(tmp_path / "r", 1)
    told = json.loads((tmp_path / "r").read_text())
    (tmp_path / "r").write_text(json.dumps(told | change, sort_keys=True, separators=(",", ":")) + "\n")
    with pytest.raises(DataError, match=r"r: entry 1 is no(t what| entry)"):
        record.read(tmp_path / "r")


def test_every_torn_line_is_dropped_or_ended(tmp_path: Path) -> None:
    path = tmp_path / "r"
    write(path, 3)
    found = path.read_bytes()
    before = found[: found[:-1].rindex(b"\n") + 1]
    for end in range(len(before), len(found), 7):
        path.write_bytes(found[:end])
        assert len(record.read(path)) == 2
        assert path.read_bytes() == found[:end], "a reader changes nothing"
        assert write(path, 1).length == 3
        assert [entry.version for entry in record.read(path)] == ["0", "1", "0"]
    path.write_bytes(found[:-1])
    assert len(record.read(path)) == 3
    assert write(path, 0).length == 3
    assert path.read_bytes() == found


class Disk:
    """os.write that takes `room` bytes, then fails."""

    def __init__(self, room: int, code: int) -> None:
        self.room, self.code, self.write = room, code, os.write

    def __call__(self, file: int, data: bytes) -> int:
        if not self.room:
            raise OSError(self.code, os.strerror(self.code))
        taken = self.write(file, data[: self.room])
        self.room -= taken
        return taken


def test_a_full_disk_leaves_no_part_of_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r"
    write(path, 1)
    found = path.read_bytes()
    with record.writing(path) as writer:
        monkeypatch.setattr(os, "write", Disk(100, errno.ENOSPC))
        with pytest.raises(DataError, match=r"r: entry 2 cannot be written \(No space left on device\): make room and"):
            writer.append(**fields())
        assert path.read_bytes() == found
        monkeypatch.undo()
        assert writer.append(**fields()).number == 2
    assert len(record.read(path)) == 2


def test_an_entry_is_on_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    write, fsync = os.write, os.fsync
    with record.writing(tmp_path / "r") as writer:
        monkeypatch.setattr(os, "write", lambda *given: calls.append("write") or write(*given))
        monkeypatch.setattr(os, "fsync", lambda *given: calls.append("fsync") or fsync(*given))
        writer.append(**fields())
    assert calls == ["write", "fsync"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "r"
    with (
        record.writing(path),
        pytest.raises(UsageError, match="r: another promotion is under way: try again when it has ended"),
        record.writing(path, wait_s=0.05),
    ):
        pass
    assert write(path, 1).length == 1
    with open(path) as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert len(record.read(path)) == 1, "reading waits for nobody"


def test_an_entry_from_elsewhere_must_follow(tmp_path: Path) -> None:
    write(tmp_path / "a", 3)
    first, second, third = record.read(tmp_path / "a")
    with record.writing(tmp_path / "b") as writer:
        writer.bring(first)
        for wrong in (first, third, second.model_copy(update={"who": "eve"})):
            with pytest.raises(DataError, match="entry 2"):
                writer.bring(wrong)
        writer.bring(second)
        assert writer.entries == [first, second]
    assert isinstance(record.read(tmp_path / "b")[1], Entry)
