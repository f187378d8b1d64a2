import numpy as np
import pytest

from mia_ml.core.errors import ConfigError
from mia_ml.tuning import proposals
from mia_ml.tuning.proposals import SAMPLERS, propose
from mia_ml.tuning.records import State, Trial

CHOICES = (0, 0, 3)
SIZE = 8
MIDDLE = np.array([0.3, 0.7, 0.5])


def played(sampler: str, batches: int, seed: int = 0, figures: int = 1) -> list[tuple[np.ndarray, Trial]]:
    """A search for MIDDLE in which some trials fail and some are pruned."""
    told: list[tuple[np.ndarray, Trial]] = []
    for batch in range(batches):
        for point in propose(sampler, CHOICES, figures, seed, batch, SIZE, told):
            number = len(told)
            value = -float(np.abs(point - MIDDLE).sum())
            state: State = (
                "failed" if number % 11 == 10 else "pruned" if number % 7 == 6 and figures == 1 else "complete"
            )
            per_fold = ((value,) * figures,) if state != "failed" else ()
            values = (value, *[point[0]] * (figures - 1)) if state == "complete" else ()
            told.append((point, Trial(number, batch, state, {}, values, per_fold)))
    return told


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_proposals_are_repeated_exactly_and_lie_in_the_cube(sampler: str) -> None:
    told = played(sampler, 6)
    again = propose(sampler, CHOICES, 1, 0, 5, SIZE, told[: 5 * SIZE])
    np.testing.assert_array_equal(again, np.array([point for point, _ in told[5 * SIZE :]]))
    points = np.array([point for point, _ in told])
    assert ((points >= 0) & (points <= 1)).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_seed_proposes_otherwise(sampler: str) -> None:
    first = propose(sampler, CHOICES, 1, 0, 0, SIZE, [])
    assert not np.array_equal(first, propose(sampler, CHOICES, 1, 1, 0, SIZE, []))


@pytest.mark.parametrize("sampler", ["random", "cmaes"])
def test_batches_are_drawn_anew(sampler: str) -> None:
    told = played(sampler, 2)
    first, second = (np.array([point for point, _ in told[k * SIZE : (k + 1) * SIZE]]) for k in range(2))
    alike = np.corrcoef((first - first.mean(axis=0)).ravel(), (second - second.mean(axis=0)).ravel())[0, 1]
    assert abs(alike) < 0.7


@pytest.mark.parametrize("sampler", ["cmaes", "nsga2", "tpe"])
def test_samplers_that_learn_end_nearer_than_they_began(sampler: str) -> None:
    far = [float(np.abs(point - MIDDLE).sum()) for point, _ in played(sampler, 25)]
    assert np.mean(far[-5 * SIZE :]) < 0.6 * np.mean(far[: 2 * SIZE])


@pytest.mark.parametrize("sampler", ["cmaes", "tpe"])
def test_what_came_of_earlier_trials_decides(sampler: str) -> None:
    told = played(sampler, 6)
    turned = [(p, Trial(t.number, t.batch, t.state, {}, tuple(-v for v in t.values), t.per_fold)) for p, t in told]
    assert not np.array_equal(*(propose(sampler, CHOICES, 1, 0, 6, SIZE, way) for way in (told, turned)))


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random", "sobol"])
def test_several_figures(sampler: str) -> None:
    assert len(played(sampler, 6, figures=2)) == 6 * SIZE


def test_a_converged_search_begins_elsewhere() -> None:
    told = [(np.full(3, 0.5), Trial(n, n // SIZE, "complete", {}, (0.0,))) for n in range(40 * SIZE)]
    spread = [np.ptp(propose("cmaes", CHOICES, 1, 0, batch, SIZE, told[: batch * SIZE])) for batch in range(40)]
    assert spread[-1] > 1e-3 or max(spread[20:]) > 0.3


def test_a_batch_needs_all_trials_before_it() -> None:
    with pytest.raises(ValueError, match="batch 1 of 8 is proposed from 8 trials, not 7"):
        propose("random", CHOICES, 1, 0, 1, SIZE, played("random", 1)[:7])


@pytest.mark.parametrize(
    ("sampler", "figures", "size", "text"),
    [
        ("cmeas", 1, 8, "did you mean 'cmaes'"),
        ("cmaes", 2, 8, "one objective, not 2: choose nsga2 or tpe"),
        ("cmaes", 1, 4, "batch is 4"),
        ("nsga2", 1, 1, "batch is 1"),
        ("random", 1, 0, "batch is 0"),
    ],
)
def test_what_a_sampler_cannot_do_is_refused(sampler: str, figures: int, size: int, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        proposals.check(sampler, figures, size)
