"""What would turn a gate that does not pass.

An interval of half width h around a mean narrows with the square root of the sample. To clear a limit that lies g < h
from the value, mean and spread staying as they are, it takes

    N = n (h / g)^2

trades, or days for figures of daily profit and loss.
"""

import math
from collections.abc import Mapping

from mia_ml.judge import wording
from mia_ml.judge.rules import Limit, Rule, Status
from mia_ml.metrics.estimate import Estimate

OF_SAMPLE = {"n_trades": "trades", "n_days": "trading days"}
LONGEST = 1_000_000  # trades or days; what needs more is not said as a number


def would_change(
    rule: Rule, limits: tuple[Limit, ...], status: Status, estimate: Estimate, estimates: Mapping[str, Estimate]
) -> str:
    """A few words on what it would take; empty for a gate that passes.

    estimates: of the same policy; `n_trades` and `n_days` are read, and may be absent.

    >>> e = Estimate("expectancy_r", 0.03, -0.03, 0.09, "R")
    >>> rule = Rule("expectancy_r", "bound", above=0)
    >>> n = {"n_trades": Estimate("n_trades", 400, math.nan, math.nan, "trades")}
    >>> would_change(rule, rule.limits, "undecidable", e, n)
    'about 1,200 more trades at this mean and spread would decide it'
    """
    if status == "pass":
        return ""
    if rule.by == "value":
        return _of_value(rule, limits, estimate, estimates)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return "a sample that allows an interval"
    needs = f"needs {rule.known.words} " + " and ".join(
        f"{limit.words} {wording.limit(rule.known.unit, limit.value)}" for limit in limits
    )
    if status == "fail":
        return f"{needs}; more of the same would not change it"
    wide = [limit for limit in limits if not limit.clears(estimate.low if limit.side > 0 else estimate.high)]
    inside = all(limit.clears(estimate.value) for limit in wide)
    more = _more(rule, wide, estimate, estimates)
    if inside:
        return f"{more} at this mean and spread would decide it"
    return f"{needs}; at this mean and spread {more} would fail it"


def _of_value(rule: Rule, limits: tuple[Limit, ...], estimate: Estimate, estimates: Mapping[str, Estimate]) -> str:
    missed = next(limit for limit in limits if not limit.clears(estimate.value))
    unit = rule.known.unit
    asked = f"{missed.words} {wording.limit(unit, missed.value)}"
    if missed.side < 0 or unit not in OF_SAMPLE.values():
        return f"needs {rule.known.words} {asked}"
    short = math.floor(missed.value - estimate.value) + 1 if missed.strict else math.ceil(missed.value - estimate.value)
    days = estimates.get("n_days")
    rate = estimate.value / days.value if days and days.value else 0.0
    if rule.figure == "n_days" or not rate:
        return f"{short:,} more {unit}"
    return f"{short:,} more {unit}, about {math.ceil(short / rate):,} more days at this rate"


def _more(rule: Rule, limits: list[Limit], estimate: Estimate, estimates: Mapping[str, Estimate]) -> str:
    """How many more it takes until every one of the limits is on one side of the interval."""
    of = rule.known.sample
    n = estimates.get(of)
    if n is None or not n.value > 0:
        return f"more {OF_SAMPLE[of]}"
    needed = 0.0
    for limit in limits:
        gap = abs(estimate.value - limit.value)
        towards = estimate.low if estimate.value > limit.value else estimate.high
        half = abs(estimate.value - towards)
        needed = max(needed, n.value * (half / gap) ** 2 if gap else math.inf)
    if needed > LONGEST:
        return f"more than {LONGEST:,} {OF_SAMPLE[of]}"
    more = max(math.ceil(round(needed - n.value, 6)), 1)
    return f"about {_rounded(more):,} more {OF_SAMPLE[of]}"


def _rounded(count: int) -> int:
    """Two digits are all that such a forecast can carry.

    >>> _rounded(1234), _rounded(87)
    (1300, 87)
    """
    step = 10 ** max(len(str(count)) - 2, 0)
    return math.ceil(count / step) * step
