"""Builds the rows of the first days below a folder and prints the process's peak resident memory in MB."""

import dataclasses
import resource
import sys
from pathlib import Path

from benchmarks.market import PARAMS
from mia_ml import settings
from mia_ml.datasets import build, days
from mia_ml.features import params


def main(root: str, count: str, workers: str) -> None:
    chosen = settings.load(PARAMS)
    built = params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick=0.25, native=False)
    plan = days.plan(Path(root), "ES", "cme_globex", native=False)
    first = dataclasses.replace(plan, days=plan.days[: int(count)])
    for _ in build.rows(built, first, chosen.features.grace_ms * 1_000_000, int(workers)):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
