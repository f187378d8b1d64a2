"""tune: what was chosen is the best of the trials, and another question has a study of its own."""

import contextlib
import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.confluence import formula
from mia_ml.ledger import ledger
from mia_ml.ledger.ledger import STATES
from mia_ml.tuning import choice
from mia_ml.tuning.study import Study
from pipelines import LABELS, ROWS, TABLES, TUNED, TUNING, tune
from pipelines.learning import policy_space
from pipelines.rows import Sample
from pipelines.windows import openings, training_part, walk_forward_of
from tests.pipelines import learning_world
from tests.pipelines.learning_world import FILTER_TRIALS, POLICY_TRIALS, World


@given(st.lists(st.integers(1, 40), min_size=1, max_size=200), st.integers(1, 8))
def test_blocks_are_whole_days_and_hold_every_row(days: list[int], count: int) -> None:
    day = np.sort(np.array(days))
    if np.unique(day).size < count:
        return
    edges = tune.blocks(day, count)
    assert [first for first, _ in edges] == [0, *(last for _, last in edges[:-1])]
    assert edges[-1][1] == day.size
    held = [set(day[first:last].tolist()) for first, last in edges]
    assert sum(map(len, held)) == np.unique(day).size
    assert max(map(len, held)) - min(map(len, held)) <= 1


def test_the_best_trial_is_what_goes_on(world: World) -> None:
    space = policy_space(world.chosen)
    base = world.chosen.confluence.model_dump()
    for window in world.windows:
        told = json.loads((world.root / TUNED / f"{window.name}.json").read_text())
        for kind in ("policy", "filter"):
            name = f"{window.name}-{kind}-{told['known_by']}"
            with Study(str(world.root / "studies" / f"{name}.journal"), name) as study:
                best = choice.best(study.trials())
            assert told[kind]["number"] == best.number
            assert told[kind]["values"] == list(best.values)
            if kind == "policy":
                assert told["confluence"] == json.loads(json.dumps(space.apply(base, best.params)))
            else:
                assert told["params"] == best.params
            with (world.root / TUNING / f"{window.name}-{kind}.csv").open() as file:
                values = [float(row["expectancy_r"]) for row in csv.DictReader(file) if row["state"] == "complete"]
            assert max(values) == best.values[0]
        formula.build(told["confluence"], world.chosen.context.model_dump())
        assert sum(told["confluence"]["terms"].values()) == pytest.approx(1)


def test_rows_of_the_window_are_all_that_is_searched(world: World) -> None:
    validation = walk_forward_of(world.chosen)
    for window in world.windows:
        told = json.loads((world.root / TUNED / f"{window.name}.json").read_text())
        part = training_part(validation, world.sample, window, openings(world.days))
        assert told["rows"] == part.rows.size
        assert told["known_by"] == tune.known_by(part, world.chosen)
        if window.test_first_day:
            opens = openings(world.days)[window.test_first_day]
            assert part.labels["end_ns"].max() < opens - validation.embargo_min * 60e9
            assert 0 < part.rows.size < np.diff(window.train_rows(world.sample.rows["day"]))[0]


def test_other_data_and_other_settings_are_other_studies(world: World, tmp_path: Path) -> None:
    part = Sample(world.sample.rows[:500], world.sample.labels[:500])
    known = {tune.known_by(part, world.chosen)}
    one_later = part.rows.copy()
    one_later["rvol"][7] = 1.0
    known.add(tune.known_by(Sample(one_later, part.labels), world.chosen))
    for changes in (
        {"models": {"seed": 12}},
        {"execution": {"take_profit": 1.5}},
        {"confluence": {"min_weight_present": 0.5}},
        {"tuning": {"filter": {"trees": 21}}},
        {"costs": {"slippage_ticks": 2.0}},
    ):
        root = learning_world.copy(world.root, tmp_path / str(len(known)))
        known.add(tune.known_by(part, learning_world.changed(root, changes)))
    assert len(known) == 7
    elsewhere = learning_world.changed(learning_world.copy(world.root, tmp_path / "w"), {"tuning": {"storage": "x"}})
    assert tune.known_by(part, elsewhere) in known


