"""The paper account is research, byte for byte: whatever the pieces, whatever the restarts, over rolls and crashes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml import settings as configuration
from mia_ml.backtest import equity
from mia_ml.backtest.simulator import join
from mia_ml.core import moments
from mia_ml.core.errors import DataError
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets import build, days
from mia_ml.scoring.scorer import Scorer
from mia_ml.scoring.signals import signals_of
from pipelines import execution as stages
from serving.papers import accounts, paper
from serving.papers.paper import Account
from tests import small_world
from tests.backtest import worlds
from tests.backtest.market import DAYS, prints, signal
from tests.serving.paper_days import WHOLE, account, live, pieces, research, same, stored, world

KINDS = st.sampled_from(["trades", "bars"])


@settings(max_examples=25, deadline=None)
@given(KINDS, worlds.SEEDS, worlds.SETTINGS, st.lists(st.integers(0, 150), max_size=8), st.booleans())
def test_any_pieces_with_restarts_between_them_give_the_bytes_of_research(kind, seed, chosen, cuts, rolls):
    market = world(kind, seed, rolls, **chosen)
    with accounts.in_memory() as store:
        kept = account(market, store)
        for day, contract, columns, signals in market.days:
            kept.begin(day, contract)
            for events, decided in pieces(market, columns, signals, cuts):
                kept.advance(events, decided)
                kept.save()
                after = account(market, store)
                after.restore(kept.snapshot())
                assert after.snapshot() == kept.snapshot()
                kept = after
            kept.end(WHOLE)
        kept.finish()
        kept.save()
        whole = research(market)
        found = stored(store)
        order = np.lexsort([whole.trades["signal"], whole.trades["exit_ns"]])
        assert found.trades.tobytes() == whole.trades[order].tobytes()
        assert found.outcomes.tobytes() == whole.outcomes.tobytes()
        assert kept.trades == whole.trades.size


@pytest.mark.parametrize("kind", ["trades", "bars"])
@pytest.mark.parametrize("flat", [True, False])
def test_what_advance_gives_is_what_research_gives(kind, flat):
    market = world(kind, 3, rolls=True, flat_at_session_end=flat)
    with accounts.in_memory() as store:
        kept = account(market, store)
        results = []
        for day, contract, columns, signals in market.days:
            kept.begin(day, contract)
            results += [kept.advance(events, decided) for events, decided in pieces(market, columns, signals, [20, 30])]
            kept.end(WHOLE)
        kept.finish()
        whole = research(market)
        assert join(results).marks.size > 10
        rolled = whole.trades["exit_reason"] == 6  # given by `begin` and `finish`
        assert join(results).trades.tobytes() == whole.trades[~rolled].tobytes()


@pytest.mark.parametrize("kind", ["trades", "bars"])
@pytest.mark.parametrize("seed", range(4))
def test_a_crash_anywhere_loses_nothing_and_says_nothing_twice(kind, seed, tmp_path):
    """The process dies at random points, with rows saved or not; each time the day is run again from its start."""
    rng = np.random.default_rng(seed)
    market = world(kind, seed, rolls=True, reverse=bool(seed % 2))
    for day, contract, columns, signals in market.days:
        for life in range(4):
            with accounts.open_store(tmp_path / "paper.db") as store:
                kept = account(market, store)
                kept.begin(day, contract)
                cut = rng.integers(0, columns["ts_event"].size + 1, 4)
                for k, (events, decided) in enumerate(pieces(market, columns, signals, cut)):
                    if life < 3 and k == rng.integers(0, 5):
                        break
                    kept.advance(events, decided)
                    if rng.random() < 0.6:
                        kept.save()
                else:
                    kept.end(WHOLE)
                    kept.save()
    with accounts.open_store(tmp_path / "paper.db") as store, accounts.in_memory() as other:
        live(market, other)
        assert same(stored(store), stored(other))
        assert store.trades("mia-ml/3")[0].size > 3
        assert store.trades("mia-ml/3")[1].tolist() == other.trades("mia-ml/3")[1].tolist()
        assert store.days("mia-ml/3") == other.days("mia-ml/3")
        last = market.days[-1][0] + 1
        assert store.snapshot("mia-ml/3", last) == other.snapshot("mia-ml/3", last)


@pytest.mark.parametrize("seed", range(3))
def test_days_are_those_of_the_marked_equity(seed):
    market = world("trades", seed, flat_at_session_end=False)
    with accounts.in_memory() as store:
        kept = live(market, store)
        found = store.days("mia-ml/3")
        trades, closed = store.trades("mia-ml/3")
    daily = equity.daily(research(market).marks, np.array([day.day for day in found]), 100_000.0)
    assert [day.usd for day in found] == daily["pnl_usd"].tolist()
    assert [day.equity_usd for day in found] == daily["equity_usd"].tolist()
    assert any(day.usd for day in found)
    assert [day.trades for day in found] == [int((closed == day.day).sum()) for day in found]
    assert [day.r for day in found] == pytest.approx([trades["net_r"][closed == day.day].sum() for day in found])
    assert [day.signals for day in found] == [signals.size for *_, signals in market.days]
    assert kept.mean_r == pytest.approx(trades["net_r"].mean())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return small_world.write(tmp_path_factory.mktemp("tables"), start="2024-03-07", days=4, intensity=0.003)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_replayed_span_is_the_backtest_of_the_same_signals(simulated, seed):
    """Simulated days over a contract roll: at each bar close the prints since the last one, and the signal."""
    chosen = configuration.load(small_world.SHIPPED)
    plan = small_world.plan(simulated)
    assert len({day.contract for day in plan.days}) == 2
    rows = np.concatenate([rows for _, rows in build.rows(small_world.engine_params(), plan, small_world.GRACE_NS)])
    signals = signals_of(rows, Scorer(small_world.shipped_formula()).decide(rows))
    whole = stages.walk(chosen, plan, signals, "trades")
    assert whole.trades.size > 5
    with accounts.in_memory() as store:
        execution, instrument = stages.execution_of(chosen), INSTRUMENTS["ES"]
        settings = (execution, instrument, plan.sessions, stages.blackouts_of(chosen), "trades")
        kept = Account("mia-ml/3", *settings, store)
        rng = np.random.default_rng(seed)
        for day in plan.days:
            if rng.random() < 0.5:  # the service was restarted over night
                kept = Account("mia-ml/3", *settings, store)
            kept.begin(day.day, day.contract)
            tape = days.prices(day, "trades", small_world.GRACE_NS)
            closes = rows["ts"][rows["day"] == day.day]
            closes = closes[rng.random(closes.size) < 0.5]  # bars may come several at a time
            today = signals[signals["day"] == day.day]
            # a print at the close comes after the signal
            part = np.searchsorted(closes, tape["ts_event"], side="right")
            of_signal = np.searchsorted(closes, today["ts_ns"], side="left")
            for k in range(closes.size + 1):
                prices = {name: tape[name][part == k] for name in ("ts_event", "price")}
                kept.advance(prices, today[of_signal == k])
            kept.end(WHOLE)
            kept.save()
        kept.finish()
        kept.save()
        assert same(stored(store), whole)
        assert store.days("mia-ml/3")[-1].equity_usd == pytest.approx(kept.equity_usd)


def test_what_is_open_is_closed_at_its_last_price_when_the_contract_rolls():
    with accounts.in_memory() as store:
        market = world("trades", 0, flat_at_session_end=False)
        kept = account(market, store)
        kept.begin(20240103, "ESH4")
        kept.advance(prints((0, 100.0), (1, 101.0), (5, 102.0)), signal((0.5, 1, 20.0)))
        assert (kept.position, kept.entry_price, kept.trades) == (1, 101.0, 0)
        assert kept.day_usd == pytest.approx((4 - 2.3) * 12.5)
        kept.end(WHOLE)
        kept.begin(20240104, "ESM4")
        assert (kept.position, kept.trades, kept.day_usd) == (0, 1, 0.0)
        assert kept.equity_usd == pytest.approx(100_000 + (4 - 2.3) * 12.5)
        kept.end(WHOLE)
        kept.save()
        trades, closed = store.trades("mia-ml/3")
        assert trades["exit_price"].tolist() == [102.0]
        assert closed.tolist() == [20240104]
        assert [(day.contract, day.position, day.trades) for day in store.days("mia-ml/3")] == [
            ("ESH4", 1, 0),
            ("ESM4", 0, 1),
        ]


def test_the_state_that_is_shown():
    with accounts.in_memory() as store:
        kept = account(world("trades", 0), store)
        kept.begin(20240103, "ESH4")
        flat = {"position": 0, "entry_price": None, "trades": 0, "mean_r": None}
        assert kept.state() == {"equity_usd": 100_000.0, "day_usd": 0.0, **flat}
        kept.advance(prints((1, 101.0), (2, 100.0)), signal((0.5, -1, 2.0)))
        shown = kept.state()
        assert shown["day_usd"] == pytest.approx((4 - 2.3) * 12.5)
        assert shown["equity_usd"] == 100_000 + shown["day_usd"]
        assert {name: shown[name] for name in flat} == {**flat, "position": -1, "entry_price": 101.0}
        kept.advance(prints((3, 103.0)))
        assert (kept.state()["position"], kept.state()["trades"]) == (0, 1)
        assert kept.state()["mean_r"] == (-8 - 2.3) / 8


def test_a_snapshot_outlives_other_sessions():
    """Sessions may begin on another day after a restart, as long as they hold the last one."""
    market = world("trades", 2)
    with accounts.in_memory() as store:
        kept = account(market, store)
        for day, contract, columns, signals in market.days[:-1]:
            kept.begin(day, contract)
            kept.advance(columns, signals)
            kept.end(WHOLE)
        kept.save()
        day, contract, columns, signals = market.days[-1]
        last_seen = kept.day
        for first in (DAYS["day"][0], last_seen):
            other = account(market, store, DAYS[DAYS["day"] >= first])
            other.begin(day, contract)
            other.advance(columns, signals)
            other.end(WHOLE)
            other.save()
        late = account(market, store, DAYS[DAYS["day"] > last_seen])
        with pytest.raises(DataError, match=f"stood on {last_seen}, outside the sessions"):
            late.begin(day, contract)


def test_what_cannot_be_is_refused_and_changes_nothing():
    with accounts.in_memory() as store:
        kept = account(world("trades", 0), store)
        kept.begin(20240103, "ESH4")
        kept.advance(prints((1, 101.0)))
        before = kept.snapshot()
        with pytest.raises(DataError, match="runs backwards"):
            kept.advance(prints((0, 101.0)), signal((2, 1, 1.0)))
        with pytest.raises(DataError, match="day 20240103 does not come after 20240103"):
            kept.begin(20240103, "ESH4")
        with pytest.raises(DataError, match="a snapshot of 3 bytes"):
            kept.restore(b"abc")
        other = np.frombuffer(before, paper.SNAPSHOT).copy()
        other["format"] = 2
        with pytest.raises(DataError, match="in format 1: move the state folder away"):
            kept.restore(other.tobytes())
        assert kept.snapshot() == before


def test_blackouts_hold_on_paper():
    ten = prints((0, 0.0))["ts_event"][0]
    with accounts.in_memory() as store:
        market = world("trades", 0)
        blackouts = np.array([[ten, ten + moments.MINUTE]])
        kept = Account("mia-ml/3", market.execution, INSTRUMENTS["ES"], DAYS, blackouts, "trades", store)
        kept.begin(20240103, "ESH4")
        kept.advance(prints((1, 101.0), (90, 102.0)), signal((30, 1, 2.0)))
        kept.save()
        assert store.outcomes("mia-ml/3")["fate"].tolist() == [2]
