"""The objective's peers trade our trades, or the benchmark says where they do not."""

import subprocess

import numpy as np
import pytest

from benchmarks import objective, objective_peer, peer_environment
from mia_ml.backtest.records import Exit
from mia_ml.core.errors import DataError
from mia_ml.evaluation import candidates


@pytest.fixture(scope="module")
def study():
    return objective.case(20_000)


def test_peers_are_asked_for_our_crossings(study, tmp_path):
    objective.write(study, tmp_path)
    crossings = objective_peer.crossings(objective_peer.load(tmp_path, None))
    ours = candidates.of(study.panel, study.formula, 0, study.panel.ts.size)
    assert np.flatnonzero(crossings).tolist() == ours["row"].tolist()
    assert crossings[ours["row"]].tolist() == ours["side"].tolist()


def test_the_market_leaves_our_rules_and_the_peers_nothing_to_differ_in(study):
    bars, row = study.bars, study.trades()["row"]
    assert (bars["open"][1:] == bars["close"][:-1]).all()
    for name in ("open", "high", "low", "close"):
        assert (bars[name] % (2 * objective.ES.tick) == 0).all()
    risk, target = study.labels["risk_ticks"][0, 0], study.labels["target_ticks"][0, 0]
    assert risk % 2 == target % 2 == 1
    entry = row[row + 1 < study.panel.ts.size] + 1
    reach = np.maximum(bars["high"] - bars["open"], bars["open"] - bars["low"])
    assert (reach[entry] < risk * objective.ES.tick).all()
    both = (bars["high"] - bars["low"]) > (risk + target) * objective.ES.tick
    assert both.any()
    assert set(study.labels["exit_reason"][:, 0]) <= {0, Exit.STOP, Exit.TAKE_PROFIT, Exit.TAPE_END}


@pytest.mark.parametrize("peer", objective.PEERS)
def test_a_peer_makes_our_trades(peer, study, tmp_path):
    if not (peer_environment.HOME / f".ready-{peer}").is_file():
        pytest.skip(f"{peer} is not installed: benchmarks/run.py installs it")
    assert objective.run_peer(study, peer, tmp_path) > 0
    assert objective.disagreement(objective.ours(study), np.load(tmp_path / f"trades-{peer}.npy")) == ""


def test_the_first_trade_that_differs_is_named():
    mine = np.array([[3.0, 1, 9, 5.25], [20, -1, 31, -2.75]])
    assert objective.disagreement(mine, mine) == ""
    assert objective.disagreement(mine, mine[:1]) == "their number: 1 against 2"
    for column in range(4):
        theirs = mine.copy()
        theirs[1, column] += 0.25
        assert objective.disagreement(mine, theirs).startswith("trade 1: entry bar, side, exit bar, points [")


def test_without_an_index_one_line_says_so(monkeypatch, tmp_path):
    def failing(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "looking\nNo matching distribution found\n")

    monkeypatch.setattr(peer_environment, "HOME", tmp_path / "peers")
    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.raises(DataError) as refusal:
        peer_environment.ensured("vectorbt", ("vectorbt==1.2.0",))
    assert str(refusal.value) == (
        "vectorbt==1.2.0 cannot be installed into peers (No matching distribution found): "
        "connect to a package index, or choose other figures with --only"
    )
