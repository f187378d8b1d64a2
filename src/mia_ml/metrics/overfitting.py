"""Probability of backtest overfitting: how often the best in one half of the days is below the middle in the other.

Combinatorially symmetric cross-validation (Bailey, Borwein, Lopez de Prado & Zhu 2017, The Probability of Backtest
Overfitting, Journal of Computational Finance 20(4)) cuts the days into S blocks, takes every half of the blocks as the
sample in which the configuration with the highest Sharpe ratio is chosen, and looks at it in the other half, where it
has rank m of N (1: the worst; ties share the mean of their ranks):

    relative rank w = m / (N + 1)        logit l = ln(w / (1 - w))        PBO = share of l <= 0

A configuration that does not vary in a half, as one that never trades there, has a Sharpe ratio of 0 in it. Among ties
the first configuration is chosen, so the order of columns matters where several tie for the best.

Each half is another's complement and shares most blocks with hundreds of others: 16 blocks give 12,870 logits but
little more than 16 observations. A binomial interval would be a lie, and a resample of days has copies of one day in
both halves, which feigns persistence. So no interval is given.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.metrics import estimate
from mia_ml.metrics.estimate import Estimate

LEAST_DAYS_A_BLOCK = 2
DECIMALS = 9
"""Of a daily Sharpe ratio: whoever trades once in m days has 1 / sqrt(m), and ties should not hang on rounding."""


@dataclass(frozen=True)
class Overfitting:
    """What CSCV says of a choice among configurations.

    logits: float64 [combinations], empty when undecided. slope: of the chosen one's Sharpe ratio outside on the one
    inside, over the combinations; below 1 the choice disappoints, at 0 and below the best inside says nothing. loss:
    share of the combinations in which the chosen one's Sharpe ratio outside is below 0.
    """

    pbo: Estimate
    slope: Estimate
    loss: Estimate
    logits: np.ndarray


def cscv(pnl: np.ndarray, blocks: int = 16) -> Overfitting:
    """Combinatorially symmetric cross-validation of daily P&L, float64 [days, configurations], in any unit.

    blocks: even; days that do not divide lengthen the first of them by one. Undecided for fewer than 2 configurations,
    fewer than 2 days a block, or when no configuration varies. Raises DataError on P&L that is not known, ConfigError.
    """
    if blocks < 2 or blocks % 2:
        raise ConfigError(f"blocks is {blocks}: it must be even and at least 2, both halves have as many")
    pnl = np.asarray(pnl, np.float64)
    lost = np.argwhere(~np.isfinite(pnl))
    if lost.size:
        day, column = lost[0]
        raise DataError(
            f"daily P&L of configuration {column}, day {day} is {pnl[day, column]}: run all of them on the same days"
        )
    why = _undecidable(pnl, blocks)
    if why:
        return Overfitting(
            estimate.undecided("pbo", "probability", why),
            estimate.undecided("pbo_slope", "ratio", why),
            estimate.undecided("pbo_loss", "probability", why),
            np.zeros(0),
        )
    # the complement of a combination stands as far from the end as the combination from the start
    inside = _sharpes(pnl, blocks)
    outside = inside[::-1]
    chosen = inside.argmax(axis=1)[:, None]
    best = np.take_along_axis(inside, chosen, axis=1)
    then = np.take_along_axis(outside, chosen, axis=1)
    rank = (outside < then).sum(axis=1) + ((outside == then).sum(axis=1) + 1) / 2
    relative = rank / (pnl.shape[1] + 1)
    logits = np.log(relative / (1 - relative))
    method = f"CSCV, {len(logits)} halves of {blocks} blocks"
    return Overfitting(
        estimate.point("pbo", float(np.mean(logits <= 0)), "probability", method),
        _slope(best[:, 0], then[:, 0], method),
        estimate.point("pbo_loss", float(np.mean(then < 0)), "probability", method),
        logits,
    )


def _undecidable(pnl: np.ndarray, blocks: int) -> str:
    days, configurations = pnl.shape
    if configurations < 2:
        return "fewer than 2 configurations to choose from"
    if days < LEAST_DAYS_A_BLOCK * blocks:
        return f"{days} days are fewer than {LEAST_DAYS_A_BLOCK} for each of {blocks} blocks"
    if not np.ptp(pnl, axis=0).any():
        return "no configuration's daily P&L ever varies"
    return ""


def _slope(inside: np.ndarray, outside: np.ndarray, method: str) -> Estimate:
    away = inside - inside.mean()
    square = float((away**2).sum())
    if square <= 1e-18 * inside.size:
        return estimate.undecided("pbo_slope", "ratio", "the chosen Sharpe ratio is the same in every half")
    return estimate.point("pbo_slope", float((away * outside).sum() / square), "ratio", method)


def _sharpes(pnl: np.ndarray, blocks: int) -> np.ndarray:
    """Sharpe ratios of every half of the blocks, float64 [combinations, configurations], from sums of blocks.

    Sums are of P&L in standard deviations about its mean, so that squares do not cancel.
    """
    halves = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    member = np.zeros((len(halves), blocks))
    np.put_along_axis(member, halves, 1.0, axis=1)
    length = np.full(blocks, len(pnl) // blocks)
    length[: len(pnl) % blocks] += 1
    first = np.cumsum(length) - length

    unit = np.where(np.ptp(pnl, axis=0) > 0, pnl.std(axis=0), 1.0)
    centre = pnl.mean(axis=0) / unit
    away = pnl / unit - centre
    days = (member @ length)[:, None]
    mean = member @ np.add.reduceat(away, first) / days
    squares = member @ np.add.reduceat(away**2, first) - days * mean**2
    flat = _flat(pnl, first, member) | (squares <= 0)
    deviation = np.sqrt(np.where(flat, 1.0, squares) / (days - 1))
    return np.where(flat, 0.0, np.round((mean + centre) / deviation, DECIMALS))


def _flat(pnl: np.ndarray, first: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Where P&L does not vary over a half, bool [combinations, configurations], exactly: its sums would leave dust."""
    highest, lowest = np.maximum.reduceat(pnl, first), np.minimum.reduceat(pnl, first)
    top, bottom = np.full((len(member), pnl.shape[1]), -np.inf), np.full((len(member), pnl.shape[1]), np.inf)
    for block in range(len(first)):
        inside = member[:, block, None] > 0
        np.maximum(top, highest[block], out=top, where=inside)
        np.minimum(bottom, lowest[block], out=bottom, where=inside)
    return top == bottom
