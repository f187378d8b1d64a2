"""Bytes to records: one DBN file, decompressed and cut into blocks of whole records.

The vendor's library reads the header and names the fields of every record; the records of a file are then numpy
arrays instead of one object each.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import zstandard

from mia_ml.core.errors import SourceError

READ_BYTES = 1 << 18
BLOCK_BYTES = 1 << 20
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_WORD = 4  # the unit of a record's `length`
_PRELUDE = 8  # "DBN", the version, the length of what follows

_RECORDS: dict[Any, tuple[Any, ...]] = {
    dbn.Schema.MBO: (dbn.MBOMsg,) * 3,
    dbn.Schema.MBP_1: (dbn.MBP1Msg,) * 3,
    dbn.Schema.MBP_10: (dbn.MBP10Msg,) * 3,
    dbn.Schema.TBBO: (dbn.MBP1Msg,) * 3,
    dbn.Schema.TRADES: (dbn.TradeMsg,) * 3,
    dbn.Schema.OHLCV_1M: (dbn.OHLCVMsg,) * 3,
    dbn.Schema.DEFINITION: (dbn.InstrumentDefMsgV1, dbn.InstrumentDefMsgV2, dbn.InstrumentDefMsg),
}
"""The record of each schema in DBN versions 1, 2 and 3."""


def record_of(schema: Any, version: int = dbn.DBN_VERSION) -> np.dtype[Any]:
    """The fields of a schema's records as they are stored."""
    return np.dtype(_RECORDS[schema][version - 1]._dtypes)


def _decompressed(path: Path) -> Iterator[bytes]:
    """The content of a file, compressed or not. Raises SourceError where it stops making sense."""
    try:
        with path.open("rb") as file:
            chunk = file.read(READ_BYTES)
            if not chunk.startswith(_ZSTD_MAGIC):
                while chunk:
                    yield chunk
                    chunk = file.read(READ_BYTES)
                return
            frame = zstandard.ZstdDecompressor().decompressobj()
            while chunk:
                yield frame.decompress(chunk)
                chunk = frame.unused_data if frame.eof else b""
                chunk = chunk or file.read(READ_BYTES)
                if frame.eof and chunk:
                    frame = zstandard.ZstdDecompressor().decompressobj()
            if not frame.eof:
                raise SourceError("the zstd stream is truncated: download the file again")
    except zstandard.ZstdError as error:
        raise SourceError(f"the zstd stream is damaged ({error}): download the file again") from error
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})") from error


class RecordFile:
    """A DBN file of one schema. Opening it reads the header; `blocks` reads the rest once.

    records: how many records were handed out so far.
    """

    def __init__(self, path: Path) -> None:
        self.records = 0
        self._chunks = _decompressed(path)
        self._head = bytearray()
        if not self._fill(_PRELUDE):
            raise SourceError("not a DBN file: shorter than a header" if self._head else "the file is empty")
        if self._head[:3] != b"DBN":
            raise SourceError(f"not a DBN file: it begins with {bytes(self._head[:_PRELUDE])!r}")
        version = self._head[3]
        if not 1 <= version <= dbn.DBN_VERSION:
            raise SourceError(
                f"DBN version {version}, and the installed databento-dbn reads 1 to {dbn.DBN_VERSION}: upgrade it"
            )
        length = _PRELUDE + int.from_bytes(self._head[4:_PRELUDE], "little")
        if not self._fill(length):
            raise SourceError("truncated inside its header: download the file again")
        try:
            self.metadata = dbn.Metadata.decode(bytes(self._head[:length]))
        except (dbn.DBNError, ValueError) as error:
            raise SourceError(f"its DBN header is damaged ({error}): download the file again") from error
        del self._head[:length]
        if self.metadata.schema is None:
            raise SourceError("a live capture of several schemas: save each schema to a file of its own")
        self.schema = dbn.Schema(self.metadata.schema)
        if self.schema not in _RECORDS:
            known = ", ".join(str(schema) for schema in _RECORDS)
            raise SourceError(f"schema {self.schema} is not used here: request one of {known}")
        self._dtype = record_of(self.schema, version)
        self._rtype = int(dbn.RType.from_schema(self.schema))

    def _fill(self, size: int) -> bool:
        while len(self._head) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._head += chunk
        return True

    def blocks(self) -> Iterator[np.ndarray]:
        """Arrays of consecutive records. What was whole before a fault is handed out, then SourceError is raised."""
        stored = self._dtype
        if self.metadata.ts_out:
            stored = np.dtype([*self._dtype.descr, ("ts_out", "u8")])
        buffer = self._head
        failure: SourceError | None = None
        more = True
        while more:
            try:
                chunk = next(self._chunks, None)
            except SourceError as error:
                failure, chunk = error, None
            more = chunk is not None
            buffer += chunk or b""
            if len(buffer) < BLOCK_BYTES and more:
                continue
            whole = len(buffer) // stored.itemsize * stored.itemsize
            block = np.frombuffer(buffer[:whole], stored)
            del buffer[:whole]
            sound = self._sound(block, stored.itemsize)
            if sound:
                self.records += sound
                yield self._without_ts_out(block[:sound])
            if sound < block.size:
                found = f"type {block['rtype'][sound]}, {int(block['length'][sound]) * _WORD} bytes"
                expected = f"{self.schema}: type {self._rtype}, {stored.itemsize} bytes"
                raise SourceError(
                    f"row {self.records + 1}: a record of {found} (expected {expected}): damaged or mixed file"
                )
        if failure is not None:
            raise SourceError(f"row {self.records + 1}: {failure}") from failure
        if buffer:
            raise SourceError(f"row {self.records + 1}: the file ends inside a record: download it again")

    def _sound(self, block: np.ndarray, size: int) -> int:
        """How many records come before the first that is not of this file's kind."""
        wrong = (block["rtype"] != self._rtype) | (block["length"] != size // _WORD)
        return int(wrong.argmax()) if wrong.any() else block.size

    def _without_ts_out(self, block: np.ndarray) -> np.ndarray:
        names = list(self._dtype.names or ())
        return block[names].astype(self._dtype) if self.metadata.ts_out else block
