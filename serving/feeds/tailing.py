"""The complete records of a file that another program is writing."""

import os
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mia_ml.core.errors import SourceError
from mia_ml.sources.sierra import binary

CHUNK_BYTES = 1 << 20
_IDENTITY = 14
"""Bytes that a header begins with and that never change: magic, sizes, version."""


class Tail:
    """Follows one file of records: what is complete is handed out, what is half written is waited for.

    A file that shrinks, is replaced or has other bytes where records were handed out is refused: what was made of them
    cannot be taken back.
    """

    def __init__(self, path: Path, layout: binary.Layout) -> None:
        self.path = path
        self._layout = layout
        self._stream: BinaryIO | None = None
        self._header = b""
        self._last = b""  # bytes of the last record handed out
        self._offset = 0

    @property
    def begun(self) -> bool:
        """Whether the file is there and its header is sound."""
        return bool(self._header)

    def begin(self) -> bool:
        """Open the file when it has its whole header. Raises SourceError on a header of another kind."""
        if self.begun:
            return True
        try:
            if self._stream is None:
                self._stream = self.path.open("rb", buffering=0)
            self._stream.seek(0)
            raw = self._stream.read(self._layout.header.itemsize)
            if len(raw) < self._layout.header.itemsize:
                self.close()  # it may be another file by the next look
                return False
        except FileNotFoundError:
            return False
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read: {error.strerror}") from error
        binary.check_header(raw, self.path, self._layout)
        self._header, self._offset = raw, len(raw)
        return True

    def skip(self, count: int) -> None:
        """Pass over the first records of a file that has begun."""
        self._offset = len(self._header) + count * self._layout.record.itemsize

    def first_at(self, value: int, field_bytes: Callable[[bytes], int]) -> int:
        """How many records come before the first whose value, as read off its bytes, is not below one given.

        The records are taken to be in order of that value.
        """
        size = self._layout.record.itemsize
        stream = self._open()
        count = (os.fstat(stream.fileno()).st_size - len(self._header)) // size

        def value_of(i: int) -> int:
            return field_bytes(os.pread(stream.fileno(), size, len(self._header) + i * size))

        return bisect_left(range(count), value, key=value_of)

    def read(self) -> np.ndarray:
        """The next complete records, at most a megabyte of them; none when nothing more is there yet.

        Raises SourceError when the file is not the one that was read so far.
        """
        stream = self._open()
        try:
            self._check_same(stream)
            stream.seek(self._offset)
            raw = stream.read(CHUNK_BYTES)
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read: {error.strerror}") from error
        found = binary.whole_records(raw, self._layout.record)
        if found.size:
            self._offset += found.nbytes
            self._last = raw[found.nbytes - self._layout.record.itemsize : found.nbytes]
        return found

    def left_over(self) -> int:
        """Bytes behind the last complete record."""
        return os.fstat(self._open().fileno()).st_size - self._offset

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _open(self) -> BinaryIO:
        if self._stream is None or not self.begun:
            raise SourceError(f"{self.path}: not begun")
        return self._stream

    def _check_same(self, stream: BinaryIO) -> None:
        here, there = os.fstat(stream.fileno()), os.stat(self.path)
        what = ""
        if (here.st_ino, here.st_dev) != (there.st_ino, there.st_dev):
            what = "was replaced by another file"
        elif here.st_size < self._offset:
            what = f"shrank to {here.st_size} bytes after {self._offset} were read"
        elif os.pread(stream.fileno(), _IDENTITY, 0) != self._header[:_IDENTITY]:
            what = "has another header than when it was opened"
        elif self._last:
            at = self._offset - len(self._last)
            if os.pread(stream.fileno(), len(self._last), at) != self._last:
                what = f"was rewritten: byte {at + 1} on is not what was read there"
        if what:
            raise SourceError(f"{self.path}: {what}; restart the service to read it anew")
