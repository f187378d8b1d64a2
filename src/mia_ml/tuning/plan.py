"""What makes a study the one it is, as data: stored with it, and compared when somebody continues it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mia_ml.core.errors import ConfigError
from mia_ml.tuning import proposals
from mia_ml.tuning.pruning import Pruning
from mia_ml.tuning.space import Space


@dataclass(frozen=True)
class Plan:
    """objectives: names of the figures that are maximized. batch: trials proposed together.

    about: anything else the results depend on, such as a fingerprint of the data, as JSON can hold it.
    Raises ConfigError when the sampler or the pruning cannot serve the objectives.
    """

    space: Space
    objectives: tuple[str, ...]
    seed: int
    batch: int
    sampler: str = "cmaes"
    pruning: Pruning | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        proposals.check(self.sampler, len(self.objectives), self.batch)
        if self.pruning and len(self.objectives) > 1:
            raise ConfigError(
                f"tuning.pruning compares one objective, not {len(self.objectives)}: choose one, or switch pruning off"
            )

    def as_dict(self) -> dict[str, Any]:
        return {
            "space": self.space.as_dict(),
            "objectives": list(self.objectives),
            "seed": self.seed,
            "batch": self.batch,
            "sampler": self.sampler,
            "pruning": self.pruning.as_dict() if self.pruning else None,
            "about": dict(self.about),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Plan":
        """The plan of `as_dict`; its components were known when it was made."""
        components = list((stored["space"].get("weights") or {}).get("components", ()))
        return cls(
            Space.from_dict(stored["space"], components),
            tuple(stored["objectives"]),
            stored["seed"],
            stored["batch"],
            stored["sampler"],
            Pruning(**stored["pruning"]) if stored["pruning"] else None,
            stored["about"],
        )
