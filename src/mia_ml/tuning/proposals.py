"""Which points to try next: a function of the seed, the batch number and the trials of earlier batches, nothing else.

So a study that was killed proposes what it would have proposed, on any number of workers, and nothing but numbers is
ever stored. All figures are maximized.

    random   uniform
    sobol    scrambled Sobol sequence (Owen 1998), cut into batches
    nsga2    NSGA-II of Optuna (Deb et al. 2002), a batch being a generation; for one figure or several
    tpe      multivariate TPE of Optuna (Bergstra et al. 2011) with a constant liar within the batch; one or several
    cmaes    CMA-ES (Hansen 2016), a batch being a generation; for one figure. The state is rebuilt by telling it the
             earlier generations again. It restarts elsewhere when it has converged.

`benchmarks/study_samplers.py` compares them on a planted market.
"""

import functools
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.trial import TrialState

from mia_ml.core.errors import ConfigError, refuse_unknown
from mia_ml.tuning.records import Trial

optuna.logging.set_verbosity(optuna.logging.WARNING)  # a study made for one batch is no news

CMAES_SIGMA = 0.3  # of the unit interval, at the start
CMAES_LEAST = 5  # members of a generation
TPE_RANDOM = 32  # trials before the model is asked

Told = Sequence[tuple[np.ndarray, Trial]]
"""Points [coordinates] of earlier trials in the order of their numbers, with what came of them."""


def propose(
    sampler: str, choices: tuple[int, ...], figures: int, seed: int, batch: int, size: int, told: Told
) -> np.ndarray:
    """The points of a batch: float64 [size, coordinates] in [0, 1].

    choices: for each coordinate 0, or how many unordered values share it. figures: how many are maximized.
    told: every trial of the batches before this one, in order, each batch being `size` trials.
    """
    if len(told) != batch * size:
        raise ValueError(f"batch {batch} of {size} is proposed from {batch * size} trials, not {len(told)}")
    check(sampler, figures, size)
    return SAMPLERS[sampler](choices, figures, seed, batch, size, told)


def check(sampler: str, figures: int, size: int) -> None:
    """Raises ConfigError when the sampler cannot serve that many figures in batches of that size."""
    if sampler not in SAMPLERS:
        raise ConfigError(f"tuning.sampler: {refuse_unknown('sampler', sampler, tuple(SAMPLERS))}")
    if size < 1:
        raise ConfigError(f"tuning.batch is {size}: it must be at least 1")
    if sampler == "cmaes" and figures > 1:
        raise ConfigError(f"tuning.sampler cmaes maximizes one objective, not {figures}: choose nsga2 or tpe")
    if sampler == "cmaes" and size < CMAES_LEAST:
        raise ConfigError(f"tuning.batch is {size}: a generation of cmaes needs at least {CMAES_LEAST} trials")
    if sampler == "nsga2" and size < 2:
        raise ConfigError(f"tuning.batch is {size}: a generation of nsga2 needs at least 2 trials")


def _seed(seed: int, batch: int) -> int:
    return int(np.random.SeedSequence([seed, batch]).generate_state(1)[0])


def _random(choices: tuple[int, ...], figures: int, seed: int, batch: int, size: int, told: Told) -> np.ndarray:
    return np.random.default_rng(_seed(seed, batch)).random((size, len(choices)))


def _sobol(choices: tuple[int, ...], figures: int, seed: int, batch: int, size: int, told: Told) -> np.ndarray:
    from scipy.stats import qmc  # takes longer to import than all else together

    sequence = qmc.Sobol(len(choices), scramble=True, rng=_seed(seed, 0))
    with warnings.catch_warnings():  # a batch is a stretch of the sequence: its own balance is not asked for
        warnings.filterwarnings("ignore", "The balance properties")
        return sequence.random((batch + 1) * size)[batch * size :]


def _cmaes(choices: tuple[int, ...], figures: int, seed: int, batch: int, size: int, told: Told) -> np.ndarray:
    state = _fresh_cma(len(choices), seed, size, start=0)
    for generation in range(batch):
        members = told[generation * size : (generation + 1) * size]
        state.tell(list(zip([point for point, _ in members], _losses([t for _, t in members]), strict=True)))
        if state.should_stop():
            state = _fresh_cma(len(choices), seed, size, start=generation + 1)
    state.reseed_rng(_seed(seed, batch))
    return np.clip([state.ask() for _ in range(size)], 0.0, 1.0)


