"""A walk-forward of a dozen thin simulated days with tiny searches, its stages run in a folder of their own."""

import contextlib
import fcntl
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mia_ml import settings
from mia_ml.settings.sources import NO_FILE
from pipelines import TABLES
from pipelines.market import trading_days
from pipelines.rows import Sample, read_sample
from pipelines.windows import Named, windows_of

REPOSITORY = Path(__file__).resolve().parents[2]
BEFORE_TUNE = ("check", "ingest", "audit", "features", "signals", "backtest", "labels")
STAGES = (*BEFORE_TUNE, "tune", "train", "evaluate", "judge", "register")
POLICY_TRIALS, FILTER_TRIALS = 16, 2

SMALL: dict[str, Any] = {
    "workers": 1,
    "source": {
        "path": "feed",
        "vix_path": NO_FILE,
        "world": {"days": 12, "intensity": 0.002, "edge": "none", "strength": {}, "faults": {"off_grid": 0.0005}},
    },
    "features": {"same_time": {"min_days": 2}},
    "validation": {"train": "6 days", "test": "2 days", "embargo_min": 240, "inner_splits": 2, "holdout": "2 days"},
    "models": {
        "selection": {"kind": "mutual_information", "keep": 12},
        "members": {"forest": {"trees": 30}, "boosted": {"trees": 30}},
    },
    "tuning": {
        "objective": {"least_trades": 3},
        "policy": {"trials": POLICY_TRIALS, "batch": 8, "pruning": {"warm_up_trials": 8}},
        "filter": {"trials": FILTER_TRIALS, "batch": 2, "trees": 20},
    },
    "judge": {"resamples": 200, "block_days": 1.0, "cscv_blocks": 4, "probes": 8, "twins": 100},
    "stress": {"jitter": {"draws": 4}},
}


def merged(plain: Any, changes: Any) -> Any:
    if not (isinstance(plain, Mapping) and isinstance(changes, Mapping)):
        return changes
    return dict(plain) | {key: merged(plain.get(key), value) for key, value in changes.items()}


def written(root: Path, changes: Mapping[str, Any]) -> Path:
    """The folder's parameters with changes in nested sections, sound or not."""
    path = root / settings.PARAMS
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), changes), sort_keys=False))
    return path


def changed(root: Path, changes: Mapping[str, Any]) -> settings.Settings:
    return settings.load(written(root, changes))


def _plain(root: Path) -> Path:
    for name in ("feed", NO_FILE):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def lay(root: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """`root` with the shipped parameters made small."""
    shutil.copy(REPOSITORY / settings.PARAMS, _plain(root))
    changed(root, merged(SMALL, changes or {}))
    return root


def run(root: Path, *stages: str) -> None:
    with contextlib.chdir(root):
        for stage in stages:
            importlib.import_module(f"pipelines.{stage}").main()


def begun(root: Path, stage: str, **environment: str) -> subprocess.Popen[str]:
    """A stage in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", f"pipelines.{stage}"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def refusal(root: Path, stage: str) -> str:
    """What a user reads when a stage refuses, which must be one line."""
    module = importlib.import_module(f"pipelines.{stage}")
    with contextlib.chdir(root), pytest.raises(SystemExit) as stopped:
        importlib.import_module("pipelines").run(module.main)
    line = stopped.value.code
    assert isinstance(line, str)
    assert line.startswith("mia: ")
    assert "\n" not in line
    return line


def content(root: Path, *folders: str) -> dict[str, bytes]:
    """Every file below the folders by its name from `root`."""
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def copy(world: Path, root: Path, *folders: str) -> Path:
    """`root` with the parameters and some folders of a world."""
    shutil.copy(world / settings.PARAMS, _plain(root))
    for folder in folders:
        shutil.copytree(world / folder, root / folder)
    return root


class World:
    """What the stages have at hand in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.chosen = settings.load(root / settings.PARAMS)
        with contextlib.chdir(root):
            self.sample: Sample = read_sample()
        self.days, self.native = trading_days(self.chosen, root / TABLES)
        self.windows: list[Named] = windows_of(self.chosen.validation, self.sample.days)
        self.folds = self.windows[:-1]

    def test_rows(self, fold: Named) -> np.ndarray:
        first, last = fold.test_rows(self.sample.rows["day"])
        return self.sample.rows[first:last]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """A folder built by the first test process that asks for it and read by all."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    root, done = shared / name, shared / f"{name}.done"
    with _locked(shared / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            build(root)
            done.touch()
    return root
