"""What starting costs: importing and a first run of batch and live, with nothing compiled yet and from the cache."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.market import Market
from mia_ml.core.errors import DataError
from mia_ml.sources.simulator import World

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = World(days=2, intensity=0.01)


def start_up() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-cache-") as cache, Market(SMALL) as market:
        market.days(SMALL.days)
        cold, warm = _first_use(market.root, cache), _first_use(market.root, cache)
    note = f"of it {cold['import_s']:.1f} s imports"
    yield Figure("start_cold_s", cold["import_s"] + cold["first_run_s"], "s", note=note)
    note = f"of it {warm['import_s']:.1f} s imports"
    yield Figure("start_cached_s", warm["import_s"] + warm["first_run_s"], "s", note=note)
    note = "compiled forms of each entry point, batch and live together"
    yield Figure("specialisations", cold["specialisations"], "", 1.0, at_least=False, note=note)


def _first_use(root: Path, cache: str) -> dict[str, float]:
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH", ""))))
    environment = os.environ | {"PYTHONPATH": path, "MIA_CACHE_DIR": cache}
    command = [sys.executable, "-m", "benchmarks.first_use", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise DataError(f"a first use failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return json.loads(done.stdout)
