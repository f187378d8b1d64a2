"""Looks at the sealed hold-out: the k-th at the same period of the same instrument is known to be the k-th (SPEC 8)."""

from collections.abc import Collection
from dataclasses import dataclass

from mia_ml.core.moments import iso


@dataclass(frozen=True)
class Look:
    """look: 1 for the first at these days, counting looks that share a day and an instrument.

    when_utc: ISO 8601. first_day, last_day: yyyymmdd. files: table files that were sealed. bundle: the seal of the
    bundle that was to be judged, empty without one.
    """

    look: int
    who: str
    when_utc: str
    why: str
    first_day: int
    last_day: int
    instruments: tuple[str, ...]
    files: int
    bundle: str

    @property
    def alpha(self) -> float:
        """The error probability that this look may spend: 0.05 / (k (k + 1)), 0.05 over all looks together.

        >>> Look(2, "", "", "", 0, 0, (), 0, "").alpha == 0.05 / 6
        True
        """
        return 0.05 / (self.look * (self.look + 1))

    @property
    def period(self) -> str:
        """
        >>> Look(1, "", "", "", 20231227, 20240102, ("ES",), 0, "").period
        '2023-12-27..2024-01-02 of ES'
        """
        return f"{iso(self.first_day)}..{iso(self.last_day)} of {', '.join(self.instruments) or 'the indices'}"

    def shows(self, first_day: int, last_day: int) -> bool:
        """Whether it showed one of these days."""
        return self.first_day <= last_day and first_day <= self.last_day

    def meets(self, instruments: Collection[str], first_day: int, last_day: int) -> bool:
        """Whether it showed one of these days, of one of the instruments.

        >>> Look(1, "", "", "", 20240102, 20240131, ("ES",), 0, "").meets(["ES", "NQ"], 20240131, 20240229)
        True
        """
        return self.shows(first_day, last_day) and not set(instruments).isdisjoint(self.instruments)
