"""`mia promote` and `mia rollback`: move a version on, or back, on the record."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from mia_ml.cli import app
from mia_ml.core.errors import refuse_unknown

if TYPE_CHECKING:
    from mia_ml.registry.promotion import Desk, Moved

Stage = Literal["paper", "champion"]
WHO = typer.Option(help="Who acts; by default the user of this machine.")
MODEL = typer.Option(help="Registered model of a bare number or alias; as in the settings.")
STORE = typer.Option(help="MLflow store; as in the settings.")
PARAMS = typer.Option(help="Settings, as dvc exp run composes them.")


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Number, alias or models:/NAME@ALIAS of a registered version.")],
    to: Annotated[str, typer.Option(help="paper or champion.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    override: Annotated[
        str | None, typer.Option(metavar="REASON", help="Go past what stands against it; never forgotten.")
    ] = None,
    who: Annotated[str, WHO] = "",
    state: Annotated[Path | None, typer.Option(help="Folder of the service; as in the settings.")] = None,
    model: Annotated[str, MODEL] = "",
    tracking_uri: Annotated[str, STORE] = "",
    params: Annotated[Path, PARAMS] = Path("params.yaml"),
) -> None:
    """Make a version the one on paper or the champion, when its gates let it, and record who did it and why."""
    from mia_ml.cli import desks
    from mia_ml.registry import address, promotion

    stage = stage_of(to, "--to")
    place = desks.find(params, model, tracking_uri, who, state)
    asked = address.parse(version, place.model)
    moved = promotion.promote(
        place.desk, asked, stage, state=place.state, rules=place.rules, reason=reason, override=override
    )
    _say(place.desk, moved)
    if override is not None and not moved.entry.override:
        print("Nothing stood against it: the override was not needed and is not recorded as one.")


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    to_stage: Annotated[str, typer.Option(help="champion or paper.")] = "champion",
    who: Annotated[str, WHO] = "",
    model: Annotated[str, MODEL] = "",
    tracking_uri: Annotated[str, STORE] = "",
    params: Annotated[Path, PARAMS] = Path("params.yaml"),
) -> None:
    """Return a stage to the version that held it before, or to the recorded one when it was moved by hand."""
    from mia_ml.cli import desks
    from mia_ml.registry import promotion

    stage = stage_of(to_stage, "--to-stage")
    place = desks.find(params, model, tracking_uri, who)
    _say(place.desk, promotion.rollback(place.desk, place.model, stage, reason=reason))


def stage_of(text: str, option: str) -> Stage:
    for stage in get_args(Stage):
        if text == stage:
            return stage
    raise typer.BadParameter(refuse_unknown("stage", text, get_args(Stage)), param_hint=option)


def _say(desk: "Desk", moved: "Moved") -> None:
    entry = moved.entry
    if moved.settled:
        print(moved.settled)
    synthetic = ", trained on SYNTHETIC data," if entry.fingerprints.get("synthetic") == "true" else ""
    before = f"before: version {entry.from_version}" if entry.from_version else "nobody was before"
    print(f"{entry.named}{synthetic} is now {entry.stage} ({before}), entry {entry.number} of {desk.record}")
    for reason in entry.overridden:
        print(f"OVERRIDDEN: {reason}")
    if entry.refused:
        print(f"against it: {entry.refused}")
