"""What a version must have shown on paper before it may be champion: an operations gate, not a test of the edge.

    stage        it was promoted to paper, on the record
    paper days   trading days that count: enough of the bars decided, nothing left unresolved
    parity       no day whose live decisions differ from research
    edge         the sequential test, which goes on from trade to trade, has not refuted it

30 trades cannot show an edge (SPEC 8), so that none was seen yet stands in nobody's way; one that is refuted does.
The evidence is the document that the service writes after each trading day. An incident is a line that says what
happened; one that begins with "resolved" is settled, one that begins with "parity" is of parity. A day of which it is
not known yet whether it differs has an incident that says so.
"""

import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import pydantic
from pydantic import ConfigDict

from mia_ml.core.errors import DataError
from mia_ml.core.moments import iso
from mia_ml.judge import wording
from mia_ml.judge.judgement import GateResult, GateStatus, GateTable

NAN, INF = math.nan, math.inf
RESOLVED, PARITY = "resolved", "parity"
UNSEEN = "not yet run again from its log"
NO_DAY = "no trading day on paper yet"


class Rules(NamedTuple):
    """As conf/promotion has them. days: trading days. least_complete: share of a day's bars. level: of the edge."""

    days: int
    least_complete: float
    level: float


class _Part(pydantic.BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Day(_Part):
    """day: yyyymmdd. bars: that the day had; decided: of them. complete: the day has ended. r, usd: of its trades."""

    day: int
    bars: int = pydantic.Field(ge=0)
    decided: int = pydantic.Field(ge=0)
    complete: bool
    trades: int = pydantic.Field(ge=0)
    r: float | None = None
    usd: float | None = None
    incidents: tuple[str, ...] = ()

    @pydantic.model_validator(mode="after")
    def _possible(self) -> "Day":
        if self.decided > self.bars:
            raise ValueError(f"{self.decided} of {self.bars} bars decided")
        return self

    @property
    def unresolved(self) -> tuple[str, ...]:
        return tuple(incident for incident in self.incidents if not incident.strip().lower().startswith(RESOLVED))

    def counts(self, least_complete: float) -> bool:
        """
        >>> Day(day=20240304, bars=100, decided=98, complete=True, trades=0).counts(0.98)
        True
        >>> Day(day=20240304, bars=100, decided=98, complete=True, trades=0, incidents=("gap",)).counts(0.98)
        False
        """
        enough = self.bars > 0 and self.decided >= least_complete * self.bars
        return self.complete and enough and not self.unresolved


class Edge(_Part):
    """A confidence sequence: its interval holds at all moments together. None: no end on that side. n: trades."""

    mean: float | None
    low: float | None
    high: float | None
    unit: str
    n: int = pydantic.Field(ge=0)
    level: float


class Evidence(_Part):
    version: str
    days: tuple[Day, ...]
    edge: Edge | None = None


class Paper(NamedTuple):
    """evidence: None where the service wrote none. sha256: of the document, empty then."""

    evidence: Evidence | None
    sha256: str


def path_of(state: Path, model: str, version: str) -> Path:
    return state / "paper" / f"{model}-{version}.json"


def read(path: Path, named: str) -> Paper:
    """The evidence in a file. named: the version it must be of. Raises DataError when it is none."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Paper(None, "")
    try:
        evidence = Evidence.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: no paper evidence: {where}: {first['msg']}: let the service write it again") from None
    if evidence.version != named:
        raise DataError(f"{path}: is the evidence of {evidence.version}, not of {named}")
    days = [day.day for day in evidence.days]
    for i in range(1, len(days)):
        if days[i] <= days[i - 1]:
            raise DataError(f"{path}: day {days[i]} follows {days[i - 1]}: each day stands there once, in order")
    return Paper(evidence, hashlib.sha256(text).hexdigest())


def table(evidence: Evidence | None, rules: Rules, was_on_paper: bool) -> GateTable:
    """The operations gates. was_on_paper: the record has it on paper at some time."""
    days = evidence.days if evidence else ()
    results = (
        _stage(was_on_paper, rules),
        _days(days, rules),
        _parity(days, rules),
        _edge(evidence.edge if evidence else None, rules),
    )
    return GateTable(name="paper", title="Paper", blocking=True, results=results)


def _stage(was_on_paper: bool, rules: Rules) -> GateResult:
    ok = was_on_paper or rules.days == 0
    why = "the record has it on paper" if was_on_paper else "the record does not have it on paper"
    return _result("stage", "promoted to paper before", "pass" if ok else "undecidable", why, "mia promote --to paper")


def _days(days: tuple[Day, ...], rules: Rules) -> GateResult:
    counting = sum(day.counts(rules.least_complete) for day in days)
    missing = rules.days - counting
    why = f"{counting} of {len(days)} days on paper count" if days else NO_DAY
    lost = [day for day in days if not day.counts(rules.least_complete)]
    if lost:
        why += f"; the last that does not is {iso(lost[-1].day)}: {_lost(lost[-1], rules)}"
    return _result(
        "paper days",
        f"trading days on paper at least {rules.days}, each with {wording.limit('share', rules.least_complete)} of "
        "its bars decided and no incident unresolved",
        "pass" if missing <= 0 else "undecidable",
        why,
        f"{missing} more trading day{'s' * (missing > 1)}",
        value=float(counting),
        unit="trading days",
        bounds=(float(rules.days), NAN),
    )


def _lost(day: Day, rules: Rules) -> str:
    if day.unresolved:
        return day.unresolved[0]
    if not day.complete:
        return "it has not ended"
    return f"{day.decided:,} of {day.bars:,} bars decided"


def _parity(days: tuple[Day, ...], rules: Rules) -> GateResult:
    broken = [
        (day.day, incident)
        for day in days
        for incident in day.unresolved
        if incident.strip().lower().startswith(PARITY)
    ]
    unseen = [day.day for day in days if UNSEEN in day.incidents]
    status: GateStatus = "pass" if (days and not unseen) or rules.days == 0 else "undecidable"
    why, change = f"{len(days)} days without a difference" if days else NO_DAY, "a trading day on paper"
    if unseen:
        why, change = f"{iso(unseen[0])}: {UNSEEN}", "that day run again: the service does it when it has ended"
    if broken:
        status, why, change = "fail", f"{iso(broken[0][0])}: {broken[0][1]}", "the difference found and resolved"
    return _result("parity", "live decisions equal research byte for byte", status, why, change)


def _edge(edge: Edge | None, rules: Rules) -> GateResult:
    level = wording.percent(rules.level)
    rule = f"{level} confidence sequence of the edge, which runs on, not wholly below 0"
    if edge is None or edge.n == 0:
        return _result("edge", rule, "pass", "no trade on paper yet refutes it", "")
    low, high = -INF if edge.low is None else edge.low, INF if edge.high is None else edge.high
    unit = "R" if edge.unit.startswith("R") else edge.unit
    shown = f"{wording.interval(unit, low, high)} over {edge.n:,} trades"
    status: GateStatus = "pass" if high >= 0 else "fail"
    why, change = (f"not refuted: {shown}", "") if status == "pass" else (f"refuted: {shown}", "an edge")
    if not math.isclose(edge.level, rules.level, abs_tol=1e-9):
        status, change = "undecidable", f"evidence at {level}"
        why = f"the interval is at {wording.percent(edge.level)}"
    mean = NAN if edge.mean is None else edge.mean
    return _result("edge", rule, status, why, change, value=mean, low=low, high=high, unit=unit, bounds=(0.0, NAN))


def _result(
    name: str,
    rule: str,
    status: GateStatus,
    why: str,
    change: str,
    *,
    value: float = NAN,
    low: float = NAN,
    high: float = NAN,
    unit: str = "",
    bounds: tuple[float, float] = (NAN, NAN),
) -> GateResult:
    return GateResult(
        name=name,
        figure=name,
        rule=rule,
        status=status,
        value=value,
        low=low,
        high=high,
        unit=unit,
        why=why,
        would_change="" if status == "pass" else change,
        bounds=bounds,
    )
