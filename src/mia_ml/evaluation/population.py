"""What a filter learns from in a training window: the candidates of a formula, their meta-labels, inputs and weights.

Everything here is of one window. A label whose life reaches the moment from which nothing may be known is not used: it
has read what the test window shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import DataError
from mia_ml.evaluation import candidates
from mia_ml.evaluation.panel import Panel
from mia_ml.labels import events, weights
from mia_ml.labels.weights import Weighting
from mia_ml.models import training
from mia_ml.models.training import Trained, TrainingConfig
from mia_ml.scoring.filter import inputs_of


@dataclass(frozen=True)
class Population:
    """Events [n] in the order of their rows. X: float64 [n, inputs]. y: int8. row, side: of the panel.

    net_r: R, of the trade alone. excluded: candidates without a usable label, by reason.
    """

    inputs: tuple[str, ...]
    X: np.ndarray
    y: np.ndarray
    row: np.ndarray
    side: np.ndarray
    t0_ns: np.ndarray
    t1_ns: np.ndarray
    net_r: np.ndarray
    excluded: Mapping[str, int]

    def at(self, chosen: np.ndarray) -> "Population":
        """The events of a mask [n] or of indices."""
        columns = ("X", "y", "row", "side", "t0_ns", "t1_ns", "net_r")
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    def train(self, weighting: Weighting, config: TrainingConfig, seed: int) -> Trained:
        """An ensemble of these events, weighed among themselves and no others; raises what `training.train` raises."""
        if not self.y.size:
            raise DataError(
                "training window has no event: widen it, lower models.threshold_grid, or look why nothing crosses"
            )
        weight = weights.sample_weights(weighting, self.t0_ns, self.t1_ns, self.net_r)
        return training.train(self.X, self.y, weight, self.t0_ns, self.t1_ns, self.inputs, config, seed)


def known_rows(labels: np.ndarray, unknown_from_ns: int | None) -> int:
    """How many of the first rows have labels that end before `unknown_from_ns`; all of them when that is None.

    Ends are not sorted: the first row that reaches too far ends it, which loses a few good ones behind it and lets none
    through.
    """
    if unknown_from_ns is None:
        return labels.shape[0]
    reaching = (labels["end_ns"] >= unknown_from_ns).any(axis=1)
    return int(np.argmax(reaching)) if reaching.any() else labels.shape[0]


def build(
    rows: np.ndarray,
    labels: np.ndarray,
    panel: Panel,
    formula: Formula,
    grid: Sequence[float],
    inputs: Sequence[str],
) -> Population:
    """The population of all rows of a panel, ROW [n] with LABEL [n, 2].

    grid: rising multiples of the threshold. inputs: of the models, as `scoring.filter` reads them. Raises what
    `candidates.of` and `events.build` raise.
    """
    found = candidates.of(panel, formula, 0, rows.size, tuple(grid))
    level = np.searchsorted(np.asarray(grid), found["level"])
    learnt = events.build(labels, found["row"], found["side"], level, found["exceedance"])
    return Population(
        inputs=tuple(inputs),
        X=inputs_of(rows, learnt.row, learnt.side, learnt.exceedance, inputs),
        y=learnt.y,
        row=learnt.row,
        side=learnt.side,
        t0_ns=learnt.t0_ns,
        t1_ns=learnt.t1_ns,
        net_r=learnt.net_r,
        excluded=learnt.excluded,
    )
