"""The service's clock moves by the monotonic clock only, and a wall clock that jumps is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.guards.clock import SETTLE_NS, STEADY_NS, AnchoredClock

NS = 1_000_000_000
START = 1_700_000_000 * NS
HOUR = 3600 * NS


class Machine:
    """Two clocks that are moved by hand."""

    def __init__(self):
        self.wall = START
        self.mono = 77

    def pass_(self, ns):
        self.wall += ns
        self.mono += ns

    def clock(self):
        return AnchoredClock(2 * NS, wall=lambda: self.wall, monotonic=lambda: self.mono)


@pytest.fixture
def machine():
    return Machine()


@given(st.lists(st.tuples(st.integers(0, HOUR), st.integers(-1000 * HOUR, 1000 * HOUR)), max_size=20))
def test_no_jump_of_the_wall_clock_moves_it(steps):
    machine = Machine()
    clock, elapsed, jumped = machine.clock(), 0, 0
    for passed, jump in steps:
        machine.pass_(passed)
        machine.wall += jump
        elapsed, jumped = elapsed + passed, jumped + jump
        clock.check()
        assert clock.now_ns() == START + elapsed
        assert clock.offset_ns() == jumped
        assert bool(clock.check()) == (abs(jumped) > 2 * NS)


@pytest.mark.parametrize(("jump", "words"), [(HOUR, "+3600.000 s"), (-5 * NS, "-5.000 s")])
def test_a_jump_is_a_reason_until_it_is_undone(machine, jump, words):
    clock = machine.clock()
    machine.wall += jump
    assert clock.check() == f"the wall clock jumped by {words}"
    machine.wall -= jump
    assert clock.check() == ""


def test_a_jump_that_was_undone_bears_no_witness_to_the_next(machine):
    clock = machine.clock()
    for jump in (HOUR, -HOUR, HOUR):
        machine.wall += jump
        assert bool(clock.check()) == (machine.wall - machine.mono > START)
        clock.saw(machine.wall)
        machine.pass_(SETTLE_NS // 2)
    assert clock.check()


def test_it_is_anchored_again_when_steady_and_events_agree(machine):
    clock = machine.clock()
    machine.wall += HOUR
    assert clock.check()
    machine.pass_(SETTLE_NS - 1)
    clock.saw(machine.wall - 40_000_000)
    assert clock.check()
    machine.pass_(1)
    assert clock.check() == ""
    assert clock.now_ns() == machine.wall


def test_it_is_not_anchored_without_an_event(machine):
    clock = machine.clock()
    clock.saw(machine.wall)  # before the jump: no witness
    machine.wall += HOUR
    for _ in range(5):
        assert clock.check()
        machine.pass_(SETTLE_NS)
    assert clock.check()


def test_an_event_that_knows_better_starts_the_wait_again(machine):
    clock = machine.clock()
    machine.wall += HOUR
    clock.check()
    clock.saw(machine.wall)
    machine.pass_(SETTLE_NS // 2)
    clock.saw(machine.wall - HOUR)
    machine.pass_(SETTLE_NS // 2)
    clock.saw(machine.wall)
    assert clock.check()
    machine.pass_(SETTLE_NS // 2)
    assert clock.check() == ""


def test_a_clock_that_goes_on_moving_is_not_believed(machine):
    clock = machine.clock()
    machine.wall += HOUR
    clock.check()
    for _ in range(4):
        clock.saw(machine.wall)
        machine.pass_(SETTLE_NS)
        machine.wall += STEADY_NS + 1
        assert clock.check()


def test_anybody_may_anchor_it(machine):
    clock = machine.clock()
    machine.wall -= HOUR
    assert clock.check()
    clock.anchor()
    assert clock.check() == ""
    assert clock.now_ns() == START - HOUR
