"""Headers and records of the vendor's binary files: fixed sizes, little-endian, appended to all day long."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np

from mia_ml.core.errors import SourceError
from mia_ml.core.tables import FileDone, Item

CHUNK_RECORDS = 1 << 19


class Layout(NamedTuple):
    """How a kind of file begins, and its records."""

    magic: bytes
    header: np.dtype[Any]
    record: np.dtype[Any]


class Converter(Protocol):
    """The records of one file on their way to canonical rows. Where they are cut into chunks changes no row.

    records: how many were converted so far.
    """

    layout: Layout
    records: int

    def convert(self, chunk: np.ndarray) -> list[Item]:
        """Batches and rejects of the next records, an array of `layout.record`."""


def check_header(raw: bytes, path: Path, layout: Layout) -> None:
    """Raises SourceError naming what is wrong in the first bytes of a file."""
    if not raw:
        raise SourceError(f"{path}: empty file")
    if not raw.startswith(layout.magic):
        raise SourceError(f"{path}: byte 1 says {raw[:4]!r}, a {path.suffix} file begins with {layout.magic!r}")
    if len(raw) < layout.header.itemsize:
        raise SourceError(f"{path}: ends in its header, at byte {len(raw)} of {layout.header.itemsize}")
    (fields,) = np.frombuffer(raw, layout.header)
    for name, expected in (
        ("header_size", layout.header.itemsize),
        ("record_size", layout.record.itemsize),
        ("version", 1),
    ):
        if fields[name] != expected:
            raise SourceError(f"{path}: {name} is {fields[name]}, this reader knows {expected}")


def read(path: Path, converter: Converter) -> Iterator[Item]:
    """Rows of one file, and its end. Raises SourceError when its header is not one this reader knows."""
    layout = converter.layout
    with path.open("rb") as stream:
        check_header(stream.read(layout.header.itemsize), path, layout)
        for chunk in _chunks(stream, layout.record):
            yield from converter.convert(chunk)
    yield FileDone(str(path), converter.records, truncation(path, layout))


def _chunks(stream: BinaryIO, record: np.dtype[Any]) -> Iterator[np.ndarray]:
    while raw := stream.read(CHUNK_RECORDS * record.itemsize):
        chunk = whole_records(raw, record)
        if chunk.size:
            yield chunk


def whole_records(raw: bytes, record: np.dtype[Any]) -> np.ndarray:
    """The complete records that bytes begin with."""
    return np.frombuffer(raw, record, count=len(raw) // record.itemsize)


def truncation(path: Path, layout: Layout) -> str:
    """Why the last record of a file is incomplete, or nothing; also for a file without records."""
    size = path.stat().st_size
    if size == layout.header.itemsize:
        return f"{path}: a header and no records"
    left = (size - layout.header.itemsize) % layout.record.itemsize
    if left:
        return f"{path}: truncated at byte {size}: its last record has {left} of {layout.record.itemsize} bytes"
    return ""
