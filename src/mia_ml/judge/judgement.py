"""The judgement of one evaluation as one document: what gates, pages, the registry and worlds read.

It is written once, as JSON, by the stage `judge`; floats that are not finite are written "NaN", "Infinity".
"""

import math
from pathlib import Path
from typing import Literal

import pydantic
from pydantic import ConfigDict

from mia_ml.core.errors import DataError
from mia_ml.metrics.estimate import Estimate

GateStatus = Literal["pass", "fail", "undecidable", "infeasible"]
StepVerdict = Literal["confirmed", "refuted", "undecided"]
Decision = Literal["edge", "no edge found", "undecided"]


class _Part(pydantic.BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class About(_Part):
    """What was judged. Days are yyyymmdd; folds: the first day of each test window. holdout: the look that showed the
    days, when they are those of the sealed hold-out."""

    instrument: str
    formula: str
    policy: str
    synthetic: bool
    first_day: int
    last_day: int
    n_days: int
    folds: tuple[int, ...]
    capital_usd: float
    data_fingerprint: str = ""
    bundle: str = ""
    look: int = 0  # 0: no hold-out was looked at
    alpha: float = 0.05


class GateResult(_Part):
    """One gate. rule: as a sentence. would_change: what would turn it, empty when it passes. bounds: least and most
    that pass, in `unit`, NaN where a side is open or the gate asks for no number."""

    name: str
    figure: str
    rule: str
    status: GateStatus
    value: float
    low: float
    high: float
    unit: str
    why: str = ""
    would_change: str = ""
    bounds: tuple[float, float] = (math.nan, math.nan)


class Note(_Part):
    """What a plan says beside its gates, such as its money table, next to what was measured; as a reader takes it."""

    what: str
    promised: str
    measured: str


class GateTable(_Part):
    """The gates of one file of conf/gates, in its order."""

    name: str
    title: str
    blocking: bool
    results: tuple[GateResult, ...]
    notes: tuple[Note, ...] = ()

    @property
    def passed(self) -> bool:
        return all(result.status == "pass" for result in self.results)


class LadderStep(_Part):
    """One step against the one before, on the same folds. promise: points of win rate [low, high], None where the plan
    promises none; promised_signals: the promised growth of their number, 1.5 is +150 %."""

    name: str
    adds: str
    promise: tuple[float, float] | None
    promised_signals: float | None
    n_trades: int
    n_signals: int
    expectancy_r: Estimate
    win_rate_minus_break_even: Estimate
    gain_r: Estimate | None  # paired difference with the step before; None on the first step
    gain_points: Estimate | None  # of win rate minus break-even, in points of win rate
    gain_candidates_r: Estimate | None  # the same on candidate events, which are more
    signals_change: float | None  # share
    verdict: StepVerdict | None
    why: str = ""


class StressRow(_Part):
    """The result under one condition. survives: share of the whole expectancy, NaN when that is not above 0."""

    group: str  # period, volatility, session, regime, weekday, costs, entry, parameters
    name: str
    n_trades: int
    expectancy_r: Estimate
    survives: float
    note: str = ""


class Information(_Part):
    """Information coefficient of a component at a horizon: rank correlation with the move that follows, of all rows."""

    component: str
    horizon_s: int
    ic: Estimate
    n_rows: int


class Integrity(_Part):
    """One check of the machinery: parity, canaries, data audit, export agreement, latency."""

    name: str
    ok: bool
    detail: str


class Selection(_Part):
    """What remains after the number of trials is counted. Sharpe ratios here are per day, not annual."""

    n_outer: int  # configurations whose out-of-sample result was computed on these days
    n_outer_effective: float
    n_inner: dict[str, int]  # configurations scored inside training windows, by how they ended
    sharpe_variance: float  # of the outer configurations
    deflated_against: float  # the Sharpe ratio expected of the best of n_outer_effective without skill
    psr: Estimate
    dsr: Estimate
    dsr_raw_n: Estimate  # with n_outer in place of n_outer_effective
    dsr_inner: Estimate  # of the in-sample result, deflated by the inner trials
    pbo: Estimate
    pbo_logits: tuple[float, ...]
    pbo_configurations: int
    pbo_seen: tuple[str, ...]  # fold winners, which had seen some of the folds
    spa_p: Estimate
    superior: tuple[str, ...]  # configurations that the stepwise test finds better than nothing
    min_track_record_days: Estimate
    min_backtest_years: Estimate


class Twins(_Part):
    """Random entries with the same hours, sides, exits and costs. values: the expectancy of each twin, R."""

    p: Estimate
    mean: float
    values: tuple[float, ...]


class Trial(_Part):
    """An outer configuration of the ledger, for the plot of trials against Sharpe."""

    name: str
    kind: str
    sharpe: float  # per day


class Bin(_Part):
    """One bin of the calibration curve of the combined probability on out-of-sample events."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int


class Power(_Part):
    """What can be seen at all. Sizes at 95 % confidence and 80 % power."""

    sd_r: float
    trades_per_month: float
    detectable_r: float  # the least expectancy that these trades could have shown
    detectable_points: float  # the least difference of win rate, in points
    needed: tuple[tuple[str, float, float, float], ...]  # what, difference in points, trades, trading days


class Verdict(_Part):
    """sentence: stands at the top of the page. reasons: what decided it, most important first."""

    decision: Decision
    sentence: str
    reasons: tuple[str, ...]
    undecided: tuple[str, ...]  # what could not be decided, and why


class Curve(_Part):
    """Equity at the end of each day, USD."""

    policy: str
    equity_usd: tuple[float, ...]


class Judgement(_Part):
    about: About
    verdict: Verdict
    estimates: dict[str, tuple[Estimate, ...]]  # by policy, the judged one first
    differences: dict[str, tuple[Estimate, ...]]  # the judged policy against another, paired by day
    selection: Selection
    twins: Twins
    information: tuple[Information, ...]
    benchmarks: tuple[Estimate, ...]
    ladders: dict[str, tuple[LadderStep, ...]]
    stress: tuple[StressRow, ...]
    power: Power
    integrity: tuple[Integrity, ...]
    gates: tuple[GateTable, ...]
    days: tuple[int, ...]
    curves: tuple[Curve, ...]
    calibration: tuple[Bin, ...]
    trials: tuple[Trial, ...]

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1) + "\n")


def read(path: Path) -> Judgement:
    """Raises DataError when the file is none."""
    try:
        return Judgement.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: not a judgement: {where}: {first['msg']}: run the stage judge again") from None
