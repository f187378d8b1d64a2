"""A line on a terminal that says how far a long command is; nothing in a pipe or under two seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 2.0
EVERY_S = 0.1


@contextmanager
def progress(what: str) -> Iterator[Callable[[str, int], None]]:
    """Yields a function to call with the current file and the rows read so far."""
    if not sys.stderr.isatty():
        yield lambda file, rows: None
        return
    from rich.console import Console

    started = shown = time.monotonic()
    with Console(stderr=True).status(what) as status:
        status.stop()

        def tick(file: str, rows: int) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - started < PATIENCE_S or now - shown < EVERY_S:
                return
            shown = now
            status.update(f"{what}: {rows:,} rows, {rows / (now - started):,.0f} a second, {Path(file).name}")
            status.start()

        yield tick
