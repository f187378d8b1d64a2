"""Walk-forward: learn from a stretch of trading days, be judged by the next ones, move on.

The only split that says something about execution: every decision of a test window is taken by what was known before
that window opened. Test windows follow each other without overlap, so that together they are one record.

A training row is purged when its life reaches the opening of the test window, whether or not an event lives there: its
label has read what the window shows. The embargo of a walk-forward lies before the window, where its training rows are:
a row whose life ends within `embargo_ns` of the opening is not trained on.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import iso
from mia_ml.splits import folds, lives, spans

WHOLE_WITHIN_DAYS = 3  # a month whose last days are a weekend and a holiday is whole


class Window(NamedTuple):
    """Trading days `yyyymmdd`, all inclusive, all days of the data."""

    train_first_day: int
    train_last_day: int
    test_first_day: int
    test_last_day: int

    def __str__(self) -> str:
        first, last, test_first, test_last = map(iso, self)
        return f"train {first}..{last}, test {test_first}..{test_last}"


@dataclass(frozen=True, eq=False)
class WalkForwardFolds(folds.Folds):
    """windows: the days of each fold."""

    windows: tuple[Window, ...]


@dataclass(frozen=True)
class WalkForward:
    """train, test, step: stretches of calendar months ("12 months") or of trading days ("60 days"), all in one unit.

    step: from one test window to the next, `test` by default, never shorter. anchored: training windows begin with the
    data instead of sliding. partial: the end of the data is tested although it does not fill a window. embargo_ns: see
    the module.

    Months are whole: the first training window begins with the month of the first day, however late in it that is. The
    last test window is whole when the data reach the last three days of its months.

    >>> days = np.array([20240102, 20240115, 20240201, 20240215, 20240301, 20240315, 20240401, 20240415])
    >>> for window in WalkForward("2 months", "1 month", partial=True).windows(days):
    ...     print(window)
    train 2024-01-02..2024-02-15, test 2024-03-01..2024-03-15
    train 2024-02-01..2024-03-15, test 2024-04-01..2024-04-15

    Two events a day, each alive for a day and a half; the folds slide by two days:

    >>> days = np.repeat(20240102 + np.arange(9), 2)
    >>> t0 = np.arange(18)
    >>> print(WalkForward("4 days", "2 days", embargo_ns=1).of(t0, t0 + 3, days).table())
    fold    train   purged  embargoed     test  outside
       1        4        3          1        4        6  ####eppp||||......
       2        4        3          1        4        6  ....####eppp||||..

    Anchored, and the day that is left at the end as a window of its own:

    >>> print(WalkForward("4 days", "2 days", anchored=True, partial=True).of(t0, t0 + 3, days).table())
    fold    train   purged  embargoed     test  outside
       1        5        3          0        4        6  #####ppp||||......
       2        9        3          0        4        2  #########ppp||||..
       3       13        3          0        2        0  #############ppp||
    """

    train: str
    test: str
    step: str | None = None
    anchored: bool = False
    embargo_ns: int = 0
    partial: bool = False

    def __post_init__(self) -> None:
        train, test, step = self._spans()
        if not train.unit == test.unit == step.unit:
            raise ConfigError(f"train {train}, test {test}, step {step}: say all in months or all in days")
        if step.count < test.count:
            raise ConfigError(f"step {step} is shorter than test {test}: test windows would count days twice")
        lives.checked_embargo(self.embargo_ns)

    def _spans(self) -> tuple[spans.Span, spans.Span, spans.Span]:
        train, test = spans.Span.parse(self.train, "train"), spans.Span.parse(self.test, "test")
        return train, test, test if self.step is None else spans.Span.parse(self.step, "step")

    def windows(self, trading_days: np.ndarray) -> tuple[Window, ...]:
        """The windows of trading days `yyyymmdd` in any order. Raises DataError when they do not fill one."""
        days = spans.checked_days(trading_days)
        train, test, step = self._spans()
        ruler = spans.months_of(days) - spans.months_of(days[0]) if train.unit == "months" else np.arange(days.size)
        found: list[Window] = []
        for start in range(train.count, int(ruler[-1]) + 1, step.count):
            if not self._fills(days, ruler, start + test.count):
                break
            edges = 0 if self.anchored else start - train.count, start, start + test.count
            first, at, end = np.searchsorted(ruler, edges)
            if first == at or at == end:
                what = "test" if at == end else "training"
                raise DataError(
                    f"fold {len(found) + 1}: no trading day in its {what} window: the data have a gap after "
                    f"{iso(int(days[at - 1]))}; use longer windows, or data without it"
                )
            found.append(Window(*(int(days[i]) for i in (first, at - 1, at, end - 1))))
        if not found:
            span = f"{days.size} trading days, {iso(int(days[0]))}..{iso(int(days[-1]))}"
            raise DataError(f"{span}, do not hold one fold of {train} to learn and {test} to test: shorten them")
        return tuple(found)

    def _fills(self, days: np.ndarray, ruler: np.ndarray, end: int) -> bool:
        """Whether the data reach the end of a test window, on the ruler and exclusive."""
        if self.partial or ruler[-1] >= end:
            return True
        if self._spans()[1].unit == "days":
            return bool(ruler[-1] == end - 1)
        closes = spans.last_date(int(spans.months_of(days[0])) + end - 1)
        return int((closes - np.datetime64(iso(int(days[-1])), "D")).astype(int)) <= WHOLE_WITHIN_DAYS

    def final(self, trading_days: np.ndarray) -> tuple[int, int]:
        """First and last day to train on for use after the data: the last `train` of them, all when anchored."""
        days = spans.checked_days(trading_days)
        first = 0 if self.anchored else spans.tail_start(days, self._spans()[0])
        return int(days[first]), int(days[-1])

    def of(
        self,
        t0_ns: np.ndarray,
        t1_ns: np.ndarray,
        days: np.ndarray,
        *,
        trading_days: np.ndarray | None = None,
        opens_ns: np.ndarray | None = None,
    ) -> WalkForwardFolds:
        """The folds of rows that live in [t0_ns, t1_ns] and belong to trading days `days`, all int64 [n].

        trading_days: the days of the data, [d], where not every one has a row (default: `days`).
        opens_ns: when each of them opened, [d]; without it a test window opens with its first row.
        Raises DataError on a fold with nothing to test or nothing to train on.
        """
        t0_ns, t1_ns = lives.checked(t0_ns, t1_ns)
        days = np.asarray(days, dtype=np.int64)
        if days.shape != t0_ns.shape:
            raise DataError(f"{t0_ns.size} rows and {days.size} days: every row belongs to one trading day")
        calendar = spans.checked_days(days if trading_days is None else trading_days)
        opens = _openings(trading_days, opens_ns)
        windows = self.windows(calendar)
        found = tuple(self._fold(t0_ns, t1_ns, days, window, opens, f"fold {k}") for k, window in enumerate(windows, 1))
        return WalkForwardFolds(t0_ns, t1_ns, found, windows)

    def _fold(
        self, t0_ns: np.ndarray, t1_ns: np.ndarray, days: np.ndarray, window: Window, opens: dict[int, int], what: str
    ) -> folds.Fold:
        test = (days >= window.test_first_day) & (days <= window.test_last_day)
        candidates = (days >= window.train_first_day) & (days <= window.train_last_day)
        for mask, role in ((test, "test"), (candidates, "training")):
            if not mask.any():
                raise DataError(
                    f"{what} ({window}): no event in its {role} window: use longer windows, or rules with more events"
                )
        first = int(t0_ns[test].min())
        opening = min(opens.get(window.test_first_day, first), first)
        embargoed = t1_ns >= max(opening - self.embargo_ns, lives.EARLIEST)
        return folds.fold_of(test, candidates, t1_ns >= opening, embargoed, f"{what} ({window})")


def _openings(trading_days: np.ndarray | None, opens_ns: np.ndarray | None) -> dict[int, int]:
    if opens_ns is None:
        return {}
    if trading_days is None or np.shape(opens_ns) != np.shape(trading_days):
        given = 0 if trading_days is None else np.size(trading_days)
        raise DataError(f"{np.size(opens_ns)} openings of {given} trading days: give both, one opening per day")
    return dict(zip(np.asarray(trading_days).tolist(), np.asarray(opens_ns, dtype=np.int64).tolist(), strict=True))
