"""Days of trades whose truth is known, and what the bootstrap says of them by name."""

import numpy as np

from mia_ml.metrics import bootstrap, day_sums
from mia_ml.metrics.bootstrap import Resampling

CAPITAL_USD = 100_000.0
RESAMPLING = Resampling(resamples=400, block_days=5.0, level=0.95, seed=13)
WIN_R, LOSS_R = 1.9, 1.1


def world(rng, n_days, trades_a_day=2.0, win_rate=0.42, likeness=0.1):
    """DAY_SUMS of trades that win 1.9 R or lose 1.1 R of 300 USD; those of a day share its win rate, drawn from a beta
    with that intraclass correlation, so that their expectancy is that of `win_rate`."""
    alike = 1 / likeness - 1
    sums = np.zeros(n_days, day_sums.DAY_SUMS)
    sums["day"] = np.arange(n_days)
    sums["n_trades"] = rng.poisson(trades_a_day, n_days)
    sums["n_wins"] = rng.binomial(sums["n_trades"], rng.beta(win_rate * alike, (1 - win_rate) * alike, n_days))
    sums["n_signals"] = sums["n_trades"] + rng.poisson(1, n_days)
    return settled(sums)


def settled(sums):
    """The sums that follow from counts."""
    won_r, lost_r = WIN_R * sums["n_wins"], LOSS_R * (sums["n_trades"] - sums["n_wins"])
    sums["net_r"] = won_r - lost_r
    sums["break_even"] = sums["n_trades"] * 0.37
    sums["won_usd"], sums["lost_usd"] = 300 * won_r, 300 * lost_r
    sums["pnl_usd"] = sums["won_usd"] - sums["lost_usd"]
    return sums


def by_name(found):
    return {estimate.name: estimate for estimate in found}


def of(sums, resampling=RESAMPLING):
    return by_name(bootstrap.estimates(sums, CAPITAL_USD, resampling))


def between(sums, other, resampling=RESAMPLING):
    return by_name(bootstrap.differences(sums, other, CAPITAL_USD, resampling))


RICH = world(np.random.default_rng(1), 300)
