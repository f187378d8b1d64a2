"""Whether a decision is acted upon, and what there is to say of it: the guards around what is deterministic.

A signal acts when nothing stands against it. Everything that is said goes into `why`, whether it stood in the way or
not; the decision itself is never changed.
"""

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from mia_ml.confluence import decision as decisions
from mia_ml.core.errors import DataError
from mia_ml.scoring.content import Content
from mia_ml.settings.serve import Guards
from serving.day.decisions import Live
from serving.day.output import Cause
from serving.day.rail import Verdict
from serving.guards import why
from serving.guards.drift import Block, Drift
from serving.guards.ranges import Ranges
from serving.guards.standing import Standing

RECOVERED = "recovered after a restart: its moment has passed"
PASSED = "decided when the next bar was over already: its moment has passed"
_log = logging.getLogger("mia.acting")


class Acting:
    """standing: reasons of the service as a whole. The ranges and the drift of each version are kept here.

    folder: where the sessions that drift is looked for in are kept. now_ns: the service's clock.
    """

    def __init__(self, standing: Standing, guards: Guards, folder: Path, now_ns: Callable[[], int]) -> None:
        self.standing = standing
        self.now_ns = now_ns
        self._guards = guards
        self._folder = folder
        self._ranges: dict[str, Ranges] = {}
        self._drift: dict[str, Drift] = {}
        self._kept: dict[str, set[tuple[int, int]]] = {}
        self._unwritten: dict[str, list[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def know(self, version: str, content: Content, day: int = 0) -> None:
        """A version is at work, from trading day `day` on; what was kept of the days before is gone through again.

        Raises DataError where that cannot be read.
        """
        self._ranges[version] = Ranges(content.ranges, self._guards.range_margin, self._guards.range_most)
        drift = self._drift[version] = Drift(content.ranges, self._guards.drift_delta, self._guards.drift_days)
        kept = self._kept[version] = set()
        for block in _blocks(self._file(version)):
            kept.add((block.day, block.session))
            if not day or block.day < day:
                drift.feed(block)

    def live_of(self, verdict: Verdict, cause: Cause, recovered: bool = False, too_late: str = "") -> Live:
        """What is to be said of a decision that was just taken. too_late: why nobody can act on it any more."""
        latency_us = None if not cause.perf_ns else (time.perf_counter_ns() - cause.perf_ns) / 1e3
        by, taken = verdict.contender, verdict.decision
        signal = taken["action"][0] == decisions.SIGNAL
        outside = self._ranges[by.version].outside(verdict.row)
        drifted = self._drift[by.version].in_force(int(taken["day"][0]))
        against = [too_late] if too_late else self.standing.texts()
        too_far = self._ranges[by.version].verdict(outside)
        if too_far:
            against.append(too_far)
        if self._guards.drift == "stand_down":
            against += drifted
        said = [why.no_score(by.scorer.formula, verdict.row, taken), why.no_pass_mark(verdict.row, taken), *against]
        if outside and not too_far:
            said.append("out of its training range, borne: " + "; ".join(map(str, outside)))
        if self._guards.drift == "warn":
            said += drifted
        act = bool(signal) and not against
        text = [line for line in said if line]
        return Live(act, text, cause.ts_event, cause.ts_recv, self.now_ns(), latency_us, recovered)

    def after(self, verdict: Verdict) -> None:
        """The decision is out: what ends with its bar, and what drifts."""
        self.standing.closed(int(verdict.decision["ts"][0]))
        version = verdict.contender.version
        block = self._drift[version].take(verdict.row, verdict.decision)
        if block is not None and (block.day, block.session) not in self._kept[version]:
            self._kept[version].add((block.day, block.session))
            self._unwritten.setdefault(version, []).append(block.line() + b"\n")
            self._keep(version)

    def _keep(self, version: str) -> None:
        """What cannot be written yet is written with the next session."""
        path = self._file(version)
        waiting = self._unwritten[version]
        try:
            with path.open("ab", buffering=0) as file:
                while waiting:
                    before = file.tell()
                    if file.write(waiting[0]) != len(waiting[0]):
                        file.truncate(before)
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    del waiting[0]
        except OSError as error:
            _log.warning("%s: %s; sessions of %s are written later", path, error.strerror, version)

    def _file(self, version: str) -> Path:
        return self._folder / f"{version.replace('/', '-')}.jsonl"


def _blocks(path: Path) -> Iterator[Block]:
    """The sessions of a file; a line that a crash tore off is cut. Raises DataError."""
    data = path.read_bytes() if path.is_file() else b""
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
    for number, line in enumerate(data[:whole].splitlines(), 1):
        try:
            yield Block.read(line)
        except msgspec.MsgspecError as error:
            raise DataError(f"{path} line {number}: {error}; remove it, drift is then watched from now on") from None
