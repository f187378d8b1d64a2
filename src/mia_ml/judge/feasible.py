"""What no result could reach, whatever the market did: gates that the settings or the length of the history rule out.

With barriers TP and SL (times A, so a stop costs 1 R) and a cost of c R a trade that ends at a barrier pays or costs

    average win / average loss <= (TP / SL - c) / (1 + c)

With at most s signals a day, 21 days a month and d days: signals and trades a month <= 21 s, signals and trades <= s d,
days traded <= d. With b random-entry twins the least p-value is 1 / (b + 1).
"""

import math
from dataclasses import dataclass

from mia_ml.judge.rules import Limit, Rule
from mia_ml.metrics.kpi import DAYS_A_MONTH


@dataclass(frozen=True)
class Facts:
    """What is fixed before there is a result. NaN or 0: not known, and then it rules nothing out.

    take_profit, stop: times A. mean_cost_r: cost of a trade in R. max_signals_per_day: of the policy. n_days: of the
    test windows. n_twins: random-entry policies. alpha: what the look at the hold-out that showed these days may spend,
    NaN when they were never sealed.
    """

    take_profit: float = math.nan
    stop: float = math.nan
    mean_cost_r: float = math.nan
    max_signals_per_day: int = 0
    n_days: int = 0
    n_twins: int = 0
    alpha: float = math.nan

    @property
    def cost_r(self) -> float:
        """0 where there is none to go by, which rules out least."""
        return 0.0 if math.isnan(self.mean_cost_r) else self.mean_cost_r


@dataclass(frozen=True)
class Obstacle:
    """why: with the best value within reach. would_change: the setting that would lift it."""

    why: str
    would_change: str


def obstacle(rule: Rule, limits: tuple[Limit, ...], facts: Facts) -> Obstacle | None:
    """The reason that one of the limits is out of reach, None when nothing shows that it is.

    >>> rule = Rule("average_win_over_loss", "bound", above=1.5)
    >>> found = obstacle(rule, rule.limits, Facts(take_profit=1.5, stop=1.0, mean_cost_r=0.1))
    >>> found.why
    'at best (1.5 / 1 - 0.100) / (1 + 0.100) = 1.27 with a take-profit of 1.5 A, a stop of 1 A and a cost of 0.100 R'
    >>> found.would_change
    'a take-profit above 1.75 x the stop at this cost'
    """
    for limit in limits:
        best, why = _best(rule.figure, limit.side, facts)
        if not math.isnan(best) and not limit.clears(best):
            return Obstacle(f"at best {why}", _needed(rule.figure, limit, facts))
    return None


def _best(figure: str, side: int, facts: Facts) -> tuple[float, str]:
    """The best value within reach and how it comes about; NaN when there is no such bound."""
    cap, days = facts.max_signals_per_day, facts.n_days
    if side < 0:
        if figure == "twins_p" and facts.n_twins:
            least = 1 / (facts.n_twins + 1)
            return least, f"1 / ({facts.n_twins:,} + 1) = {least:.3g} with {facts.n_twins:,} twins"
        return math.nan, ""
    match figure:
        case "average_win_over_loss" if not math.isnan(facts.take_profit / facts.stop):
            c, tp, sl = facts.cost_r, facts.take_profit, facts.stop
            best = (tp / sl - c) / (1 + c)
            fixed = f"a take-profit of {tp:g} A, a stop of {sl:g} A and a cost of {c:.3f} R"
            return best, f"({tp:g} / {sl:g} - {c:.3f}) / (1 + {c:.3f}) = {best:.2f} with {fixed}"
        case "signals_per_month" | "trades_per_month" if cap:
            return cap * DAYS_A_MONTH, f"{DAYS_A_MONTH} x {cap} = {cap * DAYS_A_MONTH} with max_signals_per_day {cap}"
        case "n_trades" | "n_signals" if cap and days:
            return cap * days, f"{days:,} x {cap} = {cap * days:,} on {days:,} days with max_signals_per_day {cap}"
        case "days_traded" if days:
            return days, f"{days:,}, all days there are"
    return math.nan, ""


def _needed(figure: str, limit: Limit, facts: Facts) -> str:
    match figure:
        case "average_win_over_loss":
            ratio = limit.value * (1 + facts.cost_r) + facts.cost_r
            return f"a take-profit {limit.words} {ratio:.4g} x the stop at this cost"
        case "signals_per_month" | "trades_per_month":
            return f"max_signals_per_day of {_whole(limit, DAYS_A_MONTH)} or more"
        case "twins_p":
            return f"{math.floor(1 / limit.value):,} twins or more"
        case "days_traded":
            return f"a history of {_whole(limit, 1):,} days or more"
    return f"a history of {_whole(limit, facts.max_signals_per_day):,} days or more"


def _whole(floor: Limit, each: int) -> int:
    """The least whole number of which `each` times clears a floor."""
    return math.floor(floor.value / each) + 1 if floor.strict else math.ceil(floor.value / each)
