"""backtest: signals on the tape -> trades, outcomes and equity in data/backtest, KPIs in reports/metrics."""

import numpy as np

from mia_ml import settings
from mia_ml.backtest import equity
from mia_ml.backtest.records import SIGNAL, Fate
from mia_ml.core import moments
from mia_ml.metrics import kpi
from mia_ml.store import records
from pipelines import BACKTEST, EQUITY, SIGNALS, run, write_metrics, write_plot
from pipelines.execution import sessions_of, table_of, walk
from pipelines.market import trading_days


def main() -> None:
    chosen = settings.load()
    days, native = trading_days(chosen)
    sessions, capital_usd = sessions_of(days), chosen.execution.capital_usd
    signals = records.read(SIGNALS, SIGNAL)
    result = walk(chosen, days, signals, table_of(native))
    daily = equity.daily(result.marks, sessions["day"], capital_usd)
    for name in ("trades", "outcomes", "marks"):
        records.write(BACKTEST / f"{name}.parquet", getattr(result, name))
    records.write(BACKTEST / "daily.parquet", daily)
    write_plot(EQUITY, day=map(moments.iso, daily["day"].tolist()), equity_usd=daily["equity_usd"])
    curve = result.marks["equity_usd"]
    figures = kpi.summary(result.trades, signals.size, daily["pnl_usd"], curve, sessions, capital_usd)
    fates = {fate.name.lower(): int(np.count_nonzero(result.outcomes["fate"] == fate)) for fate in Fate}
    print(f"backtest: {signals.size} signals: {', '.join(f'{name} {count}' for name, count in fates.items() if count)}")
    write_metrics("backtest", {figure.name: figure.value for figure in figures} | {"fates": fates})
    for figure in figures:
        print(f"  {figure.name:<26} {figure.undecidable or f'{figure.value:,.4g} {figure.unit}'}")


if __name__ == "__main__":
    run(main)
