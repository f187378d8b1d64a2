"""A process that is asked in a line and answers in one; what there is to say when it does not."""

import asyncio
import os
import signal
import sys

import msgspec
import pytest

from serving.child import Child, NoAnswer

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


def running(body, answer_s=20.0):
    """A child that runs `body` for each line it is sent."""
    found = Child("nothing", answer_s=answer_s)
    code = f"import json, os, sys, time\nfor line in sys.stdin:\n    {body}\n    sys.stdout.flush()"
    found._command = [sys.executable, "-SEs", "-c", code]
    return found


async def started(child):
    while child._process is None:
        await asyncio.sleep(0.001)
    return child._process.pid


async def test_questions_are_answered_in_turn_by_one_process():
    child = running("time.sleep(0.05 * (2 - int(line))); print(int(line) + os.getpid())")
    one, two = await asyncio.gather(child.ask(1, int), child.ask(2, int))
    assert two == one + 1
    assert await child.close() == -signal.SIGKILL
    assert await child.close() == 0


@pytest.mark.parametrize(
    ("body", "answer_s", "why"),
    [
        ("os._exit(3)", 20, "exit code 3"),
        ("os.kill(os.getpid(), 9)", 20, "exit code -9"),
        ("print('what?')", 20, "ValueError"),
        ("print('x' * (1 << 21))", 20, "ValueError"),
        ("time.sleep(100)", 0.2, "not within 0.2 s"),
    ],
)
async def test_why_there_is_no_answer_is_said_in_one_line_and_it_is_gone(body, answer_s, why):
    child = running(body, answer_s)
    asked = asyncio.create_task(child.ask(1, int))
    pid = await started(child)
    with pytest.raises(NoAnswer) as one:
        await asked
    assert str(one.value) == f"no answer ({why})"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_answer_of_another_kind_is_none():
    def refuse(line):
        raise msgspec.ValidationError("of another kind")

    with pytest.raises(NoAnswer, match=r"no answer \(ValidationError\)"):
        await running("print(1)").ask(1, refuse)


async def test_who_is_interrupted_in_closing_it_closes_it_again():
    child = running("print(1)")
    assert await child.ask(1, int) == 1
    pid = child._process.pid
    closing = asyncio.create_task(child.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert await child.close() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_who_waits_no_longer_kills_it():
    child = running("time.sleep(100)")
    asked = asyncio.create_task(child.ask(1, int))
    pid = await started(child)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
