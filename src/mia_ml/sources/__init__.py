"""Vendor files in, canonical tables out: every source yields batches and rejects, then closes each file.

`read` of every source takes `skip`: asked once before a file is read, by the name its items would carry and in their
order; where it says True the source yields nothing of that file.
"""

from collections.abc import Callable

Skip = Callable[[str], bool]


def never(file: str) -> bool:
    """Reads every file."""
    return False
