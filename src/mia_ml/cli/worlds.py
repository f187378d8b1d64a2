"""`mia worlds`: the judge judged, on many simulated worlds whose truth is known."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mia_ml.cli import app

if TYPE_CHECKING:
    from rich.progress import TaskID

    from pipelines.worlds.summary import Share, Summary

EDGES = ("none", "planted")
SECONDS_BETWEEN_LINES = 60.0


@app.command()
def worlds(
    edge: Annotated[str, typer.Option(help="none, or planted behind the components of conf/experiment/worlds.yaml.")],
    runs: Annotated[int, typer.Option(min=1, help="How many worlds.")],
    scale: Annotated[list[float] | None, typer.Option(help="Times the planted strength; may be repeated.")] = None,
    fresh_trades: Annotated[int, typer.Option(min=1, help="Fresh trades on which a policy's truth rests.")] = 50_000,
    first_seed: Annotated[int, typer.Option(min=0, help="Of the first world; the others follow.")] = 0,
    setting: Annotated[list[str] | None, typer.Option("-S", help="A setting, as for dvc exp run.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes every core.")] = 0,
    out: Annotated[Path, typer.Option(help="Where finished worlds are kept.")] = Path("reports/worlds"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a scale.")] = False,
) -> None:
    """How often the desk's gates promote what has no edge, find what has one, and whether intervals hold the truth.

    SYNTHETIC. Interrupted, it goes on where it was when called again.
    """
    import json
    import tempfile

    from mia_ml.core.errors import ConfigError, UsageError, refuse_unknown
    from pipelines.compose import compose
    from pipelines.worlds import summary
    from pipelines.worlds.campaign import Campaign
    from pipelines.worlds.truth import FRESH_SEED
    from pipelines.worlds.world import Task

    if edge not in EDGES:
        raise UsageError(refuse_unknown("edge", edge, EDGES))
    if edge == "none" and scale:
        raise UsageError(f"--scale {scale[0]:g} with --edge none: nothing is planted that could be scaled")
    if first_seed + runs > FRESH_SEED:
        raise UsageError(f"--first-seed {first_seed} with {runs} runs: seeds of worlds lie below {FRESH_SEED:,}")
    with tempfile.TemporaryDirectory() as room:
        params = Path(room) / "params.yaml"
        compose(params, "experiment=worlds", *(setting or ()))
        try:
            campaign = Campaign.of(params, out, workers)
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(params), "conf")) from None
    told = []
    for one in (scale or [1.0]) if edge == "planted" else [0.0]:
        tasks = [Task(edge, one, seed) for seed in range(first_seed, first_seed + runs)]
        with progress() as tick:
            judged = campaign.judge(tasks, tick)
            truths = campaign.truths(tasks, fresh_trades, tick)
        told.append(summary.of(judged, truths, [task.name for task in tasks]))
    if as_json:
        for own in told:
            print(json.dumps(own.as_dict(), allow_nan=False))
    else:
        print(f"SYNTHETIC worlds, kept in {campaign.folder}")
        for own in told:
            print(text(own))


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yields what is to be told how far it is: a bar for each thing on a terminal, a line a minute elsewhere."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def line(what: str, done: int, of: int) -> None:
            nonlocal last
            if time.monotonic() - last > SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                print(f"{what}: {done:,} of {of:,}", file=sys.stderr, flush=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    known: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as shown:

        def bar(what: str, done: int, of: int) -> None:
            if what not in known:
                known[what] = shown.add_task(what, total=of, completed=done)
            shown.update(known[what], completed=done)

        yield bar


def text(own: "Summary") -> str:
    """A law's worlds in a few lines."""

    def share(one: "Share") -> str:
        low, high = one.interval
        return f"{one.count} of {one.n} ({100 * one.value:.1f} %, {100 * low:.1f} to {100 * high:.1f})"

    def foretold(one: float) -> str:
        return f"foretold {100 * one:.0f} %" if one == one else "nothing foretold"

    law = "no edge" if own.edge == "none" else f"planted x {own.scale:g}"
    spread = f"{own.spread_r:.3f}" if own.runs > 1 else "not known"
    lines = {
        "promoted by the desk's gates": share(own.promoted),
        "decided": share(own.decided),
        "95 % interval holds the truth": share(own.coverage),
        "lower bound above 0": f"{share(own.whole.seen)}, {foretold(own.whole.foretold)}",
        f"the same after {own.half.trades:,.0f} trades": f"{share(own.half.seen)}, {foretold(own.half.foretold)}",
        "gates not passed": ", ".join(f"{gate} {count}" for gate, count in own.failing.items()) or "none",
    }
    width = max(map(len, lines))
    return "\n".join(
        [
            f"{law}: {own.runs} worlds of {own.trades:,.0f} trades on average, true expectancy {own.true_r:+.3f} R "
            f"(sd over worlds {spread}, {own.fresh_trades:,} fresh trades a world or more)",
            *(f"  {what:{width}}  {said}" for what, said in lines.items()),
        ]
    )
