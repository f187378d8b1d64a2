"""Delimited text in blocks, every cell as text, every line counted.

Parsing is left to the caller, so that a cell that is no number refuses its row and not the file.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import polars as pl

BLOCK_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_PADDING = ' \t\r"'


def split(line: bytes, separator: str) -> list[str]:
    """The cells of one line."""
    text = line.removeprefix(_BOM).decode("utf-8", "replace").rstrip("\n")
    return [cell.strip(_PADDING) for cell in text.split(separator)]


def first_line(stream: BinaryIO) -> bytes:
    """The first line that is not blank, taken from the stream; empty at the end of the file."""
    for line in iter(stream.readline, b""):
        if line.removeprefix(_BOM).strip():
            return line
    return b""


def blocks(
    stream: BinaryIO,
    separator: str,
    width: int,
    columns: dict[str, int],
    head: bytes = b"",
) -> Iterator[pl.DataFrame]:
    """The lines of a stream as tables of text, null where a line has no such cell.

    width: cells a line should have. columns: a name to the position of its cell. head: bytes already taken
    from the stream that belong to the data. A table has one row for each line, blank ones included, and one
    more column `too_long`: the line has more than `width` cells.
    """
    rest = head
    while chunk := stream.read(BLOCK_BYTES):
        chunk = rest + chunk
        cut = chunk.rfind(b"\n") + 1
        rest = chunk[cut:]
        if cut:
            yield _table(chunk[:cut], separator, width, columns)
    if rest.strip():
        yield _table(rest, separator, width, columns)


def _table(block: bytes, separator: str, width: int, columns: dict[str, int]) -> pl.DataFrame:
    # a header of our own fixes the width: polars would take it from whatever line comes first. The cell
    # beyond the expected ones shows that a line is too long; polars cuts what follows it
    names = [f"cell_{k}" for k in range(width + 1)]
    table = pl.read_csv(
        separator.join(names).encode() + b"\n" + block.removeprefix(_BOM),
        separator=separator,
        quote_char=None,
        infer_schema=False,
        columns=[names[k] for k in sorted({*columns.values(), width})],
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    )
    cells = {name: pl.col(names[k]).str.strip_chars(_PADDING) for name, k in columns.items()}
    return table.select(**cells, too_long=pl.col(names[width]).is_not_null())


def numbers(table: pl.DataFrame, name: str) -> np.ndarray:
    """A column of text as float64, NaN where it is no finite number."""
    values = table[name].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().copy()
    values[~np.isfinite(values)] = np.nan
    return values


def integers(table: pl.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of text as int64, and where it is none."""
    values = table[name].cast(pl.Int64, strict=False)
    return values.fill_null(0).to_numpy(), values.is_null().to_numpy()
