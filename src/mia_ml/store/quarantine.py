"""The quarantine: every refused vendor row with its file, row, reason and value, one Parquet file per vendor file."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mia_ml.core.errors import TableError
from mia_ml.core.tables import Batch, Reject
from mia_ml.store.parquet import write_atomically
from mia_ml.store.rules import REASONS

FOLDER = "_quarantine"
SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("file", pa.string()),
            ("row", pa.int64()),
            ("table", pa.string()),
            ("symbol", pa.string()),
            ("ts_event", pa.int64()),  # 0: the source could not read one
            ("reason", pa.string()),
            ("value", pa.string()),
        )
    ]
)


@dataclass
class Quarantine:
    """The refused rows of one vendor file."""

    file: str
    columns: dict[str, list] = field(default_factory=lambda: {name: [] for name in SCHEMA.names})

    def reject(self, reject: Reject) -> None:
        """A vendor row the source itself refused."""
        values = (self.file, reject.row, reject.table, "", 0, reject.reason, reject.value)
        for name, value in zip(SCHEMA.names, values, strict=True):
            self.columns[name].append(value)

    def refuse(self, batch: Batch, reason: np.ndarray, values: list[str]) -> None:
        """The rows of a batch that screening marked, and the offending value of each."""
        rows = np.flatnonzero(reason)
        add = self.columns
        add["file"] += [self.file] * rows.size
        add["row"] += batch.row[rows].tolist()
        add["table"] += [batch.table] * rows.size
        add["symbol"] += [batch.symbol] * rows.size
        add["ts_event"] += batch.columns["ts_event"][rows].tolist()
        add["reason"] += [REASONS[code] for code in reason[rows]]
        add["value"] += values

    def vendor_rows(self) -> int:
        """How many distinct vendor rows are concerned."""
        return len(set(self.columns["row"]))

    def by_reason(self) -> dict[str, int]:
        """Distinct vendor rows per reason; a row may count under several."""
        pairs = set(zip(self.columns["reason"], self.columns["row"], strict=True))
        return dict(sorted(Counter(reason for reason, _ in pairs).items()))

    def write(self, path: Path) -> None:
        """In the order of the file, so that it does not matter in which batches the rows came."""
        order = [("row", "ascending"), ("table", "ascending"), ("symbol", "ascending"), ("reason", "ascending")]
        write_atomically(path, pa.table(self.columns, schema=SCHEMA).sort_by(order))


def read(root: Path) -> pa.Table:
    """Every quarantined row below `root`."""
    tables = []
    for path in sorted((Path(root) / FOLDER).glob("*.parquet")):
        try:
            with pq.ParquetFile(path) as file:
                tables.append(file.read().cast(SCHEMA))
        except (pa.ArrowException, ValueError) as error:
            raise TableError(f"{path}: not a quarantine table ({str(error).splitlines()[0]}); ingest again") from error
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()
