"""The parts of a sample judgement."""

import math

import numpy as np

from mia_ml.judge.judgement import (
    Bin,
    Curve,
    Information,
    Integrity,
    LadderStep,
    Selection,
    StepVerdict,
    StressRow,
    Trial,
)
from mia_ml.metrics import estimate
from mia_ml.metrics.estimate import Estimate

NAN = math.nan
BOOTSTRAP = "BCa over 10,000 stationary bootstraps of days, mean block 5"
STEPS: tuple[tuple[str, str, tuple[float, float] | None, float | None], ...] = (
    ("baseline", "the formula before phase 1", None, None),
    ("book", "order book imbalance", (3.0, 5.0), None),
    ("thresholds", "thresholds .35 to .25", (2.0, 3.0), 1.5),
    ("redundancy", "dow and trend dropped, weights moved", (1.0, 2.0), None),
    ("tick_momentum", "tick momentum", (2.0, 3.0), None),
    ("delta_divergence", "delta divergence", (2.0, 3.0), None),
    ("volatility", "threshold by volatility regime", (1.0, 2.0), None),
    ("session", "session factor", (1.0, 2.0), None),
    ("mtf_confluence", "confluence of three timeframes", (2.0, 3.0), None),
    ("smart_money", "smart money index", (2.0, 3.0), None),
    ("ml", "filter of models", (1.0, 2.0), None),
    ("gamma_cycle", "gamma cycle factor", (1.0, 1.0), None),
)
COMPONENTS = (
    "order_book_imbalance",
    "tick_momentum",
    "delta_divergence",
    "smart_money_index",
    "gamma_levels",
    "options_flow_bias",
    "volume_confirmation",
    "vwap_trend_globex",
    "aggression_bias",
    "dow_trend_regime",
    "mtf_confluence",
)
HORIZONS_S = (1, 5, 30, 60, 300, 900, 1800, 6000)


def figure(name: str, value: float, half: float, unit: str) -> Estimate:
    return Estimate(name, value, value - half, value + 1.1 * half, unit, method=BOOTSTRAP)


def trading_days(count: int, first: str = "2006-03-01") -> tuple[int, ...]:
    days = np.busday_offset(first, np.arange(count), roll="forward")
    return tuple(int(str(day).replace("-", "")) for day in days)


