"""What came on paper against what the backtest had promised: is it where the judgement of the version foretold it?

Outside does not mean that the version is broken, nor inside that it is sound: at a level of 95 % one figure of twenty
lies outside by chance, and few trades foretell little.
"""

import math
from typing import Any

import numpy as np

from mia_ml.judge import wording
from mia_ml.judge.judgement import Judgement
from mia_ml.metrics import prediction
from mia_ml.metrics.estimate import Estimate, undecided

SHOWN = {"expectancy_r": "mean R a trade", "win_rate": "win rate", "n_trades": "trades"}


def comparison(trades: np.ndarray, n_days: int, judgement: Judgement | None) -> dict[str, Any]:
    """As plain values for JSON. trades: TRADE records so far. n_days: trading days on paper that have ended."""
    if judgement is None:
        return {"known": False, "why": "no judgement of this version is at hand", "figures": []}
    policy = judgement.about.policy
    estimates = {one.name: one for one in judgement.estimates.get(policy, ())}
    if not estimates:
        return {"known": False, "why": f"the judgement has no figures of its policy {policy}", "figures": []}
    foretold = _foretold(estimates, judgement, trades.size, n_days)
    seen = {
        "expectancy_r": float(trades["net_r"].mean()) if trades.size else math.nan,
        "win_rate": float((trades["net_ticks"] > 0).mean()) if trades.size else math.nan,
        "n_trades": float(trades.size),
    }
    of = {"n_trades": f"{n_days:,} trading days"}
    figures = [_figure(one, seen[one.name], of.get(one.name, f"{trades.size:,} trades")) for one in foretold]
    return {"known": True, "why": "", "figures": figures}


def _foretold(estimates: dict[str, Estimate], judgement: Judgement, n: int, n_days: int) -> list[Estimate]:
    absent = "the judgement does not have it"
    mean_r = estimates.get("expectancy_r", undecided("expectancy_r", "R", absent))
    rate = estimates.get("win_rate", undecided("win_rate", "share", absent))
    a_month = estimates.get("trades_per_month", undecided("trades_per_month", "trades/month", absent))
    before = estimates["n_trades"].value if "n_trades" in estimates else math.nan
    spread = math.sqrt(rate.value * (1 - rate.value)) if rate.decided else math.nan
    won = prediction.of_mean(rate, spread, before, n)
    return [
        prediction.of_mean(mean_r, judgement.power.sd_r, before, n),
        Estimate(
            won.name, won.value, max(won.low, 0.0), min(won.high, 1.0), won.unit, won.level, won.method, won.undecidable
        ),
        prediction.of_count(a_month, judgement.about.n_days, n_days),
    ]


def _figure(foretold: Estimate, seen: float, of: str) -> dict[str, Any]:
    inside = foretold.low <= seen <= foretold.high if foretold.decided and not math.isnan(seen) else None
    return {
        "name": foretold.name,
        "unit": foretold.unit,
        "paper": _known(seen),
        "predicted": _known(foretold.value),
        "low": _known(foretold.low),
        "high": _known(foretold.high),
        "level": foretold.level,
        "inside": inside,
        "sentence": _sentence(foretold, seen, of, inside),
    }


def _sentence(foretold: Estimate, seen: float, of: str, inside: bool | None) -> str:
    shown = f"{SHOWN[foretold.name]} {wording.number(foretold.unit, seen)} of {of}"
    if inside is None:
        return f"{shown}: nothing is foretold: {foretold.undecidable or 'nothing has come yet'}"
    where = "inside" if inside else "outside"
    ends = wording.interval(foretold.unit, foretold.low, foretold.high)
    return f"{shown} lies {where} of what the backtest foretold, {ends} ({wording.percent(foretold.level)})"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
