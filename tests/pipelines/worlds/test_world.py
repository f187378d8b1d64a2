"""One world judged: what is planted in it, what is said of it, what it leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mia_ml.judge.judgement import Integrity
from mia_ml.scoring import bundle
from pipelines.worlds import machinery, world
from pipelines.worlds.world import Task, judged
from tests.pipelines.worlds.small import PLANTED, TASKS, Whole


def test_a_task_scales_what_is_planted(whole: Whole) -> None:
    given = whole.chosen.source.model_dump()["world"]
    assert len(given["strength"]) == 2
    half = Task("planted", 0.5, 7).world(whole.chosen)
    assert half.strength == {name: 0.5 * value for name, value in given["strength"].items()}
    assert (half.edge, half.seed) == ("planted", 7)
    none = Task("none", 0.0, 7).world(whole.chosen)
    assert (none.edge, none.strength, none.seed) == ("none", {}, 7)
    for made in (half, none):
        assert (made.days, made.intensity, made.start) == (given["days"], given["intensity"], given["start"])


def test_names_of_tasks_differ_where_their_worlds_do() -> None:
    tasks = [Task("planted", scale, seed) for scale in (0.501, 0.504, 1, 10.0) for seed in (0, 12, 12_345)]
    assert len({task.name for task in tasks}) == len(tasks)
    assert Task("planted", 1, 0).name == Task("planted", 1.0, 0).name


def test_what_is_said_is_json_and_complete(whole: Whole) -> None:
    for task, told in zip(TASKS, whole.told, strict=True):
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert {name: told[name] for name in ("edge", "scale", "seed")} == vars(task)
        desk = whole.chosen.gates["desk"].model_dump()
        assert set(told["gates"]) == {*desk["gates"], *desk["integrity"]}
        assert set(told["gates"].values()) <= {"pass", "fail", "undecidable", "infeasible"}
        assert (told["promoted"], told["decision"]) == (False, "undecided")  # 24 tested days are too few for anything
        assert told["days"] == 24
        assert len(told["folds"]) == 3
        assert 0 < told["half_trades"] < told["n_trades"]
        assert told["sd_r"] > 0
        assert told["low"] <= told["expectancy_r"] <= told["high"]


def test_the_road_by_scorer_and_tape_gives_the_same_trades(whole: Whole) -> None:
    for told in whole.told:
        assert told["gates"]["parity"] == "pass"


def test_every_policy_is_left_as_a_sound_bundle(whole: Whole) -> None:
    for task, told in zip(TASKS, whole.told, strict=True):
        folders = sorted(whole.campaign.bundles(task).iterdir())
        assert [folder.name for folder in folders] == told["folds"]
        for folder in folders:
            assert "byte for byte" in bundle.verify(bundle.load(folder))


def test_the_machinery_is_checked_once_for_all(whole: Whole) -> None:
    found = {check.name: check for check in machinery.read(whole.campaign.folder / "machinery.json")}
    assert set(found) == {"canaries", "audit"}
    assert all(check.ok for check in found.values()), found
    assert found["audit"].detail == "10 days of a world ingested and audited"
    for told in whole.told:
        assert {told["gates"][name] for name in found} == {"pass"}


@pytest.fixture
def again(whole: Whole, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The first planted world judged anew, its checks of the machinery given."""

    def judge(**ok: bool) -> dict[str, Any]:
        checks = [
            Integrity(name=name, ok=ok.get(name, True), detail="as the test says") for name in ("canaries", "audit")
        ]
        return judged(whole.chosen, PLANTED[0], tmp_path / "bundles", checks).as_dict()

    return judge


def test_a_road_that_gives_other_trades_is_seen(whole: Whole, again: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = world.recorded
    monkeypatch.setattr(
        world,
        "recorded",
        lambda chosen, days, native, signals, prices: honest(chosen, days, native, signals[1:], prices),
    )
    told, before = again(), whole.told[TASKS.index(PLANTED[0])]
    assert told["gates"] == before["gates"] | {"parity": "fail"}
    assert (told["promoted"], told["decision"]) == (False, "undecided")
    assert told["expectancy_r"] == before["expectancy_r"]


def test_a_check_of_the_machinery_that_fails_is_a_gate_that_fails(whole: Whole, again: Any) -> None:
    told, before = again(canaries=False), whole.told[TASKS.index(PLANTED[0])]
    assert told == before | {"gates": before["gates"] | {"canaries": "fail"}}
