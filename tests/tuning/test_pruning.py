import numpy as np
import pytest

from mia_ml.core.errors import ConfigError
from mia_ml.tuning.pruning import NEVER, Pruning
from mia_ml.tuning.records import State, Trial


def trial(number: int, *figures: float, state: State = "complete") -> Trial:
    return Trial(number, 0, state, {}, per_fold=tuple((figure,) for figure in figures))


EARLIER = [trial(0, 1.0, 3.0), trial(1, 2.0, 2.0), trial(2, 9.0, 1.0), trial(3, 0.0, state="pruned")]


def test_the_cut_is_the_median_of_the_running_means_of_those_that_got_there() -> None:
    cut = Pruning(warm_up_trials=4).cut(EARLIER)
    np.testing.assert_array_equal(cut.least, [1.5, 2.0])
    assert cut.ends(0, 1.4)
    assert not cut.ends(0, 1.5)
    assert not cut.ends(2, -9.0)


def test_nothing_is_pruned_during_warm_up() -> None:
    assert Pruning(warm_up_trials=5).cut(EARLIER) == NEVER
    assert not Pruning(warm_up_trials=4, warm_up_folds=2).cut(EARLIER).ends(0, -9.0)


def test_failed_trials_have_no_say() -> None:
    failed = trial(4, -99.0, -99.0, state="failed")
    assert Pruning(warm_up_trials=5).cut([*EARLIER, failed]) == NEVER


def test_impossible_warm_up_is_refused() -> None:
    with pytest.raises(ConfigError, match="warm_up_trials 0"):
        Pruning(warm_up_trials=0)
