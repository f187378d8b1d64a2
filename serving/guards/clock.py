"""The service's clock: wall time read once, and carried on by the machine's monotonic clock.

    now = wall at the anchor + monotonic time since

So a wall clock that is set, or jumps, moves nothing. How far it has gone from `now` is the offset; beyond `skew_ns` it
is a reason to stand down, since one of the two is wrong. The reason ends when

    the wall clock comes back to within skew_ns, or
    somebody anchors again (`anchor`), or
    the offset has kept within 100 ms for `settle_ns`, and in that time events came, and each of them was within skew_ns
    of the new wall time: then the feed says that the wall clock is right (a machine that slept, a clock that was set
    after the service began), and it is anchored again.

A feed that is itself late by more than skew_ns bears no witness, and a wall clock that its events do not agree with
stays a reason. `now` runs back at an anchor to an earlier time, and never else.
"""

import time
from collections.abc import Callable

NS_PER_MS = 1_000_000
STEADY_NS = 100 * NS_PER_MS
SETTLE_NS = 60_000 * NS_PER_MS


class AnchoredClock:
    """skew_ns: of the wall clock, which is borne. wall, monotonic: sources of ns, the former since 1970 UTC.

    >>> wall, mono = [1_000_000_000], [5]
    >>> clock = AnchoredClock(2_000_000_000, wall=lambda: wall[0], monotonic=lambda: mono[0])
    >>> wall[0], mono[0] = 3_601_000_000_007, 12
    >>> clock.now_ns(), clock.check()
    (1000000007, 'the wall clock jumped by +3600.000 s')
    """

    def __init__(
        self,
        skew_ns: int,
        settle_ns: int = SETTLE_NS,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._skew_ns = skew_ns
        self._settle_ns = settle_ns
        self._wall = wall
        self._monotonic = monotonic
        self.anchor()

    def anchor(self) -> None:
        """Take the wall clock's time from here on."""
        self._base_ns = self._wall() - self._monotonic()
        self._jump_ns: int | None = None  # the offset that is in force as a jump
        self._steady_since_ns = 0  # monotonic
        self._witnesses = 0

    def now_ns(self) -> int:
        """ns UTC."""
        return self._base_ns + self._monotonic()

    def offset_ns(self) -> int:
        """How far the wall clock is ahead of `now_ns`."""
        return self._wall() - self.now_ns()

    def check(self) -> str:
        """To be called about once a second: why to stand down, empty when nothing is wrong."""
        offset = self.offset_ns()
        if abs(offset) <= self._skew_ns:
            self._jump_ns = None
            return ""
        if self._jump_ns is None or abs(offset - self._jump_ns) > STEADY_NS:
            self._jump_ns = offset
            self._wait()
        elif self._witnesses and self._monotonic() - self._steady_since_ns >= self._settle_ns:
            self.anchor()
            return ""
        return f"the wall clock jumped by {offset / 1e9:+.3f} s"

    def saw(self, ts_event_ns: int) -> None:
        """An event has just come from a feed that is up to date; it costs nothing while no jump is in force."""
        if self._jump_ns is None:
            return
        if abs(self._wall() - ts_event_ns) <= self._skew_ns:
            self._witnesses += 1
        else:
            self._wait()

    def _wait(self) -> None:
        """From here on the wall clock has to be steady, and believed."""
        self._steady_since_ns = self._monotonic()
        self._witnesses = 0
