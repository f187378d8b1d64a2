"""`mia serve` in a process and a folder of its own, fed and heard by other processes.

Feeds and listeners are other machines in life: here the service has the first core for itself, they have the others.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from benchmarks.live_world import LiveWorld
from benchmarks.market import PARAMS
from mia_ml.core.errors import DataError
from serving.app import tokens

REPOSITORY = Path(__file__).resolve().parents[1]
STOPS_S = 30.0
TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))


def environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH", ""))))
    return os.environ | {"PYTHONPATH": path}


def run(module: str, *arguments: str, stdin: str = "") -> "subprocess.Popen[str]":
    """A module as a process; `stdin` is its first line, and stays open."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    os.sched_setaffinity(process.pid, CORES[1:] or CORES)
    assert process.stdin is not None
    process.stdin.write(stdin + "\n")
    process.stdin.flush()
    return process


def stop(process: "subprocess.Popen[str]") -> None:
    """End a process that may have ended, and all that is open to it."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def ended(process: "subprocess.Popen[str]", what: str) -> None:
    """Wait for a process. Raises DataError with its last line when it failed."""
    _, errors = process.communicate()
    if process.returncode:
        raise DataError(f"{what} failed: {(errors.strip().splitlines() or ['no reason given'])[-1]}")


class Service:
    """A service below `folder`, started on entry. options: of `mia serve`. changes: of the `serve` section."""

    def __init__(self, folder: Path, world: LiveWorld, options: Sequence[str], **changes: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.state = folder, folder / "live"
        params = yaml.safe_load(PARAMS.read_text())
        params["serve"] |= {"clock": "event", "port": 0, "state": "live", "tables": str(world.tables), **changes}
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        self._options = options
        path = self.state / tokens.NAME
        self.state.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        self.token = tokens.create(path, "benchmark", list(tokens.SCOPES))

    def __enter__(self) -> "Service":
        """Until it is ready. Raises DataError when it does not become so."""
        command = [str(Path(sys.executable).with_name("mia")), "serve", *self._options]
        self._log = (self.folder / "serve.log").open("w")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment()
        )
        os.sched_setaffinity(self._process.pid, CORES[:1])
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().rpartition(" ")[2].strip()
        self.ready_s = time.perf_counter() - began
        self.began_ns = int(began * 1e9)
        if not self.address:
            self.__exit__(None, None, None)
            told = (self.folder / "serve.log").read_text().strip().splitlines() or ["no reason given"]
            raise DataError(f"mia serve did not start: {told[-1]}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOPS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def get(self, path: str) -> Any:
        asked = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)

    def decided(self) -> int:
        """The number of the last decision."""
        return int(self.get("/api/state")["decisions"]["number"])

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:"))

    def cpu_s(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
