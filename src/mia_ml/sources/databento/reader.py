"""Walks DBN files: definitions first, then every other file in the order given."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import databento_dbn as dbn
import numpy as np

from mia_ml.core.errors import SourceError
from mia_ml.core.moments import DAY
from mia_ml.core.tables import Batch, FileDone, Item, Reject
from mia_ml.sources import Skip, never
from mia_ml.sources.databento import records as convert
from mia_ml.sources.databento.stream import RecordFile
from mia_ml.sources.databento.symbols import Definitions, Symbols
from mia_ml.sources.order_book import MESSAGE, BookRows, Fault, OrderBook

_SUFFIXES = (".dbn", ".dbn.zst")
_UNDEF_TIME = np.uint64(dbn.UNDEF_TIMESTAMP)

Piece = tuple[int, str, np.ndarray, np.ndarray]
"""An instrument id, its symbol, consecutive records of both and their rows."""


def read(paths: Iterable[Path | str], *, skip: Skip = never) -> Iterator[Item]:
    """Canonical rows of DBN files and of folders of them (files named `.dbn` or `.dbn.zst`, sorted by path).

    Each file stands alone: its book starts empty, so files may be read again one at a time. What comes before a fault
    in a file is yielded; its FileDone then says what stopped the reading, and the next file follows. Definitions are
    read without asking `skip`: they name what the other files hold.
    """
    files, refused = _expand(paths)
    yield from refused
    definitions = Definitions()
    for path in files:
        file = _open(path)
        if isinstance(file, RecordFile) and file.schema == dbn.Schema.DEFINITION:
            yield _learn(path, file, definitions)
    for path in files:
        file = _open(path)
        if isinstance(file, SourceError):
            yield FileDone(str(path), 0, f"{path}: {file}")
        elif file.schema != dbn.Schema.DEFINITION and not skip(str(path)):
            yield from _File(path, file, definitions).items()


def _expand(paths: Iterable[Path | str]) -> tuple[list[Path], list[FileDone]]:
    files: list[Path] = []
    refused: list[FileDone] = []

    def refuse(error: OSError) -> None:
        refused.append(FileDone(str(error.filename), 0, f"{error.filename}: cannot be read ({error.strerror})"))

    for path in map(Path, paths):
        if not os.path.isdir(path):  # a path that may not be looked at is refused when it is opened
            files.append(path)
            continue
        before = len(refused)
        inside = [Path(folder, name) for folder, _, names in os.walk(path, onerror=refuse) for name in names]
        found = sorted(file for file in inside if file.name.endswith(_SUFFIXES))
        if not found and len(refused) == before:
            refused.append(FileDone(str(path), 0, f"{path}: no {' or '.join(_SUFFIXES)} file in this folder"))
        files += found
    return files, refused


def _open(path: Path) -> RecordFile | SourceError:
    try:
        return RecordFile(path)
    except SourceError as error:
        return error


def _learn(path: Path, file: RecordFile, definitions: Definitions) -> FileDone:
    error = ""
    try:
        for block in file.blocks():
            definitions.learn(block)
    except SourceError as fault:
        error = f"{path}: {fault}"
    return FileDone(str(path), file.records, error)


class _File:
    """One file of market data on its way to canonical tables."""

    def __init__(self, path: Path, file: RecordFile, definitions: Definitions) -> None:
        self._path = str(path)
        self._file = file
        self._symbols = Symbols(file.metadata, definitions)
        self._books: dict[tuple[int, str], OrderBook | convert.QuoteBook] = {}
        self._publisher = -1

    def items(self) -> Iterator[Item]:
        accepted = 0
        error = ""
        try:
            for block in self._file.blocks():
                pieces, refusal = self._pieces(block, accepted)
                for instrument, symbol, piece, row in pieces:
                    accepted += piece.size
                    yield from self._convert(instrument, symbol, piece, row)
                if refusal:
                    raise SourceError(refusal)
            for (_, symbol), book in self._books.items():
                yield from self._book_batch(symbol, book.finish())
        except SourceError as fault:
            error = f"{self._path}: {fault}"
        yield FileDone(self._path, accepted, error)

    def _pieces(self, block: np.ndarray, before: int) -> tuple[list[Piece], str]:
        """The block by instrument and day, up to the first record that has to be refused, and that refusal."""
        row = np.arange(before + 1, before + 1 + block.size)
        clock = "ts_event" if self._file.schema == dbn.Schema.OHLCV_1M else "ts_recv"
        day = (block[clock] // DAY).astype(np.int64)
        stop, refusal = self._second_publisher(block)
        parts = []
        for instrument in np.unique(block["instrument_id"]).tolist():
            at = np.flatnonzero(block["instrument_id"] == instrument)
            for part in np.split(at, np.flatnonzero(np.diff(day[at])) + 1):
                symbol = self._symbols.symbol(instrument, int(day[part[0]]))
                if symbol is not None:
                    parts.append((instrument, symbol, part))
                elif part[0] < stop:
                    stop, refusal = int(part[0]), self._symbols.refusal(instrument, int(day[part[0]]))
        kept = ((instrument, symbol, part[part < stop]) for instrument, symbol, part in parts)
        whole = len(parts) == 1 and stop == block.size
        pieces = [(i, symbol, block if whole else block[part], row[part]) for i, symbol, part in kept if part.size]
        return pieces, f"row {row[stop]}: {refusal}" if refusal else ""

    def _second_publisher(self, block: np.ndarray) -> tuple[int, str]:
        """Where a second venue's records begin: two venues' books, or bars, do not add up to one market's."""
        if self._file.schema == dbn.Schema.TRADES:
            return block.size, ""
        if self._publisher < 0:
            self._publisher = int(block["publisher_id"][0])
        other = block["publisher_id"] != self._publisher
        if not other.any():
            return block.size, ""
        stop = int(other.argmax())
        venue = block["publisher_id"][stop]
        return stop, f"publisher {venue} after {self._publisher}: request each venue in a file of its own"

    def _convert(self, instrument: int, symbol: str, records: np.ndarray, row: np.ndarray) -> Iterator[Item]:
        schema = self._file.schema
        timeless = records["ts_event"] == _UNDEF_TIME
        if timeless.any():
            for r in row[timeless].tolist():
                yield Reject(self._path, r, "no event time", symbol)
            records, row = records[~timeless], row[~timeless]
            if not records.size:
                return
        if schema == dbn.Schema.OHLCV_1M:
            yield Batch("bars", symbol, convert.bars(records), self._path, row)
            return
        columns, printed = convert.trades(records)
        if printed.any():
            yield Batch("trades", symbol, columns, self._path, row[printed])
        if schema == dbn.Schema.TRADES:
            return
        book = self._books.get((instrument, symbol))
        if book is None:
            book = OrderBook() if schema == dbn.Schema.MBO else convert.QuoteBook(schema == dbn.Schema.TBBO)
            self._books[instrument, symbol] = book
        if isinstance(book, OrderBook):
            rows, faults = book.apply(records.view(MESSAGE), row)
            for fault in faults:
                yield self._reject(fault, records, row)
        else:
            rows = book.apply(records, row)
        yield from self._book_batch(symbol, rows)

    def _reject(self, fault: Fault, records: np.ndarray, row: np.ndarray) -> Reject:
        message = records[fault.position]
        text = (
            f"order {message['order_id']} action {message['action'].decode('ascii', 'replace')} size {message['size']}"
        )
        return Reject(self._path, int(row[fault.position]), fault.reason, text, "book")

    def _book_batch(self, symbol: str, rows: BookRows) -> Iterator[Batch]:
        if rows.row.size:
            yield Batch("book", symbol, convert.book(rows), self._path, rows.row.copy())
