"""Gate tables as text: boxed and coloured for a terminal, bare columns for a pipe."""

import io
import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mia_ml.judge import verdict, wording
from mia_ml.judge.judgement import GateResult, GateTable

COLOURS = {"pass": "green", "fail": "red", "undecidable": "yellow", "infeasible": "magenta"}
PIPE_WIDTH = 4000  # characters: no line is broken


def text(
    title: str, sentence: str, tables: Sequence[GateTable], terminal_width: int | None = None, allowed: str = ""
) -> str:
    """All tables, the blocking ones first, and the stage they allow last.

    terminal_width: in characters, None for a pipe. allowed: said in place of that stage.
    """
    out = io.StringIO()
    console = Console(
        file=out,
        width=terminal_width or PIPE_WIDTH,
        highlight=False,
        markup=False,
        force_terminal=terminal_width is not None,
        color_system="standard" if terminal_width else None,
    )
    console.print(f"{title}\n{sentence}")
    for table in sorted(tables, key=lambda table: not table.blocking):
        console.print()
        console.print(_heading(table))
        console.print(_gates(table, boxed=terminal_width is not None))
        for note in table.notes:
            console.print(f"{note.what}: the plan says {note.promised}; here {note.measured}")
    console.print(f"\nallowed: {allowed or verdict.allowed(tables)}")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _heading(table: GateTable) -> str:
    passed = sum(result.status == "pass" for result in table.results)
    kind = "blocking" if table.blocking else "reported"
    return f"{table.title} ({table.name}, {kind}): {passed} of {len(table.results)} pass"


def _gates(table: GateTable, boxed: bool) -> Table:
    shown = Table() if boxed else Table(box=None, pad_edge=False)
    for heading in ("gate", "status", "measured", "rule", "why", "what would change it"):
        shown.add_column(heading, no_wrap=not boxed)
    for result in table.results:
        style = COLOURS[result.status] if boxed else ""
        shown.add_row(
            result.name, result.status, _measured(result), result.rule, result.why, result.would_change, style=style
        )
    return shown


def _measured(result: GateResult) -> str:
    if math.isnan(result.value) or not result.unit:
        return "-"
    shown = wording.number(result.unit, result.value)
    if math.isnan(result.low) or math.isnan(result.high):
        return shown
    return f"{shown} ({wording.interval(result.unit, result.low, result.high)})"
