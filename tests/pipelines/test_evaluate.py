"""evaluate: the trades of each fold's own bundle, the figures of those trades, and nothing where nothing is tested."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mia_ml.backtest import equity
from mia_ml.backtest.records import TRADE, signals
from mia_ml.backtest.simulator import Result, Simulator, join
from mia_ml.confluence import decision
from mia_ml.evaluation import policy
from mia_ml.evaluation.panel import Panel
from mia_ml.metrics import kpi
from mia_ml.scoring import bundle
from mia_ml.scoring.content import Content
from mia_ml.scoring.scorer import Scorer
from mia_ml.store import parquet, records
from mia_ml.tracking import server
from pipelines import BUNDLE, BUNDLES, EVALUATION, EVALUATION_PAGE, METRICS, OUT_OF_SAMPLE, VERDICT, read_plot
from pipelines.pages import HEADS, SHOWN, shown
from pipelines.windows import Named
from tests.pipelines import learning_world
from tests.pipelines.learning_world import World
from tests.tracking import store

LEARNING = ("tune", "train", "evaluate", "judge", "register")


def outputs(stage: str) -> Iterator[Path]:
    """What dvc.yaml says that a stage leaves."""
    told = yaml.safe_load((learning_world.REPOSITORY / "dvc.yaml").read_text())["stages"][stage]
    for kind in ("outs", "metrics", "plots"):
        for out in told.get(kind, []):
            yield Path(out if isinstance(out, str) else next(iter(out)))


def content_of(world: World, fold: Named) -> Content:
    return bundle.load(world.root / BUNDLES / fold.name).content


def simulated(world: World, fold: Named, filtered: bool) -> tuple[Result, np.ndarray, np.ndarray]:
    """A fold's bundle on its test window, read and walked day by day, with the sessions of that window."""
    content = content_of(world, fold)
    rows = world.test_rows(fold)
    decided = Scorer(content.formula(), content.filter() if filtered else None).decide(rows)
    days = [day for day in world.days.days if fold.test_first_day <= day.day <= fold.test_last_day]
    every = world.days.sessions
    sessions = every[(every["day"] >= days[0].day) & (every["day"] <= days[-1].day)]
    simulator = Simulator(content.execution_settings(), content.traded(), sessions, "trades", content.blackouts())
    results = []
    for day in days:
        fired = (rows["day"] == day.day) & (decided["action"] == decision.SIGNAL)
        barrier = np.maximum(rows["atr_5m"], np.where(np.isnan(rows["atr_5m_usual"]), -np.inf, rows["atr_5m_usual"]))
        asked = signals(rows["ts"][fired], rows["day"][fired], decided["crossing"][fired], barrier[fired])
        results.append(simulator.advance(parquet.read_file(day.prices["trades"], "trades"), asked))
    return join([*results, simulator.finish()]), decided, sessions


@pytest.mark.parametrize(("name", "filtered"), [("tuned_filtered", True), ("tuned", False)])
def test_trades_are_those_of_each_folds_bundle(world: World, name: str, filtered: bool) -> None:
    trades = records.read(world.root / EVALUATION / name / "trades.parquet", TRADE)
    assert trades.size >= 5
    expected = np.concatenate([simulated(world, fold, filtered)[0].trades for fold in world.folds])
    for column in set(TRADE.names) - {"signal"}:  # which counts from the record's first
        assert trades[column].tobytes() == expected[column].tobytes(), column


def test_the_fast_policy_agrees_trade_by_trade(world: World) -> None:
    context = world.chosen.context.model_dump()
    trades = records.read(world.root / EVALUATION / "tuned_filtered" / "trades.parquet", TRADE)
    found = []
    for fold in world.folds:
        content = content_of(world, fold)
        panel = Panel.build(world.sample.rows, world.sample.labels, content.formula().terms, context)
        first, last = fold.test_rows(world.sample.rows["day"])
        decided = content.scorer().decide(world.sample.rows[first:last])
        passes = np.zeros(world.sample.labels.shape, bool)
        kept = (decided["crossing"] != 0) & (decided["action"] != decision.FILTERED)
        passes[first:last] = kept[:, None] & (decided["crossing"][:, None] == [1, -1])
        found.append(policy.run(panel, content.formula(), first, last, passes))
    fast = np.concatenate(found)
    assert fast["side"].tolist() == trades["side"].tolist()
    assert fast["net_r"].tobytes() == trades["net_r"].tobytes()


def test_the_filter_had_something_to_do(world: World) -> None:
    actions = np.concatenate([simulated(world, fold, True)[1]["action"] for fold in world.folds])
    assert {decision.SIGNAL, decision.FILTERED} <= set(actions.tolist())


def figures(world: World) -> tuple[list[kpi.Kpi], np.ndarray]:
    """KPIs of the filtered policy over both test windows, from the folds walked apart."""
    chosen = world.chosen
    walked = [simulated(world, fold, True) for fold in world.folds]
    trades = np.concatenate([result.trades for result, *_ in walked])
    asked = sum(int((decided["action"] == decision.SIGNAL).sum()) for _, decided, _ in walked)
    sessions = np.concatenate([sessions for *_, sessions in walked])
    marks = records.read(world.root / EVALUATION / "tuned_filtered" / "marks.parquet", walked[0][0].marks.dtype)
    daily = equity.daily(marks, sessions["day"], chosen.execution.capital_usd)
    told = kpi.summary(trades, asked, daily["pnl_usd"], marks["equity_usd"], sessions, chosen.execution.capital_usd)
    return told, daily


