"""Challengers against the champion of the day, whoever that was and however often the service was restarted."""

import numpy as np
import pytest

from serving.papers import account_tables as tables
from serving.papers import accounts, shadow
from serving.papers.accounts import Day, Note

LEVEL = 0.95
WEEKS = [20240101 + 100 * month + day for month in range(9) for day in range(1, 21)]


def keep(store, version, usd, complete=True):
    """Daily P&L of an account, by day."""
    store.write([(tables.ACCOUNTS, {"version": version, "settings": "{}"})])
    for day, pnl in usd.items():
        one = Day(day, "ESH4", 0, 0, 0.0, pnl, 100_000.0, 0)
        store.write([(tables.DAYS, {"version": version, **one._asdict()})])
        store.write([accounts.note_row(version, day, Note(1, 1, complete, ()))])


def by_day(values, first=0):
    return dict(zip(WEEKS[first : first + len(values)], np.asarray(values, float).tolist(), strict=True))


@pytest.fixture
def path(tmp_path):
    return tmp_path / accounts.FILE


def test_a_verdict_accumulates_and_survives_a_restart(path):
    rng = np.random.default_rng(1)
    champion = rng.normal(0, 300, 80)
    better = champion + rng.normal(80, 100, 80)
    with accounts.open_store(path) as store:
        keep(store, "m/1", by_day(champion[:40]))
        keep(store, "m/2", by_day(better[:40]))
        for day in WEEKS[:40]:
            store.champion(day, "m/1")
        early = shadow.against_champion(store, "m/2", LEVEL)
    assert early["days"] == 40
    with accounts.open_store(path) as store:
        keep(store, "m/1", by_day(champion[40:], 40))
        keep(store, "m/2", by_day(better[40:], 40))
        for day in WEEKS[40:80]:
            store.champion(day, "m/1")
        found = shadow.against_champion(store, "m/2", LEVEL)
        assert found["mean"] == pytest.approx((better - champion).mean())
        assert found == {**found, "verdict": "promote", "days": 80, "unit": "USD a day"}
        assert 0 < found["low"] < found["mean"] < found["high"]
        assert shadow.against_champion(store, "m/1", LEVEL) is None, "the champion itself"


def test_the_worse_one_is_kept_out_and_few_days_say_nothing(path):
    rng = np.random.default_rng(2)
    with accounts.open_store(path) as store:
        keep(store, "m/1", by_day(np.zeros(60)))
        keep(store, "m/2", by_day(rng.normal(-100, 100, 60)))
        keep(store, "m/3", by_day(rng.normal(500, 100, 20)))
        for day in WEEKS[:60]:
            store.champion(day, "m/1")
        assert shadow.against_champion(store, "m/2", LEVEL)["verdict"] == "keep"
        few = shadow.against_champion(store, "m/3", LEVEL)
        assert (few["verdict"], few["days"], few["low"], few["high"]) == ("inconclusive", 20, None, None)


def test_only_days_that_are_complete_on_both_sides_count(path):
    with accounts.open_store(path) as store:
        keep(store, "m/1", by_day([1, 1, 1]))
        keep(store, "m/1", by_day([1], 3), complete=False)
        keep(store, "m/2", by_day([2], 0), complete=False)
        keep(store, "m/2", by_day([3, 4, 5], 1))
        for day in WEEKS[:5]:
            store.champion(day, "m/1")
        (pairing,) = shadow.pairings(store, "m/2")
        assert pairing.days == tuple(WEEKS[1:3])
        assert pairing.differences.tolist() == [2.0, 3.0]


def test_another_champion_begins_another_pairing_and_the_old_one_stays_on_record(path):
    with accounts.open_store(path) as store:
        for version, pnl in (("m/1", 1.0), ("m/2", 3.0), ("m/3", 7.0)):
            keep(store, version, by_day(np.full(10, pnl)))
        for day in WEEKS[:4]:
            store.champion(day, "m/1")
        store.champion(WEEKS[4], "m/1")
        store.champion(WEEKS[4], "m/2")  # between two bars of this day, which is nobody's
        for day in WEEKS[5:8]:
            store.champion(day, "m/2")
        store.champion(WEEKS[8], "m/1")
        found = shadow.pairings(store, "m/3")
        assert [(one.champion, one.days) for one in found] == [
            ("m/1", tuple(WEEKS[:4])),
            ("m/2", tuple(WEEKS[5:8])),
            ("m/1", (WEEKS[8],)),
        ]
        assert [set(one.differences.tolist()) for one in found] == [{6.0}, {4.0}, {6.0}]
        shown = shadow.on_record(store, "m/3", LEVEL)
        assert [(one["champion"], one["first_day"], one["last_day"], one["days"]) for one in shown] == [
            ("m/1", WEEKS[0], WEEKS[3], 4),
            ("m/2", WEEKS[5], WEEKS[7], 3),
            ("m/1", WEEKS[8], WEEKS[8], 1),
        ]
        assert shadow.against_champion(store, "m/3", LEVEL)["days"] == 1
        # the one that was champion in between is a challenger before and after
        assert [(one.champion, len(one.days)) for one in shadow.pairings(store, "m/2")] == [("m/1", 4), ("m/1", 1)]
        assert shadow.against_champion(store, "m/1", LEVEL) is None


def test_a_rolled_back_day_belongs_to_nobody(path):
    with accounts.open_store(path) as store:
        keep(store, "m/1", by_day([1.0, 1.0]))
        keep(store, "m/2", by_day([2.0, 2.0]))
        keep(store, "m/3", by_day([3.0, 3.0]))
        for day, version in ((0, "m/1"), (1, "m/1"), (1, "m/2"), (1, "m/1")):
            store.champion(WEEKS[day], version)
        assert [one.days for one in shadow.pairings(store, "m/3")] == [(WEEKS[0],), ()]
        found = shadow.against_champion(store, "m/3", LEVEL)
        assert (found["verdict"], found["days"], found["mean"]) == ("inconclusive", 0, None)


def test_the_noise_of_floats_is_no_difference(path):
    """Equities of other height give the same profit in other last digits."""
    rng = np.random.default_rng(3)
    pnl = rng.normal(0, 100, 60)
    with accounts.open_store(path) as store:
        keep(store, "m/1", by_day(np.diff(np.cumsum(pnl) + 100_000, prepend=100_000)))
        keep(store, "m/2", by_day(np.diff(np.cumsum(pnl) + 101_234.56, prepend=101_234.56) + 1e-11))
        for day in WEEKS[:60]:
            store.champion(day, "m/1")
        found = shadow.against_champion(store, "m/2", LEVEL)
        assert (found["verdict"], found["low"], found["mean"]) == ("inconclusive", None, 0.0)


def test_nobody_is_compared_with_nobody(path):
    with accounts.open_store(path) as store:
        assert shadow.against_champion(store, "m/1", LEVEL) is None
        keep(store, "m/1", by_day([1.0]))
        assert shadow.against_champion(store, "m/1", LEVEL) is None
        store.champion(WEEKS[0], "m/9")  # without an account here
        assert shadow.against_champion(store, "m/1", LEVEL)["days"] == 0
