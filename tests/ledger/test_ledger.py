"""What is counted: configurations by the days they share, each once, however often and however it ended."""

import dataclasses
import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import DataError
from mia_ml.ledger import ledger
from mia_ml.ledger.configuration import Configuration, Outcome
from mia_ml.ledger.ledger import STATES, Count, Ledger
from tests.ledger.writers import JANUARY, WHEN, look, trial

NONE = dict.fromkeys(STATES, 0)


@pytest.fixture
def kept(where: str, tmp_path: Path) -> Iterator[Ledger]:
    with ledger.open(where, tmp_path) as opened:
        yield opened


def scored(kept: Ledger, configuration: Configuration, state: Any = "complete", sharpe: float = 1.0) -> None:
    kept.end(kept.launch(configuration, WHEN), state, WHEN, sharpe)


def test_every_state_is_counted(kept: Ledger) -> None:
    assert kept.inner_counts("ES", *JANUARY) == NONE
    scored(kept, trial(0))
    scored(kept, trial(1), "pruned")
    scored(kept, trial(2), "pruned")
    scored(kept, trial(3), "failed")
    kept.launch(trial(4), WHEN)
    assert kept.inner_counts("ES", *JANUARY) == {"complete": 1, "pruned": 2, "failed": 1, "abandoned": 1}
    assert kept.inner_counts("NQ", *JANUARY) == NONE


def test_the_same_one_again_is_counted_once_and_its_launches_are_told(kept: Ledger) -> None:
    kept.launch(trial(0), WHEN)
    assert kept.inner_counts("ES", *JANUARY) == NONE | {"abandoned": 1}
    scored(kept, trial(0), "failed", math.nan)
    assert kept.inner_counts("ES", *JANUARY) == NONE | {"failed": 1}
    scored(kept, dataclasses.replace(trial(0), name="another run"), "complete", 0.5)
    kept.launch(trial(0), WHEN)
    assert kept.inner_counts("ES", *JANUARY) == NONE | {"complete": 1}
    assert kept.inner_sharpes("ES", *JANUARY).tolist() == [0.5]
    assert kept.counts() == [Count("ES", *JANUARY, "inner", "policy", NONE | {"complete": 1}, 4)]


def test_in_sample_and_out_of_sample_are_not_mixed(kept: Ledger) -> None:
    scored(kept, trial(0))
    kept.record_outer([(trial(0, scope="outer"), outcome(0))], WHEN)
    assert sum(kept.inner_counts("ES", *JANUARY).values()) == 1
    assert kept.inner_sharpes("ES", *JANUARY).size == 1
    assert [outer.key for outer in kept.outer("ES", *JANUARY)] == [trial(0, scope="outer").key]
    assert [count.scope for count in kept.counts()] == ["inner", "outer"]


def test_sharpe_ratios_of_all_and_nan_where_none_is_known(kept: Ledger) -> None:
    for number, (state, sharpe) in enumerate([("complete", 0.5), ("pruned", -1.5), ("complete", math.nan)]):
        scored(kept, trial(number), state, sharpe)
    kept.launch(trial(3), WHEN)
    found = kept.inner_sharpes("ES", *JANUARY)
    assert sorted(found[~np.isnan(found)]) == [-1.5, 0.5]
    assert found.size == sum(kept.inner_counts("ES", *JANUARY).values()) == 4
    assert found.dtype == np.float64


def test_what_is_told_does_not_depend_on_who_came_first(tmp_path: Path) -> None:
    found = []
    for order in (range(9), reversed(range(9))):
        with ledger.in_memory() as kept:
            for number in order:
                scored(kept, trial(number), sharpe=number / 7)
            found.append(kept.inner_sharpes("ES", *JANUARY).tobytes())
    assert found[0] == found[1]


def day(offset: int) -> int:
    date = datetime.date(2024, 1, 1) + datetime.timedelta(days=offset)
    return date.year * 10_000 + date.month * 100 + date.day


SPANS = st.tuples(st.integers(0, 400), st.integers(0, 60)).map(lambda span: (span[0], sum(span)))


@settings(max_examples=60, deadline=None)
@given(st.lists(SPANS, max_size=12), SPANS, st.integers(0, 30))
def test_it_counts_whatever_shares_a_day(spans: list[tuple[int, int]], asked: tuple[int, int], more: int) -> None:
    """And one more day never makes it less: the count is not reset."""
    with ledger.in_memory() as kept:
        for number, (first, last) in enumerate(spans):
            scored(kept, trial(number, first_day=day(first), last_day=day(last)))
            scored(kept, trial(number, first_day=day(first), last_day=day(last), instrument="NQ"))

        def counted(first: int, last: int) -> int:
            return kept.inner_counts("ES", day(first), day(last))["complete"]

        first, last = asked
        days = set(range(first, last + 1))
        assert counted(first, last) == sum(not days.isdisjoint(range(a, b + 1)) for a, b in spans)
        assert counted(max(first - more, 0), last + more) >= counted(first, last)


def outcome(seed: int, n_days: int = 20, **changes: Any) -> Outcome:
    rng = np.random.default_rng(seed)
    days = np.array([20240102 + i for i in range(n_days)])
    given = {"days": days, "pnl_usd": rng.normal(0, 1e3, n_days), "sharpe": rng.normal(), "skewness": rng.normal()}
    return Outcome(**{**given, "kurtosis": 3.0, "expectancy_r": math.nan, **changes})


