"""What the learning stages refuse: one line that names what is wrong and what to do, and nothing is lost."""

import contextlib
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipelines
from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.errors import DataError
from pipelines import LABELS, METRICS, ROWS, TABLES, TUNED, train, tune
from pipelines.rows import Sample
from pipelines.windows import openings, side_by_side
from tests.pipelines import learning_world
from tests.pipelines.learning_world import World, refusal
from tests.tracking import store

WEIGHTS = ("tuning", "policy", "space", "weights", "components")
MODEL = ("tuning", "filter", "space", "model")


def nested(keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (nested(WEIGHTS, {"gama_levels": None}), ["gama_levels", "did you mean 'gamma_levels'?"]),
        (
            nested(WEIGHTS, {"gamma_levels": [0, 0.2], "tick_momentum": [0, 0.3]}),
            ["space.weights", "0.5", "1"],
        ),
        (
            nested(WEIGHTS, {"gamma_levels": [0.6, 1], "tick_momentum": [0.7, 1]}),
            ["space.weights", "1.3"],
        ),
        (nested((*MODEL, "forest"), {"depht": {"int": [3, 8]}}), ["forest", "depht", "did you mean 'depth'?"]),
        (nested((*MODEL, "florest"), {"depth": {"int": [3, 8]}}), ["florest", "did you mean 'forest'?"]),
        ({"models": {"members": {"boosted": None}, "combination": {"kind": "simplex"}}}, ["boosted"]),
        ({"models": {"inputs": ["vwap_trend", "vix"]}}, ["models.inputs", "vwap_trend", "did you mean"]),
        ({"models": {"inputs": ["vix", "vix"]}}, ["models.inputs", "vix", "twice"]),
        ({"models": {"combination": {"weights": {"forest": 0.6}}}}, ["models.combination", "1.1", "sum to 1"]),
        ({"models": {"threshold_grid": [1.0, 0.5]}}, ["threshold grid", "rising"]),
        ({"models": {"rule": {"margin": 7.0}}}, ["break_even", "7.0", "between -1 and 1"]),
        ({"models": {"min_events": 1}}, ["min_events"]),
        ({"tuning": {"objective": {"maximize": ["expectancy"]}}}, ["expectancy", "did you mean 'expectancy_r'?"]),
        ({"tuning": {"policy": {"sampler": "cmaess"}}}, ["cmaess", "did you mean 'cmaes'?"]),
        ({"tuning": {"policy": {"space": {"threshold": {"base": [0.5, 0.1]}}}}}, ["threshold.base", "0.5", "0.1"]),
        ({"tuning": {"storage": "mysql://desk/studies"}}, ["tuning.storage", "mysql"]),
        ({"execution": {"reverse": True}}, ["execution.reverse", "set execution.reverse to false"]),
        ({"validation": {"train": "6 months"}}, ["train", "6 months", "2 days"]),
    ],
)
def test_check_refuses_before_anything_runs(tmp_path: Path, changes: dict[str, Any], told: list[str]) -> None:
    root = learning_world.lay(tmp_path)
    learning_world.written(root, changes)
    line = refusal(root, "check")
    for part in told:
        assert part in line


@pytest.fixture
def root(world: World, tmp_path: Path) -> Path:
    """The world in front of tune."""
    return learning_world.copy(world.root, tmp_path / "w", *map(str, (TABLES, ROWS, LABELS, METRICS)))


@pytest.mark.parametrize("stage", ["tune", "train", "evaluate"])
def test_data_too_short_for_one_fold(root: Path, stage: str) -> None:
    learning_world.changed(root, {"validation": {"train": "30 days"}})
    line = refusal(root, stage)
    assert "10 trading days" in line
    assert "30 days" in line
    assert "shorten" in line


@pytest.mark.parametrize("stage", ["tune", "train", "evaluate"])
def test_labels_of_other_rows(root: Path, stage: str) -> None:
    first, *_, last = sorted((root / LABELS).iterdir())
    shutil.copy(first, last)
    assert refusal(root, stage).endswith("run the stage labels again")


def test_labels_of_a_day_are_missing(root: Path) -> None:
    next((root / LABELS).iterdir()).unlink()
    assert refusal(root, "tune").endswith("run the stage labels again")


def all_lost(labels: np.ndarray) -> np.ndarray:
    lost = labels.copy()
    traded = lost["fate"] == Fate.TRADED
    for name in ("net_ticks", "net_r", "net_usd"):
        lost[name][traded] = -np.abs(lost[name][traded]) - 1
    return lost


def never_traded(labels: np.ndarray) -> np.ndarray:
    out = labels.copy()
    out["exit_reason"] = Exit.TAPE_END
    return out


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        (all_lost, ["(0 rows won, ", "needs 50 with both", "widen the window"]),
        (never_traded, ["training window has no event", "widen it"]),
    ],
)
def test_a_window_that_nothing_can_be_learnt_from(world: World, root: Path, spoilt, told: list[str]) -> None:
    sample = Sample(world.sample.rows, spoilt(world.sample.labels))
    window, opens = world.folds[0], openings(world.days)
    shutil.copytree(world.root / TUNED, root / TUNED)

    def refused(stage) -> str:
        with contextlib.chdir(root), pytest.raises(SystemExit) as stopped:
            pipelines.run(stage)
        line = stopped.value.code
        assert isinstance(line, str)
        assert "\n" not in line
        return line

    line = refused(lambda: train.trained(world.chosen, sample, world.days, world.native, window, 2, True))
    for part in told:
        assert part in line
    assert "all 2 trials of batch 0 failed" in refused(lambda: tune.tuned(world.chosen, sample, window, opens))


def test_too_few_events_end_the_stage_in_one_line_from_a_worker(world: World, root: Path) -> None:
    shutil.copytree(world.root / TUNED, root / TUNED)
    learning_world.changed(root, {"models": {"min_events": 5000}})
    line = refusal(root, "train")
    assert "training window has " in line
    assert "needs 5000" in line


def test_a_worker_that_is_killed_ends_the_stage_in_one_line() -> None:
    with pytest.raises(DataError, match="was killed: if memory ran out, lower workers; run the same again") as refused:
        list(side_by_side([signal.SIGKILL], 1, signal.raise_signal))
    assert "\n" not in str(refused.value)


def test_a_server_that_is_down_loses_nothing(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "w"
    shutil.copytree(world.root, root, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts", "tables", "rows"))
    learning_world.changed(root, {"tracking": {"uri": store.AWAY}})
    learning_world.run(root, "register")
    said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 1
    assert "does not answer" in said[0]
    assert "1 run(s) with 1 model(s) kept in reports/pending/, the next run sends them" in said[0]
    learning_world.changed(root, {"tracking": {"uri": store.URI}})
    store.lay(root)
    learning_world.run(root, "check")
    said = capsys.readouterr().out.splitlines()
    assert "1 run(s) kept earlier are sent" in said[0]
    runs = store.runs_in(root, world.chosen.tracking.experiment)
    assert len(runs) == 1 + len(world.folds)
    asked = store.client(root)
    assert int(asked.get_model_version_by_alias(world.chosen.tracking.model, "candidate").version) == 1
    learning_world.run(root, "check")
    assert "kept earlier" not in capsys.readouterr().out
    assert len(store.runs_in(root, world.chosen.tracking.experiment)) == 1 + len(world.folds)
