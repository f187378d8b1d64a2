"""judge: what it says is what evaluate walked and the ledger counted; a tampered trade and a leaking row are found."""

import contextlib
import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from mia_ml import settings
from mia_ml.backtest import equity
from mia_ml.backtest.records import TRADE
from mia_ml.evaluation.ground import Ground
from mia_ml.judge import judgement
from mia_ml.judge.judgement import Integrity, Judgement
from mia_ml.labels.records import usable
from mia_ml.ledger import ledger
from mia_ml.ledger.configuration import Configuration
from mia_ml.metrics.estimate import Estimate
from mia_ml.registry import address, judged
from mia_ml.scoring import bundle
from mia_ml.store import records
from mia_ml.tracking import server
from pipelines import BUNDLES, EVALUATION, JUDGED, JUDGEMENT, METRICS, ROWS, VERDICT, judge, leaks, read_json
from pipelines.counting import traded_as
from pipelines.ground import POLICY, ground_of, policies_of
from pipelines.rows import read_sample
from tests.pipelines import learning_world
from tests.pipelines.learning_world import World, refusal
from tests.tracking import store

FOLDERS = ("data", "ledger", "reports")
AGAIN, LOOKED = "again.json", "looked.json"
WHEN = "2024-03-01T00:00:00+00:00"


@pytest.fixture(scope="session")
def found(world: World) -> Judgement:
    return judgement.read(world.root / JUDGEMENT)


@contextlib.contextmanager
def kept(world: World, root: Path) -> Iterator[ledger.Ledger]:
    with ledger.open(world.chosen.ledger.where, root) as opened:
        yield opened


