"""The leak audit of this run: its rows, labels, decisions, fills and folds against other futures, and the canaries."""

from collections.abc import Sequence

from mia_ml.backtest.records import TRADE, barrier_points
from mia_ml.canaries import audit, products
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets.days import Days, prices, tape_of
from mia_ml.evaluation.ground import Ground
from mia_ml.judge.judgement import Integrity
from mia_ml.scoring.scorer import Scorer
from mia_ml.settings import Settings
from mia_ml.store import records
from pipelines import EVALUATION
from pipelines.execution import blackouts_of, execution_of, table_of
from pipelines.ground import POLICY
from pipelines.market import engine_parameters, grace_ns
from pipelines.rows import Sample
from pipelines.windows import Named, closings, embargo_ns, openings, training_part, walk_forward_of


def audited(
    chosen: Settings, sample: Sample, days: Days, native: bool, folds: Sequence[Named], ground: Ground
) -> tuple[Integrity, ...]:
    """`canaries`, which passes when all of the leak audit does, and each part of it."""
    opens, closes, validation = openings(days), closings(days), walk_forward_of(chosen)
    run = products.Run(
        params=engine_parameters(chosen, native),
        days=days,
        native=native,
        tape_of=lambda day: tape_of(day, grace_ns(chosen)),
        prices_of=lambda day: prices(day, table_of(native), grace_ns(chosen)),
        rows=sample.rows,
        labels=sample.labels,
        barrier=barrier_points(sample.rows),
        execution=execution_of(chosen),
        instrument=INSTRUMENTS[chosen.instrument.root],
        blackouts=blackouts_of(chosen),
        trades=records.read(EVALUATION / POLICY / "trades.parquet", TRADE),
        folds=[
            products.window(
                fold.name,
                training_part(validation, sample, fold, opens).labels,
                opens[fold.test_first_day],
                closes[fold.test_last_day],
                embargo_ns(validation),
            )
            for fold in folds
        ],
        policies=[
            products.Policy(
                window.name,
                lambda rows, own=window: Scorer(ground.chosen(own), own.filter).decide(rows),  # type: ignore[misc]
                ground.rows[slice(*window.test)],
            )
            for window in ground.windows
        ],
    )
    parts = audit.run_checks(run, chosen.judge.seed)
    broken = [part for part in parts if not part.ok]
    shown = broken or [part for part in parts if part.name == "leak_canaries"]
    detail = "; ".join(part.detail for part in shown)
    return Integrity(name="canaries", ok=not broken, detail=detail), *parts
