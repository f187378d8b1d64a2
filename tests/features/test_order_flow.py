"""Book, tick momentum and aggression by numbers that fit on paper."""

import numpy as np
import pytest

from . import worked

BID, ASK = (30, 20, 20, 20, 10), (10, 10, 20, 10, 10)  # 100 against 60
NONE = (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("bids", "asks", "value"),
    [
        (BID, ASK, 0.4),  # l1 20/40 = 0.5, deep 40/160 = 0.25: 0.6 x 0.5 + 0.4 x 0.25
        (BID, NONE, 1.0),
        (NONE, ASK, -1.0),
        (NONE, NONE, np.nan),
    ],
)
def test_book_imbalance(new_engine, tuesday, bids, asks, value):
    rows = worked.run(new_engine(), tuesday, 1, book=worked.book(tuesday, (5, bids, asks)))
    assert rows["order_book_imbalance"][0] == pytest.approx(value, nan_ok=True)


def test_mean_imbalance_weighs_time(new_engine, tuesday):
    """0.4 from second 0 to 45, 1 from 45 to 60: 0.75 x 0.4 + 0.25 x 1 = 0.55. An empty book takes no time."""
    book = worked.book(tuesday, (0, BID, ASK), (45, BID, NONE))
    assert worked.run(new_engine(), tuesday, 1, book=book)["order_book_imbalance_mean"][0] == pytest.approx(0.55)
    book = worked.book(tuesday, (0, BID, ASK), (15, NONE, NONE), (45, BID, NONE))  # 15 s of 0.4, 15 s of 1
    assert worked.run(new_engine(), tuesday, 1, book=book)["order_book_imbalance_mean"][0] == pytest.approx(0.7)


def test_a_snapshot_counts_for_sixty_seconds(new_engine, tuesday):
    rows = worked.run(new_engine(), tuesday, 3, book=worked.book(tuesday, (60, BID, ASK)))
    assert np.isnan(rows["order_book_imbalance"][0])  # an event at the close is the next bar's
    assert rows["order_book_imbalance"][1] == pytest.approx(0.4)  # exactly 60 s old
    assert np.isnan(rows["order_book_imbalance"][2])
    assert np.isnan(rows["order_book_imbalance_mean"][2])
    assert rows["book_age"].tolist()[1:] == [60, 120]


def test_tick_momentum(new_engine, tuesday, shipped):
    """Four orders: d = +1, +1 (unchanged keeps it), -1, +1 with sizes 1, 3, 5, 1.

    Count (3 - 1)/4 = 0.5, volume (1 + 3 - 5 + 1)/10 = 0: 0.4 x 0.5 = 0.2. In the minute there is the first order too,
    d = 0 of size 2: 0.4 x 2/5 + 0.6 x 0/12 = 0.16. Literal: moves +1, 0, -1, +1 count 1/4 = 0.25 and
    (1 - 3 - 5 + 1)/10 = -0.6 by volume: 0.1 - 0.36 = -0.26.
    """
    stream = new_engine(worked.changed(shipped, {"tick_momentum": {"orders": 4}}))
    prints = [(1, 5000.0, 2, 1), (2, 5000.25, 1, 1), (3, 5000.25, 3, 1), (4, 5000.0, 5, -1), (5, 5000.25, 1, 1)]
    row = worked.run(stream, tuesday, 1, trades=worked.trades(tuesday, *prints))[0]
    assert row["tick_momentum"] == pytest.approx(0.2)
    assert row["tick_momentum_60s"] == pytest.approx(0.16)
    assert row["tick_momentum_literal"] == pytest.approx(-0.26)


def test_prints_of_one_moment_and_side_are_one_order(new_engine, tuesday, shipped):
    """Orders: +110 (two prints), -30, -20, +40. The last three: (40 - 30 - 20)/90 = -1/9. All: 100/200 = 0.5."""
    prints = [(1, 5000.0, 60, 1), (1, 5000.25, 50, 1), (2, 5000.0, 30, -1), (3, 5000.0, 20, -1), (3, 5000.0, 40, 1)]
    stream = new_engine(worked.changed(shipped, {"aggression_bias": {"orders": 3}}))
    rows = worked.run(stream, tuesday, 6, trades=worked.trades(tuesday, (0, 5000.0, 1, 1), *prints))
    assert rows["aggression_bias"][0] == pytest.approx(-1 / 9)
    assert np.isnan(rows["aggression_bias_5m"][3])
    assert rows["aggression_bias_5m"][4] == pytest.approx((151 - 50) / 201)
    assert np.isnan(rows["aggression_bias_5m"][5])  # five minutes without a trade
    for orders, enough in ((5, True), (6, False)):  # 1 + 4 orders, not 6 prints
        stream = new_engine(worked.changed(shipped, {"aggression_bias": {"orders": orders}}))
        row = worked.run(stream, tuesday, 1, trades=worked.trades(tuesday, (0, 5000.0, 1, 1), *prints))[0]
        assert np.isfinite(row["aggression_bias"]) == enough


def test_an_unknown_side_follows_the_last_move_and_is_reported(new_engine, tuesday):
    """5 before any move has no side; 10 after an up-tick buys; 20 at the same price still does: delta 4 + 10 + 20."""
    prints = [(1, 5000.0, 5, 0), (2, 5000.25, 4, 1), (3, 5000.25, 10, 0), (4, 5000.25, 20, 0)]
    row = worked.run(new_engine(), tuesday, 1, trades=worked.trades(tuesday, *prints))[0]
    assert row["delta"] == 34
    assert row["fallback_share"] == pytest.approx(35 / 39)