def test_figures_are_those_of_the_trades(world: World) -> None:
    told, daily = figures(world)
    written = json.loads((world.root / METRICS / "evaluate.json").read_text())
    assert written["folds"] == len(world.folds)
    for figure in told:
        value = written["tuned_filtered"][figure.name]
        assert value == (figure.value if math.isfinite(figure.value) else None), figure.name
    own = records.read(world.root / EVALUATION / "tuned_filtered" / "trades.parquet", TRADE)
    assert written["tuned_filtered"]["expectancy_r"] == pytest.approx(own["net_r"].mean(), rel=1e-12)
    assert written["tuned_filtered"]["win_rate"] == pytest.approx(np.mean(own["net_ticks"] > 0), rel=1e-12)
    assert daily["pnl_usd"].sum() == pytest.approx(own["net_usd"].sum(), abs=1e-6)
    curve = read_plot(world.root / OUT_OF_SAMPLE)["tuned_filtered"]
    assert [float(value) for value in curve] == daily["equity_usd"].tolist()


def table(page: str, head: str) -> list[list[str]]:
    lines = page.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith(head))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_page_shows_them(world: World) -> None:
    page = (world.root / EVALUATION_PAGE).read_text()
    told = {figure.name: figure for figure in figures(world)[0]}
    head = f"| | {' | '.join(HEADS.values())} |"
    assert [(row[0], row[1]) for row in table(page, head)] == [(name, shown(told[name])) for name in SHOWN]
    assert "SYNTHETIC" in page
    assert VERDICT.as_posix() in page
    own = records.read(world.root / EVALUATION / "tuned_filtered" / "trades.parquet", TRADE)
    written = json.loads((world.root / EVALUATION / "folds.json").read_text())
    rows = table(page, "| test window from")
    for fold, plain, row in zip(world.folds, written, rows, strict=True):
        trades = own[(own["day"] >= fold.test_first_day) & (own["day"] <= fold.test_last_day)]
        assert plain["fold"] == row[0] == fold.name
        assert plain["trades"] == int(row[1]) == trades.size
        if trades.size:
            assert plain["expectancy_r"] == pytest.approx(trades["net_r"].mean())
            assert plain["win_rate"] == pytest.approx(np.mean(trades["net_ticks"] > 0))
            assert row[3] == f"{plain['expectancy_r']:+.3f}"
        else:
            assert (plain["expectancy_r"], plain["win_rate"], *row[2:4]) == (None, None, "", "")
        assert plain["net_usd"] == pytest.approx(trades["net_usd"].sum(), abs=1e-6)


def test_every_output_of_dvc_is_there(world: World) -> None:
    for stage in ("labels", *LEARNING):
        for out in outputs(stage):
            assert (world.root / out).exists(), f"{stage}: {out}"


def test_the_run_has_a_child_for_each_fold_and_one_candidate(world: World) -> None:
    asked = server.client(server.resolve(world.chosen.tracking.uri, world.root))
    experiment = asked.get_experiment_by_name(world.chosen.tracking.experiment)
    runs = asked.search_runs([experiment.experiment_id])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert sorted(run.info.run_name for run in children) == [fold.name for fold in world.folds]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    told = json.loads((world.root / METRICS / "evaluate.json").read_text())["tuned_filtered"]
    assert parent.data.metrics["tuned_filtered.expectancy_r"] == pytest.approx(told["expectancy_r"])
    (version,) = asked.search_model_versions(f"name='{world.chosen.tracking.model}'")
    assert asked.get_model_version_by_alias(world.chosen.tracking.model, "candidate").version == version.version
    assert version.run_id == parent.info.run_id
    seal = bundle.load(world.root / BUNDLE).seal
    assert seal in json.dumps(dict(version.tags))
    for child in children:
        assert child.data.tags["bundle"] == bundle.load(world.root / BUNDLES / child.info.run_name).seal


def test_without_validation_every_stage_runs_and_leaves_its_outputs(world: World, tmp_path: Path) -> None:
    root = tmp_path / "w"
    shutil.copytree(world.root, root, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts", "studies"))
    for stage in LEARNING:  # as DVC does in front of a stage
        for out in outputs(stage):
            shutil.rmtree(root / out, ignore_errors=True)
            (root / out).unlink(missing_ok=True)
    path = root / "params.yaml"
    params: dict[str, Any] = yaml.safe_load(path.read_text())
    params["validation"] = {"kind": "none"}
    path.write_text(yaml.safe_dump(params))
    store.lay(root)
    learning_world.run(root, *LEARNING)
    for stage in LEARNING:
        for out in outputs(stage):
            assert (root / out).exists(), f"{stage}: {out}"
    assert not any((root / BUNDLE).iterdir())
    assert json.loads((root / METRICS / "evaluate.json").read_text()) == {"folds": 0}
    assert read_plot(root / OUT_OF_SAMPLE)["day"] == []
    asked = server.client(server.resolve(world.chosen.tracking.uri, root))
    experiment = asked.get_experiment_by_name(world.chosen.tracking.experiment)
    assert len(asked.search_runs([experiment.experiment_id])) == 1
    assert asked.search_registered_models() == []
