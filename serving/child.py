"""A process of its own that is asked in a line of JSON and answers in one, so that the service never does its work.

It may die, hang or babble: then it is killed and there is no answer, and the next question has a new process.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from mia_ml.core.errors import MiaError

MOST_BYTES = 1 << 20
ENDS_S = 1.0
"""How long it may take to end after its last word: its exit code is its own then."""
Answer = TypeVar("Answer")


class NoAnswer(MiaError):
    """A question has none; the text is one line."""


class Child:
    """arguments: of `python -m`. answer_s: how long an answer may take. It starts with a question, and ends with its
    input."""

    def __init__(self, *arguments: str, answer_s: float) -> None:
        self._command = [sys.executable, "-m", *arguments]
        self._answer_s = answer_s
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def ask(self, question: Any, read: Callable[[bytes], Answer]) -> Answer:
        """What `read` makes of the answer; it raises ValueError or MsgspecError on a line that is none.

        Raises NoAnswer.
        """
        async with self._turn:
            try:
                return read(await asyncio.wait_for(self._heard(question), self._answer_s))
            except TimeoutError:
                await self.close()
                raise NoAnswer(f"no answer (not within {self._answer_s:g} s)") from None
            except (OSError, ValueError, EOFError, msgspec.MsgspecError) as error:
                code = await self.close()
                why = f"exit code {code}" if isinstance(error, EOFError) else type(error).__name__
                raise NoAnswer(f"no answer ({why})") from None
            except asyncio.CancelledError:  # whoever asks next must not read this answer
                await self.close()
                raise

    async def close(self) -> int:
        """Its exit code; 0 where there is none. Whoever is interrupted in it closes again."""
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        code = await process.wait()
        if self._process is process:
            self._process = None
        return code

    async def _heard(self, question: Any) -> bytes:
        """A line of the process. Raises EOFError when it says no more."""
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=MOST_BYTES,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), ENDS_S)
            raise EOFError
        return line
