"""train: the bundle decides by what was tuned, and its probabilities are those of the libraries on that window."""

import json

import numpy as np
import pytest

from mia_ml.confluence import formula
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.evaluation import population
from mia_ml.evaluation.panel import Panel
from mia_ml.models import training
from mia_ml.models.ensemble import SIGNAL_INPUTS
from mia_ml.scoring import bundle
from mia_ml.tuning.space import model_params
from pipelines import BUNDLES, TUNED
from pipelines.learning import model_inputs, training_config, weighting_of
from pipelines.windows import openings, training_part, walk_forward_of
from tests.pipelines.learning_world import World


def told(world: World, name: str) -> dict:
    return json.loads((world.root / BUNDLES / "reports.json").read_text())[name]


def test_a_bundle_is_of_its_window_and_of_what_was_tuned_there(world: World) -> None:
    for window in world.windows:
        found = bundle.load(world.root / BUNDLES / window.name)
        tuned = json.loads((world.root / TUNED / f"{window.name}.json").read_text())
        content = found.content
        assert (content.training.first_day, content.training.last_day) == (
            window.train_first_day,
            window.train_last_day,
        )
        assert content.confluence == tuned["confluence"]
        assert content.rule is not None
        assert content.rule.value == tuned["params"]["filter.margin"]
        assert content.traded() == INSTRUMENTS["ES"]
        assert told(world, window.name)["bundle"] == found.seal


def test_probabilities_are_those_of_the_libraries_trained_on_that_window_alone(world: World) -> None:
    for window in world.folds:
        content = bundle.load(world.root / BUNDLES / window.name).content
        tuned = json.loads((world.root / TUNED / f"{window.name}.json").read_text())
        part = training_part(walk_forward_of(world.chosen), world.sample, window, openings(world.days))
        context = world.chosen.context.model_dump()
        chosen_formula = formula.build(tuned["confluence"], context)
        panel = Panel.build(part.rows, part.labels, chosen_formula.terms, context)
        grid, inputs = world.chosen.models.threshold_grid, model_inputs(world.chosen)
        learnt = population.build(part.rows, part.labels, panel, chosen_formula, grid, inputs)
        assert learnt.y.size >= 60
        config = training_config(world.chosen, model_params(tuned["params"]))
        fitted = learnt.train(weighting_of(world.chosen), config, world.chosen.models.seed)
        judge = content.filter()
        assert judge is not None
        assert set(judge.ensemble.inputs) <= set(inputs)
        columns = [inputs.index(name) for name in fitted.inputs]
        by_library = training.predict(fitted, learnt.X[:, columns])
        own = np.ascontiguousarray(learnt.X[:, [inputs.index(name) for name in judge.ensemble.inputs]])
        found = judge.probabilities_of(judge.ensemble.inputs, own)[:, -1]
        assert found == pytest.approx(by_library, abs=1e-6)
        report = told(world, window.name)
        assert report["window"]["rows"] == learnt.y.size
        assert report["excluded"] == dict(learnt.excluded)
        assert report["selected"] == list(fitted.inputs)
        assert len(report["selected"]) == world.chosen.models.selection.keep + len(SIGNAL_INPUTS)


def test_a_bundle_has_the_ranges_of_its_training_rows_alone(world: World) -> None:
    for window in world.folds:
        content = bundle.load(world.root / BUNDLES / window.name).content
        rows = training_part(walk_forward_of(world.chosen), world.sample, window, openings(world.days)).rows
        assert content.synthetic is True
        assert content.ranges
        for name, span in content.ranges.items():
            finite = rows[name][np.isfinite(rows[name])]
            assert span == ((finite.min(), finite.max()) if finite.size else None), name
