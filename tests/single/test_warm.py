"""What is compiled at install is what live scoring calls: a bundle then adds no version of any kernel."""

import subprocess
import sys

from mia_ml.scoring import bundle
from tests.scoring import small

CODE = """
import sys
from pathlib import Path
from mia_ml.scoring import bundle
from mia_ml.single import warm
from numba.core.registry import CPUDispatcher
warm.warm()

def versions():
    return {
        (name, key): len(value.signatures)
        for name, module in list(sys.modules.items()) if name.startswith("mia_ml")
        for key, value in vars(module).items() if isinstance(value, CPUDispatcher)
    }

before = versions()
assert sum(before.values()) > 5
loaded = bundle.load(Path(sys.argv[1]))
bundle.verify(loaded)
after = versions()
assert after == before, [name for name in after if after[name] != before.get(name)]
"""


def test_a_bundle_compiles_nothing_after_it(world, tmp_path):
    bundle.write(tmp_path / "bundle", small.content(world.ensemble), world.golden())
    done = subprocess.run(
        [sys.executable, "-c", CODE, tmp_path / "bundle"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
