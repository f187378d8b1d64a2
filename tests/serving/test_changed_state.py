"""A state that is not what it was: the start is refused in one line and tells nobody anything, or it is made again."""

import os
import shutil

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.settings import load
from mia_ml.store.rules import Rules
from serving.day.rail import CHAMPION
from serving.intake.events import RECORD
from tests import small_world
from tests.scoring import small
from tests.serving import live_world
from tests.serving.listening import Listener, started
from tests.serving.live_world import decision_of


@pytest.fixture(scope="module")
def half(rolling, tmp_path_factory):
    """A state in the middle of the first day, with what was sent."""
    state, listener = tmp_path_factory.mktemp("half") / "live", Listener()
    desk = started(rolling, state, listener)
    desk.take("ws", rolling.events[:3000], 0)
    desk.close()
    return state, listener.lines


def refused(rolling, state, match, **changes):
    told = []
    desk = rolling.desk(state, publish=[lambda number, line: told.append(line)], **changes)
    with pytest.raises(DataError, match=match) as one:
        live_world.reopened(desk)
    assert "\n" not in str(one.value)
    assert told == []


def test_an_edited_line_of_the_journal_is_found(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    (path,) = (state / "decisions").glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b'"crossing":0', b'"crossing":1')
    assert b"".join(lines) != path.read_bytes()
    path.write_bytes(b"".join(lines))
    refused(rolling, state, r"decision 8 of mia-ml/1 at 2024.* was another when it left")


def test_a_line_that_cannot_be_read_is_named(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    (path,) = (state / "decisions").glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7][:50] + b"\n"
    path.write_bytes(b"".join(lines))
    refused(rolling, state, r"\.jsonl line 8: ")


def test_another_bundle_under_the_same_version_is_found(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    changed = load(small_world.SHIPPED).features.model_dump()
    changed["order_book_imbalance"] |= {"top_weight": 0.3, "deep_weight": 0.7}
    other = small.content(rolling.content.ensemble, features=changed)
    refused(rolling, state, "was another when it left", versions={"mia-ml/1": (other, CHAMPION)})


def test_a_log_that_was_cut_is_found(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    (path,) = (state / "days").glob("*/trades.log")
    os.truncate(path, 0)
    refused(rolling, state, "is not among those that the day's log gives|was another when it left")


def test_a_log_whose_end_was_cut_is_found(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    for path in (state / "days").glob("*/*.log"):
        os.truncate(path, path.stat().st_size * 9 // 10)
    refused(rolling, state, "is not among those that the day's log gives|was another when it left")


def test_a_changed_price_in_the_log_is_found(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    (path,) = (state / "days").glob("*/trades.log")
    found = np.fromfile(path, RECORD["trades"])
    found["price"][found.size // 2] += 0.25
    path.write_bytes(found.tobytes())
    refused(rolling, state, "was another when it left")


def test_other_rules_of_screening_are_found(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    refused(
        rolling, state, "refused by other rules than today's", screening=Rules(jump_atrs=1e-9, jump_floor_ticks=0.5)
    )


def test_a_damaged_snapshot_is_made_again(rolling, half, tmp_path):
    state = shutil.copytree(half[0], tmp_path / "live")
    for path in (state / "engine").glob("*.state"):
        path.write_bytes(path.read_bytes()[:1000])
    listener = Listener()
    desk = started(rolling, state, listener)
    desk.take("ws", rolling.events[3000:4000], 0)
    assert [decision_of(line) for line in listener.lines] == rolling.lines[: len(listener.lines)]
