"""Days that wait to be run again: who is asked, in which order, and what becomes of a look that comes to nothing."""

import asyncio
import contextlib
import json
import logging
import os
import sys

import pytest

from mia_ml.store.rules import Rules
from serving.papers import looks
from serving.papers.looks import Looks
from serving.unavailable import Unavailable

pytestmark = pytest.mark.anyio
V, W = "mia-es/1", "mia-es/2"
CLEAN = """print('{"difference": ""}')"""


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(looks, "AGAIN_S", 0.01)


class Notes:
    """Stands for the paper accounts: the days that wait, and what was seen of the others. full: whatever is written."""

    def __init__(self, *days, versions=(V,)):
        self.waiting = {day: list(versions) for day in days}
        self.found = {}
        self.unreadable = self.full = 0

    def unseen(self):
        if self.unreadable:
            self.unreadable -= 1
            raise Unavailable("paper.db: is locked")
        return dict(sorted(self.waiting.items()))

    def seen(self, day, versions, difference):
        if self.full:
            self.full -= 1
            raise Unavailable("paper.db: is full")
        assert self.waiting.pop(day) == versions
        self.found[day] = difference


class Asked:
    """Looks whose process runs `body` on the `day` it is asked of, the first one of all runs `first`, where given."""

    def __init__(self, tmp_path, notes, body=CLEAN, first=""):
        self.file = tmp_path / "asked"
        self.file.touch()
        where = (tmp_path / "live", tmp_path / "tables", Rules(jump_atrs=7.0))
        self.looks = Looks(notes, lambda version: tmp_path / "bundles" / version, *where)
        code = f"""import json, os, sys, time
asked = json.loads(sys.stdin.readline())
day = asked["day"]
with open({str(self.file)!r}, "a") as file:
    again = file.tell()
    file.write(json.dumps(asked | {{"pid": os.getpid()}}) + "\\n")
if again:
    {body}
else:
    {first or body}
"""
        self.looks._child._command = [sys.executable, "-SEs", "-c", code]

    def questions(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.looks.run())
        try:
            yield
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await self.looks.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def gone(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


async def test_days_that_wait_at_the_start_are_looked_at_the_oldest_first_each_by_a_process_that_ends(tmp_path):
    notes = Notes(20240308, 20240306, 20240307, versions=(V, W))
    asked = Asked(tmp_path, notes, body=f"time.sleep(0.05); {CLEAN}; sys.stdout.flush(); time.sleep(100)")
    async with asked.running():
        await until(lambda: not notes.waiting)
        first, *others = asked.questions()
        assert [first["day"], *(each["day"] for each in others)] == [20240306, 20240307, 20240308]
        assert first["versions"] == {V: str(tmp_path / "bundles" / V), W: str(tmp_path / "bundles" / W)}
        assert (first["state"], first["tables"]) == (str(tmp_path / "live"), str(tmp_path / "tables"))
        assert Rules(**first["rules"]) == Rules(jump_atrs=7.0)
        pids = {each["pid"] for each in asked.questions()}
        assert len(pids) == 3
        await until(lambda: all(map(gone, pids)))
    assert notes.found == dict.fromkeys((20240306, 20240307, 20240308), "")


async def test_two_days_are_never_looked_at_at_once(tmp_path):
    notes = Notes(20240306, 20240307)
    asked = Asked(tmp_path, notes, body="time.sleep(100)")
    async with asked.running():
        await until(asked.questions)
        asked.looks.want()
        await asyncio.sleep(0.3)
        assert [each["day"] for each in asked.questions()] == [20240306]


async def test_a_day_that_ends_later_is_looked_at_then(tmp_path):
    notes = Notes()
    asked = Asked(tmp_path, notes)
    async with asked.running():
        await asyncio.sleep(0.05)
        notes.waiting[20240306] = [V]
        await asyncio.sleep(0.05)
        assert asked.questions() == []
        asked.looks.want()
        await until(lambda: notes.found)


async def test_a_difference_is_noted_and_logged_as_an_error(tmp_path, caplog):
    notes = Notes(20240306)
    async with Asked(tmp_path, notes, body="""print('{"difference": "decision 7 was another"}')""").running():
        await until(lambda: notes.found)
        await asyncio.sleep(0.05)
    assert notes.found == {20240306: "decision 7 was another"}
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "parity of 20240306: decision 7 was another")


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("os._exit(3)", "no answer (exit code 3)"),
        ("os.kill(os.getpid(), 9)", "no answer (exit code -9)"),
        ("raise RuntimeError('of no known kind')", "no answer (exit code 1)"),
        ("time.sleep(100)", "no answer (not within 1 s)"),
        ("print('all is well')", "no answer (DecodeError)"),
        ("print('[]')", "no answer (ValidationError)"),
        ("""print('{"failed": "OSError: too many open files"}')""", "OSError: too many open files"),
    ],
)
async def test_a_look_that_comes_to_nothing_leaves_the_day_waiting_is_said_in_a_line_and_tried_again(
    tmp_path, monkeypatch, caplog, first, why
):
    if "sleep" in first:
        monkeypatch.setattr(looks, "ANSWER_S", 1.0)
    notes = Notes(20240306, 20240307)
    asked = Asked(tmp_path, notes, first=first)
    async with asked.running():
        await until(lambda: 20240307 in notes.found)  # which it does not hold up
        assert list(notes.waiting) == [20240306]
        await until(lambda: not notes.waiting)
    assert [each["day"] for each in asked.questions()] == [20240306, 20240307, 20240306]
    (record,) = caplog.records
    wanted = f"20240306 could not be run again from its log: {why}; it is tried again"
    assert (record.levelno, record.getMessage(), record.exc_info) == (logging.WARNING, wanted, None)


async def test_it_is_not_tried_again_at_once_because_another_day_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(looks, "AGAIN_S", 1e9)
    notes = Notes(20240306, 20240307)
    asked = Asked(tmp_path, notes, first="os._exit(3)")
    async with asked.running():
        await until(lambda: notes.found)
        asked.looks.want()
        await asyncio.sleep(0.3)
        assert [each["day"] for each in asked.questions()] == [20240306, 20240307]


@pytest.mark.parametrize("what", ["unreadable", "full"])
async def test_while_the_accounts_cannot_be_read_or_written_days_wait(tmp_path, caplog, what):
    notes = Notes(20240306)
    setattr(notes, what, 2)
    async with Asked(tmp_path, notes, body="""print('{"difference": "decision 7 was another"}')""").running():
        await until(lambda: notes.found)
        await asyncio.sleep(0.05)
    assert notes.found == {20240306: "decision 7 was another"}
    levels = [record.levelno for record in caplog.records]
    assert levels == [logging.WARNING, logging.WARNING, logging.ERROR]
    assert not any("\n" in record.getMessage() or record.exc_info for record in caplog.records)


async def test_whoever_stops_it_kills_its_process_and_the_day_still_waits(tmp_path):
    notes = Notes(20240306)
    asked = Asked(tmp_path, notes, body="time.sleep(100)")
    async with asked.running():
        await until(asked.questions)
    assert gone(asked.questions()[0]["pid"])
    assert list(notes.waiting) == [20240306]