def same(one: Outcome, other: Outcome) -> bool:
    a, b = dataclasses.asdict(one), dataclasses.asdict(other)
    return all(np.asarray(a[name]).tobytes() == np.asarray(b[name]).tobytes() for name in a)


def test_an_outcome_comes_back_bit_for_bit(kept: Ledger) -> None:
    given = [(trial(n, scope="outer", kind="ladder", name=f"step {n}"), outcome(n)) for n in range(5)]
    kept.record_outer(given, WHEN)
    found = kept.outer("ES", 20240110, 20240110)
    assert [outer.name for outer in found] == [f"step {n}" for n in range(5)]
    assert {outer.kind for outer in found} == {"ladder"}
    for outer, (configuration, told) in zip(found, given, strict=True):
        assert outer.key == configuration.key
        assert same(outer.outcome, told)
        assert outer.outcome.n_days == 20
    assert kept.outer("ES", 20240201, 20240210) == ()
    assert kept.outer("NQ", *JANUARY) == ()


def test_a_result_recorded_again_is_no_second_configuration(kept: Ledger) -> None:
    results = [(trial(n, scope="outer"), outcome(n)) for n in range(3)]
    for _ in range(3):
        kept.record_outer(results, WHEN)
    assert len(kept.outer("ES", *JANUARY)) == 3
    (count,) = kept.counts()
    assert (count.configurations, count.launches) == (3, 9)


def test_of_several_results_the_last_recorded_counts(kept: Ledger) -> None:
    for seed in (1, 2, 1):
        kept.record_outer([(trial(0, scope="outer"), outcome(seed))], WHEN)
        (found,) = kept.outer("ES", *JANUARY)
        assert same(found.outcome, outcome(seed))
    kept.record_outer([(trial(0, scope="outer"), outcome(seed)) for seed in (2, 1)], WHEN)
    (found,) = kept.outer("ES", *JANUARY)
    assert same(found.outcome, outcome(1))


def test_results_are_recorded_all_or_none(kept: Ledger) -> None:
    good = trial(0, scope="outer")
    bad = dataclasses.replace(trial(1, scope="outer"), instrument=None)  # type: ignore[arg-type]
    with pytest.raises(DataError):
        kept.record_outer([(good, outcome(0)), (bad, outcome(1))], WHEN)
    assert kept.counts() == []
    kept.record_outer([(good, outcome(0))], WHEN)
    assert len(kept.outer("ES", *JANUARY)) == 1


@pytest.mark.parametrize("changes", [{"scope": "inner"}, {"first_day": 20240103}, {"last_day": 20240120}])
def test_an_outcome_on_other_days_is_a_mistake(changes: dict[str, Any]) -> None:
    with ledger.in_memory() as kept, pytest.raises(AssertionError):
        kept.record_outer([(trial(0, **{"scope": "outer", **changes}), outcome(0))], WHEN)


def test_counts_by_instrument_days_scope_and_kind(kept: Ledger) -> None:
    scored(kept, trial(0))
    scored(kept, trial(1), "failed")
    scored(kept, trial(2, kind="filter"))
    kept.launch(trial(3, first_day=20240103), WHEN)
    scored(kept, trial(4, instrument="NQ"))
    counts = kept.counts()
    assert counts == [
        Count("ES", *JANUARY, "inner", "filter", NONE | {"complete": 1}, 1),
        Count("ES", *JANUARY, "inner", "policy", NONE | {"complete": 1, "failed": 1}, 2),
        Count("ES", 20240103, 20240131, "inner", "policy", NONE | {"abandoned": 1}, 1),
        Count("NQ", *JANUARY, "inner", "policy", NONE | {"complete": 1}, 1),
    ]
    assert [count.configurations for count in counts] == [1, 2, 1, 1]
    assert kept.counts("NQ") == counts[-1:]


def test_looks_are_counted_by_shared_day_and_instrument(kept: Ledger) -> None:
    assert look(kept, "a", *JANUARY, "ES").look == 1
    assert look(kept, "b", *JANUARY, "ES").look == 2
    assert look(kept, "one day more does not reset it", 20240131, 20240201, "ES", "NQ").look == 3
    assert look(kept, "later", 20240202, 20240301, "ES").look == 1
    assert look(kept, "all of it", 20240101, 20241231, "ES").look == 5
    assert look(kept, "another instrument", *JANUARY, "NQ").look == 2
    assert look(kept, "and both", 20240131, 20240131, "NQ").look == 3
    assert look(kept, "indices only", *JANUARY).look == 1
    assert look(kept, "indices only again", *JANUARY).look == 1
    found = kept.looks()
    assert [one.look for one in found] == [1, 2, 3, 1, 5, 2, 3, 1, 1]
    assert [one.alpha for one in found[:3]] == [0.05 / 2, 0.05 / 6, 0.05 / 12]
    assert [one.why for one in kept.looks("NQ")] == [
        "one day more does not reset it",
        "another instrument",
        "and both",
    ]
    assert [one.why for one in kept.looks("ES", 20240202, 20240203)] == ["later", "all of it"]


def test_a_look_that_goes_on_is_itself(kept: Ledger) -> None:
    first = look(kept, "a", *JANUARY, "ES")
    look(kept, "b", *JANUARY, "ES")
    again = kept.look(
        "a", who="bo", when_utc="later", why="a", first_day=1, last_day=2, instruments=("ES",), files=9, bundle=""
    )
    assert again == first == kept.looks()[0]
    assert len(kept.looks()) == 2
