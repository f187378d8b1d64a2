"""The accounts behind a desk come to what research comes to, whatever happens to the process, the disk or a version."""

import numpy as np
import pytest

from mia_ml.core.moments import MINUTE
from mia_ml.datasets import days as table_days
from mia_ml.registry import paper_gate
from mia_ml.sources import simulator
from serving.day.rail import CHAMPION, SHADOW, STANDBY
from serving.papers import account_tables as tables
from serving.papers.accounts import Note
from serving.unavailable import Unavailable
from tests import small_world
from tests.serving import live_world
from tests.serving.live_world import bring
from tests.serving.paper_days import same, stored
from tests.serving.papers.followed import V, begin, finish


@pytest.fixture(scope="module")
def research(eager):
    return eager.walked()


def test_two_days_over_a_roll_come_to_what_research_does(eager, research, tmp_path):
    desk, kept = begin(eager, tmp_path)
    bring(eager, desk, eager.events)
    finish(eager, desk)
    assert research.trades.size >= 4
    assert set(research.trades["day"]) == {day.day for day in eager.days}
    assert same(stored(kept.store, V), research)
    assert [day.contract for day in kept.store.days(V)] == [day.contract for day in eager.days]
    assert all(note == Note(1380, 1380, True, (paper_gate.UNSEEN,)) for note in kept.store.notes(V).values())
    assert kept.store.champions() == {day.day: (V,) for day in eager.days}
    kept.close()


def test_a_print_that_came_late_fills_nothing_in_either(tmp_path):
    tables = small_world.write(
        tmp_path / "tables", start="2024-03-06", days=3, intensity=0.002, faults=simulator.Faults(late=0.1)
    )
    world = live_world.eager(tmp_path, tables, live=2, cooldown_minutes=5, max_signals_per_day=40)
    desk, kept = begin(world, tmp_path / "state")
    bring(world, desk, world.events)
    finish(world, desk)
    research = world.walked()
    assert research.trades.size >= 4
    assert same(stored(kept.store, V), research)
    every = world.walked(prices=lambda day, table, grace_ns: table_days.prices(day, table, MINUTE))
    assert not same(every, research)
    kept.close()


def test_a_killed_process_goes_on_with_the_same_accounts_and_the_same_curve(eager, research, tmp_path):
    whole, cut = len(eager.events), np.random.default_rng(2).integers(1, len(eager.events), 3)
    at, curve = 0, {}
    for until in [*sorted(cut.tolist()), whole]:
        desk, kept = begin(eager, tmp_path)
        bring(eager, desk, eager.events[at:until])
        at = until
        if until != whole:
            desk.close()
            kept.store.close()
    finish(eager, desk)
    curve = kept.curves()[V]
    assert same(stored(kept.store, V), research)
    assert [ts for ts, _ in curve] == eager.research.rows["ts"][-1380:].tolist()
    assert len({usd for _, usd in curve}) > 3
    assert curve[-1][1] == kept.state(V)["equity_usd"]
    kept.close()
    desk, again = begin(eager, tmp_path)  # what had ended is run again, and comes to the same
    finish(eager, desk)
    assert again.curves()[V] == curve
    assert not again.broken
    again.close()


def test_who_only_stands_by_sees_what_it_holds_to_its_end_and_takes_no_more(eager, research, tmp_path):
    versions = {"mia-ml/1": (eager.content, CHAMPION), "mia-ml/2": (eager.content, STANDBY)}
    desk, kept = begin(eager, tmp_path, versions=versions)
    first = research.trades[0]
    inside = int(first["entry_ns"]) + 1
    assert inside < first["exit_ns"]
    k = next(k for k, e in enumerate(eager.events) if e.ts_event > inside)
    bring(eager, desk, eager.events[:k])
    assert kept.state("mia-ml/2") is None
    assert kept.state(V)["position"] == first["side"]
    swap_roles(desk)
    bring(eager, desk, eager.events[k:])
    finish(eager, desk)
    trades, _ = kept.store.trades(V)
    assert trades.tobytes() == research.trades[:1].tobytes()
    assert kept.state(V)["position"] == 0
    wanted = eager.walked(since_ns=inside)
    assert same(stored(kept.store, "mia-ml/2"), wanted)
    decided = {version: kept.store.notes(version)[eager.days[0].day].decided for version in versions}
    assert sum(decided.values()) == 1380
    assert kept.store.champions()[eager.days[0].day] == ("mia-ml/1", "mia-ml/2")
    kept.close()


