"""The data audit: what is there, what is missing, what was refused, and whether that is good enough to go on.

Days are held against the exchange calendar, silences against its trading hours. Hours are exchange time, spreads ticks,
time-weighted. Findings carry a severity; an `error` closes the gate.
"""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mia_ml.core import calendar, instruments, moments
from mia_ml.core.errors import CalendarError, ConfigError, TableError
from mia_ml.core.tables import Columns
from mia_ml.store import manifest, parquet, quarantine

HOUR = 60 * moments.MINUTE
STREAMS = ("trades", "book", "bars")
"""Tables that should say something throughout the trading hours."""

_READ = {
    "trades": ["ts_event", "size", "side"],
    "book": ["ts_event", "bid_px_00", "ask_px_00"],
    "bars": ["ts_event", "volume"],
    "options": ["ts_event"],
    "vix": ["ts_event"],
}


@dataclass(frozen=True)
class Limits:
    """What passes. Shares of records, trading days and prints; beyond `quiet_minutes` a silence is worth a warning."""

    max_quarantined: float = 0.01
    max_missing_days: float = 0.05
    max_unknown_side: float = 0.20
    quiet_minutes: float = 60.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value >= 0 or (name.startswith("max") and value > 1):
                raise ConfigError(
                    f"audit limit {name} is {value}: a share lies between 0 and 1, minutes are not negative"
                )


class Series:
    """Everything about one table of one instrument family: its contracts follow each other."""

    def __init__(self, table: str, family: str, years: tuple[int, int]):
        self.table = table
        self.family = family
        instrument = instruments.INSTRUMENTS.get(family)
        self.tick = instrument.tick if instrument else float("nan")
        self.calendar = calendar.load(instrument.calendar if instrument else "cme_globex", *years)
        self.days: dict[int, dict[str, Any]] = {}
        self.symbols: set[str] = set()
        self.spread = np.zeros((24, 2))  # tick-seconds and seconds by hour
        self.sides: Counter[int] = Counter()

    def add(self, symbol: str, day: int, path: Path) -> None:
        columns = parquet.read_file(path, self.table, _READ[self.table])
        ts = columns["ts_event"]
        session = self.calendar.at(day)
        entry = self.days.setdefault(day, {"rows": 0, "contracts": 0})
        self.symbols.add(symbol)
        entry["rows"] += int(ts.size)
        entry["contracts"] += int(np.nansum(columns.get("size", columns.get("volume", np.zeros(1)))))
        if self.table in STREAMS:
            self._add_silence(entry, ts, session)
        if self.table == "trades":
            for side in (-1, 0, 1):
                self.sides[side] += int(np.count_nonzero(columns["side"] == side))
        if self.table == "book":
            self._add_spread(columns, session)

    def _add_silence(self, entry: dict[str, Any], ts: np.ndarray, session: np.void) -> None:
        """The longest time without a row between open and close; of several contracts, the least."""
        inside = ts[(ts >= session["open_ns"]) & (ts <= session["close_ns"])]
        edges = np.concatenate(([session["open_ns"]], np.sort(inside), [session["close_ns"]]))
        silence = np.diff(edges)
        worst = int(silence.argmax())
        minutes = float(silence[worst] / moments.MINUTE)
        if minutes < entry.get("silent_minutes", np.inf):
            entry |= {"silent_minutes": round(minutes, 3), "silent_from": moments.utc(edges[worst])}

    def _add_spread(self, columns: Columns, session: np.void) -> None:
        ts = columns["ts_event"]
        until = np.minimum(np.append(ts[1:], session["close_ns"]), session["close_ns"])
        seconds = (until - ts) / moments.NS
        spread = (columns["ask_px_00"] - columns["bid_px_00"]) / self.tick
        counts = (ts >= session["open_ns"]) & (seconds > 0) & ~np.isnan(spread)
        hour = (ts[counts] - session["midnight_ns"]) // HOUR % 24
        self.spread[:, 0] += np.bincount(hour, spread[counts] * seconds[counts], 24)
        self.spread[:, 1] += np.bincount(hour, seconds[counts], 24)

    def summary(self) -> dict[str, Any]:
        days = sorted(self.days)
        expected = self.calendar.between(days[0], days[-1])["day"]
        missing = [moments.iso(int(day)) for day in expected if day not in self.days]
        found: dict[str, Any] = {
            "symbols": sorted(self.symbols),
            "first": moments.iso(days[0]),
            "last": moments.iso(days[-1]),
            "days": len(days),
            "days_expected": len(expected),
            "days_missing": missing,
            "rows": sum(entry["rows"] for entry in self.days.values()),
            "by_day": {moments.iso(day): self.days[day] for day in days},
        }
        if prints := sum(self.sides.values()):
            found["unknown_side"] = self.sides[0] / prints
        if self.spread[:, 1].any():
            hours = np.flatnonzero(self.spread[:, 1])
            found["spread_ticks_by_hour"] = {
                f"{hour:02d}": round(float(self.spread[hour, 0] / self.spread[hour, 1]), 4) for hour in hours
            }
        return found


