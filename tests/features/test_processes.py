"""Research and live in processes of their own: the same bytes, whatever Python's hash seed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, hashlib
import numpy as np
from mia_ml import settings
from mia_ml.core import calendar
from mia_ml.features import params
from mia_ml.features.stream import Engine
from tests.features import market

shipped = settings.load("params.yaml")
build = params.build(shipped.features.model_dump(), shipped.context.model_dump(), tick=0.25, native=False)
days = calendar.load("cme_globex", 2024, 2024).sessions
at = int(np.searchsorted(days["day"], 20240304))
first = market.tables(1, days[at], start_minute=1300, minutes=80, trades=600, snapshots=900)
second = market.tables(2, days[at + 1], minutes=60, trades=600, snapshots=900)
events = market.tape(first, second)
engine = Engine(build, days, np.full(days.size, 1))
if sys.argv[1] == "batch":
    data = engine.run(events).tobytes()
else:
    data = b"".join(engine.push(event, ts).tobytes() for event, ts in market.events_one_by_one(events))
print(len(data), hashlib.sha256(data).hexdigest())
"""


FACES = {"0": "batch", "1": "live", "4242": "live"}


def test_batch_and_live_agree_across_processes_and_hash_seeds():
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    running = []
    for seed, face in FACES.items():
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        command = [sys.executable, "-c", PROGRAM, face]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True))
    answers = set()
    for process in running:
        out, err = process.communicate()
        assert process.returncode == 0, err
        answers.add(out)
    assert len(answers) == 1
    assert int(answers.pop().split()[0]) > 0
