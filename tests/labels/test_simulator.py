"""Labels against the simulator itself, on random tapes with ties, gaps, quiet bars, day ends and nights."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import Exit, Fate, signals
from mia_ml.backtest.simulator import Simulator, join, simulate
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import NONE
from mia_ml.labels import barriers
from mia_ml.labels.barriers import Walker
from mia_ml.labels.records import LABEL
from tests.backtest import worlds
from tests.backtest.market import DAYS, ES, SECOND, at, prints, signal
from tests.labels.paper import label, walked

TAPES = {"trades": worlds.trades, "bars": worlds.bars}
KINDS = st.sampled_from(list(TAPES))
SETTINGS = st.fixed_dictionaries(
    {
        "take_profit": st.sampled_from([2.0, 1.5]),
        "timeout_bars": st.sampled_from([1, 3, 20, 400]),
        "latency_ms": st.sampled_from([0, 250, 90_000]),
        "flat_at_session_end": st.booleans(),
        "flat_before_close_min": st.sampled_from([0, 5]),
        "risk_fraction": st.sampled_from([None, 0.003]),
    }
)
COUNTED = st.booleans()  # whether a tape of bars counts its time-out in bars
AT_ONCE = (Fate.AFTER_FLAT_TIME, Fate.BLACKOUT, Fate.NO_BARRIER)
"""Reasons that hold whether or not a position is open."""
SAME = ("signal_ns", "day", "side", "entry_ns", "exit_ns", "exit_reason", "risk_ticks", "target_ticks")
SAME += ("net_ticks", "net_r", "net_usd", "cost_ticks")


def world(kind, seed, chosen, counted):
    tape = TAPES[kind](seed)
    decided = worlds.decisions(seed, tape, n=80)
    quiet = np.random.default_rng(seed + 2).choice(tape["ts_event"], 4) + np.array([0, 1, 0, SECOND])
    per_bar = {"timeout_bar_min": 0} if counted and kind == "bars" else {}
    return tape, decided, np.sort(quiet).reshape(-1, 2), Execution(**chosen, **per_bar)


def walker_of(kind, execution, blackouts):
    return Walker(execution, ES, DAYS, kind, blackouts)


def day_of(ts_ns):
    return DAYS["day"][np.searchsorted(DAYS["close_ns"], ts_ns)]


def greedy(labels, decided):
    """Which of the signals are taken, by the labels of their own sides alone."""
    own = labels[np.arange(decided.size), (1 - decided["side"]) // 2]
    free_ns, taken = NONE, np.zeros(decided.size, bool)
    for row, one in enumerate(own):
        if one["signal_ns"] >= free_ns:
            taken[row], free_ns = True, one["free_ns"]
    return own, taken


BARS_WITHOUT_LATENCY = {
    "take_profit": 2.0,
    "timeout_bars": 1,
    "latency_ms": 0,
    "flat_at_session_end": True,
    "flat_before_close_min": 0,
    "risk_fraction": None,
}


@settings(max_examples=150, deadline=None)
@given(KINDS, worlds.SEEDS, SETTINGS, COUNTED)
@example("bars", 999, BARS_WITHOUT_LATENCY, False)  # a decision waits where the tape ends
@example("bars", 1575095, BARS_WITHOUT_LATENCY, False)  # a position is open there
def test_the_greedy_choice_among_labels_is_the_simulator(kind, seed, chosen, counted):
    tape, decided, blackouts, execution = world(kind, seed, chosen, counted)
    # a decision of a day behind the tape's end would tell the simulator, and no earlier label, that the day is over
    decided = decided[decided["day"] <= day_of(tape["ts_event"][-1])]
    labels = walked(walker_of(kind, execution, blackouts), tape, decided)
    own, taken = greedy(labels, decided)
    result = simulate(execution, ES, DAYS, tape, decided, blackouts)
    traded = own[taken & (own["fate"] == Fate.TRADED)]
    for name in SAME:
        np.testing.assert_array_equal(traded[name], result.trades[name], err_msg=name)
    at_once = np.isin(own["fate"], AT_ONCE) & (own["free_ns"] == own["signal_ns"])
    fate = result.outcomes["fate"]
    np.testing.assert_array_equal(own["fate"][taken | at_once], fate[taken | at_once])
    assert np.isin(fate[~taken & ~at_once], [Fate.ENTRY_PENDING, Fate.IN_POSITION]).all()


@settings(max_examples=15, deadline=None)
@given(KINDS, worlds.SEEDS, SETTINGS, COUNTED)
def test_a_label_is_the_simulator_with_that_decision_alone(kind, seed, chosen, counted):
    tape, decided, blackouts, execution = world(kind, seed, chosen, counted)
    labels = walked(walker_of(kind, execution, blackouts), tape, decided)
    for row in range(0, decided.size, 4):
        for one in labels[row]:
            alone = decided[row : row + 1].copy()
            alone["side"] = one["side"]
            result = simulate(execution, ES, DAYS, tape, alone, blackouts)
            assert one["fate"] == result.outcomes["fate"][0]
            assert (one["fate"] == Fate.TRADED) == (result.trades.size == 1)
            for name in SAME if result.trades.size else ():
                assert one[name] == result.trades[name][0], name


@settings(max_examples=60, deadline=None)
@given(KINDS, worlds.SEEDS, SETTINGS, COUNTED)
def test_a_label_has_read_up_to_its_end_and_no_further(kind, seed, chosen, counted):
    """Cutting the tape behind `end_ns` leaves the label; cutting it before takes its reason away."""
    tape, decided, blackouts, execution = world(kind, seed, chosen, counted)
    labels = walked(walker_of(kind, execution, blackouts), tape, decided)
    assert (labels["end_ns"] >= labels["signal_ns"]).all()
    decided_by_tape = (labels["fate"] == Fate.TRADED) & (labels["exit_reason"] != Exit.TAPE_END)
    rows = np.flatnonzero(decided_by_tape.all(axis=1))
    for row in rows[:3]:
        for side, whole in enumerate(labels[row]):
            kept = cut(tape, tape["ts_event"] <= whole["end_ns"])
            alone = label(kept, decided[row : row + 1], blackouts, **vars(execution))[0, side]
            if whole["exit_reason"] == Exit.SESSION_END and whole["end_ns"] not in tape["ts_event"]:
                assert alone["exit_reason"] == Exit.TAPE_END  # the time alone was to close it, at the same price
                assert alone["net_ticks"] == whole["net_ticks"]
                continue
            assert alone.tobytes() == whole.tobytes()
            kept = cut(tape, tape["ts_event"] < whole["end_ns"])
            alone = label(kept, decided[row : row + 1], blackouts, **vars(execution))[0, side]
            assert alone["exit_reason"] == Exit.TAPE_END or alone["fate"] == Fate.NO_TRADE_AFTER


def cut(tape, select):
    return {name: column[select] for name, column in tape.items()}


def pieces(walker, tape, decided, cuts):
    """Events and decisions in their one order, fed in pieces."""
    ts, when = tape["ts_event"], decided["ts_ns"]
    is_signal = np.repeat([0, 1], [ts.size, when.size])
    order = np.lexsort([is_signal if "open" in tape else 1 - is_signal, np.concatenate([ts, when])])
    done = []
    for piece in np.split(order, sorted(cuts)):
        chosen = decided[piece[piece >= ts.size] - ts.size]
        done.append(
            walker.advance(cut(tape, piece[piece < ts.size]), chosen["ts_ns"], chosen["day"], chosen["barrier"])
        )
    return np.concatenate([*done, walker.finish()])


@settings(max_examples=60, deadline=None)
@given(KINDS, worlds.SEEDS, SETTINGS, COUNTED, st.lists(st.integers(0, 330), max_size=12))
def test_any_chopping_gives_the_same_bytes(kind, seed, chosen, counted, cuts):
    tape, decided, blackouts, execution = world(kind, seed, chosen, counted)
    whole = walked(walker_of(kind, execution, blackouts), tape, decided)
    assert whole.shape == (decided.size, 2)
    assert whole["signal_ns"][:, 0].tolist() == decided["ts_ns"].tolist()
    parts = pieces(walker_of(kind, execution, blackouts), tape, decided, cuts)
    assert parts.tobytes() == whole.tobytes()


@pytest.mark.parametrize("kind", TAPES)
def test_an_event_at_a_time_and_small_pieces_give_the_same_bytes(kind, monkeypatch):
    tape, decided, blackouts, execution = world(kind, 5, {}, False)
    whole = walked(walker_of(kind, execution, blackouts), tape, decided)
    assert pieces(walker_of(kind, execution, blackouts), tape, decided, range(1, 400)).tobytes() == whole.tobytes()
    monkeypatch.setattr(barriers, "_PIECE", 7)
    assert walked(walker_of(kind, execution, blackouts), tape, decided).tobytes() == whole.tobytes()


@settings(max_examples=40, deadline=None)
@given(KINDS, worlds.SEEDS, SETTINGS, COUNTED, st.floats(0.2, 0.8))
def test_contracts_follow_each_other_as_in_the_simulator(kind, seed, chosen, counted, share):
    """A roll ends what is open; the first rows of the next contract find what a simulator that goes on finds."""
    tape, decided, blackouts, execution = world(kind, seed, chosen, counted)
    roll = tape["ts_event"][int(share * tape["ts_event"].size)]
    before, early = tape["ts_event"] < roll, decided["ts_ns"] < roll
    walker, simulator = walker_of(kind, execution, blackouts), Simulator(execution, ES, DAYS, kind, blackouts)
    halves = ((cut(tape, before), decided[early]), (cut(tape, ~before), decided[~early]))
    labels = np.concatenate([walked(walker, *half) for half in halves])
    result = join([part for half in halves for part in (simulator.advance(*half), simulator.finish())])
    own, taken = greedy(labels, decided)
    traded = own[taken & (own["fate"] == Fate.TRADED)]
    for name in SAME:
        np.testing.assert_array_equal(traded[name], result.trades[name], err_msg=name)


def test_labels_come_in_the_order_of_their_rows_once_both_sides_are_over():
    """The first row waits for its seller, and with it the second, whose sides are over."""
    walker = Walker(Execution(), ES, DAYS)
    decided = signal((0, 1, 2.0), (1.5, 1, 0.25))
    first = walker.advance(prints((1, 5000.0), (2, 5001.0), (3, 5001.75)), *columns(decided))
    assert (first.shape, walker.waiting) == ((0, 2), 2)
    second = walker.advance(prints((4, 5004.25)), *columns(signal()))
    assert second["exit_reason"].tolist() == [[Exit.TAKE_PROFIT, Exit.STOP], [Exit.TAKE_PROFIT, Exit.STOP]]
    assert second["end_ns"][1].tolist() == [at(3), at(3)]
    assert walker.finish().shape == (0, 2)


def columns(decided):
    return decided["ts_ns"], decided["day"], decided["barrier"]


def test_nothing_in_nothing_out():
    walker = Walker(Execution(), ES, DAYS)
    labels = walker.advance(prints(), *columns(signal()))
    assert labels.shape == walker.finish().shape == (0, 2)
    assert labels.dtype == LABEL


def test_what_the_simulator_refuses():
    with pytest.raises(ConfigError, match=r"execution.reverse = True: .* set it to false"):
        Walker(Execution(reverse=True), ES, DAYS)
    with pytest.raises(ConfigError, match="a tape of trades has none"):
        Walker(Execution(timeout_bar_min=0), ES, DAYS)
    walker = Walker(Execution(), ES, DAYS)
    walker.advance(prints((1, 5000.0)), *columns(signal((0.5, 1, 2.0), (3, 1, 2.0))))
    with pytest.raises(DataError, match=r"signals: row 0: .* runs backwards"):
        walker.advance(prints(), *columns(signal((2, 1, 2.0))))
    with pytest.raises(DataError, match=r"trades: row 0: .* comes before a signal already fed"):
        walker.advance(prints((2, 5000.0)), *columns(signal()))
    with pytest.raises(DataError, match="price nan is no price"):
        walker.advance(prints((5, np.nan)), *columns(signal()))
    late = signals(np.array([at(6)]), np.array([20240104]), np.ones(1), np.ones(1))
    with pytest.raises(DataError, match=r"day 20240104, but .* belongs to 20240103"):
        walker.advance(prints((7, 5000.0)), *columns(late))
    with pytest.raises(DataError, match="lengths"):
        walker.advance(prints((7, 5000.0)), late["ts_ns"], late["day"], np.ones(2))
