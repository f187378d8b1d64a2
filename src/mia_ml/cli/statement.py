"""`mia statement`: what the paper accounts did on a day, and how that compares with what the backtest promised."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from mia_ml.cli import app


@app.command()
def statement(
    day: Annotated[int | None, typer.Option(help="Trading day yyyymmdd; by default the last one.")] = None,
    version: Annotated[str, typer.Option(help="Only this one, such as mia-ml/3.")] = "",
    state: Annotated[Path | None, typer.Option(help="Folder of the service; as in the settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    params: Annotated[Path, typer.Option(help="Settings.")] = Path("params.yaml"),
) -> None:
    """Show trades, signals and profit of the paper accounts on a day, beside what the backtest promised."""
    from mia_ml import settings
    from serving.papers import accounts
    from serving.papers import statement as statements

    chosen = settings.load(params)
    folder = state if state is not None else Path(chosen.serve.state)
    level = chosen.promotion.level
    with accounts.open_store(folder / accounts.FILE, make=False) as store:
        promised = {one: statements.judgement_of(folder, one) for one in store.versions()}
        if version:
            one = statements.statement(store, version, day, level, promised.get(version))
            found = {"day": one["day"], "versions": [one], "against_champion": {}}
        else:
            found = statements.of_all(store, day, level, promised)
    print(json.dumps(found) if as_json else text(found))


def text(found: dict[str, Any]) -> str:
    """What `serving.papers.statement.of_all` gives, as a reader is shown it."""
    from mia_ml.core.moments import iso

    lines = []
    for one in found["versions"]:
        ended = "" if one["ended"] else ", not ended"
        lines.append(f"{one['version']} on {iso(one['day'])}{ended}: day {one['days_on_paper']} on paper")
        lines += [f"  {line}" for line in (_money(one), _bars(one))]
        lines += [f"  incident: {incident}" for incident in one["incidents"]]
        lines += _trades(one["trades"])
        lines += [f"  {line}" for line in (_signals(one["signals"]), _edge(one["edge"]))]
        lines += [f"  {line}" for line in _promised(one["against_backtest"])]
    for challenger, verdict in found["against_champion"].items():
        lines.append(f"{challenger} against the champion: {_verdict(verdict)}")
    return "\n".join(lines)


def _money(one: dict[str, Any]) -> str:
    trades = f"{len(one['trades'])} trades closed, {one['r']:+.2f} R"
    if one["usd"] is None:
        return trades
    stays = {1: "long", -1: "short", 0: "flat"}[one["position"]]
    return f"{one['usd']:+,.2f} USD, equity {one['equity_usd']:,.2f} USD, {stays}; {trades}"


def _bars(one: dict[str, Any]) -> str:
    complete = "complete" if one["complete"] else "not complete"
    return f"{one['decided']:,} of {one['bars']:,} bars decided, {complete}"


def _trades(trades: list[dict[str, Any]]) -> list[str]:
    from mia_ml.cli.ledger import aligned

    if not trades:
        return []
    rows = [["side", "n", "entry UTC", "price", "exit UTC", "price", "reason", "cost USD", "R", "USD"]]
    for trade in trades:
        entry, left = _clock(trade["entry_ns"]), _clock(trade["exit_ns"])
        prices = f"{trade['entry_price']:g}", f"{trade['exit_price']:g}"
        result = f"{trade['cost_usd']:.2f}", f"{trade['r']:+.2f}", f"{trade['usd']:+,.2f}"
        rows.append(
            [trade["side"], str(trade["contracts"]), entry, prices[0], left, prices[1], trade["reason"], *result]
        )
    return aligned(rows, right=3)


def _clock(ts_ns: int) -> str:
    from mia_ml.core.moments import utc

    return utc(ts_ns)[5:19].replace("T", " ")


def _signals(signals: list[dict[str, Any]]) -> str:
    fates = Counter(signal["fate"] for signal in signals)
    return f"{len(signals)} signals" + "".join(f", {n} {fate.replace('_', ' ')}" for fate, n in fates.items())


def _edge(edge: dict[str, Any]) -> str:
    if edge["mean"] is None:
        return "edge: no trade yet"
    mean = f"edge so far {edge['mean']:+.3f} {edge['unit']} of {edge['n']:,} trades"
    if edge["low"] is None:
        return f"{mean}, too few days for an interval that holds at all times"
    return f"{mean}, {edge['low']:+.3f} to {edge['high']:+.3f} at all times ({100 * edge['level']:g} %)"


def _promised(comparison: dict[str, Any]) -> list[str]:
    if not comparison["known"]:
        return [f"backtest: {comparison['why']}"]
    return [figure["sentence"] for figure in comparison["figures"]]


def _verdict(verdict: dict[str, Any]) -> str:
    if verdict["mean"] is None:
        return "inconclusive, no day yet"
    shown = f"{verdict['verdict']}, {verdict['mean']:+,.2f} {verdict['unit']} over {verdict['days']} days"
    return shown if verdict["low"] is None else f"{shown}, {verdict['low']:+,.2f} to {verdict['high']:+,.2f}"
