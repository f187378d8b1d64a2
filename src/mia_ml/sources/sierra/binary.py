"""Headers and records of the vendor's binary files: fixed sizes, little-endian, appended to all day long."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mia_ml.core.errors import SourceError

CHUNK_RECORDS = 1 << 19


def check_header(stream: BinaryIO, path: Path, magic: bytes, header: np.dtype, record: np.dtype) -> None:
    """Take the header off a stream. Raises SourceError naming what is wrong in it."""
    raw = stream.read(header.itemsize)
    if not raw:
        raise SourceError(f"{path}: empty file")
    if not raw.startswith(magic):
        raise SourceError(f"{path}: byte 1 says {raw[:4]!r}, a {path.suffix} file begins with {magic!r}")
    if len(raw) < header.itemsize:
        raise SourceError(f"{path}: ends in its header, at byte {len(raw)} of {header.itemsize}")
    (fields,) = np.frombuffer(raw, header)
    for name, expected in (
        ("header_size", header.itemsize),
        ("record_size", record.itemsize),
        ("version", 1),
    ):
        if fields[name] != expected:
            raise SourceError(f"{path}: {name} is {fields[name]}, this reader knows {expected}")


def records(stream: BinaryIO, record: np.dtype) -> Iterator[np.ndarray]:
    """Complete records behind the header, in chunks."""
    while raw := stream.read(CHUNK_RECORDS * record.itemsize):
        complete = len(raw) // record.itemsize
        if complete:
            yield np.frombuffer(raw, record, count=complete)


def truncation(path: Path, header: np.dtype, record: np.dtype) -> str:
    """Why the last record of a file is incomplete, or nothing; also for a file without records."""
    size = path.stat().st_size
    if size == header.itemsize:
        return f"{path}: a header and no records"
    left = (size - header.itemsize) % record.itemsize
    if left:
        return f"{path}: truncated at byte {size}: its last record has {left} of {record.itemsize} bytes"
    return ""
