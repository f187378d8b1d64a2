"""Records of one schema to canonical rows, block after block: the same whether they come from a file or off the wire.

Where a stream is cut into blocks changes no row. Each instrument keeps a book of its own.
"""

from typing import Any, Protocol

import databento_dbn as dbn
import numpy as np

from mia_ml.core.moments import DAY
from mia_ml.core.tables import Batch, Item, Reject
from mia_ml.sources.databento import records as convert
from mia_ml.sources.order_book import MESSAGE, BookRows, Fault, OrderBook

_UNDEF_TIME = np.uint64(dbn.UNDEF_TIMESTAMP)

Piece = tuple[int, str, np.ndarray, np.ndarray]
"""An instrument id, its symbol, consecutive records of both and their rows."""


class Names(Protocol):
    """What instrument ids stand for on a day counted from 1970."""

    def symbol(self, instrument_id: int, day: int) -> str | None:
        """The contract, or None."""

    def refusal(self, instrument_id: int, day: int) -> str:
        """Why there is none, and what to do."""


class Conversion:
    """The records of one stream on their way to canonical rows.

    file: what its rows are said to come from. records: how many were converted so far.
    """

    def __init__(self, file: str, schema: Any, names: Names) -> None:
        self.records = 0
        self._file = file
        self._schema = schema
        self._names = names
        self._books: dict[tuple[int, str], OrderBook | convert.QuoteBook] = {}
        self._publisher = -1

    def convert(self, block: np.ndarray) -> tuple[list[Item], str]:
        """Batches and rejects of the next records, up to the first that has to be refused, and that refusal.

        block: records with the vendor's dtype of the schema. After a refusal the stream is not to be read on.
        """
        pieces, refusal = self._pieces(block)
        items: list[Item] = []
        for instrument, symbol, piece, row in pieces:
            self.records += piece.size
            items += self._convert(instrument, symbol, piece, row)
        return items, refusal

    def finish(self) -> list[Item]:
        """The rows of events that the end of the stream ends."""
        return [item for (_, symbol), book in self._books.items() for item in self._book(symbol, book.finish())]

    def _pieces(self, block: np.ndarray) -> tuple[list[Piece], str]:
        """The block by instrument and day, up to the first record that has to be refused, and that refusal."""
        row = np.arange(self.records + 1, self.records + 1 + block.size)
        clock = "ts_event" if self._schema == dbn.Schema.OHLCV_1M else "ts_recv"
        day = (block[clock] // DAY).astype(np.int64)
        stop, refusal = self._second_publisher(block)
        parts = []
        for instrument in np.unique(block["instrument_id"]).tolist():
            at = np.flatnonzero(block["instrument_id"] == instrument)
            for part in np.split(at, np.flatnonzero(np.diff(day[at])) + 1):
                symbol = self._names.symbol(instrument, int(day[part[0]]))
                if symbol is not None:
                    parts.append((instrument, symbol, part))
                elif part[0] < stop:
                    stop, refusal = int(part[0]), self._names.refusal(instrument, int(day[part[0]]))
        kept = ((instrument, symbol, part[part < stop]) for instrument, symbol, part in parts)
        whole = len(parts) == 1 and stop == block.size
        pieces = [(i, symbol, block if whole else block[part], row[part]) for i, symbol, part in kept if part.size]
        return pieces, f"row {row[stop]}: {refusal}" if refusal else ""

    def _second_publisher(self, block: np.ndarray) -> tuple[int, str]:
        """Where a second venue's records begin: two venues' books, or bars, do not add up to one market's."""
        if self._schema == dbn.Schema.TRADES:
            return block.size, ""
        if self._publisher < 0:
            self._publisher = int(block["publisher_id"][0])
        other = block["publisher_id"] != self._publisher
        if not other.any():
            return block.size, ""
        stop = int(other.argmax())
        venue = block["publisher_id"][stop]
        return stop, f"publisher {venue} after {self._publisher}: request each venue in a file of its own"

    def _convert(self, instrument: int, symbol: str, records: np.ndarray, row: np.ndarray) -> list[Item]:
        items: list[Item] = []
        timeless = records["ts_event"] == _UNDEF_TIME
        if timeless.any():
            items += [Reject(self._file, r, "no event time", symbol) for r in row[timeless].tolist()]
            records, row = records[~timeless], row[~timeless]
            if not records.size:
                return items
        if self._schema == dbn.Schema.OHLCV_1M:
            return [*items, Batch("bars", symbol, convert.bars(records), self._file, row)]
        columns, printed = convert.trades(records)
        if printed.any():
            items.append(Batch("trades", symbol, columns, self._file, row[printed]))
        if self._schema == dbn.Schema.TRADES:
            return items
        book = self._books.get((instrument, symbol))
        if book is None:
            book = OrderBook() if self._schema == dbn.Schema.MBO else convert.QuoteBook(self._schema == dbn.Schema.TBBO)
            self._books[instrument, symbol] = book
        if isinstance(book, OrderBook):
            rows, faults = book.apply(records.view(MESSAGE), row)
            items += [self._reject(fault, records, row) for fault in faults]
        else:
            rows = book.apply(records, row)
        return items + self._book(symbol, rows)

    def _reject(self, fault: Fault, records: np.ndarray, row: np.ndarray) -> Reject:
        message = records[fault.position]
        text = (
            f"order {message['order_id']} action {message['action'].decode('ascii', 'replace')} size {message['size']}"
        )
        return Reject(self._file, int(row[fault.position]), fault.reason, text, "book")

    def _book(self, symbol: str, rows: BookRows) -> list[Item]:
        if not rows.row.size:
            return []
        return [Batch("book", symbol, convert.book(rows), self._file, rows.row.copy())]
