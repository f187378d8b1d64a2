"""What many judged worlds say of the judge, each share with its exact interval.

promoted   worlds in which every desk gate passes
coverage   worlds whose 95 % interval of net expectancy holds the truth, the frozen policies' mean on fresh markets;
           an interval that is not known holds nothing
power      worlds whose lower bound is above 0, beside what the power line foretold:
           Phi(truth sqrt(n) / sd - 1.96), n trades of standard deviation sd, of the whole test and of its first half
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from mia_ml.metrics import proportions

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Share:
    """count of n, and the exact (Clopper-Pearson) 95 % interval of the share."""

    count: int
    n: int

    @property
    def value(self) -> float:
        return self.count / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        return proportions.exact(self.count, self.n) if self.n else (math.nan, math.nan)


@dataclass(frozen=True)
class Power:
    """foretold: the mean over the worlds of what the power line says. seen: lower bounds above 0."""

    trades: float
    foretold: float
    seen: Share


@dataclass(frozen=True)
class Summary:
    """Worlds of one law. true_r: mean truth, R; spread_r: its standard deviation over the worlds. decided: not
    "undecided". fresh_trades: the least that a truth rests on."""

    edge: str
    scale: float
    runs: int
    trades: float
    true_r: float
    spread_r: float
    promoted: Share
    decided: Share
    coverage: Share
    whole: Power
    half: Power
    fresh_trades: int
    failing: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it: counts as numbers, shares with their ends, null for what is not known."""
        plain: dict[str, Any] = {"synthetic": True}
        plain |= {key: value for key, value in asdict(self).items() if not isinstance(value, dict)}
        for name in ("promoted", "decided", "coverage"):
            plain |= _plain(name, getattr(self, name))
        plain["promoted"], plain["coverage"] = self.promoted.count, self.coverage.value
        for name in ("whole", "half"):
            own: Power = getattr(self, name)
            plain |= {f"power_{name}_trades": own.trades, f"power_{name}_foretold": own.foretold}
            plain |= _plain(f"power_{name}", own.seen)
        plain |= {"failing": dict(self.failing)}
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value for name, value in plain.items()
        }


def of(judged: Sequence[Row], truths: Mapping[str, tuple[float, int]], names: Sequence[str]) -> Summary:
    """judged: one a world, of one law; names: of these worlds, as `truths` has them."""
    truth = np.array([truths[name][0] for name in names])
    held = [row for row, true in zip(judged, truth, strict=True) if _covers(row, true)]
    failing: dict[str, int] = {}
    for row in judged:
        for gate, status in row["gates"].items():
            if status != "pass":
                failing[gate] = failing.get(gate, 0) + 1
    n = len(judged)
    return Summary(
        edge=judged[0]["edge"],
        scale=judged[0]["scale"],
        runs=n,
        trades=float(np.mean([row["n_trades"] for row in judged])),
        true_r=float(truth.mean()),
        spread_r=float(truth.std(ddof=1)) if n > 1 else math.nan,
        promoted=Share(sum(row["promoted"] for row in judged), n),
        decided=Share(sum(row["decision"] != "undecided" for row in judged), n),
        coverage=Share(len(held), n),
        whole=_power(judged, truth, "n_trades", "low"),
        half=_power(judged, truth, "half_trades", "half_low"),
        fresh_trades=min(truths[name][1] for name in names),
        failing=dict(sorted(failing.items(), key=lambda pair: -pair[1])),
    )


def _covers(row: Row, true: float) -> bool:
    return row["low"] is not None and row["low"] <= true <= row["high"]


def _power(judged: Sequence[Row], truth: np.ndarray, trades: str, low: str) -> Power:
    n = np.array([row[trades] for row in judged])
    sd = np.array([row["sd_r"] or math.nan for row in judged])  # neither null nor 0 foretells anything
    foretold = norm.cdf(truth * np.sqrt(n) / sd - norm.isf(0.025))
    known = foretold[~np.isnan(foretold)]
    seen = sum(row[low] is not None and row[low] > 0 for row in judged)
    return Power(float(n.mean()), float(known.mean()) if known.size else math.nan, Share(seen, len(judged)))


def _plain(name: str, share: Share) -> dict[str, float]:
    low, high = share.interval
    return {f"{name}_share": share.value, f"{name}_low": low, f"{name}_high": high}
