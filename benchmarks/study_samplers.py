"""Which sampler earns its time: python benchmarks/study_samplers.py [--samplers NAME...] [--seeds N] [--trials N]

Each searches the same planted markets: 10 components of which three foretell outcomes, in some sessions more than in
others, the rest noise; the figure is the cautious expectancy of some 400 trades. `found` is the best figure a search
reached, `after a quarter` what it had by then, `true` the expectancy of that best formula on a market of its own kind
that is twenty times as long. Sampler time is what the study takes beyond its evaluations, on one thread.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.objective import PARAMS
from mia_ml import settings
from mia_ml.backtest.records import Fate
from mia_ml.core import calendar
from mia_ml.core.moments import MINUTE
from mia_ml.evaluation import policy
from mia_ml.evaluation.panel import Panel
from mia_ml.features import engine
from mia_ml.features.clock import SESSIONS
from mia_ml.labels.records import LABEL, SIDES
from mia_ml.tuning.choice import best
from mia_ml.tuning.objective import Objective
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.proposals import SAMPLERS
from mia_ml.tuning.pruning import NEVER, Cut
from mia_ml.tuning.records import Result
from mia_ml.tuning.space import Space
from mia_ml.tuning.study import Study
from mia_ml.tuning.trials import PolicyTrials

COMPONENTS = engine.COMPONENTS[:10]
STRENGTH = dict.fromkeys(COMPONENTS, 0.0) | {COMPONENTS[0]: 0.5, COMPONENTS[3]: 0.35, COMPONENTS[7]: 0.25}
SESSION_STRENGTH = (0.2, 1.0, 0.6, 1.0, 0.2, 0.0)
WON_R, LOST_R, EVEN = 1.9, -1.1, 0.36  # net of costs; the share won without an edge
LIFE_NS = 30 * MINUTE
BATCH = 16
SPACE: dict[str, Any] = {
    "weights": {"kind": "simplex", "components": dict.fromkeys(COMPONENTS)},
    "threshold": {"base": [0.05, 0.45]},
    "session": {name: [0.2, 1.5] for name in ("morning", "midday", "overnight")},
    "cooldown_minutes": [0, 60],
}


def market(seed: int, days: int) -> Panel:
    """Minutes of `days` sessions, 2:1 barriers won more often where the planted components point."""
    rng = np.random.default_rng(seed)
    sessions = calendar.load("cme_globex", 2000, 2024).between(20000103, 20241230)[:days]
    length = (sessions["close_ns"] - sessions["open_ns"]) // MINUTE
    day = np.repeat(np.arange(sessions.size), length)
    minute = np.concatenate([np.arange(1, count + 1) for count in length])
    rows = np.zeros(day.size, engine.ROW)
    rows["ts"], rows["day"] = sessions["open_ns"][day] + minute * MINUTE, sessions["day"][day]
    rows["session"] = minute * len(SESSIONS) // (length.max() + 1)
    edge = np.zeros(rows.size)
    for name, strength in STRENGTH.items():
        half_hours = rng.normal(size=rows.size // 30 + 2)
        rows[name] = np.clip(0.5 * np.interp(np.arange(rows.size) / 30, np.arange(half_hours.size), half_hours), -1, 1)
        edge += strength * rows[name]
    edge *= np.array(SESSION_STRENGTH)[rows["session"].astype(np.int64)]
    labels = np.zeros((rows.size, 2), LABEL)
    labels["signal_ns"], labels["side"], labels["fate"] = rows["ts"][:, None], SIDES, Fate.TRADED
    labels["exit_ns"] = labels["free_ns"] = rows["ts"][:, None] + LIFE_NS
    won = rng.random(labels.shape) < EVEN + 0.25 * edge[:, None] * np.array(SIDES)
    labels["net_r"] = np.where(won, WON_R, LOST_R)
    labels["net_usd"] = 500.0 * labels["net_r"]
    return Panel.build(rows, labels, COMPONENTS, settings.load(PARAMS).context.model_dump())


def search(panel: Panel) -> PolicyTrials:
    chosen = settings.load(PARAMS)
    return PolicyTrials(
        panel=panel,
        folds=((0, panel.ts.size),),
        space=Space.from_dict(SPACE, COMPONENTS),
        confluence=chosen.confluence.model_dump(),
        context=chosen.context.model_dump(),
        objective=Objective(("expectancy_r",), least_trades=200),
        capital_usd=100_000.0,
    )


def measured(sampler: str, seeds: int, n_trials: int, days: int) -> list[tuple[float, ...]]:
    """Found, found after a quarter, true, seconds of the sampler: for each seed."""
    long = market(1_000, 20 * days)
    figures: list[tuple[float, ...]] = []
    for seed in range(seeds):
        run = search(market(seed, days))
        run.evaluate(run.space.params(np.full(run.space.size, 0.5)), NEVER)  # compiles
        spent, evaluate = timed(run.evaluate)
        start = time.perf_counter()
        with Study("memory", "study", Plan(run.space, ("expectancy_r",), seed, BATCH, sampler)) as study:
            trials = study.optimize(n_trials, evaluate)
        taken = time.perf_counter() - start - spent()
        winner = best(trials)
        true = policy.run(long, run.formula(winner.params), 0, long.ts.size)["net_r"].mean()
        figures.append((winner.values[0], best(trials[: n_trials // 4]).values[0], float(true), taken))
    return figures


def timed(evaluate: Callable[[dict[str, Any], Cut], Result]) -> tuple[Callable[[], float], Any]:
    seconds = [0.0]

    def inner(params: dict[str, Any], cut: Cut) -> Result:
        start = time.perf_counter()
        try:
            return evaluate(params, cut)
        finally:
            seconds[0] += time.perf_counter() - start

    return lambda: seconds[0], inner


def main() -> int:
    parser = argparse.ArgumentParser(description="Samplers side by side on planted markets.")
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=list(SAMPLERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=130)
    chosen = parser.parse_args()
    print(f"{chosen.trials:,} trials of {len(search(market(0, 2)).space.distributions())} params, {chosen.seeds} seeds")
    print(f"{'sampler':<10}{'found, R':>12}{'(sd)':>8}{'after a quarter':>18}{'true, R':>10}{'sampler, s':>12}")
    for sampler in chosen.samplers:
        found, quarter, true, taken = zip(*measured(sampler, chosen.seeds, chosen.trials, chosen.days), strict=True)
        spread = statistics.stdev(found) if len(found) > 1 else 0.0
        means = [statistics.mean(values) for values in (quarter, true, taken)]
        print(
            f"{sampler:<10}{statistics.mean(found):>12.3f}{spread:>8.3f}"
            f"{means[0]:>18.3f}{means[1]:>10.3f}{means[2]:>12.1f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
