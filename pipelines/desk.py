"""What the gates read, gathered: facts that are fixed before a result, figures beside its own, checks, power."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets.days import Days
from mia_ml.evaluation import proof
from mia_ml.evaluation.ground import Ground, Outcome
from mia_ml.evaluation.ladder import Step
from mia_ml.judge import gates
from mia_ml.judge.feasible import Facts
from mia_ml.judge.judgement import GateTable, Integrity, Power
from mia_ml.ledger.ledger import Ledger
from mia_ml.metrics import bootstrap, kpi, power
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.metrics.estimate import Estimate, point
from mia_ml.settings import Settings

ORDINARY_ALPHA = 0.05


def looked(kept: Ledger, instrument: str, first_day: int, last_day: int) -> tuple[int, float]:
    """Which look at the sealed hold-out showed some of these days, 0 for none, and the alpha that it may spend."""
    looks = kept.looks(instrument, first_day, last_day)
    if not looks:
        return 0, ORDINARY_ALPHA
    latest = max(looks, key=lambda look: look.look)
    return latest.look, latest.alpha


def measures_of(chosen: Settings, alpha: float) -> proof.Measures:
    """alpha: what may be spent; an interval is never narrower than it allows."""
    judge = chosen.judge
    how = Resampling(judge.resamples, judge.block_days, max(judge.level, 1 - alpha), judge.seed)
    return proof.Measures(how, chosen.execution.capital_usd, judge.cscv_blocks, judge.twins, judge.seed)


def tables(
    chosen: Settings,
    ground: Ground,
    outcome: Outcome,
    by_name: Mapping[str, Estimate],
    machinery: Sequence[Integrity],
    alpha: float = math.nan,
) -> tuple[GateTable, ...]:
    """Every configured gate file against the result. alpha: of a look at the hold-out, NaN without one."""
    trades = outcome.trades
    facts = Facts(
        take_profit=chosen.execution.take_profit,
        stop=chosen.execution.stop,
        mean_cost_r=float((trades["cost_ticks"] / trades["risk_ticks"]).mean()) if trades.size else math.nan,
        max_signals_per_day=max(int(window.confluence["max_signals_per_day"]) for window in ground.windows),
        n_days=ground.days.size,
        n_twins=chosen.judge.twins,
        alpha=alpha,
    )
    return tuple(gates.table(name, file.model_dump(), by_name, machinery, facts) for name, file in chosen.gates.items())


def against_baseline(
    ground: Ground, outcome: Outcome, steps: Mapping[str, Sequence[Step]], how: Resampling
) -> dict[str, Estimate]:
    """How much more often it signals than the first step of the first ladder; nothing without a ladder."""
    if not steps:
        return {}
    first = ground.formula(next(iter(steps.values()))[0].confluence)
    baseline = ground.run(lambda _: first)
    found = bootstrap.differences(outcome.sums(ground.days), baseline.sums(ground.days), ground.capital_usd, how)
    name = "signals_change_vs_baseline"
    return {name: replace(next(one for one in found if one.name == "signals_change"), name=name)}


def powered(chosen: Settings, outcome: Outcome, sums: np.ndarray, level: float) -> Power:
    """What these trades could have shown, and what each gain that the first ladder promises would need."""
    seen = power.after(outcome.trades, sums, level)
    n = int(sums["n_trades"].sum())
    needed: tuple[tuple[str, float, float, float], ...] = ()
    if n:
        win_rate = float(sums["n_wins"].sum() / n)
        needed = power.before(promises(chosen), win_rate, n / sums.size, power.Certainty(level))
    return Power(**vars(seen), needed=needed)


def promises(chosen: Settings) -> dict[str, float]:
    """The least points of win rate that each step of the first ladder promises."""
    for one in chosen.ladder.values():
        return {name: step.promise[0] for name, step in one.steps.items() if step.promise}
    return {}


def buy_and_hold(chosen: Settings, ground: Ground, days: Days) -> tuple[Estimate, ...]:
    """One contract from the first tested price to the last, from contract to contract; a row before the first trade of
    its day has no price."""
    rows = ground.rows[ground.test_rows]
    rows = rows[~np.isnan(rows["close"])]
    contract = {day.day: day.contract for day in days.days}
    of_row = np.array([contract[day] for day in rows["day"].tolist()])
    first = np.flatnonzero(np.append(True, of_row[1:] != of_row[:-1]))
    last = np.append(first[1:], rows.size) - 1
    found = kpi.buy_and_hold(
        rows["close"][first],
        rows["close"][last],
        INSTRUMENTS[chosen.instrument.root].point_value * chosen.execution.contracts,
        ground.days.size,
        ground.capital_usd,
    )
    return tuple(point(one.name, one.value, one.unit, "before costs, price to price") for one in found)
