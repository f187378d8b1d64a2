"""What can wait until those who wait have been answered: it is done in order, as soon as the event loop is free."""

import asyncio
import collections
from collections.abc import Callable

Work = Callable[[], None]


class Afterwards:
    """failed: is told of a work that has raised; the others are still done."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._works: collections.deque[Work] = collections.deque()

    def add(self, work: Work) -> None:
        """Have it done soon."""
        self._works.append(work)
        if len(self._works) == 1:
            asyncio.get_running_loop().call_soon(self.now)

    def now(self) -> None:
        """Do all of it."""
        while self._works:
            try:
                self._works[0]()
            except Exception as error:
                self._failed(error)
            finally:
                self._works.popleft()
