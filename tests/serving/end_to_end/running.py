"""The service as a process of its own: `mia serve` on a free port, with a state, settings and tokens to throw away."""

import json
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from serving.app import tokens
from tests import small_world

MIA = str(Path(sys.executable).with_name("mia"))
START_S = 60.0
STOP_S = 5.0


def settings(path: Path, tables: Path, state: Path, sections: dict[str, Any] | None = None, **serve: Any) -> Path:
    """The shipped settings with some of `serve` changed, and of other sections; every signal acts unless something
    stands against the service as a whole."""
    chosen = yaml.safe_load(small_world.SHIPPED.read_text())
    for name, values in {**(sections or {}), "serve": serve}.items():
        for key, value in values.items():
            chosen[name][key] = {**chosen[name][key], **value} if isinstance(value, dict) else value
    chosen["serve"] |= {"tables": str(tables), "state": str(state)}
    chosen["serve"]["guards"] |= {"range_most": 1_000, **serve.get("guards", {})}
    path.write_text(yaml.safe_dump(chosen, sort_keys=False))
    return path


class Running:
    """folder: of the settings, the state, the logs and the port, all of which a later start finds again."""

    def __init__(self, folder: Path, tables: Path, *arguments: str, sections: Any = None, **serve: Any) -> None:
        self.folder = folder
        self.state = Path(serve.pop("state", folder / "live"))
        self.port = 0
        self.cwd = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.params = settings(
            folder / "params.yaml", tables, self.state, sections, **{"clock": "event", "sync": "never"} | serve
        )
        self.arguments = arguments
        self.state.mkdir(parents=True, exist_ok=True)
        self.token = tokens.create(self.state / tokens.NAME, f"all-{secrets.token_hex(4)}", list(tokens.SCOPES))
        self.process: subprocess.Popen[str] | None = None
        self.started_s = 0.0

    def __enter__(self) -> "Running":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def launch(self) -> subprocess.Popen[str]:
        """Begin to start."""
        log = (self.folder / "log").open("a")
        command = [MIA, "serve", "--params", str(self.params), "--port", str(self.port), *self.arguments]
        self.process = subprocess.Popen(command, cwd=self.cwd, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        return self.process

    def start(self) -> None:
        """Until it listens and is at work."""
        began = time.perf_counter()
        process = self.launch()
        late = threading.Timer(START_S, process.kill)
        late.start()
        assert process.stdout is not None
        line = process.stdout.readline()
        late.cancel()
        assert line.startswith("mia serve: listening on http://"), f"{line}\n{self.log()[-3000:]}"
        self.port = int(line.rpartition(":")[2])
        self.started_s = time.perf_counter() - began

    def kill(self) -> None:
        """At once, as by a lost power; nothing where nothing runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def stop(self) -> int:
        """As a supervisor does; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        self.kill()
        return code

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def logged(self) -> list[dict[str, Any]]:
        """What it logged; lines of progress are none."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    # over HTTP

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer, whatever it is."""
        asked = urllib.request.Request(self.url + path, body, self.bearer() | headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def state_of(self) -> dict[str, Any]:
        return json.loads(self.request("/api/state")[1])

    def lines(self) -> list[bytes]:
        """The journal as the service gives it."""
        return self.request("/api/decisions?since=0&limit=10000")[1].splitlines()

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def until(self, condition: Any, seconds: float = 30.0) -> Any:
        """What a condition gives when it holds."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"waited {seconds} s for {condition}\n{self.log()[-3000:]}"
            time.sleep(0.02)
        return found

    def clock(self, ts_ns: int) -> None:
        """Say that nothing before a moment is still to come."""
        body = json.dumps({"kind": "clock", "ts_event": ts_ns}).encode()
        status, answer = self.request("/api/events", body, **{"X-Feed": "clock"})
        assert status == 200, answer

    def ended(self, name: str) -> bool:
        """Whether a configured feed has brought all it had, in this life or the one before."""
        return any(feed["name"] == name and feed["position"] and not feed["connected"] for feed in self.feeds())

    def feeds(self) -> list[dict[str, Any]]:
        return self.state_of()["feeds"]

    def feed_at(self, name: str, position: int) -> bool:
        """Whether a feed has come so far."""
        return any(feed["name"] == name and feed["position"] >= position for feed in self.feeds())
