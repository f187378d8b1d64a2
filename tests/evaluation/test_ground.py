"""The ground: what it says of a policy is what scorer and simulator say, window by window in one account."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.backtest.records import Exit, signals
from mia_ml.backtest.simulator import simulate
from mia_ml.confluence import decision
from mia_ml.core.errors import DataError
from mia_ml.core.moments import DAY
from mia_ml.evaluation import policy
from mia_ml.evaluation.ground import Ground
from mia_ml.scoring.scorer import Scorer
from tests.backtest import worlds as tapes
from tests.backtest.market import DAYS, ES
from tests.evaluation import grounds, worlds
from tests.evaluation.test_policy import SETTINGS, SIZES, filtered_signals

FIELDS = ("day", "side", "exit_ns", "net_ticks", "net_r", "net_usd", "risk_ticks", "target_ticks", "cost_ticks")


def simulated(rows, fired, side, tape, barrier, execution):
    """Trades of signals at the rows `fired`, by the simulator itself."""
    asked = signals(rows["ts"][fired], rows["day"][fired], side, barrier[fired])
    trades = simulate(execution, ES, DAYS, tape, asked).trades
    return trades[np.argsort(trades["signal"])]


def assert_same(outcome, trades, tape):
    """Behind the tape's end the simulator, asked again, closes at the flat time; a label has closed with the tape."""
    known = trades["exit_ns"] <= tape["ts_event"][-1]
    for name in FIELDS:
        kept = known if name == "exit_ns" else slice(None)
        assert outcome.trades[name][kept].tolist() == trades[name][kept].tolist(), name


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["trades", "bars"]),
    tapes.SEEDS,
    SIZES,
    st.sampled_from([0, 0.002, 0.1]),
    st.lists(st.floats(0, 1), min_size=2, max_size=5),
    SETTINGS,
    st.data(),
)
def test_an_outcome_is_the_scorer_s_and_the_simulator_s(kind, seed, size, missing, edges, chosen, data):
    ground, tape, barrier, execution = grounds.walked(kind, seed, size, missing, [*edges, 0.0, 1.0], **chosen)
    by_window = {window.name: data.draw(worlds.formulas()) for window in ground.windows}
    fired, sides = [], []
    for window in ground.windows:
        first, last = window.test
        decided = Scorer(by_window[window.name]).decide(ground.rows[first:last])
        at = np.flatnonzero(decided["action"] == decision.SIGNAL)
        fired.append(first + at)
        sides.append(decided["crossing"][at])
    fired, sides = np.concatenate(fired), np.concatenate(sides)
    outcome = ground.run(lambda window: by_window[window.name])
    assert outcome.signals["row"].tolist() == fired.tolist()
    assert outcome.signals["side"].tolist() == sides.tolist()
    assert outcome.signal_days.tolist() == ground.rows["day"][fired].tolist()
    trades = simulated(ground.rows, fired, sides, tape, barrier, execution)
    assert_same(outcome, trades, tape)
    assert outcome.trades["row"].tolist() == fired[trades["signal"]].tolist()
    assert outcome.pnl_usd.sum() == pytest.approx(trades["net_usd"].sum())


@settings(max_examples=30, deadline=None)
@given(tapes.SEEDS, SIZES, worlds.formulas(), st.sampled_from([0.3, 0.8, 1.0]))
def test_a_verdict_stops_its_crossings_and_nothing_else(seed, size, formula, share):
    ground, tape, barrier, execution = grounds.walked("bars", seed, size, 0.02, [0.0, 1.0])
    passes = np.random.default_rng(seed).random((ground.rows.size, 2)) < share
    outcome = ground.run(lambda _: formula, lambda *_: passes)
    fired, side = filtered_signals(formula, ground.rows, passes)
    assert outcome.signals["row"].tolist() == fired.tolist()
    assert_same(outcome, simulated(ground.rows, fired, side, tape, barrier, execution), tape)
    alone = policy.run(ground.panel, formula, 0, ground.rows.size, passes)
    assert outcome.trades["row"].tolist() == alone["row"].tolist()


