"""The versions at work: checked before they start, remembered; whoever asks the registry may die, hang or babble."""

import asyncio
import os
import sys
from dataclasses import replace

import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.scoring import bundle
from serving.day.rail import SHADOW
from serving.unavailable import Unavailable
from serving.versions import chosen as versions
from serving.versions.chosen import AWAY, Chosen, Lookout
from tests.scoring import small

pytestmark = pytest.mark.anyio
ONE = Chosen("mia-es/1", "/bundles/mia-es-1", "ab" * 32, "in a hurry", "", "/bundles/mia-es-1.judgement.json")
SAID = (
    '{"champion": {"version": "mia-es/1", "folder": "/bundles/mia-es-1", "seal": "' + "ab" * 32 + '", "overridden": '
    '"in a hurry", "why": "", "judgement": "/bundles/mia-es-1.judgement.json"}}'
)


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("versions")
    world = small.world(root / "tables")
    return bundle.write(root / "made", small.content(world.ensemble, rows_=world.rows), world.golden())


def child(tmp_path, body, answer_s=20.0, later=""):
    """A lookout whose process runs `body` for each line it is sent; its second process runs `later`, where given."""
    found = Lookout("mia-es", "nowhere", tmp_path / "record", tmp_path / "bundles", answer_s)
    flag = repr(str(tmp_path / "ran"))
    code = f"""import os, sys, time
again = os.path.exists({flag})
open({flag}, 'w').close()
for line in sys.stdin:
    if again:
        {later or body}
    else:
        {body}
    sys.stdout.flush()
"""
    found._child._command = [sys.executable, "-SEs", "-c", code]
    return found


async def test_an_answer_says_what_stands_there_or_why_not(tmp_path):
    lookout = child(tmp_path, f"print('''{SAID}''')")
    assert await lookout.ask(["champion"]) == {"champion": ONE}
    first = lookout._child._process.pid
    assert await lookout.ask(["champion"]) == {"champion": ONE}
    assert lookout._child._process.pid == first
    await lookout.close()
    await lookout.close()
    other = child(tmp_path, """print('{"champion": {"error": "no alias"}}')""")
    assert await other.ask(["champion"]) == {"champion": "no alias"}
    await other.close()


@pytest.mark.parametrize(
    "body",
    [
        "os._exit(3)",
        "os.close(1)",
        "print('Traceback: all is lost')",
        "print('[1, 2]')",
        "print('{}')",
        """print('{"champion": {}}')""",
        """print('{"champion": 7}')""",
        """print('{"champion": {"version": "mia-es/1"}}')""",
        """print('{"paper": {"error": "of another question"}}')""",
        "print('x' * (1 << 21))",
        r"sys.stdout.buffer.write(b'\xff\xfe\n')",
    ],
)
async def test_no_answer_is_said_and_the_next_question_has_a_new_process(tmp_path, body):
    lookout = child(tmp_path, body, later=f"print('''{SAID}''')")
    said = (await lookout.ask(["champion"]))["champion"]
    assert said.startswith(f"{AWAY}: no answer (")
    assert "\n" not in said
    assert await lookout.ask(["champion"]) == {"champion": ONE}
    await lookout.close()


async def test_who_hangs_is_not_waited_for(tmp_path):
    lookout = child(tmp_path, "time.sleep(100)", answer_s=0.2)
    asked = asyncio.create_task(lookout.ask(["champion", "paper"]))
    while lookout._child._process is None:
        await asyncio.sleep(0.001)
    pid = lookout._child._process.pid
    assert await asked == dict.fromkeys(["champion", "paper"], f"{AWAY}: no answer (not within 0.2 s)")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next(tmp_path):
    lookout = child(tmp_path, """time.sleep(0.3); print('{"champion": {"error": "stale"}}')""")
    asked = asyncio.create_task(lookout.ask(["champion"]))
    while lookout._child._process is None:
        await asyncio.sleep(0.001)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert lookout._child._process is None


def test_what_was_at_work_is_remembered(tmp_path):
    assert versions.last_good(tmp_path) == {}
    versions.remember(tmp_path, {"champion": ONE, "paper": Chosen("mia-es/2", "f", "cd")})
    assert versions.last_good(tmp_path) == {"champion": ONE, "paper": Chosen("mia-es/2", "f", "cd")}
    versions.remember(tmp_path, {"champion": ONE})
    assert versions.last_good(tmp_path) == {"champion": ONE}


@pytest.mark.parametrize("damage", [b"", b"{", b'{"champion": 3}', b'{"champion": {"version": "a/1"}}', b"\xff"])
def test_damage_of_it_is_refused_in_one_line_with_what_to_do(tmp_path, damage):
    (tmp_path / versions.LAST_GOOD).write_bytes(damage)
    with pytest.raises(DataError, match=r"last_good.json: .*; remove it, the registry is asked then") as one:
        versions.last_good(tmp_path)
    assert "\n" not in str(one.value)


def test_where_it_cannot_be_written_it_is_said(tmp_path):
    (tmp_path / f".{versions.LAST_GOOD}").mkdir()
    with pytest.raises(Unavailable, match="Is a directory"):
        versions.remember(tmp_path, {"champion": ONE})


def test_a_folder_is_a_version_named_by_its_seal(made):
    chosen = versions.of_folder(made.folder)
    assert chosen == Chosen(f"local/{made.seal[:12]}", str(made.folder), made.seal)
    loaded = versions.load(chosen, SHADOW)
    assert (loaded.version, loaded.role, loaded.seal, loaded.overridden) == (chosen.version, SHADOW, made.seal, "")


def test_another_bundle_than_was_registered_does_not_start(made):
    with pytest.raises(DataError, match=f"bundle {made.seal[:12]} where abababababab was registered") as one:
        versions.load(Chosen("mia-es/1", str(made.folder), "ab" * 32), SHADOW)
    assert "\n" not in str(one.value)


def test_a_golden_tape_that_gives_other_bytes_does_not_start(made, tmp_path, monkeypatch):
    with monkeypatch.context() as lying:
        replay = bundle.replay
        lying.setattr(bundle, "replay", lambda *given: replace(replay(*given), decisions_sha256="0" * 64))
        other = bundle.write(tmp_path / "other", made.content, made.golden)
    with pytest.raises(DataError, match="the golden tape gives other decisions here") as one:
        versions.load(versions.of_folder(other.folder), SHADOW)
    assert "\n" not in str(one.value)


@pytest.mark.parametrize("alias", ["champion", "paper"])
def test_an_alias_that_promotion_moves_is_not_to_be_moved_by_hand(alias):
    by_hand = Chosen("mia-es/3", "f", "cd", why="moved by hand")
    with pytest.raises(DataError, match=f"{alias} is mia-es/3: moved by hand"):
        versions.judged(alias, by_hand)
    assert versions.judged("challenger", by_hand) is by_hand
    with pytest.raises(UsageError, match="down"):
        versions.judged(alias, "down")
