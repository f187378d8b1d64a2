"""Settings: what a typo, a wrong type or an impossible value is answered with."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from mia_ml import settings
from mia_ml.core.errors import ConfigError
from mia_ml.settings import base, sources
from mia_ml.sources.simulator import world

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "params.yaml").read_text())


def refusal(values: dict[str, Any], dotted: str, value: Any) -> str:
    values = copy.deepcopy(values)
    *path, last = dotted.split(".")
    place = values
    for step in path:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(ConfigError) as refused:
        base.read(settings.Settings, values, "params.yaml")
    return str(refused.value)


@pytest.mark.parametrize(
    ("dotted", "value", "answer"),
    [
        (
            "execution.take_profitt",
            1.0,
            "unknown setting 'take_profitt': did you mean 'take_profit'? in execution",
        ),
        ("source.world.sed", 1, "unknown setting 'sed': did you mean 'seed'? in source.world"),
        (
            "source.world.faults.lat",
            0.0,
            "unknown setting 'lat': did you mean 'late'? in source.world.faults",
        ),
        ("excution", {}, "unknown setting 'excution': did you mean 'execution'?"),
        ("features.vwap_trend", None, "setting 'features.vwap_trend' is missing"),
        ("source.kind", None, "setting 'source.kind' is missing"),
        ("source.kind", "simulte", "unknown source 'simulte': did you mean 'simulate'?"),
        ("source.path", "???", "source.path: not given: add -S source.path=FILE_OR_FOLDER"),
        ("execution.take_profit", -1.0, "execution.take_profit is -1.0: it must be greater than 0"),
        ("execution.take_profit", "2", "execution.take_profit is '2': it must be a valid number"),
        ("execution.contracts", 1.5, "execution.contracts is 1.5: it must be a valid integer"),
        ("features.same_time.min_days", 50, "features.same_time: min_days 50 is more than days 20"),
        (
            "confluence.terms",
            {"gamma_levels": 0.0},
            "confluence.terms: no component has a weight: {'gamma_levels': 0.0}",
        ),
        (
            "instrument.root",
            "EX",
            "instrument.root: unknown instrument 'EX': known are ES, MES, NQ, MNQ, SPY",
        ),
        (
            "context.session_start.midday",
            "08:00",
            "context.session_start: midday 08:00 does not come after morning 09:30",
        ),
    ],
)
def test_refuses_in_one_line(committed: dict[str, Any], dotted: str, value: Any, answer: str) -> None:
    assert refusal(committed, dotted, value) == f"params.yaml: {answer}"


def test_zero_is_a_seed(committed: dict[str, Any]) -> None:
    values = copy.deepcopy(committed)
    values["source"]["world"]["seed"] = 0
    assert base.read(settings.Settings, values, "params.yaml").source.world.seed == 0


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [1\n"])
def test_refuses_a_file_that_holds_no_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"params\.yaml: "):
        settings.load(tmp_path / "params.yaml")


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        settings.load(tmp_path / "params.yaml")


def test_world_settings_are_the_fields_of_the_world() -> None:
    assert set(sources.World.model_fields) == {field.name for field in dataclasses.fields(world.World)}
    assert set(sources.Faults.model_fields) == {field.name for field in dataclasses.fields(world.Faults)}
