"""The leak audit of a run: does what it says still hold when the future is another?

It is always on. It looks at the run's own rows, labels, decisions, fills and folds, and at itself: the planted leaks of
the catalogue must be caught on this machine, by this code, and clean work must not be flagged.

    run = products.Run(
        params=engine_parameters(chosen, native), days=days, native=native,
        tape_of=lambda day: datasets.days.tape_of(day, grace_ns(chosen)),
        prices_of=lambda day: datasets.days.prices(day, table_of(native), grace_ns(chosen)),
        rows=sample.rows, labels=sample.labels, barrier=barrier_points(sample.rows),
        execution=execution_of(chosen), instrument=INSTRUMENTS[chosen.instrument.root], blackouts=blackouts_of(chosen),
        trades=records.read(EVALUATION / "tuned_filtered" / "trades.parquet", TRADE),
        folds=[products.window(fold.name, training_part(...).labels, opens_ns, closes_ns, embargo_ns), ...],
        policies=[products.Policy(fold.name, lambda rows: content.scorer().decide(rows), test_rows), ...],
    )
    integrity = audit.run_checks(run)
"""

from collections.abc import Sequence

import numpy as np

from mia_ml.backtest.records import Fate
from mia_ml.canaries import catalogue, claims, examination, market, replay, rules
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.canaries.products import Run
from mia_ml.canaries.rules import Finding
from mia_ml.core.tables import Columns
from mia_ml.datasets.days import Day
from mia_ml.features import engine
from mia_ml.judge.judgement import Integrity

MISSED_SHARE = 1 / 12
FLAGGED_SHARE = 1 / 100
"""Of the planted leaks that may go unnoticed, and of clean work that may be flagged, by a sound instrument."""


def run_checks(run: Run, seed: int = 0, sample_days: int = 2, fill_days: int = 12) -> tuple[Integrity, ...]:
    """One Integrity each: leak_rows, leak_labels, leak_decisions, leak_fills, leak_folds, leak_canaries.

    sample_days: days whose rows and labels are made again; read are their tapes and those that warm the engine up.
    fill_days: days whose fills are looked up on the tape. So the cost does not grow with the length of the data.
    """
    rng = np.random.default_rng(seed)
    chosen = replay.sampled(run.days.days, rng, sample_days)
    found_rows, futures = replay.rows(run, chosen, rng)
    found_labels, ended = replay.labels(run, chosen, rng)
    found_decisions = [finding for policy in run.policies for finding in replay.decisions(policy, rng, sample_days)]
    found_fills, filled = fills(run, rng, fill_days)
    found_folds = [finding for fold in run.folds for finding in rules.life(fold)]
    days = f"{len(chosen)} of {len(run.days.days)} days"
    return (
        _integrity("leak_rows", found_rows, f"rows of {days} made again in {futures} other futures"),
        _integrity("leak_labels", disorder(run) + found_labels, f"{ended} labels walked again on a tape cut short"),
        _integrity(
            "leak_decisions",
            found_decisions,
            f"decisions of {len(run.policies)} policies taken again on rows cut short",
        ),
        _integrity("leak_fills", found_fills, f"{filled} fills looked up on the tape"),
        _integrity("leak_folds", found_folds, f"training lives of {len(run.folds)} folds against their test windows"),
        canaries(run.params),
    )


def disorder(run: Run) -> list[Finding]:
    """Labels whose lives do not hold decision, entry and exit in this order."""
    labels = run.labels
    traded = labels["fate"] == Fate.TRADED
    in_order = labels["end_ns"] >= labels["signal_ns"]
    in_order &= ~traded | (
        (labels["entry_ns"] >= labels["signal_ns"] + run.latency_ns)
        & (labels["exit_ns"] >= labels["entry_ns"])
        & (labels["end_ns"] >= labels["exit_ns"])
    )
    if in_order.all():
        return []
    first_ns = int(labels["signal_ns"][~in_order].min())
    told = f"{(~in_order).sum()} of {in_order.size} do not enter, exit and end in this order"
    return [Finding("life", "labels", first_ns, told)]


def fills(run: Run, rng: np.random.Generator, most_days: int) -> tuple[list[Finding], int]:
    """Findings on the fills of some days, and how many fills those are."""
    told = claims.fills_of(run.trades, run.latency_ns)
    of_day = np.searchsorted([day.close_ns for day in run.days.days], told["filled_ns"])
    with_fills = np.unique(of_day[of_day < len(run.days.days)])
    found: list[Finding] = []
    count = 0
    for position in np.sort(rng.permutation(with_fills)[:most_days]):
        day, own = run.days.days[position], told[of_day == position]
        found += _on_tape(run.prices_of(day), own, day)
        count += own.size
    return found, count


def _on_tape(prices: Columns, fills: np.ndarray, day: Day) -> list[Finding]:
    closes_ns = prices["ts_event"]
    if "price" in prices:
        return rules.fill(fills, closes_ns, prices["price"])
    opens_ns = np.clip(np.append(day.open_ns, closes_ns[:-1]), day.open_ns, closes_ns)
    return rules.fill_in_bars(fills, opens_ns, closes_ns, prices["low"], prices["high"])


def canaries(params: np.ndarray) -> Integrity:
    """The instrument on its own catalogue, the clean twins in it and every feature. params: of the engine."""
    planted = catalogue.load()
    caught, flagged, clean = rehearse(planted, market.history(params))
    missed = [canary.name for canary in planted if canary.name not in caught]
    detail = f"{len(planted) - len(missed)} of {len(planted)} planted leaks caught"
    detail += f" (not {', '.join(missed)})" if missed else ""
    detail += f", {len(flagged)} of {clean} clean pieces flagged"
    detail += f" ({', '.join(flagged)})" if flagged else ""
    ok = len(missed) <= MISSED_SHARE * len(planted) and len(flagged) <= FLAGGED_SHARE * clean
    return Integrity(name="leak_canaries", ok=ok, detail=detail)


def rehearse(
    planted: Sequence[catalogue.Canary], history: History
) -> tuple[dict[str, tuple[Finding, ...]], list[str], int]:
    """What was found on the canaries that were caught; which clean work was flagged, of how many pieces."""
    clean = {canary.name: canary.clean for canary in planted if canary.clean}
    leaking = {canary.name: canary.leaking for canary in planted}
    found = examination.examine(
        {f"leaking {name}": procedure for name, procedure in leaking.items()}
        | {f"clean {name}": procedure for name, procedure in clean.items()}
        | {"features": features},
        history,
    )
    caught = {name: findings for name in leaking if (findings := found[f"leaking {name}"])}
    flagged = [name for name in clean if found[f"clean {name}"]] + [finding.what for finding in found["features"]]
    return caught, flagged, len(clean) + len(engine.FEATURES)


def features(history: History) -> Claims:
    """Every feature of the engine, taken for known at its row's moment."""
    return claims.values(history.rows["ts"], **{each.name: history.rows[each.name] for each in engine.FEATURES})


def _integrity(name: str, found: Sequence[Finding], looked_at: str) -> Integrity:
    if not found:
        return Integrity(name=name, ok=True, detail=looked_at)
    first = min(found, key=lambda finding: finding.at_ns)
    return Integrity(name=name, ok=False, detail=f"{len(found)} found, the first {first}")