def swap_roles(desk):
    from serving.day import swap

    swap.take_over(desk, next(each for each in desk.core.fleet if each.role == STANDBY))


def test_a_version_that_goes_while_it_holds_something_is_seen_to_its_end(eager, research, tmp_path):
    versions = {"mia-ml/1": (eager.content, CHAMPION), "mia-ml/2": (eager.content, SHADOW)}
    desk, kept = begin(eager, tmp_path, versions=versions)
    inside = int(research.trades[0]["entry_ns"]) + 1
    k = next(k for k, e in enumerate(eager.events) if e.ts_event > inside)
    bring(eager, desk, eager.events[:k])
    desk.core.fleet.remove(next(each for each in desk.core.fleet if each.role == SHADOW))
    bring(eager, desk, eager.events[k:])
    finish(eager, desk)
    assert kept.store.trades("mia-ml/2")[0].tobytes() == research.trades[:1].tobytes()
    (day,) = kept.store.days("mia-ml/2")
    assert day.trades == 1
    assert not kept.store.notes("mia-ml/2")[day.day].complete
    kept.close()


def test_numbers_go_on_behind_a_day_that_a_version_did_not_see_end(eager, research, tmp_path):
    """Demoted, the service restarted without it, and back the next day."""
    desk, kept = begin(eager, tmp_path)
    after = int(research.trades[0]["exit_ns"])
    k = next(k for k, e in enumerate(eager.events) if e.ts_event > after + 60_000_000_000)
    bring(eager, desk, eager.events[:k])
    desk.close()
    kept.store.close()
    other = {"mia-ml/2": (eager.content, CHAMPION)}
    desk, kept = begin(eager, tmp_path, versions=other)
    into = next(n for n, e in enumerate(eager.events) if e.ts_event > eager.days[1].open_ns)
    bring(eager, desk, eager.events[k : into + 50])
    desk.close()
    kept.store.close()
    for _ in range(2):  # and killed once more on that day
        desk, kept = begin(eager, tmp_path)
        bring(eager, desk, eager.events)
        kept.store.close()
    desk, kept = begin(eager, tmp_path)
    finish(eager, desk)
    assert [day.day for day in kept.store.days(V)] == [eager.days[1].day]
    assert not kept.broken
    trades, _ = kept.store.trades(V)
    assert trades["day"].tolist().count(eager.days[1].day) == (research.trades["day"] == eager.days[1].day).sum()
    kept.close()


def test_a_store_that_cannot_be_read_or_written_makes_accounts_wait_and_the_day_too(
    eager, research, tmp_path, monkeypatch
):
    desk, kept = begin(eager, tmp_path)
    half = len(eager.events) // 3

    def refuse(*_):
        raise Unavailable("is locked")

    with monkeypatch.context() as broken:
        broken.setattr(kept.store, "snapshot", refuse)
        broken.setattr(kept.store, "write", refuse)
        bring(eager, desk, eager.events[:half])
        assert kept.state(V)["trades"] == 0
        with pytest.raises(Unavailable, match="locked"):
            kept.end(desk.day, 1380, {})
        assert kept.against_champion("mia-ml/9") is None
    bring(eager, desk, eager.events[half:])
    finish(eager, desk)
    assert same(stored(kept.store, V), research)
    kept.close()


def test_an_account_that_contradicts_its_past_is_told_no_more_and_the_others_go_on(eager, research, tmp_path):
    versions = {"mia-ml/1": (eager.content, CHAMPION), "mia-ml/2": (eager.content, SHADOW)}
    desk, kept = begin(eager, tmp_path, versions=versions)
    other = dict.fromkeys(tables.OUTCOMES.c.keys(), 0) | {"version": V, "day": eager.days[0].day, "barrier": 7.0}
    kept.store.write([(tables.OUTCOMES, other)])
    bring(eager, desk, eager.events)
    finish(eager, desk)
    assert list(kept.broken) == [V]
    assert "paper_outcomes of version mia-ml/1 signal 0" in kept.broken[V]
    assert same(stored(kept.store, "mia-ml/2"), research)
    assert not paper_gate.path_of(tmp_path, "mia-ml", "1").is_file()
    kept.close()
