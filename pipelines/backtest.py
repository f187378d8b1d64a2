"""backtest: signals on the tape -> trades, outcomes and equity in data/backtest, KPIs in reports/metrics."""

from typing import Literal

import numpy as np

from mia_ml import settings
from mia_ml.backtest import equity
from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import SIGNAL, Fate
from mia_ml.backtest.simulator import Result, Simulator, join
from mia_ml.core import moments
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets.days import Days
from mia_ml.metrics import kpi
from mia_ml.store import parquet, records
from pipelines import BACKTEST, EQUITY, SIGNALS, run, write_metrics, write_plot
from pipelines.market import trading_days


def execution_of(chosen: settings.Settings) -> Execution:
    return Execution(**chosen.execution.model_dump(exclude={"blackout"}), **chosen.costs.model_dump())


def blackouts(intervals: list[str]) -> np.ndarray:
    """
    >>> blackouts(["2024-01-05T13:25:00Z/2024-01-05T13:45:00Z"])
    array([[1704461100000000000, 1704462300000000000]])
    """
    moments = [moment.removesuffix("Z") for interval in intervals for moment in interval.split("/")]
    return np.array(moments, "datetime64[ns]").astype(np.int64).reshape(-1, 2)


def walk(simulator: Simulator, days: Days, signals: np.ndarray, table: str) -> Result:
    """The signals on the front contract's tape day by day; what is open at a roll is closed there."""
    results = []
    for position, day in enumerate(days.days):
        if position and day.contract != days.days[position - 1].contract:
            results.append(simulator.finish())
        tape = parquet.read_file(day.prices[table], table)
        results.append(simulator.advance(tape, signals[signals["day"] == day.day]))
    return join([*results, simulator.finish()])


def main() -> None:
    chosen = settings.load()
    days, native = trading_days(chosen)
    covered = [day.day for day in days.days]
    sessions = days.sessions[np.searchsorted(days.sessions["day"], covered[0]) :]
    sessions = sessions[: np.searchsorted(sessions["day"], covered[-1]) + 1]
    execution = execution_of(chosen)
    signals = records.read(SIGNALS, SIGNAL)
    table: Literal["bars", "trades"] = "bars" if native else "trades"
    instrument = INSTRUMENTS[chosen.instrument.root]
    simulator = Simulator(execution, instrument, sessions, table, blackouts(chosen.execution.blackout))
    result = walk(simulator, days, signals, table)
    daily = equity.daily(result.marks, sessions["day"], execution.capital_usd)
    for name in ("trades", "outcomes", "marks"):
        records.write(BACKTEST / f"{name}.parquet", getattr(result, name))
    records.write(BACKTEST / "daily.parquet", daily)
    write_plot(EQUITY, day=map(moments.iso, daily["day"].tolist()), equity_usd=daily["equity_usd"])
    curve = result.marks["equity_usd"]
    figures = kpi.summary(result.trades, signals.size, daily["pnl_usd"], curve, sessions, execution.capital_usd)
    fates = {fate.name.lower(): int(np.count_nonzero(result.outcomes["fate"] == fate)) for fate in Fate}
    print(f"backtest: {signals.size} signals: {', '.join(f'{name} {count}' for name, count in fates.items() if count)}")
    write_metrics("backtest", {figure.name: figure.value for figure in figures} | {"fates": fates})
    for figure in figures:
        print(f"  {figure.name:<26} {figure.undecidable or f'{figure.value:,.4g} {figure.unit}'}")


if __name__ == "__main__":
    run(main)
