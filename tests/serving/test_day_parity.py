"""A day that is over is run again from its log: an honest one says nothing, another names what differs first."""

import numpy as np
import pytest

from serving.day.decisions import Sent
from serving.day.rail import SHADOW
from serving.intake.events import RECORD
from tests.scoring import small
from tests.serving import live_world


@pytest.fixture(scope="module")
def lived(faulty, tmp_path_factory):
    """A state that a service leaves, and the desk that left it."""
    state = tmp_path_factory.mktemp("lived")
    desk = faulty.desk(
        state, versions={"mia-ml/1": (faulty.content, "champion"), "mia-ml/2": (small.content(None), SHADOW)}
    )
    events = [*faulty.events, faulty.end]
    for k in range(0, len(events), 500):
        desk.take("ws", events[k : k + 500], 0)
    return state, desk


def difference(lived, sent=None):
    _, desk = lived
    return live_world.difference(desk, sent)


def edited(lived, tmp_path, change):
    """The journal with its lines changed."""
    _, desk = lived
    path = desk.journal.path(desk.day.day)
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    (tmp_path / path.name).write_bytes(b"".join(lines))
    return Sent(tmp_path)


def test_an_honest_day_says_nothing_and_changes_nothing(lived):
    state, desk = lived
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file() and path.suffix != ".state"}
    rows = [rail.today().tobytes() for rail in desk.day.rails]
    assert difference(lived) == ""
    assert {path: path.read_bytes() for path in before} == before
    assert [rail.today().tobytes() for rail in desk.day.rails] == rows


def test_an_edited_line_is_named(lived, tmp_path):
    def change(lines):
        for k in (900, 1500):
            lines[k] = lines[k].replace(b'"threshold":', b'"threshold":9')

    sent = edited(lived, tmp_path, change)
    assert difference(lived, sent).startswith("decision 901 of mia-ml/1 at 2024-03-12")
    assert "\n" not in difference(lived, sent)


def test_a_line_that_was_never_there_and_one_that_was_taken_out_are_noticed(lived, tmp_path):
    def less(lines):
        del lines[5:8]

    assert difference(lived, edited(lived, tmp_path, less)) == "3 decisions were never sent"

    def more(lines):
        lines[-1] = lines[-1].replace(b'"decision":{"ts":17', b'"decision":{"ts":16')

    found = difference(lived, edited(lived, tmp_path, more))
    assert "is not among those that the day's log gives" in found


@pytest.mark.parametrize("what", ["price", "gone", "accepted"])
def test_an_edited_log_is_noticed(lived, what):
    _, desk = lived
    path = desk.day.arrivals.log.folder / "trades.log"
    kept = path.read_bytes()
    records = np.frombuffer(kept, RECORD["trades"]).copy()
    middle = records.size // 2
    if what == "price":
        records["price"][middle] += 0.25
    elif what == "gone":
        records = records[: records.size - 5]
    else:
        records["reason"][np.flatnonzero(records["reason"] > 0)[0]] = 0
    path.write_bytes(records.tobytes())
    try:
        found = difference(lived)
    finally:
        path.write_bytes(kept)
    assert found
    assert "\n" not in found


def test_another_bundle_under_the_name_is_noticed(lived, monkeypatch):
    _, desk = lived
    monkeypatch.setattr(desk.core.fleet.champion, "content", small.content(None))
    assert difference(lived).startswith("decision 1 of mia-ml/1 at ")


def test_what_the_snapshots_have_of_the_days_before_counts(faulty, lived, monkeypatch):
    _, desk = lived
    monkeypatch.setattr(desk.core.fleet.market, "_found", ())
    assert difference(lived).startswith("decision ")
