"""A judgement of made-up figures: 840 trades on 1,000 days, with what a test changes."""

import math
from typing import Any

from mia_ml.core import figures
from mia_ml.judge.judgement import About, GateResult, GateStatus, GateTable, Judgement, Power, Selection, Twins, Verdict
from mia_ml.metrics import estimate
from mia_ml.metrics.estimate import Estimate

NAN = math.nan


def measured(name: str, value: float, low: float = NAN, high: float = NAN, level: float = 0.95) -> Estimate:
    return Estimate(name, value, low, high, figures.FIGURES[name].unit, level)


def by_name(*found: Estimate) -> dict[str, Estimate]:
    return {one.name: one for one in found}


def passing() -> dict[str, Estimate]:
    """Every figure of the desk, each of which passes."""
    return by_name(
        measured("n_trades", 840),
        measured("days_traded", 600),
        measured("n_days", 1000),
        measured("expectancy_r", 0.15, 0.06, 0.24),
        measured("dsr", 0.99),
        measured("pbo", 0.05),
        measured("twins_p", 0.001),
        measured("profit_factor", 1.4, 1.2, 1.6),
        measured("max_drawdown", 0.08),
        measured("expectancy_r_plus_tick", 0.1, 0.01, 0.19),
        measured("trades_per_month", 17.6),
    )


def about(**changes: Any) -> About:
    given: dict[str, Any] = {
        "instrument": "ES",
        "formula": "final",
        "policy": "tuned_filtered",
        "synthetic": False,
        "first_day": 20200102,
        "last_day": 20231229,
        "n_days": 1000,
        "folds": (20200102,),
        "capital_usd": 100_000.0,
    }
    return About(**given | changes)


def power(detectable_r: float = 0.12) -> Power:
    return Power(sd_r=1.3, trades_per_month=17.6, detectable_r=detectable_r, detectable_points=4.0, needed=())


def selection() -> Selection:
    nothing = estimate.undecided("psr", "probability", "not part of this test")
    return Selection(
        n_outer=97,
        n_outer_effective=12.0,
        n_inner={"finished": 14_000, "failed": 8, "pruned": 200},
        sharpe_variance=0.001,
        deflated_against=0.05,
        psr=nothing,
        dsr=nothing,
        dsr_raw_n=nothing,
        dsr_inner=nothing,
        pbo=nothing,
        pbo_logits=(),
        pbo_configurations=0,
        pbo_seen=(),
        spa_p=nothing,
        superior=(),
        min_track_record_days=nothing,
        min_backtest_years=nothing,
    )


def result(name: str = "trades", status: GateStatus = "pass", **changes: Any) -> GateResult:
    given: dict[str, Any] = {
        "name": name,
        "figure": "n_trades",
        "rule": "out-of-sample trades at least 200",
        "value": 840.0,
        "low": NAN,
        "high": NAN,
        "unit": "trades",
    }
    return GateResult(status=status, **given | changes)


def table(*statuses: GateStatus, blocking: bool = True, name: str = "desk") -> GateTable:
    results = tuple(result(f"gate {i}", status) for i, status in enumerate(statuses))
    return GateTable(name=name, title=name.title(), blocking=blocking, results=results)


def judgement(*tables: GateTable) -> Judgement:
    return Judgement(
        about=about(),
        verdict=Verdict(decision="undecided", sentence="Not decided: a sample.", reasons=(), undecided=()),
        estimates={},
        differences={},
        selection=selection(),
        twins=Twins(p=measured("twins_p", 0.5), mean=0.0, values=()),
        information=(),
        benchmarks=(),
        ladders={},
        stress=(),
        power=power(),
        integrity=(),
        gates=tables,
        days=(),
        curves=(),
        calibration=(),
        trials=(),
    )
