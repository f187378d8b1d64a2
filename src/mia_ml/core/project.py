"""Where a project is, whichever checkout of it runs."""

from pathlib import Path


def home(start: Path) -> Path:
    """The repository of `start`; for the throw-away checkout of a queued DVC experiment, the one it came from.

    >>> home(Path("/desk/mia/.dvc/tmp/exps/tmp1abc")).as_posix(), home(Path("/desk/mia")).as_posix()
    ('/desk/mia', '/desk/mia')
    """
    parts = start.parts
    for i in range(len(parts) - 2):
        if parts[i : i + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:i])
    return start
