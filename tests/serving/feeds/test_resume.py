"""What is new after a reconnection: every record once, wherever connections broke and blocks ended."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.feeds.resume import Resume

RECORD = np.dtype([("instrument_id", "u4"), ("ts_event", "u8"), ("number", "i8")])


def records(times: list[tuple[int, int]]) -> np.ndarray:
    """Records of (instrument, time), numbered, in order of time."""
    found = np.zeros(len(times), RECORD)
    found["ts_event"], found["instrument_id"] = np.array(sorted((ts, number) for number, ts in times)).reshape(-1, 2).T
    found["number"] = np.arange(found.size)
    return found


@settings(max_examples=200, deadline=None)
@given(
    times=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 6)), min_size=1, max_size=40),
    breaks=st.lists(st.integers(0, 40), max_size=4),
    size=st.integers(1, 7),
)
def test_every_record_is_new_once(times: list[tuple[int, int]], breaks: list[int], size: int) -> None:
    everything = records(times)
    resume = Resume()
    taken: list[int] = []
    for given_up in [*breaks, everything.size]:
        start = resume.start_ns
        resume.reconnected()
        replay = everything if start is None else everything[everything["ts_event"] >= start]
        for at in range(0, min(given_up, replay.size), size):
            block = replay[at : min(at + size, given_up)]
            taken += block["number"][resume.fresh(block)].tolist()
    assert taken == list(range(everything.size))
    assert resume.gaps == 0


def test_a_replay_that_begins_behind_what_was_seen_is_a_gap() -> None:
    everything = records([(1, ts) for ts in range(10)])
    resume = Resume()
    resume.fresh(everything[:4])
    resume.reconnected()
    assert resume.fresh(everything[5:]).all()
    assert resume.gaps == 1


def test_a_replay_is_asked_for_from_the_earliest_last_time() -> None:
    resume = Resume()
    assert resume.start_ns is None
    resume.fresh(records([(1, 4), (2, 7), (1, 5)]))
    assert resume.start_ns == 5
    assert resume.fresh(records([(3, 2)])).all()
    assert resume.start_ns == 2