def estimates(expectancy: float, n_trades: int, n_days: int) -> tuple[Estimate, ...]:
    return (
        estimate.point("n_trades", n_trades, "trades"),
        estimate.point("n_days", n_days, "trading days"),
        estimate.point("days_traded", n_days // 2, "trading days"),
        figure("win_rate", 0.385 + expectancy / 3, 0.021, "share"),
        figure("break_even_win_rate", 0.391, 0.002, "share"),
        figure("win_rate_minus_break_even", expectancy / 3 - 0.006, 0.02, "share"),
        figure("false_signals", 0.615 - expectancy / 3, 0.021, "share"),
        figure("expectancy_r", expectancy, 0.06, "R"),
        figure("profit_factor", 1 + 1.3 * expectancy, 0.11, "ratio"),
        figure("sharpe", 6 * expectancy, 0.42, "per sqrt(year)"),
        figure("max_drawdown", 0.143, 0.05, "share of the peak"),
        figure("average_win_over_loss", 1.62, 0.08, "ratio"),
        figure("annual_return", 0.4 * expectancy, 0.021, "share of capital"),
        figure("net_usd", 400_000 * expectancy, 21_000, "USD"),
        estimate.point("n_signals", 2 * n_trades, "signals"),
        figure("signals_per_month", 21 * 2 * n_trades / n_days, 0.8, "signals/month"),
        figure("trades_per_month", 21 * n_trades / n_days, 0.4, "trades/month"),
    )


def no_estimates() -> tuple[Estimate, ...]:
    return (
        estimate.point("n_trades", 0, "trades"),
        estimate.point("n_days", 40, "trading days"),
        *(
            estimate.undecided(name, unit, "no trades")
            for name, unit in (("win_rate", "share"), ("expectancy_r", "R"), ("sharpe", "per sqrt(year)"))
        ),
        estimate.undecided("profit_factor", "ratio", "no losing trade"),
    )


def differences(gap: float) -> tuple[Estimate, ...]:
    return (
        figure("expectancy_r", gap, 0.05, "R"),
        figure("win_rate", gap / 3, 0.018, "share"),
        figure("win_rate_minus_break_even", gap / 3, 0.018, "share"),
        estimate.undecided("profit_factor", "ratio", "fewer than 100 trades differ"),
        figure("sharpe", 5 * gap, 0.4, "per sqrt(year)"),
        figure("net_usd", 90_000 * gap, 9_000, "USD"),
        figure("signals_change", -0.42, 0.03, "share"),
    )


def ladder(rng: np.random.Generator, trades: int) -> tuple[LadderStep, ...]:
    steps = []
    for k, (name, adds, promise, promised_signals) in enumerate(STEPS):
        points = figure("gain_points", float(rng.normal(0.2, 0.9)), 0.8 + 0.15 * k, "points")
        if k == 6:
            points = figure("gain_points", 4.0, 31.0, "points")
        if k == 4:
            points = Estimate("gain_points", 2.7, 1.9, 3.4, "points", method=BOOTSTRAP)
        if k == 9:
            points = estimate.undecided("gain_points", "points", "the step changed no trade")
        verdict: StepVerdict = "confirmed" if k == 4 else "refuted" if k in (1, 2, 5) else "undecided"
        first = k == 0
        steps.append(
            LadderStep(
                name=name,
                adds=adds,
                promise=promise,
                promised_signals=promised_signals,
                n_trades=trades - trades // 90 * k,
                n_signals=2 * trades + 31 * k,
                expectancy_r=figure("expectancy_r", 0.01 + 0.004 * k, 0.06, "R"),
                win_rate_minus_break_even=figure("win_rate_minus_break_even", 0.001 * k, 0.02, "share"),
                gain_r=None
                if first
                else estimate.undecided("gain_r", "R", "the step changed no trade")
                if k == 9
                else figure("gain_r", points.value / 40, (points.high - points.low) / 80, "R"),
                gain_points=None if first else points,
                gain_candidates_r=None if first else figure("gain_candidates_r", 0.003 * k, 0.011, "R"),
                signals_change=None if first else float(rng.normal(0.1, 0.3)),
                verdict=None if first else verdict,
                why=""
                if first or verdict == "confirmed"
                else "the gain, +0.9 points [-0.2, +2.1], lies below the promised +3.0 points"
                if verdict == "refuted"
                else "the gain, +1.0 points [-0.2, +2.4], may or may not reach the promised +1.0 points; 14,000 trades",
            )
        )
    return tuple(steps)


def stress(expectancy: float) -> tuple[StressRow, ...]:
    rows = (
        ("period", "covid", 212, -0.08, "2020-02-20 to 2020-04-30"),
        ("period", "us_election_2024", 31, 0.11, "2024-10-22 to 2024-11-19"),
        ("period", "us_election_2016", 0, NAN, "2016-10-25 to 2016-11-22"),
        ("volatility", "worst decile of days", 410, -0.03, ""),
        ("session", "overnight", 820, 0.01, ""),
        ("session", "pre-market", 611, 0.05, ""),
        ("session", "open, 09:30 to 11:00", 1211, 0.09, ""),
        ("session", "mid-day", 540, -0.01, ""),
        ("session", "close, 14:00 to 16:00", 418, 0.03, ""),
        ("regime", "low volatility", 1020, 0.02, ""),
        ("regime", "normal volatility", 2000, 0.05, ""),
        ("regime", "high volatility", 580, 0.04, ""),
        *(("weekday", day, 700, 0.02 * k - 0.03, "") for k, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri"))),
        ("costs", "doubled", 3600, -0.06, ""),
        ("costs", "one more tick of slippage", 3600, -0.01, ""),
        ("entry", "one bar late", 3600, 0.02, ""),
        ("parameters", "jittered by 10 %, median of 20", 3600, 0.035, "from −0.02 to 0.07 R"),
        ("parameters", "jittered by 10 %, worst of 20", 3600, -0.02, ""),
    )
    made = []
    for group, name, n, value, note in rows:
        value += expectancy - 0.04
        known = (
            figure("expectancy_r", value, 3.5 / math.sqrt(n), "R")
            if n
            else estimate.undecided("expectancy_r", "R", "no trades")
        )
        survives = value / expectancy if n and expectancy > 0 else NAN
        made.append(StressRow(group=group, name=name, n_trades=n, expectancy_r=known, survives=survives, note=note))
    return tuple(made)


def information(rng: np.random.Generator) -> tuple[Information, ...]:
    found = []
    for i, component in enumerate(COMPONENTS):
        for j, horizon in enumerate(HORIZONS_S):
            ic = float(rng.normal(0.02 * math.exp(-((i - j) ** 2) / 8), 0.006))
            known = figure("ic", ic, 0.008, "rank correlation")
            if component in ("gamma_levels", "options_flow_bias"):
                known = estimate.undecided("ic", "rank correlation", "absent from this source")
            elif horizon == 1:
                known = estimate.undecided("ic", "rank correlation", "rows are a minute apart")
            found.append(Information(component=component, horizon_s=horizon, ic=known, n_rows=412_000 - 1000 * j))
    return tuple(found)


def curves(rng: np.random.Generator, days: int, expectancy: float) -> tuple[Curve, ...]:
    made = []
    for policy, drift in (("tuned_filtered", expectancy), ("tuned", 0.02), ("configured", -0.03)):
        steps = rng.normal(drift * 60, 260, days) * (rng.random(days) < 0.5)
        made.append(Curve(policy=policy, equity_usd=tuple((100_000 + np.cumsum(steps)).round(2).tolist())))
    return tuple(made)


def calibration(rng: np.random.Generator) -> tuple[Bin, ...]:
    made = []
    for k in range(9):
        p, n = 0.22 + 0.045 * k, int(2200 * math.exp(-((k - 4) ** 2) / 6)) + 12
        observed = float(np.clip(p + rng.normal(0, 0.02), 0, 1))
        half = 1.96 * math.sqrt(p * (1 - p) / n)
        made.append(
            Bin(predicted=p, observed=observed, low=max(observed - half, 0.0), high=min(observed + half, 1.0), n=n)
        )
    return tuple(made)


def trials(rng: np.random.Generator, folds: int) -> tuple[Trial, ...]:
    made = [
        Trial(name=name, kind="ladder step", sharpe=float(s))
        for (name, *_), s in zip(STEPS, rng.normal(0, 0.014, len(STEPS)), strict=True)
    ]
    made += [Trial(name=f"probe {k}", kind="probe", sharpe=float(s)) for k, s in enumerate(rng.normal(0, 0.014, 64))]
    made += [
        Trial(name=f"winner of fold {k}", kind="fold winner", sharpe=float(s))
        for k, s in enumerate(rng.normal(0.012, 0.01, folds))
    ]
    return tuple(made)


def selection(rng: np.random.Generator, expectancy: float, folds: int) -> Selection:
    def probability(name: str, value: float) -> Estimate:
        return estimate.point(name, value, "probability")

    shift = 2.5 if expectancy > 0.1 else 0.35
    return Selection(
        n_outer=76 + folds,
        n_outer_effective=21.4,
        n_inner={"finished": 14_600, "pruned": 3_011, "failed": 4, "abandoned": 12},
        sharpe_variance=0.014**2,
        deflated_against=0.0283,
        psr=probability("psr", 0.87),
        dsr=probability("dsr", 0.97 if expectancy > 0.1 else 0.54),
        dsr_raw_n=probability("dsr_raw_n", 0.96 if expectancy > 0.1 else 0.45),
        dsr_inner=estimate.undecided("dsr_inner", "probability", "the inner trials kept no daily results"),
        pbo=probability("pbo", 0.04 if expectancy > 0.1 else 0.37),
        pbo_logits=tuple(np.round(rng.normal(shift, 1.4, 12_870), 3).tolist()),
        pbo_configurations=76 + folds,
        pbo_seen=tuple(f"winner of fold {k}" for k in range(folds)),
        spa_p=probability("spa_p", 0.21),
        superior=("tick_momentum",) if expectancy > 0.1 else (),
        min_track_record_days=estimate.point("min_track_record_days", 5_913, "trading days"),
        min_backtest_years=estimate.point("min_backtest_years", 14.2, "years"),
    )


INTEGRITY = (
    Integrity(name="parity", ok=True, detail="batch and live agree in bytes on 3 days, 1.2 M events"),
    Integrity(name="canaries", ok=True, detail="14 of 14 planted leaks caught, 0 of 41 clean features flagged"),
    Integrity(name="data audit", ok=True, detail="0.02 % quarantined, 0 of 4,600 days missing"),
    Integrity(name="export agreement", ok=True, detail="largest difference 0 over 4,096 rows"),
    Integrity(name="latency", ok=False, detail="p99 of a decision 4.1 ms, allowed 2.0 ms"),
)
BENCHMARKS = (
    figure("buy_and_hold_annual_return", 0.071, 0.09, "share of capital"),
    estimate.point("buy_and_hold_usd", 129_500.0, "USD"),
    figure("gamma_levels", 0.012, 0.07, "R"),
    figure("vwap_trend_globex", -0.021, 0.05, "R"),
    estimate.undecided("options_flow_bias", "R", "no trades"),
)
