"""Which contract an instrument id stands for on a day: from a file's own header, or from definition files beside it."""

import datetime
from dataclasses import dataclass, field

import databento_dbn as dbn
import numpy as np

from mia_ml.core.moments import DAY

_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class Span:
    """A symbol that holds from day `first` to before day `end`, counted from 1970."""

    first: int
    end: int
    symbol: str


@dataclass
class Definitions:
    """What definition files said: a definition holds until the next one of the same id or the contract's expiry."""

    spans: dict[int, list[Span]] = field(default_factory=dict)

    def learn(self, records: np.ndarray) -> None:
        """Adds definition records; they may come in any order."""
        for record in records:
            first = int(record["ts_recv"]) // DAY
            expiry = int(record["expiration"]) // DAY + 1  # never, where the file has no expiry
            symbol = record["raw_symbol"].split(b"\0")[0].decode("ascii", "replace")
            self.spans.setdefault(int(record["instrument_id"]), []).append(Span(first, expiry, symbol))

    def symbol(self, instrument_id: int, day: int) -> str | None:
        """The symbol of the latest definition on or before a day, if it has not expired."""
        known = [span for span in self.spans.get(instrument_id, ()) if span.first <= day]
        if not known:
            return None
        latest = max(known, key=lambda span: span.first)
        return latest.symbol if day < latest.end else None


class Symbols:
    """The names of one file's instruments.

    A header maps symbols to ids, or ids to symbols. A continuous symbol ('ES.c.0') is the name of a rule that changes
    contract, not of a contract: then only definitions name what was traded.
    """

    def __init__(self, metadata: dbn.Metadata, definitions: Definitions) -> None:
        self._definitions = definitions
        self._spans: dict[int, list[Span]] = {}
        self._continuous = metadata.stype_in == dbn.SType.CONTINUOUS
        ids_first = metadata.stype_in == dbn.SType.INSTRUMENT_ID
        if self._continuous or not (ids_first or metadata.stype_out == dbn.SType.INSTRUMENT_ID):
            return
        for name, intervals in metadata.mappings.items():
            for interval in intervals:
                number, symbol = (name, interval["symbol"]) if ids_first else (interval["symbol"], name)
                if number.isdigit():
                    first, end = ((interval[key] - _EPOCH).days for key in ("start_date", "end_date"))
                    self._spans.setdefault(int(number), []).append(Span(first, end, symbol))

    def symbol(self, instrument_id: int, day: int) -> str | None:
        """The contract of an id on a day counted from 1970, or None."""
        for span in self._spans.get(instrument_id, ()):
            if span.first <= day < span.end and not span.symbol.isdigit():
                return span.symbol
        return self._definitions.symbol(instrument_id, day)

    def refusal(self, instrument_id: int, day: int) -> str:
        """Why an id has no name, and what to do."""
        why = " (the header names a continuous symbol, not the contract)" if self._continuous else ""
        date = _EPOCH + datetime.timedelta(days=day)
        return f"unknown symbol: instrument {instrument_id} has no name on {date}{why}: give its definition file too"
