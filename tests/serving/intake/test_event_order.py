"""A tape as a feed delivers it: every event once, in event order, as the engine's record."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.features import intake, live
from mia_ml.features.bar import NATIVE
from mia_ml.features.levels import OPTION, VIX
from serving.intake import event_order as feed

T0 = 1_709_500_000_000_000_000


def tape(seed=0, trades=40, snapshots=60):
    rng = np.random.default_rng(seed)

    def times(n):
        return np.sort(T0 + rng.integers(0, 20, n) * 1000)  # ties are the rule

    book = {
        "ts_event": times(snapshots),
        "bid_px_00": rng.normal(5000, 1, snapshots),
        "ask_px_00": np.full(snapshots, np.nan),
    }
    book |= {name: rng.integers(0, 90, snapshots) for name in intake.BOOK_SIZES}
    columns = {
        "ts_event": times(trades),
        "price": rng.normal(5000, 1, trades),
        "size": rng.integers(1, 9, trades),
        "side": rng.choice(np.array([-1, 0, 1], np.int8), trades),
    }
    options = {"ts_event": times(5)} | {name: rng.normal(size=5) for name in OPTION.names[1:]}
    bars = {"ts_event": times(3)} | {name: rng.normal(size=3) for name in NATIVE.names[1:]}
    built = intake.tape(columns, book, options, {"ts_event": times(4), "value": rng.normal(size=4)}, bars)
    return built._replace(late=times(6))


def test_order_is_by_time_then_kind_then_row():
    events = tape()
    table, row = feed.event_order(events)
    rank = np.array([3, 4, 2, 1, 0, -1])  # of trades, book, options, vix, late, bars
    times = intake.times_of(events)
    keys = [(int(times[k][i]), int(rank[k]), int(i)) for k, i in zip(table, row, strict=True)]
    assert keys == sorted(keys)
    assert len(set(keys)) == sum(ts.size for ts in times)


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_single_events_carry_what_the_tape_says(monkeypatch, block):
    monkeypatch.setattr(feed, "_BLOCK", block)
    events = tape(1)
    table, row = feed.event_order(events)
    seen = 0
    for (event, ts), k, i in zip(feed.single_events(events), table, row, strict=True):
        seen += 1
        assert ts == intake.times_of(events)[k][i]
        kind = event["kind"][0]
        if kind in (live.TRADE, live.BOOK, live.LATE):
            assert event["ts"][0, 0] == ts
        if k == 0:
            assert kind == live.TRADE
            assert (event["price"][0, 0], event["size"][0, 0]) == (events.price[i], events.size[i])
            assert event["side"][0, 0] == events.side[i]
        elif k == 1:
            assert kind == live.BOOK
            assert event["bid"][0, 0] == events.bid[i]
            assert np.isnan(event["ask"][0, 0])
            assert event["sizes"][0].tolist() == [column[i] for column in events.sizes]
        elif k == 4:
            assert kind == live.LATE
        else:
            name, wanted = {2: ("options", live.OPTIONS), 3: ("vix", live.VIX_VALUE), 5: ("bars", live.BAR_CLOSED)}[k]
            assert kind == wanted
            assert event[name][0, 0].tobytes() == getattr(events, name)[i].tobytes()
    assert seen == table.size


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_random_portions_are_the_tape_in_order(seed, mean_events):
    events = tape(2)
    parts = list(feed.random_portions(events, np.random.default_rng(seed), mean_events))
    for whole, portions in zip(intake.times_of(events), zip(*map(intake.times_of, parts), strict=True), strict=True):
        np.testing.assert_array_equal(np.concatenate(portions), whole)
    ends = [span for part in parts if (span := intake.first_and_last(part)) is not None]
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(ends))


def test_an_empty_tape_has_no_events():
    empty = intake.tape()
    assert list(feed.single_events(empty)) == []
    assert all(intake.first_and_last(part) is None for part in feed.random_portions(empty, np.random.default_rng(0)))


def test_packing_takes_single_records():
    packer = live.Packer()
    value = np.zeros(1, VIX)
    value["ts_event"], value["value"] = T0, 17.5
    packer.row(live.VIX_VALUE, value[0])
    assert packer.record["vix"]["value"][0, 0] == 17.5
    packer.moment(live.CLOCK, T0 + 5)
    assert (packer.record["kind"][0], packer.record["ts"][0, 0]) == (live.CLOCK, T0 + 5)
