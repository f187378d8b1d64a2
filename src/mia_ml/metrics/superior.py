"""Is any of many configurations better than a benchmark, when the luck of the best of many is taken off?

With d_k the mean daily P&L of configuration k above the benchmark's, of n days, and s_k the deviation of a day:

    SPA     Hansen (2005), A Test for Superior Predictive Ability, Journal of Business & Economic Statistics 23(4):
            p of T = max(0, max_k d_k / s_k), when none is better; configurations so poor that they cannot matter are
            kept at their mean (his "consistent" p)
    StepM   Romano & Wolf (2005), Stepwise Multiple Testing as Formalized Data Snooping, Econometrica 73(4): which ones
            are better, with a probability of at most `size` that any of them is not

Both are `arch.bootstrap.StepM` on a stationary bootstrap of days. It compares losses as they stand: `studentize=True`
of arch 8 finds deviations and does not divide by them, so that a configuration of ten contracts would drown the others.
Hence P&L is handed over in units of s_k. (Hansen divides by a long-run deviation, which is known less well: on noise,
80 configurations of 500 days, blocks of 5, that rejects 9 % at size 5 %, and s_k rejects 5 %.) Doing nothing, 0 every
day, is handed over as one more configuration: it puts the 0 into T, and without it arch raises when StepM finds all of
them better.
"""

from dataclasses import dataclass

import numpy as np
from arch.bootstrap import StepM

from mia_ml.core.errors import DataError
from mia_ml.metrics import estimate
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.metrics.estimate import Estimate

LEAST_DAYS = 20


@dataclass(frozen=True)
class Superior:
    """p: of "none is better than the benchmark". better: columns that are, by StepM, rising."""

    p: Estimate
    better: tuple[int, ...]


def compare(
    pnl: np.ndarray, resampling: Resampling, benchmark: np.ndarray | None = None, size: float = 0.05
) -> Superior:
    """SPA and StepM of daily P&L, float64 [days, configurations], against `benchmark`, float64 [days], or nothing.

    A configuration that never varies about the benchmark takes no part. p is (1 + resamples that reach T) /
    (1 + resamples), never 0, and 1 when no mean is above 0. Undecided for fewer than 20 days, or when none takes part.
    Raises DataError on P&L that is not known.
    """
    above = np.asarray(pnl, np.float64)
    if benchmark is not None:
        above = above - np.asarray(benchmark, np.float64)[:, None]
    lost = np.argwhere(~np.isfinite(above))
    if lost.size:
        day, column = lost[0]
        raise DataError(
            f"daily P&L of configuration {column}, day {day} is {above[day, column]}: run all of them on the same days"
        )
    taking_part = np.flatnonzero(np.ptp(above, axis=0) > 0) if len(above) else np.zeros(0, np.int64)
    few = f"fewer than {LEAST_DAYS} days" if len(above) < LEAST_DAYS else ""
    why = few or ("" if taking_part.size else "no configuration's daily P&L varies about the benchmark")
    if why:
        return Superior(estimate.undecided("spa_p", "probability", why), ())
    losses = np.zeros((len(above), taking_part.size + 1))
    losses[:, :-1] = -above[:, taking_part] / above[:, taking_part].std(axis=0)
    step = StepM(
        np.zeros(len(above)),
        losses,
        size=size,
        block_size=resampling.block_days,  # type: ignore[arg-type]
        reps=resampling.resamples,
        bootstrap="stationary",
        seed=resampling.seed,
    )
    step.compute()
    step.spa.compute()  # of all again, StepM ends on those that are left
    reached = round(float(step.spa.pvalues["consistent"]) * resampling.resamples)
    if (losses.mean(axis=0) >= 0).all():
        reached = resampling.resamples  # T is 0, which every resample reaches; arch counts those above
    method = (
        f"SPA, {taking_part.size} configurations, {resampling.resamples} stationary bootstraps, mean block "
        f"{resampling.block_days:g} days"
    )
    p = estimate.point("spa_p", (1 + reached) / (1 + resampling.resamples), "probability", method)
    return Superior(p, tuple(taking_part[np.asarray(step.superior_models, np.int64)].tolist()))