def test_a_profit_counts_on_the_day_of_its_exit():
    """Two signals: one held over night, one beyond the last day."""
    name = worlds.COMPONENTS[0]
    rows = worlds.rows(0, 2000, 0.0)
    rows = rows[rows["day"] < rows["day"][-1]]
    second = int(np.argmax(rows["day"] > rows["day"][0]))
    rows["session"], rows["volatility_regime"], rows[name] = 1, 1, 0.0
    rows[name][[5, second + 5]] = 0.9
    labels = worlds.no_labels(rows)
    labels["day"], labels["exit_reason"] = rows["day"][:, None], Exit.TIMEOUT
    labels["free_ns"] = labels["exit_ns"] = rows["ts"][:, None] + 1
    labels["exit_ns"][5], labels["exit_ns"][second + 5] = rows["ts"][second + 3], rows["ts"][-1] + DAY
    labels["net_usd"][5], labels["net_usd"][second + 5] = 7.0, 11.0
    days = np.unique(rows["day"])
    ground = Ground(rows, labels, grounds.windows([0, second, rows.size]), days, worlds.CONTEXT, 1e5)
    outcome = ground.run(lambda _: worlds.make_formula(terms={name: 1.0}))
    assert outcome.trades["day"].tolist() == days.tolist()
    assert outcome.pnl_usd.tolist() == [0.0, 18.0]


def test_an_open_position_blocks_in_the_next_window():
    """Two windows, a row each: the second signal finds the first one's position open, or closed."""
    name = worlds.COMPONENTS[0]
    rows = worlds.rows(0, 8, 0.0)
    rows["day"], rows["session"], rows["volatility_regime"] = rows["day"][0], 1, 1
    rows[name] = [0.0, 0.9, 0.9, 0.9, 0.0, 0.9, 0.9, 0.9]
    formula = worlds.make_formula(terms={name: 1.0})
    traded = {}
    for blocked in (False, True):
        labels = worlds.no_labels(rows)
        labels["free_ns"] = labels["signal_ns"] + 1
        labels["free_ns"][1] = rows["ts"][6 if blocked else 5]
        ground = Ground(rows, labels, grounds.windows([0, 4, 8]), rows["day"][:1], worlds.CONTEXT, 1e5)
        outcome = ground.run(lambda _: formula)
        assert outcome.signals["row"].tolist() == [1, 5]
        traded[blocked] = outcome.trades["row"].tolist()
    assert traded == {False: [1, 5], True: [1]}


def test_a_window_s_own_choice_is_what_runs():
    ground, *_ = grounds.walked("trades", 2, 600, 0.0, [0.0, 0.5, 1.0])
    section = worlds.SHIPPED.confluence.model_dump() | {"terms": {worlds.COMPONENTS[1]: 1.0}}
    own = Ground(
        ground.rows, ground.labels, grounds.windows([0, 300, 600], section), ground.days, worlds.CONTEXT, 100_000.0
    )
    formula = worlds.make_formula(terms={worlds.COMPONENTS[1]: 1.0})
    found = own.run(own.chosen, own.filtered)
    assert found.signals.size > 0
    assert found.trades.tobytes() == own.run(lambda _: formula).trades.tobytes()


@pytest.mark.parametrize(
    ("edges", "days", "told"),
    [
        ([[0, 10], [9, 20]], None, "test rows 9..20 after row 10 of 50"),
        ([[0, 10], [40, 51]], None, "test rows 40..51"),
        ([[5, 5]], None, "test rows 5..5"),
        ([[0, 10]], [20200101], "day 20240103 is tested, but not among the days"),
        ([[0, 10]], [], "0 days of the test windows"),
    ],
)
def test_windows_and_days_that_cannot_be_are_refused(edges, days, told):
    ground, *_ = grounds.walked("trades", 1, 50, 0.0, [0.0, 1.0])
    parts = [window for pair in edges for window in grounds.windows(pair)]
    given_days = ground.days if days is None else np.array(days, np.int64)
    with pytest.raises(DataError, match=told):
        Ground(ground.rows, ground.labels, parts, given_days, worlds.CONTEXT, 100_000.0)
