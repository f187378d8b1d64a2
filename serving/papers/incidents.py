"""What a trading day on paper must not hide: whatever stood against acting at a decision, and that nobody has looked.

An incident is noted in every account of the day as soon as it stands, so no restart loses it. When the day ends, what
no longer stands is resolved. A day that had ended before keeps what it had: gone on with, it resolves nothing. Whether
a day's log gives what was sent is not known when it ends: its note says so, until somebody has looked.
"""

from collections.abc import Mapping

from mia_ml.registry.paper_gate import RESOLVED, UNSEEN
from serving.papers.accounts import Store

Episodes = Mapping[tuple[str, int], str]
"""Reasons by key and beginning, ns UTC, as `guards.standing` has them. The text of one may change while it lasts."""


class Incidents:
    """Of one trading day. noted: whether every incident so far is in the store."""

    def __init__(self, store: Store, day: int) -> None:
        self.noted = True
        self._store = store
        self._day = day
        self._stood: dict[tuple[str, int], str] = {}
        self._mine: set[str] = set()
        """Texts that this process has noted."""

    def stand(self, standing: Episodes) -> None:
        """This stands now, at a decision."""
        if standing.keys() - self._stood.keys():
            self.noted = False
        self._stood.update(standing)

    def so_far(self, version: str) -> tuple[str, ...]:
        """For a note while the day lasts. Raises Unavailable."""
        now = self._stood.values()
        before = self._before(version)
        self._mine.update(now)
        return tuple(dict.fromkeys([*before, *now]))

    def at_end(self, version: str, standing: Episodes) -> tuple[str, ...]:
        """For the note of a day that is over. standing: what stands even now. Raises Unavailable."""
        texts = set(standing.values())
        before = self._before(version)
        if all(day.day != self._day for day in self._store.days(version)):
            before = [text if text in texts else resolved(text) for text in before]
        mine = [text if key in standing else resolved(text) for key, text in self._stood.items()]
        return tuple(dict.fromkeys([UNSEEN, *before, *mine]))

    def _before(self, version: str) -> list[str]:
        """What was noted before this process began."""
        note = self._store.notes(version).get(self._day)
        return [] if note is None else [text for text in note.incidents if text not in self._mine]


def resolved(text: str) -> str:
    """
    >>> resolved("gap"), resolved("resolved: gap")
    ('resolved: gap', 'resolved: gap')
    """
    return text if text.startswith(RESOLVED) else f"{RESOLVED}: {text}"
