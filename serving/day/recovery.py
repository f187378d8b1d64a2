"""A trading day after a crash, or a stop: run again from its log, and held against what had left already."""

import time
from typing import NamedTuple

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.moments import NONE, utc
from mia_ml.core.tables import Batch
from serving.day.decisions import Kept, Sent, decided
from serving.day.rail import STANDBY, Verdict
from serving.day.trading_day import TradingDay
from serving.intake import events
from serving.intake.events import LATE
from serving.intake.journal import Day
from serving.intake.merge import Found

BLOCK = 1 << 16
"""Records that are screened again at a time: a day's would take new memory, which costs more than the screening."""


class Recovered(NamedTuple):
    """told: what had left, with the verdicts of this run. missing: verdicts that nobody has heard of, in order."""

    told: list[tuple[Verdict, Kept]]
    missing: list[Verdict]


def recover(day: TradingDay, found: Found, sent: Sent) -> Recovered:
    """Bring a day to where its log ends.

    found: what its log holds. sent: what had left. Raises DataError when that is not what this run gives: then the
    code, a bundle or a file is not what it was, and nothing may go on as if it were.
    """
    kept = sent.of_day(day.day)
    if not found and not kept:
        return Recovered([], [])
    _restore_lanes(day, found)
    told = {(line.version, line.head.ts): line for line in kept}
    verdicts = day.replay(found, max((ts for _, ts in told), default=NONE), time.monotonic_ns())
    out = Recovered([], [])
    for verdict in sorted(verdicts, key=lambda verdict: int(verdict.row["ts"][0])):
        role = role_at(day.arrivals.log.about, verdict.contender.version, int(verdict.row["ts"][0]))
        if role in ("", STANDBY):
            continue
        line = told.pop((verdict.contender.version, int(verdict.row["ts"][0])), None)
        if line is None:
            out.missing.append(verdict)
            continue
        _hold_against(line, verdict, day)
        out.told.append((verdict, line))
    at_work = {contender.version for rail in day.rails for contender in rail.contenders}
    lost = [line for (version, _), line in told.items() if version in at_work]
    if lost:
        raise DataError(
            f"{sent.path(day.day)}: decision {lost[0].number} of {lost[0].version} at {utc(lost[0].head.ts)} is not "
            "among those that the day's log gives; move the day's log and journal away to begin it anew"
        )
    return out


def role_at(about: Day, version: str, ts: int) -> str:
    """What a version was when a bar closed; empty before it came."""
    roles = [role.role for role in about.roles if role.version == version and role.from_ts < ts]
    return roles[-1] if roles else ""


def _hold_against(line: Kept, verdict: Verdict, day: TradingDay) -> None:
    contract = day.arrivals.contract
    if bytes(line.decision) != decided(verdict.row, verdict.decision, contract, verdict.contender.scorer):
        raise DataError(
            f"decision {line.number} of {line.version} at {utc(line.head.ts)} was another when it left than the day's "
            "log gives now: the bundle, the code or the days before have changed; start on the version that was, or "
            "move the day's log and journal away"
        )


def _restore_lanes(day: TradingDay, found: Found) -> None:
    """Positions, and what the screening knew: the log holds what was refused as well."""
    arrivals = day.arrivals
    for number, feed in enumerate(arrivals.log.about.feeds):
        lane = day.lane(feed.name, feed.screened)
        for table, records in found.items():
            own = events.those(records, records["feed"] == number)
            if not own.size:
                continue
            lane.position = max(lane.position, int(own["position"].max()))
            judged = events.those(own, own["reason"] < LATE)
            if lane.screened or not judged.size:
                continue
            screen = arrivals.screen_of(lane, table)
            for start in range(0, judged.size, BLOCK):
                part = judged[start : start + BLOCK]
                columns, positions = events.columns(table, part), part["position"].copy()
                reasons = screen.check(Batch(table, arrivals.contract, columns, lane.name, positions)).reason
                if not np.array_equal(reasons, part["reason"]):
                    raise DataError(
                        f"{arrivals.log.folder}: {table} of {feed.name} are refused by other rules than today's"
                    )
