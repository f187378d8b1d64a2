"""`mia statement` as a user meets it."""

import json
import shutil
from pathlib import Path

import pytest

from mia_ml import settings
from serving.papers import accounts, statement
from tests.serving.paper_days import live, world
from tests.serving.papers.test_statement import judged

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / settings.PARAMS, tmp_path)
    with accounts.open_store(tmp_path / "live" / accounts.FILE) as store:
        market = world("trades", 1)
        live(market, store)
        for day, *_ in market.days:
            store.champion(day, "mia-ml/2")
    judged().write(statement.judgement_path(tmp_path / "live", "mia-ml/3"))
    return market.days[-1][0]


def test_the_last_day_as_text(mia, state):
    code, out, err = mia("statement")
    assert (code, err) == (0, "")
    first, money, bars, *rest = out.splitlines()
    assert first == f"mia-ml/3 on {state // 10000}-{state // 100 % 100:02}-{state % 100:02}: day 2 on paper"
    assert " USD, equity " in money
    assert bars == "  1,380 of 1,380 bars decided, complete"
    assert any(line.split()[:2] == ["side", "n"] for line in rest)
    assert any(" trades lies inside of what the backtest foretold" in line for line in rest)
    assert rest[-1] == "mia-ml/3 against the champion: inconclusive, no day yet"


def test_a_day_of_one_version_as_json(mia, state):
    code, out, _ = mia("statement", "--day", "20240103", "--version", "mia-ml/3", "--state", "live", "--json")
    assert code == 0
    (one,) = json.loads(out)["versions"]
    assert (one["day"], one["version"], one["ended"]) == (20240103, "mia-ml/3", True)
    assert one["trades"]


def test_one_line_where_there_is_nothing(mia, state):
    code, out, err = mia("statement", "--day", "20200101")
    assert (code, out) == (1, "")
    assert err.startswith("mia: mia-ml/3 has nothing on 20200101: known are 20240103 to")
    code, _, err = mia("statement", "--state", "gone")
    assert (code, err) == (1, "mia: gone/paper.db: no paper account yet: mia serve keeps them\n")
    code, _, err = mia("statement", "--version", "mia-ml/4")
    assert (code, err) == (1, "mia: mia-ml/4 has no paper account; known are mia-ml/3\n")
