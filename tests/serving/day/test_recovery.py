"""A day run again: what it takes over from the log and from what had left."""

import numpy as np
import pytest

from serving.day.rail import CHAMPION, SHADOW
from serving.day.recovery import role_at
from serving.intake import journal, wire
from serving.intake.journal import Day, Role
from tests.serving import live_world
from tests.serving.day.wall_days import changed
from tests.serving.listening import Listener, started


def test_a_role_counts_from_the_first_bar_behind_its_moment():
    roles = [Role("a/1", "champion", 60), Role("b/1", "shadow", 60), Role("a/1", "standby", 180)]
    about = Day(20240312, roles=roles)
    assert [role_at(about, "a/1", ts) for ts in (0, 60, 120, 180, 240)] == ["", "", "champion", "champion", "standby"]
    assert role_at(about, "b/1", 240) == "shadow"
    assert role_at(about, "c/1", 240) == ""


@pytest.fixture
def state(rolling, tmp_path):
    listener = Listener()
    desk = started(rolling, tmp_path / "live", listener)
    desk.take("ws", rolling.events[:3000], 0)
    desk.close()
    return tmp_path / "live", listener


def test_what_had_left_is_told_to_the_followers_and_not_sent_again(rolling, state):
    folder, listener = state

    class Follower(live_world.Nobody):
        def __init__(self):
            self.seen = []

        def follow(self, day, out):
            self.seen += [(int(verdict.row["ts"][0]), act) for verdict, act in out]

    follower, sent = Follower(), []
    desk = rolling.desk(folder, publish=[lambda number, line: sent.append(line)], follower=follower)
    live_world.reopened(desk)
    assert sent == []
    rows = rolling.research.rows["ts"][: len(listener.lines)].tolist()
    assert [ts for ts, _ in follower.seen] == rows
    acts = [live_world.decisions._KEPT.decode(line).live.act for line in listener.lines]
    assert [act for _, act in follower.seen] == acts


def test_lines_that_are_missing_at_the_end_are_sent_as_recovered(rolling, state):
    folder, listener = state
    (path,) = (folder / "decisions").glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-4]))
    heard = Listener()
    heard.lines = [bytes(line) for line in lines[:-4]]
    desk = rolling.desk(folder, publish=[heard])
    live_world.reopened(desk)
    again = [live_world.decisions._KEPT.decode(line) for line in heard.lines[-4:]]
    assert [line.live.recovered for line in again] == [True] * 4
    assert heard.of("mia-ml/1") == listener.of("mia-ml/1")


def test_a_version_that_came_in_the_middle_decides_from_there_on(rolling, state):
    folder, listener = state
    versions = {"mia-ml/1": (rolling.content, CHAMPION), "mia-ml/2": (rolling.content, SHADOW)}
    before = len(listener.lines)
    for _ in range(2):  # once as a newcomer, once as one that was there
        desk = started(rolling, folder, listener, versions=versions)
        assert len(listener.lines) == before
    desk.take("ws", rolling.events[3000:3500], 0)
    lines = listener.of("mia-ml/2")
    assert lines == rolling.lines[before : before + len(lines)]
    assert lines
    assert listener.of("mia-ml/1") == rolling.lines[: before + len(lines)]


def test_a_version_that_has_gone_leaves_its_lines_where_they_are(rolling, state):
    folder, listener = state
    versions = {"mia-ml/9": (rolling.content, CHAMPION)}
    before = len(listener.lines)
    desk = started(rolling, folder, listener, versions=versions)
    desk.take("ws", rolling.events[3000:3500], 0)
    assert listener.of("mia-ml/1") == rolling.lines[:before]
    assert listener.of("mia-ml/9") == rolling.lines[before : len(listener.lines)]


def test_the_screening_goes_on_from_what_it_knew(rolling, tmp_path):
    """A jump that was waiting to be confirmed is confirmed after a restart as it would have been without one."""

    def fed(state, restart):
        listener = Listener()
        desk = started(rolling, state, listener)
        desk.take("ws", rolling.events[:2000], 0)
        trades = [e for e in rolling.events[2000:2400] if type(e) is wire.Trade][:8]
        reasons = []
        for n, e in enumerate(trades, 2001):
            reply = desk.take("ws", [changed(e, position=n, price=e.price + 500)], 0)
            reasons.append(reply.refused[0].reason if reply.refused else "")
            if restart and n == 2003:
                desk = started(rolling, state, listener)
        return reasons

    whole = fed(tmp_path / "whole", False)
    assert "price jump" in whole
    assert "" in whole
    assert fed(tmp_path / "again", True) == whole


def test_positions_of_every_feed_are_where_they_were(rolling, state):
    folder, _ = state
    (day,) = (folder / "days").iterdir()
    assert journal.positions(day) == {"ws": 3000}
    desk = started(rolling, folder, Listener())
    assert desk.resume_after("ws") == 3000
    numbers = np.concatenate([found["number"] for found in journal.read(day).values()])
    assert desk.day.arrivals.number == numbers.max() == 3000
