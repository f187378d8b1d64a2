"""What stands against acting on signals right now: reasons by key, each with its text and since when.

Scores, decisions and the paper accounts' book of open positions go on; only no new signal is acted upon. A reason ends
when whoever gave it takes it back, or with a bar, when it was given `until` a moment: it ends with the first bar that
closes behind that moment, after the decision on that bar. That is how a gap is borne: the bars that hold the hole, of
which the last one closes after the first event behind the hole, are not acted upon; the next one is. Windows that reach
further back keep the hole, as they keep any event that was never sent; the gap stays counted with its feed.

Keys are `manual`, `clock`, `disk`, `stale`, `stale:<feed>`, `gap:<feed>`, `drift:<version>`; what is in force is a
function of what was told, so a service that runs its day again comes to the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mia_ml.core.moments import utc


@dataclass(frozen=True)
class Reason:
    """since_ns: ns UTC. until_ns: it ends with the first bar closing behind that; None: when it is taken back."""

    text: str
    since_ns: int
    until_ns: int | None = None

    def __str__(self) -> str:
        return f"{self.text} (since {utc(self.since_ns)[:19]}Z)"


class Standing:
    """Nothing stands against acting while it is empty.

    >>> standing = Standing()
    >>> standing.add("gap:es", "gap: 3 events missing between 7 and 11 of es", since_ns=61, until_ns=60)
    True
    >>> standing.closed(60), standing.texts(), standing.closed(120)
    ((), ['gap: 3 events missing between 7 and 11 of es'], ('gap:es',))
    """

    def __init__(self) -> None:
        self._reasons: dict[str, Reason] = {}

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def __contains__(self, key: str) -> bool:
        return key in self._reasons

    def add(self, key: str, text: str, since_ns: int, until_ns: int | None = None) -> bool:
        """Whether it is new. One that is in force keeps its beginning, takes the text and ends no earlier."""
        before = self._reasons.get(key)
        if before is not None:
            since_ns = before.since_ns
            until_ns = None if before.until_ns is None or until_ns is None else max(before.until_ns, until_ns)
        self._reasons[key] = Reason(text, since_ns, until_ns)
        return before is None

    def clear(self, key: str) -> bool:
        """Whether it was in force."""
        return self._reasons.pop(key, None) is not None

    def set(self, key: str, text: str, now_ns: int) -> bool:
        """Add where there is a text, clear where it is empty; whether that changed what is in force."""
        return self.add(key, text, now_ns) if text else self.clear(key)

    def replace(self, kind: str, reasons: Mapping[str, str], now_ns: int) -> bool:
        """The reasons of a kind (`stale` is of `stale` and `stale:<feed>`) are these; whether that changed any key."""
        gone = [key for key in self._reasons if key.partition(":")[0] == kind and key not in reasons]
        for key in gone:
            del self._reasons[key]
        came = [key for key, text in reasons.items() if self.add(key, text, now_ns)]
        return bool(gone or came)

    def closed(self, ts_ns: int) -> tuple[str, ...]:
        """A bar that closes at `ts_ns` has been decided upon: the keys that end with it."""
        ended = tuple(
            key for key, reason in self._reasons.items() if reason.until_ns is not None and ts_ns > reason.until_ns
        )
        for key in ended:
            del self._reasons[key]
        return ended

    def episodes(self) -> dict[tuple[str, int], str]:
        """Texts by key and beginning, ns UTC: of a reason that lasts, whatever its text has become meanwhile."""
        return {(key, reason.since_ns): reason.text for key, reason in self._reasons.items()}

    def texts(self) -> list[str]:
        """For a decision's `why`."""
        return [reason.text for reason in self._reasons.values()]

    def lines(self) -> list[str]:
        """For the state message: each with its beginning."""
        return [str(reason) for reason in self._reasons.values()]
