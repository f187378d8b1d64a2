"""What signals and labels are walked along: the prints that live had as well."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mia_ml import settings
from mia_ml.backtest.simulator import Result
from mia_ml.datasets import build
from mia_ml.datasets.days import Days
from mia_ml.features import intake
from mia_ml.scoring.scorer import Scorer
from mia_ml.scoring.signals import signals_of
from mia_ml.sources.simulator import Faults
from mia_ml.store import parquet
from pipelines.execution import walk
from pipelines.labels import labelled
from tests import small_world

CHOSEN = settings.load(small_world.SHIPPED)
PATIENT = CHOSEN.model_copy(update={"features": CHOSEN.features.model_copy(update={"grace_ms": 60_000})})
"""Waits so long after a bar that nothing is late."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a feed that brings every tenth print after its bar has closed."""
    return small_world.write(
        tmp_path_factory.mktemp("tables"), start="2024-03-07", days=4, intensity=0.003, faults=Faults(late=0.1)
    )


@pytest.fixture(scope="module")
def in_time(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without those prints."""
    root = tmp_path_factory.mktemp("in_time") / "tables"
    shutil.copytree(tables, root)
    for table, symbol, day, path in parquet.inventory(root):
        if table == "trades":
            columns = parquet.read_file(path, table)
            late = intake.is_late(columns["ts_event"], columns["ts_recv"], small_world.GRACE_NS)
            assert late.any()
            parquet.write(root, table, symbol, day, {name: values[~late] for name, values in columns.items()})
    return root


@pytest.fixture(scope="module")
def rows(tables: Path) -> dict[int, np.ndarray]:
    plan = small_world.plan(tables)
    found = build.rows(small_world.engine_params(), plan, small_world.GRACE_NS)
    return {day.day: own for day, own in found}


def records_of_a_backtest(chosen: settings.Settings, plan: Days, rows: dict[int, np.ndarray]) -> bytes:
    every = np.concatenate(list(rows.values()))
    signals = signals_of(every, Scorer(small_world.shipped_formula()).decide(every))
    result: Result = walk(chosen, plan, signals, "trades")
    assert result.trades.size > 5
    return b"".join(getattr(result, name).tobytes() for name in ("trades", "outcomes", "marks"))


def labels_of(chosen: settings.Settings, plan: Days, rows: dict[int, np.ndarray]) -> bytes:
    return b"".join(part.tobytes() for *_, part in labelled(chosen, plan, False, lambda day: rows[day.day]))


@pytest.mark.parametrize("records_of", [records_of_a_backtest, labels_of])
def test_a_late_print_fills_nothing(
    records_of: Callable[..., bytes], tables: Path, in_time: Path, rows: dict[int, np.ndarray]
) -> None:
    own = records_of(CHOSEN, small_world.plan(tables), rows)
    assert own == records_of(CHOSEN, small_world.plan(in_time), rows)
    assert own != records_of(PATIENT, small_world.plan(tables), rows)
