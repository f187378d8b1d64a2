"""A few thin simulated days around a contract roll, written as canonical tables, and the shipped parameters."""

from pathlib import Path

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.datasets import days
from mia_ml.features import params
from mia_ml.sources import simulator
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules

SHIPPED = Path(__file__).resolve().parents[1] / "params.yaml"
GRACE_NS = 250_000_000


def write(root, first=0, last=None, **world):
    """Ingest days `first` up to `last` of a world below `root`."""
    chosen = simulator.World(**{"seed": 5, "start": "2024-03-04", "intensity": 0.002} | world)
    ingest(simulator.read(chosen, first, last), root, Rules(unique_sequence=True))
    return root


def plan(root):
    return days.plan(root, "ES", "cme_globex", native=False)


def engine_params(tick=0.25, native=False):
    chosen = settings.load(SHIPPED)
    return params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick, native)


def shipped_formula():
    chosen = settings.load(SHIPPED)
    return formula.build(chosen.confluence.model_dump(), chosen.context.model_dump())
