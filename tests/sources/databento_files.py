"""DBN files made record by record with the vendor's library, and read back."""

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import zstandard

from mia_ml.core.tables import SCHEMAS, Batch, FileDone, Item, Reject
from mia_ml.sources import databento

START = 1_703_548_800_000_000_000  # 2023-12-26 00:00 UTC
DAY_ONE = datetime.date(2023, 12, 26)
ESH4, ESM4 = 17077, 17078
POINT = 1_000_000_000


@dataclasses.dataclass
class Interval:
    start_date: datetime.date
    end_date: datetime.date
    symbol: str


@dataclasses.dataclass
class Mapping:
    raw_symbol: str
    intervals: list[Interval]


def header(schema: Any, version: int = 3, **changes: Any) -> bytes:
    names = {"ESH4": ESH4, "ESM4": ESM4}
    until = DAY_ONE + datetime.timedelta(days=1)
    options: dict[str, Any] = {
        "dataset": "GLBX.MDP3",
        "start": START,
        "stype_in": dbn.SType.RAW_SYMBOL,
        "stype_out": dbn.SType.INSTRUMENT_ID,
        "schema": schema,
        "mappings": [Mapping(name, [Interval(DAY_ONE, until, str(number))]) for name, number in names.items()],
        "version": version,
    }
    return bytes(dbn.Metadata(**(options | changes)))


def fixed(points: float | None) -> int:
    return dbn.UNDEF_PRICE if points is None else int(points * POINT)


def order(action: str, side: str, order_id: int, points: float, size: int, ts: int, **changes: Any) -> Any:
    options: dict[str, Any] = {"flags": dbn.F_LAST, "instrument_id": ESH4, "publisher_id": 1}
    return dbn.MBOMsg(
        ts_event=START + ts,
        ts_recv=START + ts + 9,
        order_id=order_id,
        price=fixed(points),
        size=size,
        action=dbn.Action(action),
        side=dbn.Side(side),
        sequence=ts % 2**32,
        **(options | changes),
    )


def quote(kind: Any, action: str, side: str, points: float, ts: int, levels: list[tuple], **changes: Any) -> Any:
    pairs = [dbn.BidAskPair(fixed(bid), fixed(ask), bid_size, ask_size) for bid, bid_size, ask, ask_size in levels]
    options: dict[str, Any] = {"flags": dbn.F_LAST, "instrument_id": ESH4}
    if kind is dbn.MBP1Msg:
        options["levels"] = pairs[0]
    if kind is dbn.MBP10Msg:
        options["levels"] = pairs + [dbn.BidAskPair()] * (10 - len(pairs))
    return kind(
        publisher_id=1,
        ts_event=START + ts,
        price=fixed(points),
        size=2,
        action=dbn.Action(action),
        side=dbn.Side(side),
        depth=0,
        ts_recv=START + ts + 9,
        **(options | changes),
    )


def definition(instrument_id: int, symbol: str, ts: int = START, expiration: int = dbn.UNDEF_TIMESTAMP) -> Any:
    return dbn.InstrumentDefMsg(
        1,
        instrument_id,
        ts,
        ts,
        POINT // 4,
        POINT,
        symbol,
        "ES",
        "FUT",
        dbn.InstrumentClass.FUTURE,
        dbn.SecurityUpdateAction.ADD,
        expiration=expiration,
    )


def bar(ts: int) -> Any:
    return dbn.OHLCVMsg(33, 1, ESH4, START + ts, 100 * POINT, 102 * POINT, 99 * POINT, 101 * POINT, 7)


def write(path: Path, head: bytes, records: Iterable[Any] = (), tail: bytes = b"") -> Path:
    content = head + b"".join(bytes(record) for record in records) + tail
    path.write_bytes(zstandard.compress(content) if path.suffix == ".zst" else content)
    return path


def read(*paths: Path) -> tuple[dict[tuple[str, str], dict[str, np.ndarray]], list[Reject], list[FileDone]]:
    """Tables by name and symbol, the rejects, the ends of files."""
    items: list[Item] = list(databento.read(paths))
    tables: dict[tuple[str, str], list[Batch]] = {}
    for item in items:
        if isinstance(item, Batch):
            tables.setdefault((item.table, item.symbol), []).append(item)
            check_contract(item)
    joined = {
        key: {name: np.concatenate([batch.columns[name] for batch in batches]) for name in batches[0].columns}
        | {"row": np.concatenate([batch.row for batch in batches])}
        for key, batches in tables.items()
    }
    return (
        joined,
        [item for item in items if isinstance(item, Reject)],
        [item for item in items if isinstance(item, FileDone)],
    )


def check_contract(batch: Batch) -> None:
    schema = SCHEMAS[batch.table]
    assert set(schema.columns) <= set(batch.columns) <= set(schema.columns | schema.optional)
    for name, column in batch.columns.items():
        assert column.dtype == np.dtype((schema.columns | schema.optional)[name]), name
        assert column.shape == batch.row.shape
    assert batch.row.dtype == np.int64


ORDERS = [
    order("A", "B", 1, 4800.25, 3, 1),
    order("A", "A", 2, 4800.5, 4, 2),
    order("T", "B", 0, 4800.5, 1, 3, flags=0),
    order("F", "A", 2, 4800.5, 1, 3, flags=0),
    order("C", "A", 2, 4800.5, 1, 3),
    order("T", "A", 0, 4800.25, 3, 4, flags=0),
    order("C", "B", 1, 4800.25, 3, 4),
    order("T", "N", 0, 4800.25, 1, 5),
]