def _fresh_cma(coordinates: int, seed: int, size: int, start: int) -> Any:
    """From the middle of the cube; a restart from anywhere in its inner half."""
    from cmaes import CMA  # brings scipy.stats too

    middle = np.full(coordinates, 0.5)
    if start:
        middle = np.random.default_rng(_seed(seed, start)).uniform(0.25, 0.75, coordinates)
    bounds = np.tile([0.0, 1.0], (coordinates, 1))
    return CMA(middle, CMAES_SIGMA, bounds=bounds, seed=_seed(seed, start), population_size=size)


def _losses(trials: Iterable[Trial]) -> np.ndarray:
    """What is minimized: failed trials behind all others, pruned ones by the mean of the folds they ran."""
    figure = [
        trial.values[0]
        if trial.state == "complete"
        else np.mean([fold[0] for fold in trial.per_fold])
        if trial.state == "pruned"
        else np.nan
        for trial in trials
    ]
    losses = -np.array(figure, dtype=np.float64)
    worst = np.nanmax(losses, initial=0.0)
    return np.where(np.isnan(losses), worst + 1.0, losses)


def _nsga2(choices: tuple[int, ...], figures: int, seed: int, batch: int, size: int, told: Told) -> np.ndarray:
    sampler = NSGAIISampler(population_size=size, seed=_seed(seed, batch))
    generation, members = 0, 0
    study = _memory(sampler, figures)
    for start in range(0, len(told), size):
        for point, trial in told[start : start + size]:
            study.add_trial(_frozen(choices, point, trial, {sampler._get_generation_key(): generation}))
            members += trial.state == "complete"
        if members >= size:
            generation, members = generation + 1, 0
    return _asked(study, choices, size)


def _tpe(choices: tuple[int, ...], figures: int, seed: int, batch: int, size: int, told: Told) -> np.ndarray:
    study = _memory(TPESampler(seed=_seed(seed, batch), n_startup_trials=TPE_RANDOM), figures)
    for point, trial in told:
        study.add_trial(_frozen(choices, point, trial, {}))
    return _asked(study, choices, size)


def _memory(sampler: BaseSampler, figures: int) -> optuna.Study:
    return optuna.create_study(directions=["maximize"] * figures, sampler=sampler)


@functools.cache
def _distributions(choices: tuple[int, ...]) -> dict[str, BaseDistribution]:
    """One for each coordinate."""
    return {
        f"{i:03d}": CategoricalDistribution(range(n)) if n else FloatDistribution(0.0, 1.0)
        for i, n in enumerate(choices)
    }


def _frozen(
    choices: tuple[int, ...], point: np.ndarray, trial: Trial, attributes: dict[str, int]
) -> optuna.trial.FrozenTrial:
    at = [min(int(u * n), n - 1) if n else float(u) for u, n in zip(point, choices, strict=True)]
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    running = np.cumsum([fold[0] for fold in trial.per_fold]) / np.arange(1, len(trial.per_fold) + 1)
    return optuna.trial.create_trial(
        state=states[trial.state],
        values=list(trial.values) if trial.state == "complete" else None,
        params={f"{i:03d}": u for i, u in enumerate(at)},
        distributions=_distributions(choices),
        intermediate_values=dict(enumerate(running.tolist())),
        system_attrs=attributes,
    )


def _asked(study: optuna.Study, choices: tuple[int, ...], size: int) -> np.ndarray:
    distributions = _distributions(choices)
    points = np.empty((size, len(choices)))
    for row in points:
        params = study.ask(distributions).params
        for i, n in enumerate(choices):
            row[i] = (params[f"{i:03d}"] + 0.5) / n if n else params[f"{i:03d}"]
    return points


SAMPLERS: dict[str, Callable[[tuple[int, ...], int, int, int, int, Told], np.ndarray]] = {
    "random": _random,
    "sobol": _sobol,
    "nsga2": _nsga2,
    "tpe": _tpe,
    "cmaes": _cmaes,
}
