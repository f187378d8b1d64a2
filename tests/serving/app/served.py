"""A service with a desk in memory as a process of its own: `python -m tests.serving.app.served STATE`."""

import sys
from pathlib import Path

from serving.app import logs, server
from serving.app.tokens import NAME, Tokens
from tests.serving import fake_desk


def main(state: Path, decide_every: int) -> None:
    logs.setup()
    desk = fake_desk.FakeDesk(decide_every=decide_every)
    try:
        server.run(desk, fake_desk.settings(state, limits=desk.limits), Tokens(state / NAME), None)
    finally:
        print(f"stopped {desk.stopped} with {desk.positions}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
