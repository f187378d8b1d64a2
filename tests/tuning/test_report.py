import dataclasses
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from mia_ml.tuning import report
from mia_ml.tuning.records import Result, Trial
from mia_ml.tuning.study import Study
from tests.tuning import planted


def trials(n_trials: int = 60, sampler: str = "cmaes") -> list[Trial]:
    with Study("memory", "s", planted.pruned_plan(sampler=sampler)) as study:
        return study.optimize(n_trials, planted.evaluate)


def test_the_table_has_a_row_for_every_trial() -> None:
    found = trials()
    table = report.table(found, planted.space(), ("expectancy_r",))
    assert {len(column) for column in table.values()} == {len(found)}
    assert list(table)[:4] == ["number", "batch", "state", "weights.gamma_levels"]
    assert list(table)[-4:] == ["fold_0.expectancy_r", "fold_1.expectancy_r", "fold_2.expectancy_r", "error"]
    for row, trial in enumerate(found):
        assert table["state"][row] == trial.state
        assert table["threshold.base"][row] == trial.params["threshold.base"]
        assert table["expectancy_r"][row] == (trial.values[0] if trial.values else None)
        assert table["fold_2.expectancy_r"][row] == (trial.per_fold[2][0] if len(trial.per_fold) == 3 else None)
        assert table["n_trades"][row] == (15 if trial.state == "complete" else 0)


def test_importances_name_what_matters_first() -> None:
    drawn = trials(200, "random")
    found = report.importances(drawn, planted.space())
    assert sum(found.values()) == pytest.approx(1)
    assert next(iter(found)) == "cooldown_minutes"
    assert found["weights.gamma_levels"] > 0.1 > 0.05 > found["model.forest.max_features"]
    turned = [dataclasses.replace(trial, values=tuple(-value for value in trial.values)) for trial in drawn]
    assert report.importances(turned, planted.space()) != found
    assert report.importances(drawn[:1], planted.space()) == {}


def test_the_pareto_front_is_what_nothing_beats() -> None:
    values = [(1.0, 1.0), (2.0, 0.0), (0.0, 2.0), (0.5, 0.5), (1.0, 1.0), (1.0, 0.9)]
    found = [Trial(n, 0, "complete", {}, value) for n, value in enumerate(values)]
    found.append(Trial(6, 0, "pruned", {}))
    assert [trial.number for trial in report.pareto(found)] == [0, 1, 2, 4]
    assert report.pareto([]) == []


def test_figures_are_pictures_and_leave_the_style_alone(tmp_path: Path) -> None:
    matplotlib.use("Agg")
    before = dict(matplotlib.rcParams)
    written = report.figures(tmp_path / "figures", trials(), planted.space(), ("expectancy_r",))
    assert [path.name for path in written] == ["history_expectancy_r.png", "importances_expectancy_r.png"]
    assert all(np.ptp(imread(path)[..., :3]) > 0.5 for path in written)
    assert dict(matplotlib.rcParams) == before
    assert report.figures(tmp_path / "none", trials()[:1], planted.space(), ("expectancy_r",)) == []


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    plan = planted.plan(objectives=("expectancy_r", "sharpe"), sampler="nsga2")
    with Study("memory", "s", plan) as study:
        found = study.optimize(
            24, lambda params, cut: Result((planted.value(params), params["threshold.base"])), workers=2
        )
    written = report.figures(tmp_path, found, planted.space(), plan.objectives)
    assert [path.name for path in written][-1] == "pareto_front.png"
    assert len(written) == 5
    assert 0 < len(report.pareto(found)) < 24
