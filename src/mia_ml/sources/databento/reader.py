"""Walks DBN files: definitions first, then every other file in the order given."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import databento_dbn as dbn

from mia_ml.core.errors import SourceError
from mia_ml.core.tables import FileDone, Item
from mia_ml.sources import Skip, never
from mia_ml.sources.databento.conversion import Conversion
from mia_ml.sources.databento.stream import RecordFile
from mia_ml.sources.databento.symbols import Definitions, Symbols

_SUFFIXES = (".dbn", ".dbn.zst")


def read(paths: Iterable[Path | str], *, skip: Skip = never) -> Iterator[Item]:
    """Canonical rows of DBN files and of folders of them (files named `.dbn` or `.dbn.zst`, sorted by path).

    Each file stands alone: its book starts empty, so files may be read again one at a time. What comes before a fault
    in a file is yielded; its FileDone then says what stopped the reading, and the next file follows. Definitions are
    read without asking `skip`: they name what the other files hold.
    """
    for each in open_files(paths, skip):
        if isinstance(each, FileDone):
            yield each
        else:
            for items in each.blocks():
                yield from items


def open_files(paths: Iterable[Path | str], skip: Skip = never) -> "Iterator[MarketFile | FileDone]":
    """The files of market data that paths hold, in the order of `read`, and the ends of those that give no rows."""
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
            yield MarketFile(path, file, definitions)


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


class MarketFile:
    """One file of market data. starts_ns: from when its request was, ns UTC."""

    def __init__(self, path: Path, file: RecordFile, definitions: Definitions) -> None:
        self.starts_ns = int(file.metadata.start)
        self._path = str(path)
        self._file = file
        self._conversion = Conversion(self._path, file.schema, Symbols(file.metadata, definitions))

    def blocks(self) -> Iterator[list[Item]]:
        """Its rows, block after block of the file; the last one closes it."""
        conversion = self._conversion
        error = ""
        try:
            for block in self._file.blocks():
                items, refusal = conversion.convert(block)
                yield items
                if refusal:
                    raise SourceError(refusal)
            yield conversion.finish()
        except SourceError as fault:
            error = f"{self._path}: {fault}"
        yield [FileDone(self._path, conversion.records, error)]
