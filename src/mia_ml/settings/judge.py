"""Settings of the judge; their units stand in conf/judge."""

from typing import Annotated

from pydantic import Field

from mia_ml.settings.base import Natural, Section


class Judge(Section):
    """resamples: of every bootstrap. block_days: mean block of the stationary bootstrap. probes: quasi-random
    configurations of the common matrix. twins: random-entry policies."""

    seed: Natural
    level: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Annotated[int, Field(ge=100)]
    block_days: Annotated[float, Field(ge=1)]
    cscv_blocks: Annotated[int, Field(ge=4, multiple_of=2)]
    probes: Natural
    twins: Annotated[int, Field(ge=100)]
