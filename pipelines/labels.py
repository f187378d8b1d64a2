"""labels: what each row's decision would have come to, bought or sold, taken alone -> data/labels, beside data/rows."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator

import numpy as np

from mia_ml import settings
from mia_ml.backtest.records import Exit, Fate, barrier_points
from mia_ml.core import moments
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets.days import Day, Days
from mia_ml.datasets.days import prices as from_files
from mia_ml.features import engine
from mia_ml.labels import records as label_records
from mia_ml.labels.barriers import Walker
from mia_ml.store import records
from pipelines import LABELS, ROWS, SECONDS_BETWEEN_LINES, run, write_metrics
from pipelines.execution import Prices, blackouts_of, execution_of, sessions_of, table_of
from pipelines.market import grace_ns, trading_days

SIDES = ("buy", "sell")


class Files:
    """Labels come when they are decided, which may be days later; a day's file is written when it is whole."""

    def __init__(self) -> None:
        self._expected: deque[tuple[str, int]] = deque()
        self._held = np.zeros((0, 2), label_records.LABEL)
        self.fates: Counter[str] = Counter()
        self.exits: Counter[str] = Counter()
        self.won = np.zeros(2, np.int64)
        self.traded = np.zeros(2, np.int64)

    def expect(self, day: str, rows: int) -> None:
        self._expected.append((day, rows))

    def add(self, labels: np.ndarray) -> None:
        """Labels decided since, in the order of their rows."""
        self._held = np.concatenate([self._held, labels])
        self._count(labels)
        while self._expected and self._held.shape[0] >= self._expected[0][1]:
            day, rows = self._expected.popleft()
            records.write(LABELS / f"{day}.parquet", self._held[:rows].reshape(-1))
            self._held = self._held[rows:]

    def _count(self, labels: np.ndarray) -> None:
        traded = labels["fate"] == Fate.TRADED
        self.traded += traded.sum(axis=0)
        self.won += (traded & (labels["net_ticks"] > 0)).sum(axis=0)
        for kind, counter, values in ((Fate, self.fates, labels["fate"]), (Exit, self.exits, labels["exit_reason"])):
            for value, count in zip(*np.unique(values, return_counts=True), strict=True):
                if value or kind is Fate:
                    counter[kind(int(value)).name.lower()] += int(count)


def labelled(
    chosen: settings.Settings,
    days: Days,
    native: bool,
    rows_of: Callable[[Day], np.ndarray],
    prices: Prices = from_files,
) -> Iterator[tuple[Day | None, int, np.ndarray]]:
    """Each day, the number of its rows, the LABEL [m, 2] decided since the day before; at the end None and the rest.

    A roll ends what is open on the contract before.
    """
    table = table_of(native)
    instrument = INSTRUMENTS[chosen.instrument.root]
    walker = Walker(execution_of(chosen), instrument, sessions_of(days), table, blackouts_of(chosen))
    contract = days.days[0].contract
    for day in days.days:
        ended = [walker.finish()] if day.contract != contract else []
        contract = day.contract
        rows = rows_of(day)
        decided = walker.advance(prices(day, table, grace_ns(chosen)), rows["ts"], rows["day"], barrier_points(rows))
        yield day, rows.size, np.concatenate([*ended, decided])
    yield None, 0, walker.finish()


def rows_in_file(day: Day) -> np.ndarray:
    return records.read(ROWS / f"{moments.iso(day.day)}.parquet", engine.ROW)


def main() -> None:
    chosen = settings.load()
    days, native = trading_days(chosen)
    files, count, last = Files(), 0, time.monotonic()
    print(f"labels: {len(days.days)} trading days; a first run compiles the kernels", flush=True)
    for day, rows, decided in labelled(chosen, days, native, rows_in_file):
        if day is not None:
            files.expect(moments.iso(day.day), rows)
        files.add(decided)
        count += rows
        if day is not None and time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"  {count:>12,} rows  {moments.iso(day.day)}", flush=True)
    rates = {side: float(w / t) if t else None for side, w, t in zip(SIDES, files.won, files.traded, strict=True)}
    print(f"labels: {count:,} rows, two sides: {', '.join(f'{name} {n:,}' for name, n in files.exits.items())}")
    base = {f"base_rate_{side}": rate for side, rate in rates.items()}
    write_metrics("labels", {"rows": count, "fates": dict(files.fates), "exits": dict(files.exits)} | base)


if __name__ == "__main__":
    run(main)
