"""Screening: each rule refuses what it must and nothing else, whatever the chopping."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core import calendar, moments
from mia_ml.core.tables import LEVELS, Batch
from mia_ml.store import checks, rules
from mia_ml.store.rules import REASONS, Rules
from mia_ml.store.screen import Screen

OPEN = int(calendar.load("cme_globex", 2023, 2024).at(20231226)["open_ns"])
S = moments.NS
MINUTE = moments.MINUTE


def trades(ts, price=4800.0, size=1, side=1, symbol="ESH4", **more) -> Batch:
    ts = np.asarray(ts, dtype=np.int64)
    columns = {
        "ts_event": ts,
        "price": np.broadcast_to(np.asarray(price, float), ts.shape).copy(),
        "size": np.broadcast_to(np.asarray(size, np.int64), ts.shape).copy(),
        "side": np.broadcast_to(np.asarray(side, np.int8), ts.shape).copy(),
    } | {name: np.asarray(values, np.int64) for name, values in more.items()}
    return Batch("trades", symbol, columns, "a", np.arange(1, ts.size + 1))


def book(ts, bid, ask, bid_sz=5, ask_sz=5) -> Batch:
    ts = np.asarray(ts, dtype=np.int64)
    columns = {"ts_event": ts}
    for name, top, down in (("bid", bid, -0.25), ("ask", ask, 0.25)):
        top = np.broadcast_to(np.asarray(top, float), ts.shape)
        columns |= {f"{name}_px_{level:02d}": top + level * down for level in range(LEVELS)}
    for name, size in (("bid", bid_sz), ("ask", ask_sz)):
        columns |= {f"{name}_sz_{level:02d}": np.full(ts.size, size, np.int64) for level in range(LEVELS)}
    return Batch("book", "ESH4", columns, "a", np.arange(1, ts.size + 1))


def reasons(batch: Batch, **limits) -> list[str]:
    return [REASONS[code] for code in Screen(batch.table, batch.symbol, Rules(**limits)).check(batch).reason]


def test_a_sound_tape_passes_on_its_trading_day():
    screened = Screen("trades", "ESH4", Rules()).check(trades(OPEN + np.arange(100) * S))
    assert not screened.reason.any()
    assert set(screened.day) == {20231226}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"size": 0}, "size not positive"),
        ({"size": -3}, "size not positive"),
        ({"side": 7}, "side not -1, 0 or 1"),
        ({"price": np.nan}, "price not finite"),
        ({"price": -np.inf}, "price not finite"),
        ({"price": 4800.1}, "price off the tick grid"),
        ({"symbol": "ESH4-ESM4"}, "unknown symbol"),
        ({"symbol": "XYZ"}, "unknown symbol"),
        ({"symbol": "../ES"}, "unknown symbol"),
    ],
)
def test_one_bad_value_is_refused_with_its_reason(columns, reason):
    assert reasons(trades([OPEN], **columns)) == [reason]


def test_float_noise_is_on_the_grid_and_shares_have_none():
    assert reasons(trades([OPEN], price=4800.25 * (1 + 1e-14))) == [""]
    noon = int(calendar.load("nyse", 2023, 2024).at(20231226)["open_ns"]) + S
    assert reasons(trades([noon], price=470.0625, symbol="SPY")) == [""]


@pytest.mark.parametrize(
    "moment",
    [
        "2023-12-25T15:00",  # Christmas Day
        "2023-12-23T15:00",  # a Saturday
        "2023-12-26T22:30",  # the maintenance break
        "1970-01-01T00:00",
        "2200-01-01T00:00",
    ],
)
def test_trades_while_the_exchange_is_closed_are_refused(moment):
    ts = int(np.datetime64(moment, "ns").astype(np.int64))
    assert reasons(trades([ts])) == ["exchange closed"]


def test_the_last_nanosecond_before_the_open_is_closed_the_open_is_not():
    assert reasons(trades([OPEN - 1, OPEN])) == ["exchange closed", ""]


def test_an_equal_time_is_not_backwards_an_earlier_one_is_until_time_is_caught_up():
    assert reasons(trades(OPEN + np.array([5, 5, 4, 3, 5, 6]))) == ["", "", *["time runs backwards"] * 2, "", ""]


def test_a_refused_row_does_not_move_the_clock():
    assert reasons(trades(OPEN + np.array([5, 9, 6]), size=[1, 0, 1])) == ["", "size not positive", ""]


def test_equal_rows_are_duplicates_only_where_sequences_tell_records_apart():
    batch = trades(OPEN + np.array([1, 1, 1, 2]), sequence=[7, 7, 8, 8])
    assert reasons(batch) == [""] * 4
    assert reasons(batch, unique_sequence=True) == ["", "duplicate", "", ""]
    without = trades(OPEN + np.array([1, 1]))
    assert reasons(without, unique_sequence=True) == ["", ""]
    other_size = trades(OPEN + np.array([1, 1]), size=[1, 2], sequence=[7, 7])
    assert reasons(other_size, unique_sequence=True) == ["", ""]


def quiet_market(minutes: int) -> tuple[np.ndarray, np.ndarray]:
    """One point of range a minute: the ATR is 1 point."""
    ts = OPEN + np.arange(minutes * 4) * MINUTE // 4
    return ts, 4800.0 + np.tile([0.0, 1.0, 0.0, 1.0], minutes)


@pytest.mark.parametrize(("far", "reason"), [(19.0, ""), (-20.0, ""), (22.0, "price jump"), (-400.0, "price jump")])
def test_a_jump_is_measured_in_atrs(far, reason):
    ts, price = quiet_market(30)
    found = reasons(trades(np.append(ts, ts[-1] + 1), np.append(price, price[-1] + far)))
    assert found == [""] * ts.size + [reason]


def test_a_first_outlier_does_not_poison_the_market():
    ts, price = quiet_market(30)
    price[60] += 300.0
    assert np.flatnonzero([bool(reason) for reason in reasons(trades(ts, price))]).tolist() == [60]


def test_a_real_gap_is_accepted_with_the_fifth_consistent_print():
    ts, price = quiet_market(30)
    price[60:] += 300.0
    assert np.flatnonzero([bool(reason) for reason in reasons(trades(ts, price))]).tolist() == [60, 61, 62, 63]


def test_scattered_outliers_never_confirm_each_other():
    ts, price = quiet_market(30)
    price[60:70] += np.resize([300.0, -300.0], 10)
    found = reasons(trades(ts, price))
    assert [index for index, reason in enumerate(found) if reason] == list(range(60, 70))


def test_a_gap_over_the_break_is_no_jump():
    ts, price = quiet_market(30)
    after = int(calendar.load("cme_globex", 2023, 2024).at(20231227)["open_ns"])
    assert reasons(trades(np.append(ts, after), np.append(price, 5100.0)))[-1] == ""


def test_a_crossed_book_is_refused_in_trading_hours_and_kept_before_the_open():
    before, during = OPEN - 30 * MINUTE, OPEN + MINUTE
    assert reasons(book([before, during], bid=4801.0, ask=4800.0)) == ["", "crossed book in trading hours"]
    assert reasons(book([during], bid=4800.0, ask=4800.0)) == ["crossed book in trading hours"]
    assert reasons(book([OPEN - 5 * 60 * MINUTE], bid=4799.0, ask=4800.0)) == ["exchange closed"]


def test_an_absent_side_is_no_fault_a_size_without_a_price_is():
    assert reasons(book([OPEN], bid=4800.0, ask=np.nan, ask_sz=0)) == [""]
    assert reasons(book([OPEN], bid=4800.0, ask=np.nan, ask_sz=2)) == ["price not finite"]
    assert reasons(book([OPEN], bid=4800.0, ask=4800.25, bid_sz=-1)) == ["size not positive"]
    assert reasons(book([OPEN], bid=4800.05, ask=4800.25)) == ["price off the tick grid"]


def bars(ts, close, **change) -> Batch:
    ts, close = np.asarray(ts, np.int64), np.asarray(close, float)
    columns = {"ts_event": ts, "open": close, "high": close + 1, "low": close - 1, "close": close}
    columns |= {name: np.full(ts.size, 9.0) for name in ("volume", "buy_volume", "sell_volume", "n_trades")}
    columns |= {name: np.full(ts.size, float(value)) for name, value in change.items()}
    return Batch("bars", "ESH4", columns, "a", np.arange(1, ts.size + 1))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"buy_volume": np.nan, "sell_volume": np.nan, "n_trades": np.nan}, ""),
        ({"volume": 0.0}, ""),
        ({"volume": -1.0}, "size not positive"),
        ({"high": np.nan}, "price not finite"),
        ({"high": 4799.0}, "inconsistent bar"),
        ({"low": 4798.9}, "price off the tick grid"),
    ],
)
def test_bars(change, reason):
    assert reasons(bars([OPEN + MINUTE], [4800.0], **change)) == [reason]


def test_a_bar_far_off_is_a_jump():
    close = np.full(30, 4800.0)
    close[20] = 5000.0
    assert np.flatnonzero([bool(each) for each in reasons(bars(OPEN + np.arange(30) * MINUTE, close))]).tolist() == [20]


def vix(ts, value) -> Batch:
    columns = {"ts_event": np.asarray(ts, np.int64), "value": np.asarray(value, float)}
    return Batch("vix", "VIX", columns, "a", np.arange(1, len(ts) + 1))


def test_index_values_may_become_known_while_the_exchange_is_closed():
    saturday = int(np.datetime64("2023-12-23T15:00", "ns").astype(np.int64))
    ts = [saturday, OPEN, OPEN - 1, OPEN + 1, OPEN + 2, 0]
    assert reasons(vix(ts, [13, 14, 14, np.nan, -1, 13])) == [
        "", "", "time runs backwards", "price not finite", "size not positive", "exchange closed",
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0, 1, -1, S, 3600 * S, 400 * 86_400 * S)),
            st.sampled_from((13.0, 0.0, -1.0, np.nan, np.inf, -np.inf)),
        ),
        min_size=1,
        max_size=30,
    ),
    st.booleans(),
)
def test_index_values_are_judged_by_the_first_reason_that_holds(draws, one_by_one):
    ts = OPEN - S + np.cumsum([step for step, _ in draws])
    value = np.array([value for _, value in draws])
    expected, last = [], np.iinfo(np.int64).min
    for moment, price in zip(ts.tolist(), value.tolist(), strict=True):
        backwards = "time runs backwards" if moment < last else ""
        expected.append(
            backwards
            or ("price not finite" if not np.isfinite(price) else "")
            or ("size not positive" if price <= 0 else "")
        )
        last = max(last, moment)
    if one_by_one:
        screen = Screen("vix", "VIX", Rules())
        found = [REASONS[int(screen.check(vix([t], [v])).reason[0])] for t, v in zip(ts, value, strict=True)]
        assert found == expected
    else:
        assert reasons(vix(ts, value)) == expected


def test_the_walk_over_sessions_is_the_calendar(tmp_path):
    known = calendar.load("cme_globex", 2023, 2024)
    rng = np.random.default_rng(1)
    ts = rng.integers(known.sessions["open_ns"][0], known.sessions["close_ns"][-1], 2000)
    ts = np.concatenate([ts, np.sort(ts), known.sessions["close_ns"], known.sessions["close_ns"][:-1] + 1])
    np.testing.assert_array_equal(checks.sessions_of(ts, known.sessions["close_ns"].copy()), known.locate(ts))


rows = st.tuples(
    st.integers(-3, 6),  # seconds on
    st.sampled_from([4800.0, 4800.25, 4801.0, 4800.1, 5100.0, np.nan]),
    st.integers(-1, 3),
    st.integers(0, 2),  # sequence on
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_any_chopping_gives_the_same_verdicts(tape, cuts, unique):
    steps, price, size, sequence = (np.array(values) for values in zip(*tape, strict=True))
    whole = trades(OPEN + np.cumsum(steps) * S, price, size, sequence=np.cumsum(sequence))
    limits = Rules(unique_sequence=unique, jump_cold_bars=1)
    expected = Screen("trades", "ESH4", limits).check(whole)
    edges = sorted({0, len(tape), *(cut for cut in cuts if cut < len(tape))})
    screen = Screen("trades", "ESH4", limits)
    parts = [
        screen.check(
            Batch("trades", "ESH4", {name: values[a:b] for name, values in whole.columns.items()}, "a", whole.row[a:b])
        )
        for a, b in itertools.pairwise(edges)
    ]
    np.testing.assert_array_equal(np.concatenate([part.reason for part in parts]), expected.reason)
    np.testing.assert_array_equal(np.concatenate([part.day for part in parts]), expected.day)
    accepted = whole.columns["ts_event"][expected.reason == rules.OK]
    assert np.all(np.diff(accepted) >= 0)
