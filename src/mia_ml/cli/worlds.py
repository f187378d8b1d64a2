"""`mia worlds`: the judge judged, on many simulated worlds whose truth is known."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mia_ml.cli import app

EDGES = ("none", "planted")


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

    from mia_ml.core.errors import UsageError, refuse_unknown
    from pipelines.compose import compose
    from pipelines.worlds import summary
    from pipelines.worlds.campaign import Campaign
    from pipelines.worlds.truth import FRESH_SEED
    from pipelines.worlds.world import Task

    if edge not in EDGES:
        raise UsageError(refuse_unknown("edge", edge, EDGES))
    if first_seed + runs > FRESH_SEED:
        raise UsageError(f"--first-seed {first_seed} with {runs} runs: seeds of worlds lie below {FRESH_SEED:,}")
    with tempfile.TemporaryDirectory() as room:
        params = Path(room) / "params.yaml"
        compose(params, "experiment=worlds", *(setting or ()))
        campaign = Campaign.of(params, out, workers)
    told = []
    for one in (scale or [1.0]) if edge == "planted" else [0.0]:
        tasks = [Task(edge, one, seed) for seed in range(first_seed, first_seed + runs)]
        with bars() as progress:
            judged = campaign.judge(tasks, progress)
            truths = campaign.truths(tasks, fresh_trades, progress)
        told.append(summary.of(judged, truths, [task.name for task in tasks]))
    if as_json:
        for own in told:
            print(json.dumps(own.as_dict()))
    else:
        print(f"SYNTHETIC worlds, kept in {campaign.folder}")
        for own in told:
            print(text(own))


def bars() -> Any:
    """A progress bar on a terminal, a line now and then elsewhere."""
    from contextlib import contextmanager

    @contextmanager
    def shown() -> Any:
        import sys

        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            known: dict[str, Any] = {}

            def tick(what: str, done: int, of: int) -> None:
                if what not in known:
                    known[what] = progress.add_task(what, total=of)
                progress.update(known[what], completed=done, total=of)

            yield tick

    return shown()


def text(own: Any) -> str:
    """A law's worlds in a few lines."""

    def share(one: Any) -> str:
        low, high = one.interval
        return f"{one.count} of {one.n} ({100 * one.value:.1f} %, {100 * low:.1f} to {100 * high:.1f})"

    law = "no edge" if own.edge == "none" else f"planted x {own.scale:g}"
    failing = ", ".join(f"{gate} {count}" for gate, count in own.failing.items()) or "none"
    return "\n".join(
        [
            f"{law}: {own.runs} worlds of {own.trades:,.0f} trades on average, true expectancy {own.true_r:+.3f} R "
            f"(sd over worlds {own.spread_r:.3f}, {own.fresh_trades:,} fresh trades a world or more)",
            f"  promoted by the desk's gates  {share(own.promoted)}",
            f"  decided                       {share(own.decided)}",
            f"  95 % interval holds the truth {share(own.coverage)}",
            f"  lower bound above 0           {share(own.whole.seen)}, foretold {100 * own.whole.foretold:.0f} %",
            f"  the same after {own.half.trades:,.0f} trades    {share(own.half.seen)}, foretold "
            f"{100 * own.half.foretold:.0f} %",
            f"  gates not passed              {failing}",
        ]
    )
