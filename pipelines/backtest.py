"""backtest: signals on the tape -> trades, outcomes and equity in data/backtest, KPIs in reports/metrics."""

import numpy as np

from mia_ml import settings
from mia_ml.backtest.records import SIGNAL, Fate
from mia_ml.core import moments
from mia_ml.metrics import kpi
from mia_ml.store import records
from pipelines import BACKTEST, EQUITY, SIGNALS, run, write_metrics, write_plot
from pipelines.execution import recorded
from pipelines.market import trading_days


def main() -> None:
    chosen = settings.load()
    days, native = trading_days(chosen)
    record = recorded(chosen, days, native, records.read(SIGNALS, SIGNAL))
    record.write(BACKTEST)
    dates = map(moments.iso, record.daily["day"].tolist())
    write_plot(EQUITY, day=dates, equity_usd=record.daily["equity_usd"])
    fates = {fate.name.lower(): int(np.count_nonzero(record.result.outcomes["fate"] == fate)) for fate in Fate}
    told = ", ".join(f"{name} {count}" for name, count in fates.items() if count)
    print(f"backtest: {record.signals.size} signals: {told}")
    write_metrics("backtest", kpi.as_floats(record.figures) | {"fates": fates})
    for figure in record.figures:
        print(f"  {figure.name:<26} {figure.undecidable or f'{figure.value:,.4g} {figure.unit}'}")


if __name__ == "__main__":
    run(main)
