"""Engines and scorers that single events go through."""

import functools
from pathlib import Path

import numpy as np

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.core import calendar
from mia_ml.features import live, params
from mia_ml.features.stream import Engine, contract_id
from mia_ml.scoring.scorer import Scorer

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"


@functools.cache
def shipped():
    return settings.load(PARAMS)


def engine():
    """As shipped for ES, on minutes, before its first day."""
    chosen = shipped()
    built = params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick=0.25, native=False)
    sessions = calendar.load("cme_globex", 2023, 2024).sessions
    return Engine(built, sessions, np.full(sessions.size, contract_id("ESM4")))


def scorer(filter=None):
    chosen = shipped()
    return Scorer(formula.build(chosen.confluence.model_dump(), chosen.context.model_dump()), filter)


def event():
    return np.zeros(1, live.EVENT)
