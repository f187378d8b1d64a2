"""The record of promotions: a JSONL file that only grows, each line sealed by the one before.

    sha256_k = sha256(line k without its own sha256);  line k holds sha256_{k-1} as `before`, the first one 64 zeros

A line is JSON with sorted keys and no space, so an entry can be written in one way only: a byte changed, a line taken
out, put in, moved or doubled breaks the chain at a line that `read` names. Lines cut off the end break no chain: the
head (how many lines, the last sha256) is kept elsewhere and held against the file with `check`.

A promotion is two lines, what is intended and how it ended, so that a kill between them is seen. A line counts once it
is on disk; what a killed writer left of one is dropped by the next writer, and a line that lacks but its end is ended.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pydantic
from pydantic import ConfigDict

from mia_ml.core.errors import DataError, UsageError

Action = Literal["promote", "rollback", "done", "withdrawn"]
ENDS = ("done", "withdrawn")
NOTHING_BEFORE = "0" * 64
RETRY_S = 0.02


class _Part(pydantic.BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Gate(_Part):
    """A gate as it stood. value: None where it was not known, or asks for no number."""

    table: str
    name: str
    blocking: bool
    rule: str
    status: str
    value: float | None
    unit: str
    why: str


class Entry(_Part):
    """when_utc: ISO 8601. of: the number of the entry that a done or withdrawn one ends, 0 else. from_version: held the
    alias before, empty when none did. override: why to go past what stood against it, which is `refused`. overridden:
    every such reason of this version so far. allowed: what the judge's gates said."""

    number: int
    when_utc: str
    who: str
    action: Action
    model: str
    version: str
    stage: str
    of: int = 0
    from_version: str = ""
    reason: str = ""
    refused: str = ""
    override: str = ""
    overridden: tuple[str, ...] = ()
    allowed: str = ""
    gates: tuple[Gate, ...] = ()
    fingerprints: dict[str, str] = {}
    before: str
    sha256: str = ""

    @property
    def is_end(self) -> bool:
        return self.action in ENDS

    @property
    def named(self) -> str:
        """The version as a reader knows it."""
        return f"{self.model}/{self.version}"


class Head(NamedTuple):
    """Where a record ends: after how many entries, and the sha256 of the last."""

    length: int
    sha256: str


class Writer:
    """The record under its lock. entries: all of them, checked."""

    def __init__(self, path: Path, file: int, entries: list[Entry]) -> None:
        self.path, self.entries, self._file = path, entries, file

    @property
    def head(self) -> Head:
        return head_of(self.entries)

    def append(self, **fields: Any) -> Entry:
        """The next entry, on disk when this returns. Raises DataError when the disk does not take it."""
        length, before = self.head
        entry = sealed(Entry(number=length + 1, before=before, **fields))
        self.bring(entry)
        return entry

    def bring(self, entry: Entry) -> None:
        """Append an entry that was written elsewhere. Raises as `append` does, or when it does not follow."""
        length, before = self.head
        _fitting(line(entry), length + 1, before, str(self.path))
        size = os.fstat(self._file).st_size
        try:
            _write(self._file, line(entry))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise DataError(
                f"{self.path}: entry {length + 1} cannot be written ({error.strerror}): make room and try again"
            ) from error
        self.entries.append(entry)


