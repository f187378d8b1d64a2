"""The statement of a day adds up, says what was promised, and the evidence is what promotion reads."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.judge.judgement import Judgement
from mia_ml.metrics import sequential
from mia_ml.metrics.estimate import Estimate
from mia_ml.registry import paper_gate
from serving.papers import account_tables as tables
from serving.papers import accounts, promised, statement
from serving.papers.accounts import Day, Note
from serving.unavailable import Unavailable
from tests.judge import sample
from tests.serving.paper_days import account, live, research, world

V = "mia-ml/3"
LEVEL = 0.95


@pytest.fixture
def store(tmp_path):
    with accounts.open_store(tmp_path / accounts.FILE) as opened:
        yield opened


def judged(**changes) -> Judgement:
    won = Estimate("win_rate", 0.45, 0.41, 0.49, "share")
    month = Estimate("trades_per_month", 17.6, 16.0, 19.2, "trades/month")
    found = {**sample.passing(), "win_rate": won, "trades_per_month": month, **changes}
    return sample.judgement().model_copy(update={"estimates": {"tuned_filtered": tuple(found.values())}})


def test_every_day_adds_up_to_the_backtest(store):
    market = world("trades", 5)
    kept = live(market, store)
    whole = research(market)
    found = [statement.statement(store, V, day, LEVEL) for day, *_ in market.days]
    trades = [trade for one in found for trade in one["trades"]]
    assert len(trades) == store.trades(V)[0].size > 5
    assert sum(trade["usd"] for trade in trades) == pytest.approx(kept.equity_usd - 100_000)
    assert sum(one["usd"] for one in found) == pytest.approx(kept.equity_usd - 100_000)
    assert sum(one["r"] for one in found) == pytest.approx(sum(trade["r"] for trade in trades))
    assert found[-1]["equity_usd"] == kept.equity_usd
    assert [one["days_on_paper"] for one in found] == list(range(1, len(found) + 1))
    fates = Counter(signal["fate"] for one in found for signal in one["signals"])
    assert fates["traded"] == len(trades)
    assert fates.total() == whole.outcomes.size
    assert {"no_barrier", "in_position"} <= set(fates)
    first = trades[0]
    wanted = whole.trades[whole.trades["signal"] == first["signal"]][0]
    assert (first["entry_price"], first["exit_ns"], first["r"]) == (
        wanted["entry_price"],
        wanted["exit_ns"],
        wanted["net_r"],
    )
    assert first["side"] == {1: "buy", -1: "sell"}[int(wanted["side"])]
    assert {trade["reason"] for trade in trades} <= {"take_profit", "stop", "timeout", "session_end", "reversed"}
    json.dumps(found, allow_nan=False)


def test_a_day_that_has_not_ended(store):
    market = world("trades", 1)
    kept = account(market, store)
    day, contract, columns, signals = market.days[0]
    kept.begin(day, contract)
    kept.advance(columns, signals)
    kept.save()
    found = statement.statement(store, V, None, LEVEL)
    assert (found["day"], found["ended"], found["usd"], found["days_on_paper"]) == (day, False, None, 0)
    running = statement.statement(store, V, None, LEVEL, now=kept.state())
    assert running["equity_usd"] == kept.equity_usd
    assert running["usd"] == kept.day_usd
    assert running["signals"] == found["signals"] != []


def test_what_is_not_known_is_said(store):
    with pytest.raises(DataError, match="no paper account yet: mia serve keeps them"):
        statement.of_all(store, None, LEVEL, {})
    with pytest.raises(DataError, match="mia-ml/3 has no paper account; known are none"):
        statement.statement(store, V, None, LEVEL)
    market = world("trades", 1)
    live(market, store)
    first, last = market.days[0][0], market.days[-1][0]
    with pytest.raises(DataError, match=f"mia-ml/3 has nothing on 20200101: known are {first} to {last}"):
        statement.statement(store, V, 20200101, LEVEL)
    assert statement.statement(store, V, None, LEVEL)["against_backtest"] == {
        "known": False,
        "why": "no judgement of this version is at hand",
        "figures": [],
    }


def trades_of(net_r):
    found = np.zeros(len(net_r), accounts.TRADE)
    found["net_r"] = found["net_ticks"] = net_r
    return found


def test_paper_against_what_the_backtest_foretold():
    inside = promised.comparison(trades_of([2.0, -1.0, -1.0, 1.0]), 5, judged())
    assert inside["known"]
    by_name = {figure["name"]: figure for figure in inside["figures"]}
    mean = by_name["expectancy_r"]
    assert (mean["paper"], mean["predicted"], mean["inside"]) == (0.25, 0.15, True)
    half = math.hypot(0.09, 1.96 * 1.3 / 2 * max(1, (840**0.5 * 0.09 / (1.96 * 1.3))))
    assert mean["low"] == pytest.approx(0.15 - half, abs=0.01)
    assert mean["sentence"] == (
        "mean R a trade +0.250 R of 4 trades lies inside of what the backtest foretold, "
        f"{mean['low']:+.3f} to {mean['high']:+.3f} R (95 %)"
    )
    assert by_name["win_rate"]["inside"]
    assert 0 <= by_name["win_rate"]["low"] < by_name["win_rate"]["high"] <= 1
    assert by_name["n_trades"]["predicted"] == pytest.approx(17.6 / 21 * 5)
    assert by_name["n_trades"]["sentence"].startswith("trades 4 of 5 trading days lies inside of what")
    outside = promised.comparison(trades_of([-1.0] * 60), 5, judged())
    assert [figure["inside"] for figure in outside["figures"]] == [False, False, False]
    assert "lies outside of what the backtest foretold" in outside["figures"][0]["sentence"]


def test_paper_without_anything_to_compare():
    early = promised.comparison(trades_of([]), 0, judged())
    assert [figure["inside"] for figure in early["figures"]] == [None, None, None]
    assert early["figures"][0]["sentence"].endswith("nothing is foretold: nothing has come yet")
    assert promised.comparison(trades_of([]), 0, sample.judgement())["why"] == (
        "the judgement has no figures of its policy tuned_filtered"
    )
    blind = judged(expectancy_r=Estimate("expectancy_r", math.nan, math.nan, math.nan, "R", undecidable="no trades"))
    first = promised.comparison(trades_of([1.0]), 3, blind)["figures"][0]
    assert first["sentence"] == "mean R a trade +1.000 R of 1 trades: nothing is foretold: no trades"
    json.dumps([early, first], allow_nan=False)


def fill(store, n_days, seed=0):
    rng = np.random.default_rng(seed)
    store.write([(tables.ACCOUNTS, {"version": V, "settings": "{}"})])
    for k in range(n_days):
        trades = int(rng.integers(0, 4))
        day = Day(20240101 + 100 * (k // 28) + k % 28, "ESH4", 3, trades, float(rng.normal(0, 1) * trades), 1.0, 1.0, 0)
        store.write([(tables.DAYS, {"version": V, **day._asdict()})])
        complete = k != 2
        note = Note(1380, 1380 if complete else 900, complete, () if complete else ("feed es: quiet for 5 minutes",))
        store.write([accounts.note_row(V, day.day, note)])


def test_evidence_is_what_promotion_reads(store, tmp_path):
    fill(store, 40)
    path = statement.write_evidence(tmp_path, store, V, LEVEL)
    assert path == paper_gate.path_of(tmp_path, "mia-ml", "3") == tmp_path / "paper" / "mia-ml-3.json"
    found = json.loads(path.read_text())
    assert set(found) == {"version", "days", "edge"}
    assert found["days"][2] == {**found["days"][2], "bars": 1380, "decided": 900, "complete": True, "usd": 1.0}
    assert found["days"][2]["incidents"] == ["feed es: quiet for 5 minutes"]
    assert set(found["days"][2]) == {"day", "bars", "decided", "complete", "trades", "r", "usd", "incidents"}
    days = store.days(V)
    totals, counts = (np.array([getattr(day, name) for day in days], float) for name in ("r", "trades"))
    edge = sequential.per_trade(totals, counts, LEVEL).last
    assert found["edge"] == {
        "mean": edge.mean,
        "low": edge.low,
        "high": edge.high,
        "unit": "R a trade",
        "n": int(counts.sum()),
        "level": 0.95,
    }
    read = paper_gate.read(path, V).evidence
    assert read is not None
    assert len(read.days) == 40
    assert sum(day.counts(0.98) for day in read.days) == 39
    assert list(path.parent.iterdir()) == [path]


def test_evidence_of_too_few_days_has_no_bounds(store, tmp_path):
    fill(store, 5)
    edge = json.loads(statement.write_evidence(tmp_path, store, V, LEVEL).read_text())["edge"]
    assert (edge["low"], edge["high"]) == (None, None)


def test_evidence_appears_whole_or_not_at_all(store, tmp_path, monkeypatch):
    fill(store, 5)
    path = statement.write_evidence(tmp_path, store, V, LEVEL)
    before = path.read_bytes()
    fill(store, 5)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(statement.os, "fsync", full)
    with pytest.raises(Unavailable, match=r"mia-ml-3.json: No space left on device: make room"):
        statement.write_evidence(tmp_path, store, V, LEVEL)
    assert path.read_bytes() == before


def test_the_judgement_is_kept_beside_the_evidence(tmp_path):
    assert statement.judgement_of(tmp_path, V) is None
    path = statement.judgement_path(tmp_path, V)
    judged().write(path)
    assert path.name == "mia-ml-3.judgement.json"
    assert statement.judgement_of(tmp_path, V).about.n_days == 1000
    path.write_text("{}")
    with pytest.raises(DataError, match="not a judgement"):
        statement.judgement_of(tmp_path, V)