def audit(root: Path, limits: Limits | None = None) -> dict[str, Any]:
    """Everything about a folder of tables, as JSON can carry it; `passed` is the gate."""
    root = Path(root)
    limits = limits or Limits()
    series: dict[tuple[str, str], Series] = {}
    findings: list[dict[str, str]] = []
    files = parquet.inventory(root)
    years = [day // 10_000 for _, _, day, _ in files]
    for table, symbol, day, path in files:
        key = (table, _family(symbol))
        if key not in series:
            series[key] = Series(*key, (min(years), max(years)))
        try:
            series[key].add(symbol, day, path)
        except (TableError, CalendarError) as error:
            findings.append(_finding("error", str(error)))
    tables: dict[str, dict[str, Any]] = defaultdict(dict)
    for (table, family), found in sorted(series.items()):
        if found.days:
            tables[table][family] = found.summary()
            findings += _judge(table, family, tables[table][family], limits)
    refused, more = _ingested(root, limits)
    findings += more
    if not tables:
        findings.append(_finding("error", f"{root}: no readable table in this folder"))
    return {
        "tables": dict(tables),
        **refused,
        "limits": asdict(limits),
        "findings": sorted(findings, key=lambda each: ("error", "warning", "info").index(each["severity"])),
        "passed": all(each["severity"] != "error" for each in findings),
    }


def _family(symbol: str) -> str:
    try:
        return instruments.root_of(symbol)
    except ConfigError:
        return symbol


def _finding(severity: str, text: str) -> dict[str, str]:
    return {"severity": severity, "text": text}


def _judge(table: str, family: str, found: dict[str, Any], limits: Limits) -> list[dict[str, str]]:
    findings = []
    name = f"{table} {family}"
    if missing := found["days_missing"]:
        share = len(missing) / found["days_expected"]
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        severity = "error" if share > limits.max_missing_days else "warning"
        findings.append(_finding(severity, f"{name}: {len(missing)} of {found['days_expected']} days missing: {shown}"))
    quiet = {
        day: entry for day, entry in found["by_day"].items() if entry.get("silent_minutes", 0) > limits.quiet_minutes
    }
    if quiet:
        day, worst = max(quiet.items(), key=lambda each: each[1]["silent_minutes"])
        findings.append(
            _finding(
                "warning",
                f"{name}: silent for over {limits.quiet_minutes:g} minutes on {len(quiet)} of {found['days']} days, "
                f"longest {worst['silent_minutes']:.0f} minutes on {day} from {worst['silent_from']}",
            )
        )
    unknown = found.get("unknown_side", 0.0)
    if unknown > limits.max_unknown_side:
        findings.append(_finding("error", f"{name}: {unknown:.1%} of the prints without an aggressor"))
    elif unknown > 0:
        findings.append(_finding("info", f"{name}: {unknown:.2%} of the prints without an aggressor: tick rule"))
    return findings


def _ingested(root: Path, limits: Limits) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What the manifest and the quarantine say about how the tables were made."""
    made = manifest.read(root)
    reasons = Counter(quarantine.read(root).column("reason").to_pylist())
    records = sum(source.records for source in made.sources.values())
    refused = sum(source.quarantined for source in made.sources.values())
    findings = [
        _finding("error", f"{source.name}: not read to its end: {source.error}")
        for source in made.sources.values()
        if source.error
    ]
    if not made.complete:
        findings.append(_finding("error", f"{root}: the last ingest was cut off: run it again"))
    if records and refused / records > limits.max_quarantined:
        findings.append(
            _finding(
                "error", f"{refused:,} of {records:,} records quarantined, {refused / records:.2%}: see _quarantine"
            )
        )
    elif refused:
        findings.append(_finding("info", f"{refused:,} of {records:,} records quarantined"))
    counts = {"records": records, "quarantined": refused, "quarantined_by_reason": dict(sorted(reasons.items()))}
    return counts, findings
