"""The live figures measure what they say: every event arrives, every decision is counted, and a loss would be seen."""

import itertools
import json

import numpy as np
import pytest

from benchmarks import live_client, live_desk, live_messages, live_service, live_socket, live_start, live_world, run
from benchmarks.market import FullDay, Market
from mia_ml.core.errors import DataError
from serving.intake import wire
from tests.benchmarks.test_equal import THIN


@pytest.fixture(scope="module")
def world():
    made = live_world.LiveWorld(0.01, 2, trees=3)
    yield made
    made.close()


@pytest.fixture(scope="module")
def day():
    with Market(THIN) as market:
        yield FullDay(market, least=(0, 0))


def test_a_day_as_events_and_as_rows_is_the_same_day(world):
    day = next(world.days())
    events = list(live_world.events_of(day))
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert all(a.ts_event <= b.ts_event for a, b in itertools.pairwise(events))
    assert events[70:90] == list(live_world.events_of(day, 1, slice(70, 90)))
    rows = [part for portion in live_world.portions_of(day, most=100) for part in portion]
    found = sorted((n, part.table) for part in rows for n in part.records["position"].tolist())
    kinds = {wire.Trade: "trades", wire.Book: "book", wire.Options: "options", wire.Vix: "vix"}
    assert found == [(event.position, kinds[type(event)]) for event in events]


def test_bars_reach_the_trees_often(world):
    crossings = world.content.scorer().decide(world.rows)["crossing"]
    assert np.count_nonzero(crossings) > 0.1 * world.rows.size


def test_the_desk_is_timed_until_each_of_its_stations(world):
    figures = {figure.name: figure.value for figure in live_desk.closes(world, most_days=1, idle_closes=30)}
    assert 0 < figures["live_desk_decided_p50_us"] < figures["live_desk_close_p50_us"]


def test_events_that_close_no_bar_are_timed_by_themselves(world, day, monkeypatch):
    monkeypatch.setattr(live_desk, "WARM_UP", 100)
    monkeypatch.setattr(live_desk, "IDLE_EVENTS", 20)
    figures = {figure.name: figure for figure in live_desk.events(day, world, 500)}
    timed = int(figures["live_desk_taken_p99_us"].note.split()[0])
    assert 400 < timed <= 500


def test_a_restart_catches_up_with_all_of_a_day(world, day):
    (figure,) = live_start.catching_up(day, world)
    assert figure.note.startswith(f"{day.events:,} events and ")
    assert figure.value > 0


def test_what_listeners_hear_is_counted():
    heard = np.array([(0, 4, 0, 0), (0, 5, 0, 0), (1, 5, 0, 0)])
    assert live_socket._missing(heard, 2, 3, 5) == 1
    with pytest.raises(DataError, match="listener 0 heard a decision twice or out of turn"):
        live_socket._missing(np.array([(0, 5, 0, 0), (0, 5, 0, 0)]), 1, 3, 5)


def test_over_sockets_everything_arrives_and_what_is_not_taken_is_no_figure(world, tmp_path):
    events = live_messages.of_days(world)
    messages = live_messages.write(events, tmp_path / "single", 300)
    batches = live_messages.write(events, tmp_path / "batch", 2, 50)
    with live_service.Service(tmp_path / "service", world, ["--bundle", str(world.bundle)]) as service:
        ran = live_socket.ran(service, messages, 0, 300, 2_000, tmp_path, listeners=3)
        assert (ran.dropped, ran.replies.size, ran.decisions.size) == (0, 300, 3 * ran.numbers)
        assert ran.numbers > 0
        assert (ran.decisions > 0).all()
        assert (ran.replies > 0).all()
        assert live_socket.ran(service, batches, 0, 2, 0, tmp_path, listeners=1).replies.size == 2
        assert service.get("/api/state")["feeds"][0]["position"] == 400
        message = live_client.frame(wire.encode([wire.Vix(position=1, symbol="VIX", ts_event=1, value=-1.0)]))
        (tmp_path / "odd").write_bytes(message)
        np.save(tmp_path / "odd.ends.npy", [len(message)])
        odd = live_messages.Messages(tmp_path / "odd", np.array([1]), 1)
        with pytest.raises(DataError, match=r"the feed failed: .*message 1 was answered"):
            live_socket.ran(service, odd, 0, 1, 0, tmp_path, listeners=1)


def test_frames_of_every_length_are_read_as_they_were_written():
    sizes = (0, 1, 125, 126, 70_000)
    masked = b"".join(live_client.frame(bytes(size)) for size in sizes)
    assert len(masked) == sum(sizes) + 5 * 6 + 2 * 2 + 8 - 2
    frames, out = live_client.Frames(), []
    sent = b"".join(_of_a_server(json.dumps([size]).encode() + bytes(size)) for size in sizes)
    for at in range(0, len(sent), 1000):
        out += frames.feed(sent[at : at + 1000])
    assert [len(payload) - len(json.dumps([size])) for payload, size in zip(out, sizes, strict=True)] == list(sizes)
    with pytest.raises(DataError, match="the service closed with 1013 too slow"):
        frames.feed(b"\x88\x0a\x03\xf5too slow")


def _of_a_server(payload):
    head = live_client.frame(payload)[: -len(payload) - 4]
    return bytes([head[0], head[1] & 0x7F]) + head[2:] + payload


def test_every_live_figure_is_in_the_list():
    assert set(live_socket.NAMES) < set(run.NAMES)
