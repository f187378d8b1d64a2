"""Stress: the judged trades under one condition at a time, and how much of their expectancy survives.

    period, volatility, weekday   the trades of those days, drawn by those days
    session, regime               the trades signalled in them, drawn by all days
    costs        every trade pays more; a fill is not moved by what it costs, so nothing else changes
    entry        every signal is acted on some rows late in its day; outcomes are those of the later rows' own labels
    parameters   each weight and the threshold times a factor from [1 - share, 1 + share], the same in every window

The volatility of a day is the range of its closes over their mean. survives: expectancy under the condition over that
of all trades.
"""

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mia_ml.confluence import formula as formulas
from mia_ml.confluence.formula import Formula
from mia_ml.core import moments
from mia_ml.evaluation.ground import Ground, Outcome, PassesOf, Window
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from mia_ml.judge.judgement import StressRow
from mia_ml.metrics import bootstrap, day_sums
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.metrics.estimate import Estimate, undecided

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_THURSDAY = 3  # 1 January 1970


@dataclass(frozen=True)
class Conditions:
    """What a result is put through. periods: first and last day, yyyymmdd, by name. worst_share: of the days.

    slippage_ticks: more a side. late_rows: of the same day. jitter_share, jitter_draws: of the parameters.
    """

    periods: Mapping[str, tuple[int, int]]
    worst_share: float
    cost_factor: float
    slippage_ticks: float
    late_rows: int
    jitter_share: float
    jitter_draws: int

    @classmethod
    def from_dict(cls, stress: Mapping[str, Any]) -> "Conditions":
        """From the settings' stress section."""
        days = {name: tuple(map(moments.from_iso, period)) for name, period in stress["periods"].items()}
        return cls(
            periods={name: (first, last) for name, (first, last) in days.items()},
            worst_share=stress["worst_share"],
            cost_factor=stress["cost_factor"],
            slippage_ticks=stress["slippage_ticks"],
            late_rows=stress["late_bars"],
            jitter_share=stress["jitter"]["share"],
            jitter_draws=stress["jitter"]["draws"],
        )


def rows_of(
    ground: Ground,
    judged: Outcome,
    conditions: Conditions,
    resampling: Resampling,
    passes_of: PassesOf | None,
    threads: int = 2,
) -> tuple[StressRow, ...]:
    """Every condition, in the order above.

    judged: of each window's own formula. passes_of: what it ran with, to be asked again about jittered formulas.
    """
    base_r = _mean_r(judged)
    rows = [
        *_of_days(ground, judged, conditions, resampling),
        *_of_moments(ground, judged, resampling),
        *_of_costs(ground, judged, conditions, resampling),
        _of_late_entries(ground, judged, conditions.late_rows, resampling),
    ]
    if conditions.jitter_draws:
        rows.append(_of_parameters(ground, conditions, passes_of, resampling.seed, threads))
    return tuple(
        row.model_copy(update={"survives": row.expectancy_r.value / base_r if base_r > 0 else math.nan}) for row in rows
    )


def one_more_tick(ground: Ground, judged: Outcome, resampling: Resampling) -> Estimate:
    """Expectancy in R when every round trip costs one tick more."""
    found = _expectancy(_sums(ground, _dearer(judged.trades, 1.0)), ground, resampling)
    return replace(found, name="expectancy_r_plus_tick")


def late(ground: Ground, signals: np.ndarray, rows: int) -> np.ndarray:
    """The same SIGNALLED records so many rows later; those whose day ends before are left out."""
    later = np.minimum(signals["row"] + rows, ground.rows.size - 1)
    kept = (signals["row"] + rows == later) & (ground.rows["day"][later] == signals["day"])
    moved = signals[kept]
    moved["row"] = later[kept]
    return moved


def jitter(ground: Ground, share: float, draws: int, passes_of: PassesOf | None, seed: int, threads: int) -> np.ndarray:
    """Trades and mean net R of each draw of the parameters, float64 [draws, 2], NaN where it does not trade."""
    names = tuple(dict.fromkeys(name for window in ground.windows for name in window.confluence["terms"]))
    factors = np.random.default_rng(seed).uniform(1 - share, 1 + share, (draws, 1 + len(names)))

    def drawn_once(drawn: np.ndarray) -> tuple[int, float]:
        of_term = dict(zip(names, drawn[1:].tolist(), strict=True))

        def formula_of(window: Window) -> Formula:
            section, threshold = window.confluence, window.confluence["threshold"]
            terms = {name: weight * of_term[name] for name, weight in section["terms"].items()}
            moved = dict(threshold) | {"base": threshold["base"] * float(drawn[0])}
            return ground.formula(dict(section) | {"terms": terms, "threshold": moved})

        outcome = ground.run(formula_of, passes_of)
        return outcome.trades.size, _mean_r(outcome)

    ground.panel  # noqa: B018  laid out once, before the threads
    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(drawn_once, factors)), np.float64).reshape(-1, 2)


def _mean_r(outcome: Outcome) -> float:
    return float(outcome.trades["net_r"].mean()) if outcome.trades.size else math.nan


def _expectancy(sums: np.ndarray, ground: Ground, resampling: Resampling) -> Estimate:
    if not sums.size:
        return undecided("expectancy_r", "R", "no such day is tested")
    found = bootstrap.estimates(sums, ground.capital_usd, resampling)
    return next(estimate for estimate in found if estimate.name == "expectancy_r")


