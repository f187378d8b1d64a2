"""What the desk's gates read of a judged policy: figures with intervals, and what the number of trials leaves of them.

    figures       intervals by the stationary bootstrap of days (`metrics.bootstrap`)
    selection     PSR, DSR against the outer configurations, PBO and SPA over the common matrix (`evaluation.matrix`)
    luck          random-entry twins (`evaluation.twins`)
    cost          expectancy with one more tick (`evaluation.stress`)

Outer configurations are those whose out-of-sample result was computed, inner ones were scored inside training windows.
The out-of-sample result is deflated by the outer ones only, with the variance of their Sharpe ratios and their
effective number by mean correlation; the in-sample one by the inner trials only. The variance is not taken below
1 / (d - 1) for d days, that of independent trials without skill: correlated ones have less, and their effective number
has taken that into account already.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mia_ml.evaluation import stress, twins
from mia_ml.evaluation.ground import Ground, Outcome
from mia_ml.evaluation.matrix import Matrix
from mia_ml.judge.judgement import Selection, Twins
from mia_ml.metrics import bootstrap, overfitting, sharpe, superior
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.metrics.estimate import Estimate
from mia_ml.metrics.kpi import DAYS_A_YEAR


@dataclass(frozen=True)
class Measures:
    """How it is measured. cscv_blocks, twins, seed: as conf/judge has them."""

    resampling: Resampling
    capital_usd: float
    cscv_blocks: int
    twins: int
    seed: int


@dataclass(frozen=True)
class Outer:
    """A configuration whose out-of-sample result was computed. days: yyyymmdd rising; pnl_usd: float64, one a day."""

    name: str
    kind: str
    days: np.ndarray
    pnl_usd: np.ndarray


@dataclass(frozen=True)
class Inner:
    """What was scored inside training windows. counts: configurations by how they ended. sharpes: annual, NaN where
    unknown; best: the highest of them, NaN without one."""

    counts: Mapping[str, int]
    sharpes: np.ndarray
    best: float
    n_days: int  # of a training window


@dataclass(frozen=True)
class Proof:
    """sums: DAY_SUMS of the judged policy. sd_r: of one trade, R. estimates: those of the gates among them."""

    sums: np.ndarray
    sd_r: float
    estimates: tuple[Estimate, ...]
    selection: Selection
    twins: Twins

    @property
    def by_name(self) -> dict[str, Estimate]:
        """Every figure that a gate may ask for."""
        chosen = self.selection
        return {
            one.name: one for one in (*self.estimates, chosen.psr, chosen.dsr, chosen.pbo, chosen.spa_p, self.twins.p)
        }


def of(
    ground: Ground, judged: Outcome, matrix: Matrix, outer: Sequence[Outer], inner: Inner, measures: Measures
) -> Proof:
    """The proof of a policy on a ground. outer: every configuration known on these days, `judged` among them."""
    sums = judged.sums(ground.days)
    found = bootstrap.estimates(sums, measures.capital_usd, measures.resampling)
    dearer = stress.one_more_tick(ground, judged, measures.resampling)
    luck = twins.of(ground, judged.trades, measures.twins, measures.seed)
    chosen = selection(judged.pnl_usd, matrix, outer, inner, measures)
    sd_r = float(judged.trades["net_r"].std(ddof=1)) if judged.trades.size > 1 else math.nan
    return Proof(sums, sd_r, (*found, dearer), chosen, luck)


def selection(
    pnl_usd: np.ndarray, matrix: Matrix, outer: Sequence[Outer], inner: Inner, measures: Measures
) -> Selection:
    """What remains of daily P&L, float64 [d], after the number of trials is counted."""
    record = sharpe.track(pnl_usd)
    table = aligned(outer)
    variance = max(sharpe.variance_of(sharpe.of_trials(table)), 1 / max(1, pnl_usd.size - 1))
    n_effective = max(1.0, sharpe.effective_by_mean(sharpe.correlations(table)))
    found = overfitting.cscv(matrix.pnl_usd, measures.cscv_blocks)
    better = superior.compare(matrix.pnl_usd, measures.resampling)
    annual = record.sharpe * math.sqrt(DAYS_A_YEAR)
    return Selection(
        n_outer=len(outer),
        n_outer_effective=n_effective,
        n_inner=dict(inner.counts),
        sharpe_variance=variance,
        deflated_against=sharpe.expected_maximum(n_effective, variance) if variance >= 0 else math.nan,
        psr=sharpe.probabilistic(record),
        dsr=sharpe.deflated(record, n_effective, variance),
        dsr_raw_n=sharpe.deflated(record, max(1, len(outer)), variance, "dsr_raw_n"),
        dsr_inner=_inner_dsr(inner),
        pbo=found.pbo,
        pbo_logits=tuple(found.logits.tolist()),
        pbo_configurations=len(matrix.configurations),
        pbo_seen=matrix.seen,
        spa_p=better.p,
        superior=tuple(matrix.names[k] for k in better.better),
        min_track_record_days=sharpe.minimum_track_record(record),
        min_backtest_years=sharpe.minimum_backtest(max(1.0, n_effective), annual),
    )


def aligned(outer: Sequence[Outer]) -> np.ndarray:
    """Daily P&L on all of their days, float64 [d, k], NaN where a configuration was not computed."""
    days = np.unique(np.concatenate([np.zeros(0, np.int64), *(one.days for one in outer)]))
    table = np.full((days.size, len(outer)), np.nan)
    for k, one in enumerate(outer):
        table[np.searchsorted(days, one.days), k] = one.pnl_usd
    return table


def _inner_dsr(inner: Inner) -> Estimate:
    """The best in-sample Sharpe ratio against the best of so many inner trials; days taken as normal, since no trial
    keeps its days."""
    n = int(sum(inner.counts.values()))
    record = sharpe.Track(inner.n_days, inner.best / math.sqrt(DAYS_A_YEAR), 0.0, 3.0)
    if math.isnan(inner.best) or inner.n_days < sharpe.LEAST_DAYS:
        record = sharpe.Track(inner.n_days, math.nan, math.nan, math.nan, "no inner trial has a Sharpe ratio")
    variance = sharpe.variance_of(inner.sharpes) / DAYS_A_YEAR
    return sharpe.deflated(record, max(1, n), variance, "dsr_inner")
