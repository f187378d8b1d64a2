"""One world through the whole road: market, windows tuned and trained, out of sample, judged by the desk's gates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mia_ml.evaluation import proof
from mia_ml.evaluation.ground import Ground, Outcome
from mia_ml.judge import verdict
from mia_ml.judge.judgement import GateTable, Integrity
from mia_ml.metrics import bootstrap
from mia_ml.metrics.estimate import Estimate
from mia_ml.scoring import bundle, golden
from mia_ml.scoring.content import Content
from mia_ml.scoring.signals import signals_of
from mia_ml.settings import Settings
from mia_ml.sources import simulator
from pipelines import integrity, outer
from pipelines.desk import ORDINARY_ALPHA, measures_of, tables
from pipelines.execution import recorded
from pipelines.ground import ground_of, policies_of
from pipelines.market import grace_ns
from pipelines.probes import common_matrix, steps_of
from pipelines.train import Learnt, learn
from pipelines.tune import tuned
from pipelines.windows import Named, openings, training_part, walk_forward_of, windows_of
from pipelines.worlds.market import Market, made

SHOWN = (
    "n_trades",
    "profit_factor",
    "sharpe",
    "max_drawdown",
    "dsr",
    "pbo",
    "twins_p",
    "expectancy_r_plus_tick",
    "trades_per_month",
)


@dataclass(frozen=True)
class Task:
    """A world to be judged. edge: none or planted. scale: times the configured strength of each component."""

    edge: str
    scale: float
    seed: int

    @property
    def law(self) -> str:
        """Of its market, whatever the seed."""
        return f"{self.edge}-{float(self.scale)}"

    @property
    def name(self) -> str:
        """
        >>> Task("planted", 0.5, 17).name
        'planted-0.5-0017'
        """
        return f"{self.law}-{self.seed:04d}"

    def world(self, chosen: Settings) -> simulator.World:
        """The simulated market. Raises ConfigError when the source is another, or nothing is planted in it."""
        given = chosen.source.world.model_dump()  # type: ignore[union-attr]
        strength = {name: self.scale * value for name, value in given["strength"].items()}
        own = {"seed": self.seed, "edge": self.edge, "strength": strength if self.edge == "planted" else {}}
        return simulator.World(**given | own | {"faults": simulator.Faults(**given["faults"])})


@dataclass(frozen=True)
class Judged:
    """What the judge said of a world. half: of the first half of the tested days, expectancy and number of trades."""

    task: Task
    folds: tuple[str, ...]
    proof: proof.Proof
    desk: GateTable
    half: tuple[Estimate, float]

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it; what is not known is null."""
        by_name, chosen = self.proof.by_name, self.proof.selection
        figures = {name: by_name[name].value for name in SHOWN}
        figures |= {"n_outer": chosen.n_outer, "n_outer_effective": chosen.n_outer_effective}
        figures |= _ends("", by_name["expectancy_r"]) | _ends("half_", self.half[0])
        sums = self.proof.sums
        figures |= {"half_trades": self.half[1], "sd_r": self.proof.sd_r, "days": float(sums.size)}
        return {
            **vars(self.task),
            "promoted": self.desk.passed,
            "decision": verdict.rule([self.desk]).decision,
            "gates": {result.name: result.status for result in self.desk.results},
            "folds": list(self.folds),
            **{name: float(value) if math.isfinite(value) else None for name, value in figures.items()},
        }


def _ends(before: str, gain: Estimate) -> dict[str, float]:
    return {f"{before}expectancy_r": gain.value, f"{before}low": gain.low, f"{before}high": gain.high}


def judged(chosen: Settings, task: Task, folder: Path, machinery: Sequence[Integrity]) -> Judged:
    """Judge one world and leave its bundles, one a window, in `folder`.

    machinery: the checks that are the code's and not the world's; parity, agreement and latency are checked here.
    """
    market = made(chosen, task.world(chosen))
    folds = windows_of(chosen.validation, market.sample.days)[:-1]
    learnt = {fold.name: _learnt(chosen, market, fold, len(folds), folder / fold.name) for fold in folds}
    contents = {name: one.content for name, one in learnt.items()}
    ground = ground_of(chosen, market.sample, market.held.days, folds, contents)
    outcome = ground.run(ground.chosen, ground.filtered)
    found = _proof(chosen, ground, outcome)
    tested = ground.rows[slice(*ground.windows[-1].test)][: integrity.TIMED_ROWS]
    checks = (
        *machinery,
        integrity.same_trades(_walked(chosen, market, ground, contents), outcome),
        Integrity(name="agreement", ok=True, detail=f"{len(learnt)} exports within tolerance, or it had refused"),
        integrity.latency(contents[folds[-1].name].scorer(), tested, float(chosen.execution.latency_ms)),
    )
    desk = next(one for one in tables(chosen, ground, outcome, found.by_name, checks) if one.name == "desk")
    return Judged(task, tuple(contents), found, desk, _first_half(ground, found, chosen))


def _learnt(chosen: Settings, market: Market, fold: Named, folds: int, folder: Path) -> Learnt:
    days = market.held.days
    opens = openings(days)
    result, _ = tuned(chosen, market.sample, fold, opens)
    part = training_part(walk_forward_of(chosen), market.sample, fold, opens)
    learnt = learn(chosen, part, False, fold, result, folds, synthetic=True)
    last = next(day for day in reversed(days.days) if day.day <= fold.train_last_day)
    tape = market.held.tape(last, grace_ns(chosen))
    bundle.write(folder, learnt.content, golden.record([tape], days.sessions, days.contracts, learnt.X))
    return learnt


def _proof(chosen: Settings, ground: Ground, outcome: Outcome) -> proof.Proof:
    """As the stage `judge` has it, the trials being those of this world alone."""
    steps = [step for one in steps_of(chosen).values() for step in one]
    every = common_matrix(chosen, ground, steps, threads=1)
    policies = policies_of(chosen, ground)
    found = outer.candidates(policies, {name: {} for name in policies}, every)
    trials = [proof.Outer(one.name, one.kind, ground.days, one.pnl_usd) for one in found if one.kind in outer.COUNTED]
    count = chosen.tuning.policy.trials * len(ground.windows)
    inner = proof.Inner({"complete": count}, np.zeros(0), math.nan, 0)
    return proof.of(ground, outcome, every, trials, inner, measures_of(chosen, ORDINARY_ALPHA))


def _walked(chosen: Settings, market: Market, ground: Ground, contents: Mapping[str, Content]) -> np.ndarray:
    """The trades by the other road: the scorer row by row, its signals walked along the tape."""
    signals = []
    for window in ground.windows:
        rows = ground.rows[slice(*window.test)]
        signals.append(signals_of(rows, contents[window.name].scorer().decide(rows)))
    record = recorded(chosen, market.held.days, False, np.concatenate(signals), market.held.prices)
    return record.result.trades


def _first_half(ground: Ground, found: proof.Proof, chosen: Settings) -> tuple[Estimate, float]:
    sums = found.sums[: ground.days.size // 2]
    own = bootstrap.estimates(sums, ground.capital_usd, measures_of(chosen, ORDINARY_ALPHA).resampling)
    return next(one for one in own if one.name == "expectancy_r"), float(sums["n_trades"].sum())
