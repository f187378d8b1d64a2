"""The trial ledger: how many configurations were scored on these days, however often and wherever.

A configuration is counted on all days that it shares one with: its days from the first to the last, so that one added
day does not make the others forgotten. It is one, however often it was launched; how it ended is how its last launch
with an end did, and it is abandoned when none has: its process was killed, or still runs.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from mia_ml.core.project import home
from mia_ml.ledger import database
from mia_ml.ledger.configuration import Configuration, Outcome, Outer, Scope, State
from mia_ml.ledger.looks import Look
from mia_ml.ledger.tables import ENDS, LAUNCHES, LOOKS, OUTCOMES

ABANDONED = "abandoned"
STATES = ("complete", "pruned", "failed", ABANDONED)
_STATE = sa.func.coalesce(ENDS.c.state, ABANDONED)
_FIGURES = ("sharpe", "skewness", "kurtosis", "expectancy_r")
_LOOK = tuple(field.name for field in dataclasses.fields(Look))


@dataclasses.dataclass(frozen=True)
class Count:
    """Configurations of a kind on days yyyymmdd. states: how many by how they ended, every one of STATES. launches: of
    all of them."""

    instrument: str
    first_day: int
    last_day: int
    scope: Scope
    kind: str
    states: dict[str, int]
    launches: int

    @property
    def configurations(self) -> int:
        return sum(self.states.values())


class Ledger:
    """A context manager: leaving it closes the database. Threads may share one, processes open their own.

    Every method raises DataError, one line, when the database cannot do it. when_utc: ISO 8601.
    """

    def __init__(self, kept: database.Database) -> None:
        self._kept = kept

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._kept.close()

    @property
    def where(self) -> str:
        """As a user may be shown it."""
        return self._kept.shown

    def launch(self, configuration: Configuration, when_utc: str) -> int:
        """To be called in front of the evaluation: what `end` needs. It is counted from here on."""
        return self._kept.insert(
            LAUNCHES,
            {
                "configuration": configuration.key,
                "scope": configuration.scope,
                "instrument": configuration.instrument,
                "first_day": int(configuration.first_day),
                "last_day": int(configuration.last_day),
                "kind": configuration.kind,
                "name": configuration.name,
                "when_utc": when_utc,
            },
        )

    def end(self, launch: int, state: State, when_utc: str, sharpe: float = math.nan) -> None:
        """sharpe: annual, in-sample; NaN where not known. A launch ends once."""
        self._kept.insert(ENDS, {"launch": launch, "state": state, "sharpe": _float(sharpe), "when_utc": when_utc})

    def record_outer(self, results: Sequence[tuple[Configuration, Outcome]], when_utc: str) -> None:
        """Results of evaluations out of sample, all or none. What is recorded again is no second configuration; where
        it came to another result, the last one counts."""
        for configuration, outcome in results:
            _check_outer(configuration, outcome)
        with self._kept.transaction():
            known: dict[str, dict[str, Any]] = {}
            for instrument in {configuration.instrument for configuration, _ in results}:
                known |= {row.configuration: _stored(_outcome(row)) for row in self._outcomes(instrument)}
            for configuration, outcome in results:
                launch = self.launch(configuration, when_utc)
                self.end(launch, "complete", when_utc)
                values = _stored(outcome)
                if known.get(configuration.key) != values:
                    self._kept.insert(OUTCOMES, {"launch": launch, **values})
                    known[configuration.key] = values

    def inner_counts(self, instrument: str, first_day: int, last_day: int) -> dict[str, int]:
        """Configurations scored in-sample on some of these days, by how they ended: every one of STATES."""
        mine = _configurations(*_sharing("inner", instrument, first_day, last_day)).subquery()
        counted = sa.select(_STATE, sa.func.count()).select_from(_with_end(mine)).group_by(_STATE)
        return dict.fromkeys(STATES, 0) | {state: int(n) for state, n in self._kept.rows(counted)}

    def inner_sharpes(self, instrument: str, first_day: int, last_day: int) -> np.ndarray:
        """Of each of these configurations its annual Sharpe ratio, float64 [n]; NaN where it is not known."""
        mine = _configurations(*_sharing("inner", instrument, first_day, last_day)).subquery()
        ordered = sa.select(ENDS.c.sharpe).select_from(_with_end(mine)).order_by(mine.c.configuration)
        return np.array([_nan(row.sharpe) for row in self._kept.rows(ordered)], np.float64)

    def outer(self, instrument: str, first_day: int, last_day: int) -> tuple[Outer, ...]:
        """Configurations whose out-of-sample result on some of these days is known, by kind and name."""
        rows = self._outcomes(instrument, first_day, last_day)
        last = {row.configuration: Outer(row.configuration, row.kind, row.name, _outcome(row)) for row in rows}
        return tuple(sorted(last.values(), key=lambda outer: (outer.kind, outer.name, outer.key)))

    def counts(self, instrument: str | None = None) -> list[Count]:
        """All that was ever scored, by instrument, days, scope and kind."""
        mine = _configurations(*[LAUNCHES.c.instrument == instrument] * (instrument is not None)).subquery()
        group = [mine.c[name] for name in ("instrument", "first_day", "last_day", "scope", "kind")]
        counted = sa.select(*group, _STATE, sa.func.count(), sa.func.sum(mine.c.launches))
        rows = self._kept.rows(counted.select_from(_with_end(mine)).group_by(*group, _STATE).order_by(*group))
        found = []
        for key, own in itertools.groupby(rows, _key):
            states, launches = dict.fromkeys(STATES, 0), 0
            for *_, state, n, launched in own:
                states[state] = int(n)
                launches += int(launched)
            found.append(Count(*key, states, launches))
        return found

    def look(
        self,
        token: str,
        *,
        who: str,
        when_utc: str,
        why: str,
        first_day: int,
        last_day: int,
        instruments: Sequence[str],
        files: int,
        bundle: str = "",
    ) -> Look:
        """Record a look, to be called before anything is shown. The same token is the same look, which goes on."""
        with self._kept.transaction():
            before = {row.token: _look(row) for row in self._looks()}
            if token in before:
                return before[token]
            number = 1 + sum(look.meets(instruments, first_day, last_day) for look in before.values())
            look = Look(number, who, when_utc, why, first_day, last_day, tuple(instruments), files, bundle)
            self._kept.insert(LOOKS, dataclasses.asdict(look) | {"token": token, "instruments": ",".join(instruments)})
        return look

    def looks(self, instrument: str | None = None, first_day: int = 0, last_day: int = 99_991_231) -> list[Look]:
        """In order; with an instrument or days those that showed some of them."""
        found = [look for look in map(_look, self._looks()) if look.shows(first_day, last_day)]
        return [look for look in found if instrument is None or instrument in look.instruments]

    def _looks(self) -> Sequence[sa.Row]:
        return self._kept.rows(sa.select(LOOKS).order_by(LOOKS.c.id))

    def _outcomes(self, instrument: str, first_day: int = 0, last_day: int = 99_991_231) -> Sequence[sa.Row]:
        """What each launch found anew, in order."""
        launched = (LAUNCHES.c.configuration, LAUNCHES.c.kind, LAUNCHES.c.name)
        return self._kept.rows(
            sa.select(*launched, OUTCOMES)
            .join(OUTCOMES, OUTCOMES.c.launch == LAUNCHES.c.id)
            .where(*_sharing("outer", instrument, first_day, last_day))
            .order_by(LAUNCHES.c.id)
        )


def open(where: str, project: Path) -> Ledger:
    """The ledger at `where`: a SQLite file below `project`, or a PostgreSQL URL; made where there is none.

    project: its folder, or a throw-away checkout of DVC's, whose project is meant. Raises ConfigError, DataError.
    """
    return Ledger(database.open_database(where, home(project)))


def in_memory() -> Ledger:
    """One that ends with the process."""
    return Ledger(database.in_memory())


def _key(row: sa.Row) -> tuple[Any, Any, Any, Any, Any]:
    instrument, first_day, last_day, scope, kind, *_ = row
    return instrument, first_day, last_day, scope, kind


def _sharing(scope: Scope, instrument: str, first_day: int, last_day: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        LAUNCHES.c.instrument == instrument,
        LAUNCHES.c.scope == scope,
        LAUNCHES.c.first_day <= int(last_day),
        LAUNCHES.c.last_day >= int(first_day),
    )


def _configurations(*conditions: sa.ColumnElement[bool]) -> sa.Select:
    """One row each: its launches, and the last of them that ended."""
    what = [LAUNCHES.c[name] for name in ("configuration", "instrument", "first_day", "last_day", "scope", "kind")]
    counted = sa.func.count(LAUNCHES.c.id).label("launches"), sa.func.max(ENDS.c.launch).label("ended")
    joined = sa.outerjoin(LAUNCHES, ENDS, ENDS.c.launch == LAUNCHES.c.id)
    return sa.select(*what, *counted).select_from(joined).where(*conditions).group_by(*what)


def _with_end(configurations: sa.Subquery) -> sa.Join:
    return configurations.outerjoin(ENDS, ENDS.c.launch == configurations.c.ended)


def _check_outer(configuration: Configuration, outcome: Outcome) -> None:
    assert configuration.scope == "outer", f"{configuration.name}: an outcome is out of sample"
    assert configuration.first_day <= outcome.days[0], f"{configuration.name}: a day before its first"
    assert outcome.days[-1] <= configuration.last_day, f"{configuration.name}: a day after its last"


def _stored(outcome: Outcome) -> dict[str, Any]:
    series = {"days": outcome.days.astype("<i4").tobytes(), "pnl_usd": outcome.pnl_usd.astype("<f8").tobytes()}
    return series | {name: _float(getattr(outcome, name)) for name in _FIGURES}


def _outcome(row: sa.Row) -> Outcome:
    days, pnl_usd = (
        np.frombuffer(row.days, "<i4").astype(np.int64),
        np.frombuffer(row.pnl_usd, "<f8").astype(np.float64),
    )
    return Outcome(days, pnl_usd, *(_nan(getattr(row, name)) for name in _FIGURES))


def _look(row: sa.Row) -> Look:
    values = {name: getattr(row, name) for name in _LOOK}
    return Look(**values | {"instruments": tuple(filter(None, row.instruments.split(",")))})


def _float(value: float) -> float | None:
    """SQLite takes NaN for nothing, PostgreSQL does not."""
    return None if math.isnan(value) else float(value)


def _nan(value: float | None) -> float:
    return math.nan if value is None else value
