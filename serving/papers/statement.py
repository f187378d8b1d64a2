"""The daily statement of a paper account, as plain values for JSON, and the evidence that promotion asks for.

Money is in USD, times are ns UTC, results of trades in R. A trade stands on the day it was closed on, a signal on its
own; profit and loss of a day are those of the equity, an open position included.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.errors import DataError
from mia_ml.judge import judgement as judgements
from mia_ml.judge.judgement import Judgement
from mia_ml.metrics import sequential
from mia_ml.registry import paper_gate
from serving.papers import promised, shadow
from serving.papers.accounts import Day, Note, Store
from serving.unavailable import Unavailable

UNIT = "R a trade"
_SIDE = {1: "buy", -1: "sell"}
_NO_NOTE = Note(0, 0, False, ())
_NO_NEWS: Mapping[int, Note] = {}


def statement(
    store: Store,
    version: str,
    day: int | None,
    level: float,
    judgement: Judgement | None = None,
    now: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Of one version on a trading day yyyymmdd, by default the last one with anything on it.

    level: of the running interval of the edge. now: `Account.state()` of a day that has not ended. Raises DataError for
    a version or a day that is not known.
    """
    if version not in store.versions():
        raise DataError(f"{version} has no paper account; known are {', '.join(store.versions()) or 'none'}")
    ended = {one.day: one for one in store.days(version)}
    trades, closed = store.trades(version)
    outcomes = store.outcomes(version)
    known = sorted({*ended, *closed.tolist(), *outcomes["day"].tolist()})
    if day is None:
        day = known[-1] if known else 0
    elif day not in known and now is None:
        span = f"known are {known[0]} to {known[-1]}" if known else "nothing has come yet"
        raise DataError(f"{version} has nothing on {day}: {span}")
    mine = ended.get(day)
    note = store.notes(version).get(day, _NO_NOTE)
    until = [one for one in ended.values() if one.day <= day]
    return {
        "version": version,
        "day": day,
        "ended": mine is not None,
        "days_on_paper": len(until),
        **_money(mine, now),
        "r": float(sum(trades["net_r"][closed == day].tolist())),
        "trades": [_trade(trade) for trade in trades[closed == day]],
        "signals": [_signal(outcome) for outcome in outcomes[outcomes["day"] == day]],
        **_service(note),
        "edge": _edge(until, level),
        "against_backtest": promised.comparison(trades[closed <= day], len(until), judgement),
    }


def of_all(
    store: Store,
    day: int | None,
    level: float,
    judgements_of: Mapping[str, Judgement | None],
    now: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Statements of every version with something on the day, by default the last day of any, and of its shadows.

    judgements_of, now: by version, those that there are. Raises DataError when no version has anything on it.
    """
    found = []
    refusal = DataError("no paper account yet: mia serve keeps them")
    for version in store.versions():
        try:
            running = (now or {}).get(version)
            found.append(statement(store, version, day, level, judgements_of.get(version), running))
        except DataError as error:
            refusal = error
    if not found:
        raise refusal
    last = day if day is not None else max(one["day"] for one in found)
    return {
        "day": last,
        "versions": [one for one in found if one["day"] == last],
        "against_champion": {
            version: verdict
            for version in store.versions()
            if (verdict := shadow.against_champion(store, version, level)) is not None
        },
    }


def evidence(store: Store, version: str, level: float, news: Mapping[int, Note] = _NO_NEWS) -> dict[str, Any]:
    """What `registry.paper_gate` reads. news: notes by day that are about to be written."""
    notes, days = {**store.notes(version), **news}, store.days(version)
    shown = []
    for day in days:
        came = {"trades": day.trades, "r": day.r, "usd": day.usd}
        note = notes.get(day.day, _NO_NOTE)._replace(complete=True)  # it has ended: how much of it counts is the gate's
        shown.append({"day": day.day, **came, **_service(note)})
    return {"version": version, "days": shown, "edge": _edge(days, level)}


def write_evidence(state: Path, store: Store, version: str, level: float, news: Mapping[int, Note] = _NO_NEWS) -> Path:
    """When a trading day has ended or was looked at; whole or not at all. news: as in `evidence`. Raises Unavailable
    while the disk takes nothing."""
    path = _path(state, version)
    text = json.dumps(evidence(store, version, level, news), indent=1) + "\n"
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}: make room, or its folder writable: it is tried again") from None
    return path


def judgement_path(state: Path, version: str) -> Path:
    """Where the judgement of a version is kept beside its evidence, for statements."""
    return _path(state, version).with_suffix(".judgement.json")


def judgement_of(state: Path, version: str) -> Judgement | None:
    """None where none was kept. Raises DataError when it cannot be read."""
    path = judgement_path(state, version)
    return judgements.read(path) if path.is_file() else None


def _path(state: Path, version: str) -> Path:
    model, _, number = version.rpartition("/")
    return paper_gate.path_of(state, model or "local", number)


def _money(mine: Day | None, now: Mapping[str, Any] | None) -> dict[str, Any]:
    if mine is not None:
        money: tuple[Any, ...] = (mine.usd, mine.equity_usd, mine.position, mine.contract)
    else:
        money = (*((now or {}).get(name) for name in ("day_usd", "equity_usd", "position")), None)
    return dict(zip(("usd", "equity_usd", "position", "contract"), money, strict=True))


def _service(note: Note) -> dict[str, Any]:
    return {**note._asdict(), "incidents": list(note.incidents)}


def _trade(trade: np.void) -> dict[str, Any]:
    given = dict(zip(trade.dtype.names or (), trade.item(), strict=True))
    names = ("signal", "signal_ns", "contracts", "entry_ns", "entry_price", "exit_ns", "exit_price")
    return {
        **{name: given[name] for name in names},
        "side": _SIDE[given["side"]],
        "reason": Exit(given["exit_reason"]).name.lower(),
        "r": given["net_r"],
        "usd": given["net_usd"],
        "cost_usd": given["cost_usd"],
    }


def _signal(outcome: np.void) -> dict[str, Any]:
    given = dict(zip(outcome.dtype.names or (), outcome.item(), strict=True))
    return {
        "signal": given["signal"],
        "ts_ns": given["ts_ns"],
        "side": _SIDE[given["side"]],
        "barrier": _known(given["barrier"]),
        "fate": Fate(given["fate"]).name.lower(),
    }


def _edge(days: list[Day], level: float) -> dict[str, Any]:
    totals = np.array([day.r for day in days], np.float64)
    found = sequential.per_trade(totals, np.array([day.trades for day in days], np.float64), level).last
    interval = {"mean": _known(found.mean), "low": _known(found.low), "high": _known(found.high)}
    return {**interval, "unit": UNIT, "n": found.n, "level": level}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
