"""A decision as the line that leaves the service, and the journal of all of them.

`decision` is what research would give, byte for byte; `live` is what happened to it here. A line is in the journal
before anybody is sent it, so a restart knows which are out.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from mia_ml.backtest import records
from mia_ml.confluence import decision as decisions
from mia_ml.core.errors import DataError
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from mia_ml.scoring.scorer import Scorer
from serving.intake import wire
from serving.unavailable import Unavailable


class Decided(msgspec.Struct, frozen=True):
    """The deterministic part, in the order of `confluence.decision.DECISION`, whose units it has; `close` and `barrier`
    in points."""

    ts: int
    day: int
    instrument: str
    score: float
    threshold: float
    raw: float
    weight_present: float
    session_factor: float
    cycle_factor: float
    volatility_factor: float
    regime: str
    session: str
    crossing: int
    action: str
    exceedance: float
    probability: float
    pass_mark: float
    models: dict[str, float]
    contributions: dict[str, float]
    close: float
    barrier: float
    fingerprint: str


class Live(msgspec.Struct, frozen=True):
    """act: a signal that nothing stands against. latency_us: from receipt to decision, None where it was not timed."""

    act: bool
    why: list[str]
    ts_event: int
    ts_recv: int | None
    ts_decided: int
    latency_us: float | None
    recovered: bool = False


class Line(msgspec.Struct, frozen=True):
    number: int
    version: str
    seal: str
    role: str
    overridden: str
    decision: msgspec.Raw
    live: Live


class Head(msgspec.Struct, frozen=True):
    """What a reader of the journal needs of a decision."""

    ts: wire.Moment
    day: Annotated[int, msgspec.Meta(ge=0, lt=100_000_000)]
    action: str
    crossing: int


class Kept(msgspec.Struct, frozen=True):
    """A line of the journal as it is read back."""

    number: int
    version: str
    seal: str
    role: str
    decision: msgspec.Raw
    live: Live

    @property
    def head(self) -> Head:
        return _HEAD.decode(self.decision)


_ENCODER = msgspec.json.Encoder()
_HEAD = msgspec.json.Decoder(Head)
_KEPT = msgspec.json.Decoder(Kept)


def decided(row: np.ndarray, taken: np.ndarray, contract: str, scorer: Scorer) -> bytes:
    """The deterministic part as JSON. row, taken: one ROW and the DECISION on it, arrays of length one."""
    terms, members = scorer.formula.terms, scorer.filter.members if scorer.filter is not None else ()
    *first, regime, session, crossing, action, exceedance, probability, pass_mark, member, contribution = taken.item()
    ts, day, *factors = first
    plain = (
        ts,
        day,
        contract,
        *factors,
        REGIMES[regime],
        SESSIONS[session],
        crossing,
        decisions.ACTIONS[action],
        exceedance,
        probability,
        pass_mark,
        dict(zip(members, member.tolist(), strict=False)),
        dict(zip(terms, contribution.tolist(), strict=False)),
        float(row["close"][0]),
        float(records.barrier_points(row)[0]),
        hashlib.sha256(row.tobytes() + taken.tobytes()).hexdigest()[:16],
    )
    return _ENCODER.encode(Decided(*plain))


class Sent:
    """The lines of all days, a file a day, as whoever does not write them reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, day: int) -> Path:
        return self.folder / f"{day}.jsonl"

    def of_day(self, day: int) -> list[Kept]:
        """The lines of a day. Raises DataError on one that cannot be read."""
        return [_kept(self.path(day), n, line) for n, line in enumerate(self._whole_lines(day), 1)]

    def after(self, number: int, most: int) -> Iterator[bytes]:
        """Lines behind a number, oldest first, at most so many."""
        for path in self._files():
            lines = self._whole_lines(int(path.stem))
            if not lines or _kept(path, len(lines), lines[-1]).number <= number:
                continue
            for n, line in enumerate(lines, 1):
                if most and _kept(path, n, line).number > number:
                    yield line
                    most -= 1

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*.jsonl") if path.stem.isdecimal())

    def _whole_lines(self, day: int) -> list[bytes]:
        path = self.path(day)
        return path.read_bytes().splitlines(keepends=True) if path.is_file() else []


class Journal(Sent):
    """The same, written. number: of the last line."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._day, self._file, self._size = 0, -1, 0
        self.number = self._last()

    def write(self, day: int, lines: list[Line], sync: bool) -> list[bytes]:
        """Append numbered lines of one trading day; their bytes. Raises Unavailable: then none of them is out."""
        encoded = [_ENCODER.encode(line) + b"\n" for line in lines]
        data = b"".join(encoded)
        try:
            if day != self._day:
                self._open(day)
            try:
                if os.write(self._file, data) != len(data):
                    raise OSError(28, "No space left on device")
                if sync:
                    os.fdatasync(self._file)
            except OSError:
                os.ftruncate(self._file, self._size)
                raise
        except OSError as error:
            why = f"{self.path(day)}: {error.strerror}; no decision leaves until it can be written"
            raise Unavailable(why) from None
        self._size += len(data)
        self.number = lines[-1].number
        return encoded

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._day, self._file = 0, -1

    def _open(self, day: int) -> None:
        self.close()
        self._file = os.open(self.path(day), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._day, self._size = day, os.fstat(self._file).st_size

    def _last(self) -> int:
        """The number of the last line; a line that a crash tore off is cut."""
        for path in reversed(self._files()):
            data = path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                os.truncate(path, whole)
            lines = self._whole_lines(int(path.stem))
            if lines:
                return _kept(path, len(lines), lines[-1]).number
        return 0


def _kept(path: Path, n: int, line: bytes) -> Kept:
    try:
        kept = _KEPT.decode(line)
        _HEAD.decode(kept.decision)
        return kept
    except msgspec.MsgspecError as error:
        raise DataError(f"{path} line {n}: {error}; move the file away to begin the day's journal anew") from None
