"""Builds the rows of some days below a folder and prints the process's peak resident memory in MB.

Of all runs of so many consecutive days it takes the largest: peaks follow the largest day, which would otherwise pass
for growth with the number of days.
"""

import dataclasses
import resource
import sys
from pathlib import Path

from benchmarks.market import PARAMS
from mia_ml import settings
from mia_ml.datasets import build, days
from mia_ml.features import params


def peak_mb() -> float:
    """Since this program began; `ru_maxrss` alone begins with what the process that started it held."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(root: str, count: str, workers: str) -> None:
    chosen = settings.load(PARAMS)
    built = params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick=0.25, native=False)
    plan = days.plan(Path(root), "ES", "cme_globex", native=False)
    size = [sum(path.stat().st_size for path in day.prices.values()) for day in plan.days]
    n = int(count)
    first = max(range(len(size) - n + 1), key=lambda k: sum(size[k : k + n]))
    chosen_days = dataclasses.replace(plan, days=plan.days[first : first + n])
    for _ in build.rows(built, chosen_days, chosen.features.grace_ms * 1_000_000, int(workers)):
        pass
    print(peak_mb())


if __name__ == "__main__":
    main(*sys.argv[1:])
