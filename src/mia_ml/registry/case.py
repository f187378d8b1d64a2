"""What stands against a stage: the gates of the judge, and for a champion what paper has shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mia_ml.core.errors import DataError
from mia_ml.judge import verdict
from mia_ml.judge.judgement import GateResult, GateTable
from mia_ml.registry import address, history, judged, paper_gate
from mia_ml.registry.history import Stage
from mia_ml.registry.record import Entry, Gate

SHOWN_GATES = 3


@dataclass(frozen=True)
class Case:
    """What a version is held against. tables: the judge's, then that of paper where it is asked. allowed: by the
    judge's. against: what stands against the stage, one line each. fingerprints: of the judgement and the evidence."""

    tables: tuple[GateTable, ...]
    allowed: verdict.Stage
    against: tuple[str, ...]
    fingerprints: dict[str, str]

    def gates(self) -> tuple[Gate, ...]:
        """As a record keeps them."""
        return tuple(_kept(table, result) for table in self.tables for result in table.results)


def judged_as(model: str, version: str, tracking_uri: str) -> judged.Judged | str:
    """The judgement, or why there is none: that stands against a promotion, as a failed gate does."""
    try:
        return judged.fetch(address.Address(model, version=version), tracking_uri)
    except DataError as error:
        return str(error)


def build(
    model: str,
    version: str,
    stage: Stage,
    verdicts: judged.Judged | str,
    entries: Sequence[Entry],
    state: Path,
    rules: paper_gate.Rules,
) -> Case:
    """verdicts: as `judged_as` gives them. Raises DataError when the evidence of paper cannot be read."""
    tables: tuple[GateTable, ...] = ()
    against, fingerprints = [], {}
    if isinstance(verdicts, str):
        against.append(verdicts)
    else:
        tables, fingerprints["judged_run"] = verdicts.judgement.gates, verdicts.run_id
    allowed = verdict.allowed(tables)
    if stage == "champion":
        table, sha256 = paper_table(model, version, entries, state, rules)
        tables = (*tables, table)
        if sha256:
            fingerprints["paper_evidence"] = sha256
    if named := against_stage(tables, stage):
        against.append(named)
    elif allowed == "nothing" and not against:
        against.append("it was held against no blocking gate")
    return Case(tables, allowed, tuple(against), fingerprints)


def paper_table(
    model: str, version: str, entries: Sequence[Entry], state: Path, rules: paper_gate.Rules
) -> tuple[GateTable, str]:
    """The gates of paper for a version, and the sha256 of their evidence, empty where there is none.

    entries: of the record. state: the folder of the service.
    """
    shown = paper_gate.read(paper_gate.path_of(state, model, version), f"{model}/{version}")
    was_on_paper = history.was_on(entries, model, version, "paper")
    return paper_gate.table(shown.evidence, rules, was_on_paper), shown.sha256


def against_stage(tables: Sequence[GateTable], stage: Stage) -> str:
    """The blocking gates that keep a version from a stage, the first few by name; empty when none does."""
    ok = ("pass",) if stage == "champion" else ("pass", "undecidable")
    blocking = [(table, result) for table in tables if table.blocking for result in table.results]
    against = [(table, result) for table, result in blocking if result.status not in ok]
    if not against:
        return ""
    shown = ", ".join(_shown(table, result) for table, result in against[:SHOWN_GATES])
    more = f", and {len(against) - SHOWN_GATES} more" if len(against) > SHOWN_GATES else ""
    fail = "does not pass" if len(against) == 1 else "do not pass"
    return f"{len(against)} of {len(blocking)} gates {fail}: {shown}{more}"


def _shown(table: GateTable, result: GateResult) -> str:
    return f"{table.name}: {result.name} {result.status}{f' ({result.why})' if result.why else ''}"


def _kept(table: GateTable, result: GateResult) -> Gate:
    return Gate(
        table=table.name,
        name=result.name,
        blocking=table.blocking,
        rule=result.rule,
        status=result.status,
        value=float(result.value) if math.isfinite(result.value) else None,
        unit=result.unit,
        why=result.why,
    )
