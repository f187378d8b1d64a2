"""Which contract is in front: the most traded first, then the next one the day after it traded more, and never back."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.datasets import roll


def test_the_roll_takes_effect_the_day_after_the_crossover():
    volumes = {
        20240307: {"ESH4": 900, "ESM4": 100},
        20240308: {"ESH4": 450, "ESM4": 550},  # crossover
        20240311: {"ESH4": 200, "ESM4": 800},
    }
    assert roll.front(volumes) == {20240307: "ESH4", 20240308: "ESH4", 20240311: "ESM4"}


def test_a_contract_that_was_left_does_not_come_back():
    volumes = {1: {"H": 9, "M": 1}, 2: {"H": 4, "M": 6}, 3: {"H": 8, "M": 2}, 4: {"H": 9, "M": 1}}
    assert roll.front(volumes) == {1: "H", 2: "H", 3: "M", 4: "M"}


def test_equal_volumes_roll_nothing():
    assert roll.front({1: {"H": 5, "M": 4}, 2: {"H": 5, "M": 5}, 3: {"H": 5, "M": 5}}) == {1: "H", 2: "H", 3: "H"}


def test_a_contract_whose_data_ended_gives_way_at_once():
    assert roll.front({1: {"H": 9, "M": 1}, 2: {"M": 3}, 3: {"H": 99, "M": 3}}) == {1: "H", 2: "M", 3: "M"}


def test_no_volume_at_all_still_names_a_contract():
    assert roll.front({1: {"ESH4": 0.0}, 2: {"ESH4": 0.0}}) == {1: "ESH4", 2: "ESH4"}


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.integers(1, 30),
        st.dictionaries(st.sampled_from("HMUZ"), st.integers(0, 100), min_size=1),
        min_size=1,
    )
)
def test_later_days_change_no_earlier_contract_and_no_contract_comes_back(volumes):
    front = roll.front(volumes)
    for last in volumes:
        known = {day: traded for day, traded in volumes.items() if day <= last}
        assert roll.front(known) == {day: contract for day, contract in front.items() if day <= last}
    assert all(contract in volumes[day] for day, contract in front.items())
    runs = [contract for contract, _ in itertools.groupby(front.values())]
    assert len(runs) == len(set(runs))
