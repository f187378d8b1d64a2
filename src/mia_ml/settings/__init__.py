"""The settings of a run: what `dvc exp run` composed into params.yaml, checked and typed.

Stages and doors call `load` and hand plain values down; no room below takes a settings object.
"""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Discriminator

from mia_ml.core.errors import ConfigError
from mia_ml.settings import base, sections, sources
from mia_ml.settings.features import Features
from mia_ml.settings.gates import GateFile
from mia_ml.settings.judge import Judge
from mia_ml.settings.ladder import Ladder
from mia_ml.settings.ledger import Ledger
from mia_ml.settings.models import Models
from mia_ml.settings.serve import Promotion, Serve
from mia_ml.settings.stress import Stress
from mia_ml.settings.tuning import Tuning
from mia_ml.settings.validation import AnyValidation

PARAMS = Path("params.yaml")


class Settings(base.Section):
    instrument: sections.Instrument
    source: Annotated[sources.AnySource, Discriminator("kind")]
    ingest: sections.Ingest
    audit: sections.Audit
    features: Features
    context: sections.Context
    confluence: sections.Confluence
    execution: sections.Execution
    costs: sections.Costs
    validation: Annotated[AnyValidation, Discriminator("kind")]
    models: Models
    tuning: Tuning
    judge: Judge
    gates: dict[str, GateFile]
    ladder: dict[str, Ladder]
    stress: Stress
    ledger: Ledger
    tracking: sections.Tracking
    promotion: Promotion
    serve: Serve
    workers: base.Natural


def load(path: str | Path = PARAMS) -> Settings:
    """The settings in a file. Raises ConfigError on the first unknown or missing name or impossible value."""
    path = Path(path)
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file; 'dvc exp run' composes it from conf/, doors take another with --params"
        )
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds no settings; 'dvc exp run' composes it from conf/")
    return base.read(Settings, values, str(path))
