"""Judgements as they come: long and short, without an edge and with one, with holes everywhere, and of nothing."""

import math
from collections.abc import Sequence

import numpy as np

from mia_ml.judge.judgement import About, Curve, Judgement, Power, Selection, Twins, Verdict
from mia_ml.metrics import estimate
from tests.reports import sample_gates, sample_parts

NAN = math.nan


def about(days: Sequence[int], folds: Sequence[int], synthetic: bool, look: int) -> About:
    return About(
        instrument="ES",
        formula="final",
        policy="tuned_filtered",
        synthetic=synthetic,
        first_day=days[0],
        last_day=days[-1],
        n_days=len(days),
        folds=tuple(folds),
        capital_usd=100_000.0,
        data_fingerprint="md5:0a1b2c3d4e5f60718293a4b5c6d7e8f9.dir",
        bundle="5f2c9d1b7a3e",
        look=look,
        alpha=0.05 / (look * (look + 1)) if look else 0.05,
    )


def long(expectancy: float = 0.04, n_days: int = 4_600, folds: int = 73, synthetic: bool = False) -> Judgement:
    """18 years, 73 folds: no edge found by default, an edge from 0.1 R."""
    rng = np.random.default_rng(4)
    days = sample_parts.trading_days(n_days)
    trades = int(0.78 * n_days)
    edge = expectancy > 0.1
    verdict = (
        Verdict(
            decision="edge",
            sentence=f"tuned_filtered on ES earns {expectancy:+.3f} R a trade after costs, and the desk's gates hold.",
            reasons=("The lower bound of expectancy clears 0 R.", "DSR, PBO and the random-entry twins agree."),
            undecided=(),
        )
        if edge
        else Verdict(
            decision="no edge found",
            sentence="No edge found: +0.040 R a trade after costs on ES (−0.020 to +0.106) is no better than entering "
            "at random (p 0.27), and the best of 149 configurations by luck would look as good.",
            reasons=(
                "DSR 0.54 is below 0.95: 21.4 effective trials explain this Sharpe ratio.",
                "PBO 0.37 is above 0.20: what is best in sample is below the median out of it in 37 of 100 splits.",
                "Random-entry twins do as well: p 0.27.",
                "One more tick of cost turns the expectancy to −0.010 R.",
            ),
            undecided=(
                "Profit factor at least 1.15: 0.97 to 1.23 holds the bound; some 4,100 more trades decide.",
                "Latency: not measured on this machine.",
            ),
        )
    )
    return Judgement(
        about=about(days, days[:: max(1, math.ceil(n_days / folds))], synthetic, look=0 if synthetic else 2),
        verdict=verdict,
        estimates={
            "tuned_filtered": sample_parts.estimates(expectancy, trades, n_days),
            "tuned": sample_parts.estimates(0.02, 2 * trades, n_days),
            "configured": sample_parts.estimates(-0.03, 3 * trades, n_days),
        },
        differences={"tuned": sample_parts.differences(0.02), "configured": sample_parts.differences(0.07)},
        selection=sample_parts.selection(rng, expectancy, folds),
        twins=Twins(
            p=estimate.point("twins_p", 0.27 if not edge else 0.001, "probability"),
            mean=0.01,
            values=tuple(np.round(rng.normal(0.01, 0.045, 1_000), 5).tolist()),
        ),
        information=sample_parts.information(rng),
        benchmarks=sample_parts.BENCHMARKS,
        ladders={"plan": sample_parts.ladder(rng, trades), "literal": sample_parts.ladder(rng, trades // 3)},
        stress=sample_parts.stress(expectancy),
        power=Power(
            sd_r=1.21,
            trades_per_month=16.2,
            detectable_r=0.0565,
            detectable_points=1.9,
            needed=(
                ("book", 3.0, 2_050, 2_660),
                ("thresholds", 2.0, 4_610, 5_980),
                ("gamma_cycle", 1.0, 18_440, 23_900),
            ),
        ),
        integrity=sample_parts.INTEGRITY,
        gates=sample_gates.tables(expectancy, trades),
        days=days,
        curves=sample_parts.curves(rng, n_days, expectancy),
        calibration=sample_parts.calibration(rng),
        trials=sample_parts.trials(rng, folds),
    )


def edge() -> Judgement:
    """An edge, on days of the hold-out that had been looked at once; without what takes long to draw."""
    return long(0.21, n_days=500, folds=8).model_copy(update={"ladders": {}, "trials": (), "calibration": ()})


def short() -> Judgement:
    """Two folds of 60 days on the built-in world."""
    return long(n_days=120, folds=2, synthetic=True)


def nothing() -> Judgement:
    """Two folds in which nothing was traded: no ladder, no trials, no filter, hardly a figure."""
    days = sample_parts.trading_days(40, "2024-01-02")
    none = estimate.undecided
    return Judgement(
        about=about(days, (days[0], days[20]), synthetic=True, look=0),
        verdict=Verdict(
            decision="undecided",
            sentence="Undecided: no trade was made in 40 days, so there is nothing to judge.",
            reasons=("0 trades of the 200 that the desk asks for.",),
            undecided=("Everything that needs a trade.",),
        ),
        estimates={"tuned_filtered": sample_parts.no_estimates()},
        differences={},
        selection=Selection(
            n_outer=0,
            n_outer_effective=NAN,
            n_inner={},
            sharpe_variance=NAN,
            deflated_against=NAN,
            psr=none("psr", "probability", "daily P&L never varies"),
            dsr=none("dsr", "probability", "no outer configuration in the ledger"),
            dsr_raw_n=none("dsr_raw_n", "probability", "no outer configuration in the ledger"),
            dsr_inner=none("dsr_inner", "probability", "no inner trial in the ledger"),
            pbo=none("pbo", "probability", "fewer than 2 configurations"),
            pbo_logits=(),
            pbo_configurations=0,
            pbo_seen=(),
            spa_p=none("spa_p", "probability", "fewer than 2 configurations"),
            superior=(),
            min_track_record_days=none("min_track_record_days", "trading days", "the Sharpe ratio is not above 0"),
            min_backtest_years=none("min_backtest_years", "years", "no trial"),
        ),
        twins=Twins(p=none("twins_p", "probability", "no trades"), mean=NAN, values=()),
        information=(),
        benchmarks=(),
        ladders={},
        stress=(),
        power=Power(sd_r=NAN, trades_per_month=0.0, detectable_r=NAN, detectable_points=NAN, needed=()),
        integrity=(),
        gates=(),
        days=days,
        curves=(Curve(policy="tuned_filtered", equity_usd=(100_000.0,) * 40),),
        calibration=(),
        trials=(),
    )


def hostile() -> Judgement:
    """Every text that a user chose is a trap for HTML, SVG, Jinja or mathtext."""
    trap = "<script>alert(1)</script>&\"'{{ 7 * 7 }}$\\frac{$"
    made = short()
    return made.model_copy(
        update={
            "about": made.about.model_copy(update={"policy": trap, "formula": trap, "bundle": trap}),
            "verdict": made.verdict.model_copy(update={"sentence": trap, "reasons": (trap,), "undecided": (trap,)}),
            "estimates": {trap: made.estimates["tuned_filtered"]},
            "differences": {trap: made.differences["tuned"]},
            "curves": tuple(curve.model_copy(update={"policy": trap}) for curve in made.curves),
            "ladders": {trap: tuple(s.model_copy(update={"name": trap, "adds": trap}) for s in made.ladders["plan"])},
            "gates": tuple(
                table.model_copy(
                    update={"title": trap, "results": tuple(r.model_copy(update={"why": trap}) for r in table.results)}
                )
                for table in made.gates
            ),
            "trials": tuple(trial.model_copy(update={"name": trap, "kind": trap}) for trial in made.trials),
            "stress": tuple(row.model_copy(update={"name": trap, "note": trap}) for row in made.stress),
            "information": tuple(cell.model_copy(update={"component": trap}) for cell in made.information),
            "integrity": tuple(check.model_copy(update={"detail": trap}) for check in made.integrity),
        }
    )
