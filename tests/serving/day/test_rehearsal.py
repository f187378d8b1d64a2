"""A rehearsed close changes nothing, and is due once, shortly before a minute ends."""

import numpy as np

from mia_ml.core.moments import MINUTE
from mia_ml.features.stream import Engine
from serving.day import rehearsal
from serving.day.rail import CHAMPION, SHADOW
from tests.scoring import small
from tests.serving import live_world
from tests.serving.test_crashes import Listener, started

LONG_NS = 20 * 10**9


def test_a_day_rehearsed_at_random_gives_the_lines_of_research(rolling, tmp_path):
    """Two versions, each with an engine of its own."""
    listener, rng = Listener(), np.random.default_rng(1)
    features = {**rolling.content.features, "order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
    other = small.content(None, features=features)
    desk = started(
        rolling, tmp_path, listener, versions={"mia-ml/1": (rolling.content, CHAMPION), "mia-ml/2": (other, SHADOW)}
    )
    for at, event in enumerate(rolling.events):
        desk.take("ws", [event], 0)
        if rng.random() < 0.01 or at < 3:
            desk.rehearse()
    desk.take("ws", [rolling.end], 0)
    assert listener.of("mia-ml/1") == rolling.lines
    days = [day.day for day in rolling.days]
    assert listener.of("mia-ml/2") == live_world.research(other, rolling.tables, days).lines


def test_it_is_due_once_before_the_minute_ends(rolling, tmp_path, monkeypatch):
    desk, rehearsed = rolling.desk(tmp_path), []
    monkeypatch.setattr(rehearsal, "BEFORE_NS", LONG_NS)  # events are rare here
    real = Engine.rehearse
    monkeypatch.setattr(Engine, "rehearse", lambda engine: rehearsed.append(desk.now_ns()) or real(engine))
    due = []
    for event in rolling.events[:4000]:
        desk.take("ws", [event], 0)
        if desk.is_about_to_close():
            due.append(desk.now_ns())
            desk.rehearse()
            assert not desk.is_about_to_close()
    assert rehearsed == due
    minutes = [ts // MINUTE for ts in due]
    assert len(set(minutes)) == len(minutes) > 5
    assert all(ts % MINUTE >= MINUTE - LONG_NS for ts in due)


def test_time_that_passes_rehearses_too(rolling, tmp_path, monkeypatch):
    desk, rehearsed = rolling.desk(tmp_path), []
    monkeypatch.setattr(rehearsal, "BEFORE_NS", LONG_NS)
    monkeypatch.setattr(Engine, "rehearse", lambda engine: rehearsed.append(1) or np.zeros(0))
    ticks = 0
    for event in rolling.events[:4000]:
        desk.take("ws", [event], 0)
        due = desk.is_about_to_close()
        desk.tick()
        ticks += due
    assert len(rehearsed) == ticks > 5