def test_without_a_search_of_the_filter_the_models_stay_as_configured(world: World, tmp_path: Path) -> None:
    root = learning_world.copy(world.root, tmp_path / "w")
    chosen = learning_world.changed(root, {"tuning": {"filter": None}})
    with contextlib.chdir(root):
        told, searches = tune.tuned(chosen, world.sample, world.folds[0], openings(world.days))
    assert [searched.kind for searched in searches] == ["policy"]
    assert "filter" not in told
    assert told["params"] == {}
    plain = json.loads((world.root / TUNED / f"{world.folds[0].name}.json").read_text())
    assert told["confluence"] == plain["confluence"]


def test_every_trial_of_every_window_is_counted(world: World) -> None:
    with ledger.open(world.chosen.ledger.where, world.root) as kept:
        counts = kept.counts()
        sharpes = kept.inner_sharpes("ES simulated", 0, 99_991_231)
    expected = set()
    for window in world.windows:
        part = training_part(walk_forward_of(world.chosen), world.sample, window, openings(world.days))
        days = int(part.rows["day"][0]), int(part.rows["day"][-1])
        for kind in ("filter", "policy"):
            with (world.root / TUNING / f"{window.name}-{kind}.csv").open() as file:
                states = Counter(row["state"] for row in csv.DictReader(file))
            expected.add(("ES simulated", *days, "inner", kind, *(states[state] for state in STATES), states.total()))
    assert {
        (c.instrument, c.first_day, c.last_day, c.scope, c.kind, *c.states.values(), c.launches)
        for c in counts
        if c.scope == "inner"
    } == expected
    assert sharpes.size == (POLICY_TRIALS + FILTER_TRIALS) * len(world.windows)
    assert np.isfinite(sharpes).sum() > sharpes.size / 2


def test_a_longer_search_counts_its_beginning_once(world: World, tmp_path: Path) -> None:
    """The same configurations on the same data, whatever the study is called."""
    root = learning_world.copy(world.root, tmp_path / "w")
    fold, opens = world.folds[0], openings(world.days)
    with ledger.in_memory() as kept:
        for changes in ({"policy": {"trials": 8}}, {"policy": {"trials": 16}}):
            chosen = learning_world.changed(root, {"tuning": {"storage": "memory", "filter": None, **changes}})
            tune.tuned(chosen, world.sample, fold, opens, kept)
        (count,) = kept.counts()
        assert (count.configurations, count.launches) == (16, 24)
        tune.tuned(learning_world.changed(root, {"costs": {"commission_ticks": 0.7}}), world.sample, fold, opens, kept)
        (count,) = kept.counts()
        assert (count.configurations, count.launches) == (32, 40)


def test_a_window_is_searched_in_memory(world: World, tmp_path: Path) -> None:
    chosen = learning_world.changed(learning_world.copy(world.root, tmp_path / "w"), {"tuning": {"storage": "memory"}})
    (tmp_path / "empty").mkdir()
    with contextlib.chdir(tmp_path / "empty"):
        told, searches = tune.tuned(chosen, world.sample, world.folds[0], openings(world.days))
        assert list(Path().iterdir()) == []
        for searched in searches:
            searched.write(world.folds[0].name)
    assert told == json.loads((world.root / TUNED / f"{world.folds[0].name}.json").read_text())
    for kind in ("policy", "filter"):
        table = TUNING / f"{world.folds[0].name}-{kind}.csv"
        assert (tmp_path / "empty" / table).read_bytes() == (world.root / table).read_bytes()


def test_without_its_ledger_nothing_is_searched(world: World, tmp_path: Path) -> None:
    root = learning_world.copy(world.root, tmp_path / "w", *map(str, (TABLES, ROWS, LABELS)))
    (root / "ledger").mkdir()
    (root / "ledger" / "trials.db").write_text("no database" * 400)
    for stage in ("check", "tune"):
        line = learning_world.refusal(root, stage)
        assert "ledger/trials.db: file is not a database: nothing is scored uncounted: restore it" in line
    assert not (root / "studies").exists()
    learning_world.changed(root, {"ledger": {"where": "mysql://desk/trials"}})
    assert "ledger.where mysql://desk/trials: give the path" in learning_world.refusal(root, "check")
