"""One objective evaluation by vectorbt or backtesting.py, run by the interpreter of `.venv-peers`, which lacks mia_ml.

    python objective_peer.py vectorbt|backtesting FOLDER [--bars N]

FOLDER holds `bars.npy` [4, n] (open, high, low, close), `components.npy` [k, n], `context.npy` and `day.npy` [n],
`multiplier.npy` and `threshold.npy` by context, `rules.json`. Its trades go to FOLDER/trades-PEER.npy, rows of entry
bar, side, exit bar, points; the seconds an evaluation takes to stdout.

Each peer then gives the figures an objective weighs, in its own way: vectorbt the number of trades, expectancy, win
rate, profit factor, Sharpe ratio and drawdown, backtesting.py all it has.

The rules: the score crosses its threshold from inside, within the day; entry at the next bar's open; stop and
take-profit at fixed distances; one position, what signals meanwhile is ignored.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPETITIONS = {"vectorbt": 5, "backtesting": 1}
WARM_UP_BARS = 5_000

Inputs = dict[str, Any]


def load(folder: Path, bars: int | None) -> Inputs:
    names = ("bars", "components", "context", "day", "multiplier", "threshold")
    inputs: Inputs = {name: np.load(folder / f"{name}.npy") for name in names}
    rules = json.loads((folder / "rules.json").read_text())
    return inputs | rules | {"bars": inputs["bars"][:, :bars]}


def crossings(inputs: Inputs) -> np.ndarray:
    """+1 where the score crosses up, -1 down, else 0."""
    n = inputs["bars"].shape[1]
    total, present = np.zeros(n), np.zeros(n)
    for weight, component in zip(inputs["weights"], inputs["components"], strict=True):
        there = ~np.isnan(component[:n])
        total += np.where(there, weight * component[:n], 0.0)
        present += np.where(there, abs(weight), 0.0)
    share = present / np.cumsum(np.abs(inputs["weights"]))[-1]
    raw = np.where(share >= inputs["least_weight"], total / share, np.nan)
    multiplier = inputs["multiplier"][inputs["context"][:n]]
    threshold = inputs["threshold"][inputs["context"][:n]]
    score = raw * multiplier
    inside = np.abs(score) <= threshold
    same_day = inputs["day"][1:n] == inputs["day"][: n - 1]
    armed = same_day & inside[:-1] & (np.abs(raw[:-1] * multiplier[1:]) <= threshold[1:])
    side = np.zeros(n, np.int64)
    side[1:] = np.where(armed & (np.abs(score[1:]) > threshold[1:]), np.sign(score[1:]), 0)
    return side


def by_vectorbt(inputs: Inputs) -> Callable[[], np.ndarray]:
    import pandas as pd
    import vectorbt  # type: ignore[import-not-found]
    from vectorbt.portfolio.enums import OppositeEntryMode, StopEntryPrice  # type: ignore[import-not-found]

    opened, high, low, close = inputs["bars"]
    closes = pd.Series(close, pd.date_range("2020", periods=close.size, freq="min"))

    def evaluate() -> np.ndarray:
        entry = np.roll(crossings(inputs), 1)  # the bar after the signal's, at its open
        entry[0] = 0
        portfolio = vectorbt.Portfolio.from_signals(
            closes,
            entries=entry > 0,
            short_entries=entry < 0,
            open=opened,
            high=high,
            low=low,
            price=opened,
            size=1.0,
            sl_stop=inputs["risk"] / opened,
            tp_stop=inputs["target"] / opened,
            stop_entry_price=StopEntryPrice.Price,
            upon_opposite_entry=OppositeEntryMode.Ignore,
            init_cash=1e9,
        )
        of_trades = portfolio.trades
        of_trades.count(), of_trades.expectancy(), of_trades.win_rate(), of_trades.profit_factor()
        portfolio.sharpe_ratio(), portfolio.max_drawdown()
        trades = of_trades.values
        trades = trades[trades["status"] == 1]  # closed
        return np.column_stack([trades["entry_idx"], 1 - 2 * trades["direction"], trades["exit_idx"], trades["pnl"]])

    return evaluate


def by_backtesting(inputs: Inputs) -> Callable[[], np.ndarray]:
    import backtesting  # type: ignore[import-not-found]
    import pandas as pd

    risk, target = inputs["risk"], inputs["target"]
    frame = pd.DataFrame(
        inputs["bars"].T,
        columns=["Open", "High", "Low", "Close"],
        index=pd.date_range("2020", periods=inputs["bars"].shape[1], freq="min"),
    )

    class Confluence(backtesting.Strategy):
        def init(self) -> None:
            self.sides = crossings(inputs)

        def next(self) -> None:
            side = self.sides[len(self.data) - 1]
            if side == 0 or self.position:
                return
            price = self.data.Close[-1]  # the next bar opens where this one closed
            order = self.buy if side > 0 else self.sell
            order(size=1, sl=price - side * risk, tp=price + side * target)

    def evaluate() -> np.ndarray:
        trades = backtesting.Backtest(frame, Confluence, cash=1e9).run()["_trades"]
        return np.column_stack([trades[name] for name in ("EntryBar", "Size", "ExitBar", "PnL")])

    return evaluate


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=list(REPETITIONS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bars", type=int)
    chosen = parser.parse_args()
    prepare = {"vectorbt": by_vectorbt, "backtesting": by_backtesting}[chosen.peer]
    prepare(load(chosen.folder, WARM_UP_BARS))()
    evaluate = prepare(load(chosen.folder, chosen.bars))
    taken = []
    for _ in range(REPETITIONS[chosen.peer]):
        start = time.perf_counter()
        trades = evaluate()
        taken.append(time.perf_counter() - start)
    np.save(chosen.folder / f"trades-{chosen.peer}.npy", np.asarray(trades, np.float64))
    print(json.dumps({"seconds": statistics.median(taken)}))


if __name__ == "__main__":
    main()
