"""Two simulated days through the running service: what goes in over its sockets comes out as research has it."""

import asyncio
import json
import subprocess

import numpy as np
import polars as pl
import pytest

from mia_ml.confluence import decision
from mia_ml.features import engine
from mia_ml.registry import paper_gate
from mia_ml.scoring import table
from serving.day import decisions
from tests.serving.end_to_end.clients import Feed, Listener, together
from tests.serving.end_to_end.conftest import paper_of, paper_of_research
from tests.serving.end_to_end.running import MIA
from tests.serving.live_world import IDLE_S, decision_of, on_disk


def sizes(seed, most=400):
    """Sizes of messages, every third of one event."""
    rng = np.random.default_rng(seed)
    return lambda: 1 if rng.random() < 0.3 else int(rng.integers(1, most + 1))


@pytest.fixture(scope="module")
def over_websocket(market, tmp_path_factory):
    """A service that has lived through it; what two listeners heard, one of them from the start."""
    with market.serve(tmp_path_factory.mktemp("ws")) as service:
        early, late = Listener(), Listener()
        feed = Feed("ws", market.world.messages, sizes(0), market.close_ns)
        asyncio.run(together(feed.send(service), early.listen(service, len(market.lines))))
        asyncio.run(together(late.listen(service, len(market.lines))))
        yield service, early, late, feed


def test_websocket_in_and_out(market, over_websocket):
    service, early, late, feed = over_websocket
    print(f"start {service.started_s:.2f} s")
    assert early.of() == market.lines
    assert late.of() == market.lines
    assert early.connections == late.connections == 1
    assert [decision_of(line) for line in service.lines()] == market.lines
    assert service.lines() == [line.strip() for line in on_disk(service.state)]
    refused = [refusal["reason"] for reply in feed.replies for refusal in reply["refused"]]
    assert set(refused) == {"late: its bar had closed"}
    assert len(refused) == int(market.world.research.rows["late_events"].sum())


def test_the_paper_account_is_what_research_makes_of_it(market, over_websocket):
    service, early, *_ = over_websocket
    assert service.request("/api/statement")[0] == 200  # what a statement tells is on disk; else it is within a second
    trades, outcomes = paper_of(service.state, early.lines[0].version)
    wanted_trades, wanted_outcomes = paper_of_research(market)
    assert trades.size >= 10
    assert trades.tobytes() == wanted_trades.tobytes()
    assert outcomes.tobytes() == wanted_outcomes.tobytes()


def test_the_day_that_is_over_was_run_again_and_the_one_that_is_not_was_not(market, over_websocket):
    service, early, *_ = over_websocket
    version = early.lines[0].version
    path = paper_gate.path_of(service.state, *version.split("/"))
    service.until(lambda: b"not yet" not in path.read_bytes(), IDLE_S)
    (day,) = paper_gate.read(path, version).evidence.days
    assert (day.day, day.decided, day.incidents) == (market.world.days[0].day, 1380, ())


def test_every_signal_is_acted_upon(over_websocket):
    _, early, *_ = over_websocket
    assert all(line.live.act == (line.head.action == "signal") for line in early.lines)


def test_it_is_stood_down_by_hand(over_websocket):
    service, *_ = over_websocket
    assert service.request("/ready")[0] == 200
    for on, status in ((True, 503), (False, 200)):
        body = json.dumps({"on": on, "reason": "the desk is at lunch"}).encode()
        assert service.request("/api/admin/stand-down", body)[0] == 200
        found, told = service.request("/ready")
        assert found == status
        assert any("the desk is at lunch" in why for why in json.loads(told)["why"]) == on


def test_posts_come_to_the_same(market, tmp_path):
    with market.serve(tmp_path, limits={"requests_per_s": 1_000_000}) as service:
        size, at = sizes(1, 2_000), 0
        while at < len(market.world.messages):
            n = size()
            part = market.world.messages[at : at + n]
            status, body = service.request("/api/events", json.dumps(part).encode(), **{"X-Feed": "post"})
            assert status == 200, body
            assert json.loads(body)["position"] == part[-1]["position"]
            at += n
        end = {"kind": "clock", "ts_event": market.close_ns}
        assert service.request("/api/events", json.dumps(end).encode(), **{"X-Feed": "post"})[0] == 200
        assert [decision_of(line) for line in service.lines()] == market.lines


def test_replay_gives_the_same_decisions(market, tmp_path):
    """The file that `mia replay` writes of the whole market, the days lived among them, holds what is sent out; it
    ends with the last event, where the service goes on to the close."""
    found = replayed(market.world, market.bundle, tmp_path)
    last = market.world.messages[-1]["ts_event"]
    assert found == [line for line in market.lines if json.loads(line)["ts"] <= last]


def replayed(world, folder, cwd):
    """What `mia replay` writes, of the days lived, as lines. folder: of a bundle."""
    path = cwd / "replay.parquet"
    command = [MIA, "replay", "--tables", str(world.tables), "--out", str(path), "--bundle", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=cwd)
    found = pl.read_parquet(path)
    found = found.filter(pl.col("day").is_in([day.day for day in world.days]))
    scorer = world.content.scorer()
    rows, taken = np.zeros(len(found), engine.ROW), np.zeros(len(found), decision.DECISION)
    for records in (rows, taken):
        for name in records.dtype.names:
            if name in found.columns:
                records[name] = found[name].to_numpy()
    taken["member"][:, len(scorer.filter.members) :] = np.nan
    for k, name in enumerate(scorer.filter.members):
        taken["member"][:, k] = found[table.PROBABILITY + name].to_numpy()
    for k, name in enumerate(scorer.formula.terms):
        taken["contribution"][:, k] = found[table.CONTRIBUTION + name].to_numpy()
    contracts = {day.day: day.contract for day in world.days}
    return [
        decisions.decided(rows[k : k + 1], taken[k : k + 1], contracts[int(rows["day"][k])], scorer)
        for k in range(rows.size)
    ]
