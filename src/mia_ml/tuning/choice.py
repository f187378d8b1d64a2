"""Which trial a study is searched for."""

from collections.abc import Sequence

from mia_ml.core.errors import DataError
from mia_ml.tuning.records import Trial


def best(trials: Sequence[Trial]) -> Trial:
    """The complete trial with the highest first figure, of equal ones the first.

    With several objectives this is one end of the Pareto front; the others stay in the table. Raises DataError when no
    trial is complete.

    >>> best([Trial(0, 0, "pruned", {}), Trial(1, 0, "complete", {}, (0.2,))]).number
    1
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise DataError(f"none of {len(trials)} trials is complete: allow more trials, or prune later")
    return max(complete, key=lambda trial: (trial.values[0], -trial.number))
