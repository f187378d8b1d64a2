"""What is learnt in front of a test window knows nothing of it: that window replaced by noise changes no byte."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mia_ml.datasets.days import Days
from mia_ml.features import engine
from pipelines import BUNDLES, TUNED, TUNING, train, tune
from pipelines.rows import Sample
from pipelines.windows import Named, embargo_ns, openings, walk_forward_of
from tests.pipelines import learning_world
from tests.pipelines.learning_world import World, content


def with_noise(world: World, fold: Named) -> Sample:
    """The sample where whatever has seen the test window, its embargo before it included, is noise."""
    rng = np.random.default_rng(0)
    rows, labels = world.sample.rows.copy(), world.sample.labels.copy()
    behind = rows["day"] >= fold.test_first_day
    for name in engine.COMPONENTS:
        rows[name][behind] = rng.uniform(-1, 1, behind.sum())
    for name in rows.dtype.names:
        if name not in (*engine.COMPONENTS, "ts", "day"):
            rows[name][behind] = rng.permutation(rows[name][behind])
    since = openings(world.days)[fold.test_first_day] - embargo_ns(walk_forward_of(world.chosen))
    reached = labels["end_ns"] >= since
    for name in ("fate", "exit_reason", "net_ticks", "net_r", "net_usd", "risk_ticks", "target_ticks"):
        labels[name][reached] = rng.permutation(labels[name][reached])
    won = np.nan_to_num(labels["net_ticks"][reached]) > 0
    labels["net_ticks"][reached] = np.where(won, -20.0, 40.0)
    labels["net_r"][reached] = np.where(won, -1.0, 2.0)
    return Sample(rows, labels)


def before(world: World, fold: Named) -> Days:
    """No table of a later day is at hand."""
    seen = tuple(day for day in world.days.days if day.day <= fold.train_last_day)
    return Days(seen, world.days.sessions, world.days.contracts)


def tuned(world: World, sample: Sample, fold: Named, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What was chosen, and the table of all trials."""
    root.mkdir()
    with contextlib.chdir(root):
        chosen, searches = tune.tuned(world.chosen, sample, fold, openings(before(world, fold)))
        for searched in searches:
            searched.write(fold.name)
    return chosen, content(root, TUNING.as_posix())


def bundled(world: World, sample: Sample, fold: Named, root: Path) -> dict[str, bytes]:
    """The bundle of what the world's search chose, and the report."""
    learning_world.copy(world.root, root, TUNED.as_posix())
    with contextlib.chdir(root):
        days, folds = before(world, fold), len(world.folds)
        report = train.trained(world.chosen, sample, days, world.native, fold, folds, True)
    return content(root, BUNDLES.as_posix()) | {"report": json.dumps(report).encode()}


def test_a_test_window_of_noise_changes_nothing_that_is_learnt(world: World, tmp_path: Path) -> None:
    for fold in world.folds:
        noisy = with_noise(world, fold)
        first, last = fold.train_rows(noisy.rows["day"])
        assert noisy.labels[first:last].tobytes() != world.sample.labels[first:last].tobytes()
        assert noisy.rows[last:].tobytes() != world.sample.rows[last:].tobytes()
        found, tables = tuned(world, noisy, fold, tmp_path / f"tuned-{fold.name}")
        assert found == json.loads((world.root / TUNED / f"{fold.name}.json").read_text())
        assert len(tables) == 2
        for name, table in tables.items():
            assert table == (world.root / name).read_bytes()
        report, *files = sorted(bundled(world, noisy, fold, tmp_path / f"bundled-{fold.name}").items(), reverse=True)
        trained = json.loads((world.root / BUNDLES / "reports.json").read_text())
        assert json.loads(report[1]) == trained[fold.name]
        assert len(files) == 3
        for name, written in files:
            assert written == (world.root / name).read_bytes()


def unpurged(_validation: object, sample: Sample, window: Named, _opens: object) -> Sample:
    return sample.part(*window.train_rows(sample.rows["day"]))


def into_the_test_window(_validation: object, sample: Sample, window: Named, _opens: object) -> Sample:
    first, _ = window.train_rows(sample.rows["day"])
    return sample.part(first, window.test_rows(sample.rows["day"])[1])


@pytest.mark.parametrize("leak", [unpurged, into_the_test_window])
def test_a_leak_into_the_search_is_seen(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak) -> None:
    fold = world.folds[0]
    monkeypatch.setattr(tune, "training_part", leak)
    _, plain = tuned(world, world.sample, fold, tmp_path / "plain")
    _, noisy = tuned(world, with_noise(world, fold), fold, tmp_path / "noise")
    assert noisy != plain


@pytest.mark.parametrize("leak", [unpurged, into_the_test_window])
def test_a_leak_into_training_is_seen(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak) -> None:
    fold = world.folds[0]
    monkeypatch.setattr(train, "training_part", leak)
    plain = bundled(world, world.sample, fold, tmp_path / "plain")
    noisy = bundled(world, with_noise(world, fold), fold, tmp_path / "noise")
    models = f"{BUNDLES.as_posix()}/{fold.name}/arrays.safetensors"
    assert noisy[models] != plain[models]