@contextlib.contextmanager
def writing(path: Path, wait_s: float = 60.0) -> Iterator[Writer]:
    """The record at `path` for one writer at a time, made when there is none.

    wait_s: how long another writer is waited for. Raises UsageError when that was too short, DataError as `read` does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _lock(file, path, wait_s)
        _keep_name(path.parent)
        whole, torn = _split(_all(file))
        entries = parse(whole, str(path))
        if torn:
            entries = _mended(file, path, whole, torn, entries)
        yield Writer(path, file, entries)
    finally:
        os.close(file)


def read(path: Path) -> list[Entry]:
    """Every entry; none where there is no file. Raises DataError that names the first one that does not fit."""
    try:
        whole, torn = _split(path.read_bytes())
    except FileNotFoundError:
        return []
    entries = parse(whole, str(path))
    return [*entries, *_completed(torn, entries)]


def parse(lines: bytes, where: str) -> list[Entry]:
    """The entries of whole lines. Raises DataError that names the first one that does not fit."""
    entries: list[Entry] = []
    for text in lines.splitlines(keepends=True):
        length, before = head_of(entries)
        entries.append(_fitting(text, length + 1, before, where))
    return entries


def check(entries: Sequence[Entry], head: Head, where: str, anchor: str) -> None:
    """Raise DataError when a record does not begin with what ended at `head`, which `anchor` (words) keeps."""
    if head.length > len(entries):
        raise DataError(
            f"{where}: ends after entry {len(entries)}, {anchor} knows {head.length}: entry {len(entries) + 1} was cut "
            "off, or this is not the record that was promoted with: mia promotions --restore brings it back"
        )
    if head.length and entries[head.length - 1].sha256 != head.sha256:
        raise DataError(
            f"{where}: entry {head.length} is {entries[head.length - 1].sha256[:12]} where {anchor} has "
            f"{head.sha256[:12]}: it was rewritten, or another record was promoted with"
        )


def head_of(entries: Sequence[Entry]) -> Head:
    return Head(len(entries), entries[-1].sha256 if entries else NOTHING_BEFORE)


def line(entry: Entry) -> bytes:
    """The one way an entry is written, its end of line included."""
    return f"{text_of(entry)}\n".encode()


def text_of(entry: Entry) -> str:
    """What has its default is left out, so that a field more changes no entry that was written without it."""
    given = entry.model_dump(exclude_defaults=True)
    return json.dumps(given, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sealed(entry: Entry) -> Entry:
    """The entry with its own sha256."""
    bare = entry.model_copy(update={"sha256": ""})
    return bare.model_copy(update={"sha256": hashlib.sha256(line(bare)).hexdigest()})


def _fitting(text: bytes, number: int, before: str, where: str) -> Entry:
    try:
        entry = Entry.model_validate_json(text)
    except pydantic.ValidationError as error:
        raise DataError(f"{where}: entry {number} is no entry: {error.errors()[0]['msg']}") from None
    if line(entry) != text or sealed(entry) != entry:
        raise DataError(f"{where}: entry {number} is not what was written: its sha256 does not fit it")
    if entry.number != number or entry.before != before:
        raise DataError(
            f"{where}: entry {number} does not follow the one before: a line was taken out, put in, moved or doubled"
        )
    return entry


def _split(found: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and what follows the last of them."""
    end = found.rfind(b"\n") + 1
    return found[:end], found[end:]


def _completed(torn: bytes, entries: Sequence[Entry]) -> list[Entry]:
    """The entry that a torn line is, when nothing but its end is missing."""
    length, before = head_of(entries)
    with contextlib.suppress(DataError):
        return [_fitting(torn + b"\n", length + 1, before, "")] if torn else []
    return []


def _mended(file: int, path: Path, whole: bytes, torn: bytes, entries: list[Entry]) -> list[Entry]:
    completed = _completed(torn, entries)
    try:
        if completed:
            _write(file, b"\n")
        else:
            os.ftruncate(file, len(whole))
            os.fsync(file)
    except OSError as error:
        raise DataError(f"{path}: its last line was cut off and cannot be mended ({error.strerror})") from error
    return [*entries, *completed]


def _lock(file: int, path: Path, wait_s: float) -> None:
    until_s = time.monotonic() + wait_s
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise
        if time.monotonic() >= until_s:
            raise UsageError(f"{path}: another promotion is under way: try again when it has ended")
        time.sleep(RETRY_S)


def _keep_name(folder: Path) -> None:
    """A new file's name is on disk only when its folder is."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _all(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
    os.fsync(file)
