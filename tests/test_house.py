"""Laws of the house: who may import whom, that every shipped configuration works, that nothing points outside."""

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import compose_and_dump

from mia_ml import settings
from mia_ml.core.instruments import INSTRUMENTS

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "src" / "mia_ml"
CONF = REPOSITORY / "conf"

LEVELS = (
    ("core",),
    ("features", "splits", "metrics", "store", "sources", "ledger"),
    ("confluence", "models", "backtest", "judge"),
    ("labels", "datasets", "scoring"),
    ("evaluation", "single"),
    ("tuning", "tracking", "canaries"),
    ("registry", "reports"),
    ("settings",),
    ("pipelines", "serving"),
    ("cli",),
)
"""Imports go to an earlier line only; rooms on one line do not import each other."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def sources_of(room: str) -> list[Path]:
    above = REPOSITORY / room
    return sorted((above if above.is_dir() else PACKAGE / room).rglob("*.py"))


@functools.cache
def parsed(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def imported_modules(path: Path) -> Iterator[str]:
    for node in parsed(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    rooms = set()
    for module in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "mia_ml" and len(parts) > 1:
            rooms.add(parts[1])
        elif parts[0] in LEVELS[-1]:
            rooms.add(parts[0])
    return rooms


@functools.cache
def rooms_reached(room: str) -> frozenset[str]:
    direct = {other for path in sources_of(room) for other in rooms_imported(path)} - {room}
    return frozenset(direct.union(*(rooms_reached(other) for other in direct)))


def test_imports_only_go_down() -> None:
    for room in LEVEL:
        for path in sources_of(room):
            for other in rooms_imported(path) - {room}:
                assert other in LEVEL, f"{path}: {other} is no room of the house"
                assert LEVEL[other] < LEVEL[room], f"{path}: {room} must not import {other}"


def test_every_room_has_its_level() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    rooms |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert rooms <= LEVEL.keys()


def compose(out: Path, *overrides: str) -> dict[str, Any]:
    compose_and_dump(out, str(CONF), None, "config", str(CONF / "plugins"), list(overrides))
    return yaml.safe_load(out.read_text())


def shipped() -> list[str]:
    """Every choice of every group, as an override."""
    choices = []
    for path in sorted(CONF.rglob("*.yaml")):
        group = path.parent.relative_to(CONF).as_posix()
        if group != "." and not path.name.startswith("_"):
            choices.append(f"{group}={path.stem}")
    return choices


@pytest.mark.parametrize("choice", shipped())
def test_every_shipped_config_composes(choice: str, tmp_path: Path) -> None:
    wants_a_path = choice.startswith(("source=", "experiment="))
    compose(tmp_path / "params.yaml", choice, *(["source.path=FILE"] if wants_a_path else []))
    settings.load(tmp_path / "params.yaml")


def test_every_instrument_has_settings_and_costs() -> None:
    for group in ("instrument", "costs"):
        assert {path.stem for path in (CONF / group).glob("*.yaml")} == set(INSTRUMENTS)


def test_costs_follow_the_instrument(tmp_path: Path) -> None:
    composed = compose(tmp_path / "params.yaml", "instrument=MNQ")
    assert composed["costs"] == yaml.safe_load((CONF / "costs" / "MNQ.yaml").read_text())


def committed(name: str) -> str:
    shown = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if shown.returncode:
        pytest.skip(f"no committed {name} to look at: {shown.stderr.strip()}")
    return shown.stdout


def test_committed_params_are_the_defaults_of_conf(tmp_path: Path) -> None:
    assert yaml.safe_load(committed("params.yaml")) == compose(tmp_path / "params.yaml"), "run: make params"


def stages() -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]


def scripts_reached(script: Path) -> set[Path]:
    """A stage's script, the package it stands in, and the scripts beside it that it imports."""
    found = {script, script.parent / "__init__.py"}
    for module in imported_modules(script):
        beside = REPOSITORY.joinpath(*module.split(".")[:2]).with_suffix(".py")
        if module.startswith("pipelines.") and beside.is_file():
            found |= scripts_reached(beside)
    return found


def dependencies_of(stage: str) -> list[str]:
    scripts = scripts_reached(REPOSITORY / "pipelines" / f"{stage}.py")
    direct = {room for script in scripts for room in rooms_imported(script)} - {"pipelines"}
    rooms = direct.union(*(rooms_reached(room) for room in direct))
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in [*scripts, *(PACKAGE / room for room in rooms)])


@pytest.mark.parametrize("name", stages())
def test_a_stage_depends_on_the_rooms_it_reaches(name: str) -> None:
    assert stages()[name]["cmd"] == f"python -m pipelines.{name}"
    if not stages()[name].get("always_changed"):
        listed = [dep for dep in stages()[name]["deps"] if dep.startswith(("src/", "pipelines/"))]
        assert listed == dependencies_of(name)


def test_what_a_stage_reads_another_writes() -> None:
    written = set()
    for stage in stages().values():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, []):
                written.add(out if isinstance(out, str) else next(iter(out)))
    for name, stage in stages().items():
        for dep in stage.get("deps", []):
            if dep.startswith(("data/", "reports/", "artifacts/")):
                assert dep in written, f"{name} reads {dep}, which no stage writes"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"not a git repository: {listed.stderr.strip()}")
    return [REPOSITORY / name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def test_no_file_points_outside_the_repository() -> None:
    outside = re.compile(rb"(?<![\w.:/])/(?:work|home|root|tmp|Users|opt|mnt)/[A-Za-z0-9_.]")
    for path in tracked():
        assert not outside.search(path.read_bytes()), f"{path}: an absolute path"
    for path in CONF.rglob("*.yaml"):
        text = "\n".join(line.partition("#")[0] for line in path.read_text().splitlines())
        assert "../" not in text, f"{path}: a path out of the repository"


def test_the_lock_pins_and_names_no_host() -> None:
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines():
        assert re.match(r"[A-Za-z0-9][\w.-]*==\S+( ; .*)?$", line), f"requirements.lock: {line}"


def test_nothing_is_unpickled() -> None:
    banned = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    for path in [*PACKAGE.rglob("*.py"), *sources_of("pipelines"), *sources_of("serving")]:
        for module in imported_modules(path):
            assert module.split(".")[0] not in banned, f"{path}: {module} runs whatever the file holds"


def test_only_the_door_reads_the_clock() -> None:
    """Features, context, scores and fills know event time only."""
    rooms = ("features", "confluence", "scoring", "labels", "backtest", "splits", "metrics", "models", "datasets")
    for room in rooms:
        for path in sources_of(room):
            for node in parsed(path):
                name = node.attr if isinstance(node, ast.Attribute) else ""
                assert name not in {"now", "utcnow", "today", "time_ns", "perf_counter"}, f"{path}: {name}()"


def test_only_the_store_and_the_sources_read_tables() -> None:
    for room in set(LEVEL) - {"store", "sources", "core", "cli", "pipelines", "serving"}:
        for path in sources_of(room):
            used = {module.split(".")[0] for module in imported_modules(path)}
            assert not used & {"pyarrow", "polars"}, f"{path}: Parquet belongs to the store"
