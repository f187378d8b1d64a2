"""`mia ingest`: vendor data into canonical tables."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mia_ml.cli import app
from mia_ml.core.errors import MiaError, UsageError, refuse_unknown

if TYPE_CHECKING:
    from mia_ml.sources.bar_mapping import BarMapping
    from mia_ml.store.ingest import Read, Report

SOURCES = ("databento", "sierra", "bars", "tables", "simulate")
OPTIONS_OF = {
    "sierra": ("symbol", "zone", "fraction", "price_multiplier"),
    "bars": ("symbol", "mapping"),
    "simulate": ("days", "seed", "start", "intensity"),
}


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help=", ".join(SOURCES))],
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; none for simulate.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of canonical tables.")] = ...,  # type: ignore[assignment]
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON.")] = False,
    vix: Annotated[Path | None, typer.Option(help="CSV of daily VIX closes to ingest with it.")] = None,
    symbol: Annotated[str | None, typer.Option(help="sierra, bars: the contract, as ESH4.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="bars: YAML of the layout, as in conf/source/.")] = None,
    zone: Annotated[str | None, typer.Option(help="sierra: time zone of a text export.")] = None,
    fraction: Annotated[str | None, typer.Option(help="sierra: what digits after a second count.")] = None,
    price_multiplier: Annotated[float | None, typer.Option(help="sierra: points per stored price.")] = None,
    days: Annotated[int | None, typer.Option(help="simulate: trading days.")] = None,
    seed: Annotated[int | None, typer.Option(help="simulate: same seed, same bytes.")] = None,
    start: Annotated[str | None, typer.Option(help="simulate: first date, yyyy-mm-dd.")] = None,
    intensity: Annotated[str | None, typer.Option(help="simulate: demo, es, or a multiple of es.")] = None,
    unique_sequence: Annotated[
        bool | None,
        typer.Option(help="Each record has a sequence of its own: equal rows are one record sent twice."),
    ] = None,
    jump_atrs: Annotated[float, typer.Option(help="A price this many ATR(14, 1 min) away is refused.")] = 20.0,
) -> None:
    """Read vendor files, screen every row and write canonical Parquet. Refused rows go to DIR/_quarantine."""
    if source not in SOURCES:
        raise typer.BadParameter(refuse_unknown("source", source, SOURCES), param_hint="SOURCE")
    given = {
        name: value
        for name, value in {
            "symbol": symbol, "mapping": mapping, "zone": zone, "fraction": fraction,
            "price_multiplier": price_multiplier, "days": days, "seed": seed, "start": start, "intensity": intensity,
        }.items()
        if value is not None
    }  # fmt: skip
    _check_usage(source, paths or [], given)

    from mia_ml.cli.progress import progress
    from mia_ml.store import ingest as store
    from mia_ml.store.rules import Rules

    if unique_sequence is None:
        unique_sequence = source == "simulate"
    rules = Rules(jump_atrs=jump_atrs, unique_sequence=unique_sequence)
    with progress("ingest") as tick:
        report = store.ingest(store.Readers(_reads(source, paths or [], given, vix)), out, rules, tick)
    print(json.dumps(report.as_json()) if as_json else _text(report, out))
    if report.resumed:
        print(f"mia: {report.resumption}", file=sys.stderr)
    for line in report.warnings:
        print(f"mia: warning: {line}", file=sys.stderr)
    for line in report.errors:
        print(f"mia: {' '.join(line.split())}", file=sys.stderr)
    if report.errors:
        raise typer.Exit(1)
    if not report.applied:
        raise UsageError(f"no row was applied of {report.records}: {_reasons(report) or 'nothing was read'}")


def _check_usage(source: str, paths: list[Path], given: dict) -> None:
    for name in given:
        if name not in OPTIONS_OF.get(source, ()):
            owners = [owner for owner, names in OPTIONS_OF.items() if name in names]
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"{option} belongs to {' and '.join(owners)}, not to {source}")
    if source == "simulate" and paths:
        raise typer.BadParameter("simulate reads no file", param_hint="PATH")
    if source != "simulate" and not paths:
        raise typer.BadParameter(f"{source} needs at least one file or folder", param_hint="PATH")
    if source == "bars" and "mapping" not in given:
        raise typer.BadParameter("bars needs --mapping FILE, see conf/source/bars_*.yaml for examples")


def _reads(source: str, paths: list[Path], given: dict, vix_path: Path | None) -> "tuple[Read, ...]":
    if vix_path is None:
        return (_read(source, paths, given),)
    from mia_ml.sources import vix

    return _read(source, paths, given), partial(vix.read, [vix_path])


def _read(source: str, paths: list[Path], given: dict) -> "Read":
    if source == "databento":
        from mia_ml.sources import databento

        return partial(databento.read, paths)
    if source == "sierra":
        from mia_ml.sources import sierra

        return partial(sierra.read, paths, given.pop("symbol", None), **given)
    if source == "bars":
        from mia_ml.sources import bars

        mapping, symbol = _mapping(given["mapping"])
        return partial(bars.read, paths, mapping, given.get("symbol") or symbol)
    if source == "tables":
        from mia_ml.sources import tables

        return partial(tables.read, paths)
    from mia_ml.sources.simulator import World, read

    if given.get("intensity", "").replace(".", "", 1).isdigit():
        given["intensity"] = float(given["intensity"])
    return partial(read, World(**given))


def _mapping(path: Path) -> "tuple[BarMapping, str | None]":
    """The bar layout in a YAML file: its key `mapping`, or the whole file; and its `symbol`, if any."""
    import yaml

    from mia_ml.sources.bar_mapping import BarMapping

    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: holds no mapping, see conf/source/bars_*.yaml for examples")
    try:
        return BarMapping.from_dict(content.get("mapping", content)), content.get("symbol")
    except MiaError as error:
        raise UsageError(f"{path}: {error}") from error


def _reasons(report: "Report") -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(report.reasons.items()))


def _text(report: "Report", out: Path) -> str:
    rows = ", ".join(f"{table} {count:,}" for table, count in sorted(report.tables.items()))
    lines = [
        f"{report.records:,} records in = {report.applied:,} applied + {report.quarantined:,} quarantined",
        f"rows: {rows or 'none'}; {report.day_files:,} day files in {out}",
    ]
    if report.reasons:
        lines.append(f"quarantined: {_reasons(report)}; see {out / '_quarantine'}")
    return "\n".join(lines)