def counted(world: World, root: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """Configurations and launches by scope and kind, over all days."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    with kept(world, root) as opened:
        for count in opened.counts():
            n, launches = found.get((count.scope, count.kind), (0, 0))
            found[count.scope, count.kind] = (n + count.configurations, launches + count.launches)
    return found


@pytest.fixture(scope="session")
def judged_again(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world judged a second time, and a third after two lost trials and a look that showed a tested day."""

    def build(root: Path) -> None:
        learning_world.copy(world.root, root, *FOLDERS)
        learning_world.run(root, "judge")
        shutil.copy(root / JUDGEMENT, root / AGAIN)
        shutil.copytree(root / "ledger", root / "ledger_again")
        instrument, (first, last) = traded_as(world.chosen), (20240201, 20240208)
        with kept(world, root) as opened:
            opened.launch(Configuration("inner", instrument, first, last, "policy", "killed", {"x": 1}), WHEN)
            lost = opened.launch(Configuration("inner", instrument, first, last, "policy", "failed", {"x": 2}), WHEN)
            opened.end(lost, "failed", WHEN)
            days = {"first_day": world.folds[-1].test_last_day, "last_day": 20240229}
            opened.look("t", who="me", when_utc=WHEN, why="a test", instruments=[instrument], files=1, **days)
        learning_world.run(root, "judge")
        shutil.copy(root / JUDGEMENT, root / LOOKED)

    return learning_world.once(tmp_path_factory, "judged_world", build)


def walked(world: World, policy: str = POLICY) -> np.ndarray:
    return records.read(world.root / EVALUATION / policy / "trades.parquet", TRADE)


def test_it_leaves_a_judgement_its_page_and_its_headline(world: World, found: Judgement) -> None:
    assert found.verdict.sentence.split(":")[0] in (world.root / VERDICT).read_text()
    assert "SYNTHETIC" in found.verdict.sentence
    assert found.about.folds == tuple(fold.test_first_day for fold in world.folds)
    assert found.about.bundle == bundle.load(world.root / BUNDLES / world.folds[-1].name).seal
    assert found.about.data_fingerprint == world.sample.fingerprint
    told = read_json(world.root / METRICS / "judge.json")
    assert (told["folds"], told["n_outer"]) == (len(world.folds), found.selection.n_outer)
    assert told["n_inner"] == sum(found.selection.n_inner.values())
    assert [table.name for table in found.gates] == list(world.chosen.gates)
    assert list(found.ladders) == list(world.chosen.ladder)
    desk = next(table for table in found.gates if table.name == "desk")
    assert told["gates_passed"]["desk"] == sum(result.status == "pass" for result in desk.results)


def test_the_registered_version_has_the_judgement(world: World) -> None:
    uri = server.resolve(world.chosen.tracking.uri, world.root)
    told = judged.fetch(address.parse(f"models:/{world.chosen.tracking.model}/1"), uri)
    assert told.judgement.model_dump_json(indent=1) + "\n" == (world.root / JUDGEMENT).read_text()
    (run,) = [
        run for run in store.runs_in(world.root, world.chosen.tracking.experiment) if run.info.run_id == told.run_id
    ]
    assert run.data.metrics["judge.n_outer"] == told.judgement.selection.n_outer
    assert {file.path for file in server.client(uri).list_artifacts(told.run_id, "judge")} == {
        "judge/judgement.json",
        "judge/verdict.html",
    }


@pytest.mark.parametrize("policy", [POLICY, "tuned", "configured"])
def test_figures_are_those_of_the_trades_that_evaluate_walked(world: World, found: Judgement, policy: str) -> None:
    trades = walked(world, policy)
    daily = records.read(world.root / EVALUATION / policy / "daily.parquet", equity.DAILY)
    pnl = daily["pnl_usd"]
    told = {figure.name: figure.value for figure in found.estimates[policy]}
    won, usd = trades["net_ticks"] > 0, trades["net_usd"]
    risk, target, cost = (trades[f"{name}_ticks"] for name in ("risk", "target", "cost"))
    assert told["n_trades"] == trades.size > 5
    assert told["n_days"] == daily.size == found.about.n_days
    assert told["days_traded"] == np.unique(trades["day"]).size
    assert told["expectancy_r"] == pytest.approx(trades["net_r"].mean())
    assert told["win_rate"] == pytest.approx(won.mean())
    assert told["break_even_win_rate"] == pytest.approx(((risk + cost) / (risk + target)).mean())
    assert told["profit_factor"] == pytest.approx(usd[won].sum() / -usd[~won].sum())
    assert told["net_usd"] == pytest.approx(usd.sum())
    assert told["sharpe"] == pytest.approx(pnl.mean() / pnl.std(ddof=1) * math.sqrt(252))
    curve = next(one for one in found.curves if one.policy == policy)
    assert np.array(curve.equity_usd) == pytest.approx(daily["equity_usd"])
    assert found.days == tuple(daily["day"].tolist())


def test_differences_are_against_the_other_policies(found: Judgement) -> None:
    own = {figure.name: figure.value for figure in found.estimates[POLICY]}
    assert set(found.differences) == {"tuned", "configured"}
    for policy, differences in found.differences.items():
        other = {figure.name: figure.value for figure in found.estimates[policy]}
        gain = next(figure for figure in differences if figure.name == "expectancy_r")
        assert gain.value == pytest.approx(own["expectancy_r"] - other["expectancy_r"])


def test_the_machinery_is_in_order(world: World, found: Judgement) -> None:
    told = {check.name: check for check in found.integrity}
    assert {"parity", "audit", "agreement", "latency", "canaries"} <= told.keys()
    assert [name for name, check in told.items() if not check.ok] == []
    assert f"{walked(world).size} trades by scorer and simulator, the same by labels" in told["parity"].detail


def test_the_calibration_curve_holds_every_crossing_that_came_to_an_end(world: World, found: Judgement) -> None:
    asked, won = 0, 0.0
    for fold in world.folds:
        path = world.root / EVALUATION / "decisions" / f"{fold.name}.parquet"
        side = pq.read_table(path, columns=["crossing"])["crossing"].to_numpy()
        first, last = fold.test_rows(world.sample.rows["day"])
        labels = world.sample.labels[first:last][side != 0, np.where(side[side != 0] > 0, 0, 1)]
        labels = labels[usable(labels)]
        asked, won = asked + labels.size, won + (labels["net_ticks"] > 0).sum()
    assert sum(one.n for one in found.calibration) == asked > 100
    assert sum(one.n * one.observed for one in found.calibration) == pytest.approx(won)
    predicted = [one.predicted for one in found.calibration]
    assert predicted == sorted(predicted)
    assert all(one.low <= one.observed <= one.high for one in found.calibration)


def test_trials_are_those_on_the_ledger(world: World, found: Judgement) -> None:
    n = {key: configurations for key, (configurations, _) in counted(world, world.root).items()}
    chosen = found.selection
    assert n["outer", "policy"] == 3
    assert chosen.n_outer == n["outer", "policy"] + n["outer", "ladder"]
    assert chosen.n_outer < len(found.trials) == sum(count for (scope, _), count in n.items() if scope == "outer")
    assert sum(chosen.n_inner.values()) == n["inner", "policy"] + n["inner", "filter"]
    asked = (learning_world.POLICY_TRIALS + learning_world.FILTER_TRIALS) * len(world.windows)
    assert sum(chosen.n_inner.values()) == asked


def deflated(pnl: np.ndarray, n: float, variance: float) -> float:
    """Bailey & Lopez de Prado (2014), written once more."""
    normal = NormalDist()
    best = (1 - np.euler_gamma) * normal.inv_cdf(1 - 1 / n) + np.euler_gamma * normal.inv_cdf(1 - 1 / (n * math.e))
    sharpe = pnl.mean() / pnl.std(ddof=1)
    z = (pnl - pnl.mean()) / pnl.std()
    error = math.sqrt((1 - (z**3).mean() * sharpe + ((z**4).mean() - 1) / 4 * sharpe**2) / (pnl.size - 1))
    return normal.cdf((sharpe - math.sqrt(variance) * best) / error)


def test_the_deflated_sharpe_ratio_counts_what_could_have_been_chosen(world: World, found: Judgement) -> None:
    chosen = found.selection
    could = [one.sharpe for one in found.trials if one.kind in ("policy", "ladder")]
    assert len(could) == chosen.n_outer
    assert chosen.sharpe_variance == pytest.approx(max(np.nanvar(could, ddof=1), 1 / (found.about.n_days - 1)))
    pnl = records.read(world.root / EVALUATION / POLICY / "daily.parquet", equity.DAILY)["pnl_usd"]
    expected = deflated(pnl, chosen.n_outer_effective, chosen.sharpe_variance)
    assert chosen.dsr.value == pytest.approx(expected)
    assert chosen.dsr_raw_n.value == pytest.approx(deflated(pnl, chosen.n_outer, chosen.sharpe_variance))


def test_judged_twice_is_the_same_and_counts_nothing_twice(world: World, judged_again: Path) -> None:
    def timeless(path: Path) -> str:
        return re.sub(r"of 2000 decisions within \S+ ms", "", path.read_text())

    first, second = timeless(world.root / JUDGEMENT), timeless(judged_again / AGAIN)
    assert first != (world.root / JUDGEMENT).read_text()
    assert first == second
    shutil.copytree(judged_again / "ledger_again", judged_again / "then" / "ledger", dirs_exist_ok=True)
    before, after = counted(world, world.root), counted(world, judged_again / "then")
    for key, (configurations, launches) in before.items():
        assert after[key] == (configurations, launches + (configurations if key[0] == "outer" else 0))


def test_lost_trials_count(world: World, found: Judgement, judged_again: Path) -> None:
    before, after = found.selection, judgement.read(judged_again / LOOKED).selection
    assert after.n_inner == before.n_inner | {"abandoned": 1, "failed": 1}
    assert f"best of {sum(before.n_inner.values()) + 2} " in after.dsr_inner.method
    assert after.n_outer == before.n_outer


def test_a_look_at_tested_days_is_said_and_spends_its_alpha(found: Judgement, judged_again: Path) -> None:
    assert (found.about.look, found.about.alpha) == (0, 0.05)
    looked = judgement.read(judged_again / LOOKED)
    assert (looked.about.look, looked.about.alpha) == (1, 0.025)
    assert "1st look at the sealed days" in looked.verdict.sentence
    for before, after in ((found, 0.95), (looked, 0.975)):
        drawn = [one for one in intervals(before) if "bootstrap" in one.method]
        assert drawn
        assert {one.level for one in drawn} == {after}
    assert "look" not in found.verdict.sentence


def intervals(of: Judgement) -> list[Estimate]:
    return [*of.estimates[POLICY], *of.estimates["tuned"], *of.benchmarks]


def test_without_validation_nothing_is_judged(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = learning_world.copy(world.root, tmp_path / "w", "data", "reports")
    params = yaml.safe_load((root / settings.PARAMS).read_text())
    (root / settings.PARAMS).write_text(yaml.safe_dump(params | {"validation": {"kind": "none"}}))
    learning_world.run(root, "judge")
    assert "nothing to judge" in capsys.readouterr().out
    assert list((root / JUDGED).iterdir()) == []
    assert json.loads((root / METRICS / "judge.json").read_text()) == {"folds": 0}
    assert not (root / "ledger").exists()


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoilt", "how", "told"),
    [
        (BUNDLES / "{fold}" / "arrays.safetensors", damage, "arrays.safetensors"),
        (BUNDLES / "{fold}", shutil.rmtree, "no such folder"),
        (BUNDLES / "reports.json", Path.unlink, "no such file"),
        (EVALUATION / POLICY / "trades.parquet", Path.unlink, "no such file; run the stage that writes it"),
        (EVALUATION / POLICY / "trades.parquet", lambda path: path.write_bytes(b"?"), "not a readable Parquet file"),
        (METRICS.parent / "audit.json", Path.unlink, "no such file; run the stage that writes it"),
        (METRICS.parent / "audit.json", lambda path: path.write_text("{"), "no JSON"),
    ],
)
def test_what_is_missing_or_damaged_ends_in_one_line(
    world: World, tmp_path: Path, spoilt: Path, how: Any, told: str
) -> None:
    root = learning_world.copy(world.root, tmp_path / "w", "data", "reports")
    how(root / str(spoilt).format(fold=world.folds[0].name))
    line = refusal(root, "judge")
    assert told in line
    assert not (root / JUDGEMENT).exists()


@pytest.fixture
def ground(world: World) -> Ground:
    learnt = {fold.name: bundle.load(world.root / BUNDLES / fold.name).content for fold in world.folds}
    return ground_of(world.chosen, world.sample, world.days, world.folds, learnt)


def checked(world: World, root: Path, ground: Ground) -> dict[str, Integrity]:
    with contextlib.chdir(root):
        outcome = policies_of(world.chosen, ground)[POLICY]
        return {check.name: check for check in judge.checked(world.chosen, ground, outcome)}


def edited(trades: np.ndarray) -> np.ndarray:
    trades["net_r"][-1] += 1e-9
    return trades


def dropped(trades: np.ndarray) -> np.ndarray:
    return trades[:-1]


def added(trades: np.ndarray) -> np.ndarray:
    return np.append(trades, trades[-1:])


@pytest.mark.parametrize("tampered", [edited, dropped, added])
def test_trades_that_are_not_those_of_the_bundles_are_found(
    world: World, tmp_path: Path, ground: Ground, tampered: Any
) -> None:
    root = learning_world.copy(world.root, tmp_path / "w", "data", "reports")
    assert checked(world, root, ground)["parity"].ok
    path = root / EVALUATION / POLICY / "trades.parquet"
    records.write(path, tampered(records.read(path, TRADE)))
    assert not checked(world, root, ground)["parity"].ok


def test_a_feature_that_is_a_row_early_is_found(world: World, tmp_path: Path, ground: Ground) -> None:
    root = learning_world.copy(world.root, tmp_path / "w", "data")
    for path in sorted((root / ROWS).iterdir()):
        rows = records.read(path, world.sample.rows.dtype)
        rows["order_book_imbalance"][:-1] = rows["order_book_imbalance"][1:]
        records.write(path, rows)
    with contextlib.chdir(root):
        leaking = read_sample()
        found = leaks.audited(world.chosen, leaking, world.days, world.native, world.folds, ground)
    told = {check.name: check for check in found}
    assert not told["canaries"].ok
    assert not told["leak_rows"].ok
    assert "order_book_imbalance" in told["canaries"].detail
    assert told["leak_labels"].ok
    assert told["leak_canaries"].ok


def test_a_ledger_that_cannot_be_written_ends_the_stage(world: World, tmp_path: Path) -> None:
    root = learning_world.copy(world.root, tmp_path / "w", "data", "reports")
    (root / "ledger").write_text("no folder")
    assert "ledger" in refusal(root, "judge")