def _sums(ground: Ground, trades: np.ndarray) -> np.ndarray:
    """Of what is told in R: no signals, no daily profit."""
    return day_sums.of(trades, np.zeros(0, np.int64), ground.days, np.zeros(ground.days.size))


def _row(group: str, name: str, sums: np.ndarray, ground: Ground, resampling: Resampling, note: str = "") -> StressRow:
    n_trades = int(sums["n_trades"].sum())
    expectancy = _expectancy(sums, ground, resampling)
    return StressRow(group=group, name=name, n_trades=n_trades, expectancy_r=expectancy, survives=math.nan, note=note)


def _of_days(ground: Ground, judged: Outcome, conditions: Conditions, resampling: Resampling) -> Iterator[StressRow]:
    days, sums = ground.days, judged.sums(ground.days)
    for name, (first, last) in conditions.periods.items():
        span = f"{moments.iso(first)} to {moments.iso(last)}"
        yield _row("period", name, sums[(days >= first) & (days <= last)], ground, resampling, span)
    share = conditions.worst_share
    wide, least = _widest(ground, share)
    yield _row("volatility", f"widest {share:.0%} of days", sums[wide], ground, resampling, f"range from {least:.2%}")
    weekday = _weekdays(days)
    for k in np.unique(weekday):
        yield _row("weekday", WEEKDAYS[k], sums[weekday == k], ground, resampling)


def _widest(ground: Ground, share: float) -> tuple[np.ndarray, float]:
    """Which days, bool [d], are the share with the widest range of closes over their mean, and the least such range."""
    day, close = ground.rows["day"][ground.test_rows], ground.rows["close"][ground.test_rows]
    first = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    mean = np.add.reduceat(close, first) / np.diff(np.append(first, day.size))
    width = (np.maximum.reduceat(close, first) - np.minimum.reduceat(close, first)) / np.abs(mean)
    of_day = np.full(ground.days.size, -np.inf)  # without rows, or without a price
    of_day[np.searchsorted(ground.days, day[first])] = np.nan_to_num(width, nan=-np.inf)
    least = np.sort(of_day)[-max(1, round(share * ground.days.size))]
    return of_day >= least, float(least)


def _weekdays(days: np.ndarray) -> np.ndarray:
    """0 for Monday; days: int64 [d], yyyymmdd."""
    dates = np.array([moments.iso(day) for day in days.tolist()], "datetime64[D]")
    return (dates.astype(np.int64) + _THURSDAY) % 7


def _of_moments(ground: Ground, judged: Outcome, resampling: Resampling) -> Iterator[StressRow]:
    """Sessions and regimes that tested rows fall into."""
    trades = judged.trades
    for group, field, names in (
        ("session", "session", SESSIONS),
        ("regime", formulas.regime_field(ground.context), REGIMES),
    ):
        values = ground.rows[field]
        for k in np.unique(values[ground.test_rows]).astype(int):
            own = trades[values[trades["row"]] == k]
            yield _row(group, names[k], _sums(ground, own), ground, resampling)


def _dearer(trades: np.ndarray, extra_ticks: float | np.ndarray) -> np.ndarray:
    """OUTCOME records whose round trip costs more, told in ticks and R alone."""
    dearer = trades.copy()
    dearer["cost_ticks"] += extra_ticks
    dearer["net_ticks"] -= extra_ticks
    dearer["net_r"] = dearer["net_ticks"] / dearer["risk_ticks"]
    dearer["net_usd"] = 0.0
    return dearer


def _of_costs(ground: Ground, judged: Outcome, conditions: Conditions, resampling: Resampling) -> Iterator[StressRow]:
    trades, slippage = judged.trades, conditions.slippage_ticks
    for name, extra_ticks in (
        (f"costs times {conditions.cost_factor:g}", (conditions.cost_factor - 1) * trades["cost_ticks"]),
        ("one more tick a round trip", 1.0),
        (f"slippage plus {slippage:g} tick a side", 2 * slippage),
    ):
        yield _row("costs", name, _sums(ground, _dearer(trades, extra_ticks)), ground, resampling)


def _of_late_entries(ground: Ground, judged: Outcome, rows: int, resampling: Resampling) -> StressRow:
    moved = late(ground, judged.signals, rows)
    lost = judged.signals.size - moved.size
    note = f"{lost} of {judged.signals.size} signals came too late in their day" if lost else ""
    sums = ground.traded(moved).sums(ground.days)
    return _row("entry", f"{rows} bar{'s' * (rows > 1)} late", sums, ground, resampling, note)


def _of_parameters(
    ground: Ground, conditions: Conditions, passes_of: PassesOf | None, seed: int, threads: int
) -> StressRow:
    share, draws = conditions.jitter_share, conditions.jitter_draws
    n_trades, values = jitter(ground, share, draws, passes_of, seed, threads).T
    known = values[~np.isnan(values)]
    expectancy = undecided("expectancy_r", "R", "no draw trades")
    if known.size:
        low, middle, high = np.quantile(known, [0.0, 0.5, 1.0]).tolist()
        method = f"median and range of {known.size} draws"
        expectancy = Estimate("expectancy_r", middle, low, high, "R", level=1.0, method=method)
    return StressRow(
        group="parameters",
        name=f"jittered by {share:.0%}",
        n_trades=round(float(np.median(n_trades))),
        expectancy_r=expectancy,
        survives=math.nan,
        note=f"{(values > 0).mean():.0%} of {draws} draws above 0",
    )
