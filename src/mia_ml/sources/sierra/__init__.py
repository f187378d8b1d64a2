"""Sierra Chart: tick-by-tick text exports (`.txt`), intraday (`.scid`) and market depth files (`.depth`)."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mia_ml.core.errors import ConfigError, MiaError, SourceError, refuse_unknown
from mia_ml.core.tables import FileDone, Item
from mia_ml.sources import Skip, never, wallclock
from mia_ml.sources.sierra import binary, depth, naming, scid, text

SUFFIXES = (".txt", ".scid", ".depth")


def read(
    paths: Iterable[str | Path],
    symbol: str | None = None,
    *,
    zone: str = "UTC",
    fraction: str = "microseconds",
    price_multiplier: float = 1.0,
    skip: Skip = never,
) -> Iterator[Item]:
    """Trades and book rows of Sierra Chart files, each file closed by its FileDone; a folder is its files.

    symbol: the contract (`ESH2`); without it, what the file's name begins with. zone, fraction: how text
    exports write time. price_multiplier: points per stored price in binary files (0.01 where ES is stored as
    434775).
    """
    wallclock.check_zone(zone)
    if fraction not in text.FRACTIONS:
        raise ConfigError(refuse_unknown("fraction", fraction, text.FRACTIONS))
    if not price_multiplier > 0:
        raise ConfigError(f"price_multiplier {price_multiplier} must be above 0 points")
    for given in map(Path, paths):
        try:
            files = _files(given)
        except MiaError as error:
            yield FileDone(str(given), 0, str(error))
            continue
        for path in files:
            if not skip(str(path)):
                yield from _read_file(path, symbol or naming.symbol_of(path), zone, fraction, price_multiplier)


def _files(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    try:
        files = sorted(path for path in given.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise SourceError(f"{given}: cannot be read: {error.strerror}") from error
    if not files:
        raise SourceError(f"{given}: no {', '.join(SUFFIXES)} file in this folder")
    return files


def _read_file(path: Path, symbol: str, zone: str, fraction: str, price_multiplier: float) -> Iterator[Item]:
    suffix = path.suffix.lower()
    try:
        if suffix == ".txt":
            yield from text.read(path, symbol, zone, fraction)
        elif suffix == ".scid":
            yield from binary.read(path, scid.Trades(path, symbol, price_multiplier))
        elif suffix == ".depth":
            yield from binary.read(path, depth.Book(path, symbol, price_multiplier))
        else:
            raise SourceError(f"{path}: not a Sierra Chart file, those end in {', '.join(SUFFIXES)}")
    except OSError as error:
        yield FileDone(str(path), 0, f"{path}: cannot be read: {error.strerror}")
    except MiaError as error:
        yield FileDone(str(path), 0, str(error))
