"""What the service decides is what research decides, byte for byte, whatever way the events come in."""

import msgspec
import numpy as np
import pytest

from mia_ml.core import calendar
from mia_ml.core.moments import MINUTE
from mia_ml.core.tables import FileDone, Reject
from mia_ml.datasets import days as table_days
from mia_ml.features.stream import Engine
from mia_ml.sources import databento, simulator
from mia_ml.store import parquet
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules
from serving.day import decisions
from serving.day.trading_day import record_of
from serving.intake import events, journal, wire
from serving.intake.rows import Rows
from serving.intake.tape import tape_of
from tests import small_world
from tests.scoring import small
from tests.serving import live_world
from tests.serving.live_world import decision_of

HOUR = 60 * MINUTE


def heard(sent):
    return [decision_of(line) for line in sent]


def messages_of(events_, rng, most=500):
    """The events in messages of 1 to `most` events."""
    while events_:
        n = int(rng.integers(1, most + 1)) if rng.random() < 0.5 else 1
        yield events_[:n]
        events_ = events_[n:]


def with_clocks(events_, rng, share=0.01):
    """Between some events the moment of the next one, or one before it, as a clock."""
    out, before = [], 0
    for e in events_:
        if rng.random() < share and e.ts_event > before and e.ts_recv is None:
            out.append(wire.Clock(int(rng.integers(before, e.ts_event + 1))))
        out.append(e)
        before = max(before, e.ts_event, e.ts_recv or 0)
    return out


def fed(desk, taken, feed="ws"):
    for message in taken:
        desk.take(feed, list(message), 0)


def test_a_day_event_by_event_and_its_last_rows_by_the_clock(faulty, tmp_path):
    sent = []
    desk = faulty.desk(tmp_path, publish=[lambda number, line: sent.append(line)])
    replies = [desk.take("ws", [e], 0) for e in faulty.events]
    late = sum(reply.refused != [] for reply in replies)
    assert late == int(faulty.research.rows["late_events"].sum()) > 10
    assert {refusal.reason for reply in replies for refusal in reply.refused} == {"late: its bar had closed"}
    assert 0 < len(sent) < len(faulty.lines)
    desk.take("ws", [faulty.end], 0)
    assert heard(sent) == faulty.lines
    assert live_world.on_disk(tmp_path) == sent
    assert [reply.position for reply in replies] == list(range(1, len(faulty.events) + 1))


def test_a_line_stands_for_the_bytes_of_its_row_and_decision(faulty):
    """A bit of a feature that no line shows is in the fingerprint."""
    rows, taken = faulty.research.rows[700:701].copy(), faulty.research.decisions[700:701]
    before = decisions.decided(rows, taken, "ESM4", faulty.content.scorer())
    rows["rvol"] = np.nextafter(rows["rvol"], 9)
    after = decisions.decided(rows, taken, "ESM4", faulty.content.scorer())
    assert before == faulty.lines[700]
    assert before[-20:] != after[-20:]
    assert before[:-20] == after[:-20]


@pytest.mark.parametrize("seed", [0, 1])
def test_messages_of_any_size_with_clocks_anywhere_change_no_byte(faulty, tmp_path, seed):
    rng = np.random.default_rng(seed)
    sent = []
    desk = faulty.desk(tmp_path, publish=[lambda number, line: sent.append(line)])
    fed(desk, messages_of([*with_clocks(faulty.events, rng, 0.02), faulty.end], rng))
    assert heard(sent) == faulty.lines


def rows_of(messages):
    """Consecutive messages as rows of tables."""
    found = {}
    for msg in messages:
        table = {"trade": "trades", "bar": "bars"}.get(msg["kind"], msg["kind"])
        (e,) = live_world.wire_events([msg])
        _, record = record_of(e, 0, events.NONE if e.ts_recv is None else e.ts_recv)
        found.setdefault((table, msg["symbol"]), []).append(record)
    return [Rows(table, symbol, np.concatenate(parts)) for (table, symbol), parts in found.items()]


def by_portions(world, state, rng, screened, **changes):
    sent = []
    desk = world.desk(state, publish=[lambda number, line: sent.append(line)], **changes)
    at = 0
    while at < len(world.messages):
        n = int(rng.integers(1, 2000)) if rng.random() < 0.8 else 1
        desk.take_portion("file", screened, rows_of(world.messages[at : at + n]))
        at += n
    assert desk.resume_after("file") == len(world.messages)
    desk.take("file", [world.end], 0)
    return desk, sent


@pytest.mark.parametrize("screened", [True, False])
def test_portions_of_any_size_change_no_byte(faulty, tmp_path, screened):
    _, sent = by_portions(faulty, tmp_path, np.random.default_rng(3), screened)
    assert heard(sent) == faulty.lines


def test_two_days_over_a_roll_in_portions_that_reach_over_both(rolling, tmp_path):
    _, sent = by_portions(rolling, tmp_path, np.random.default_rng(4), True)
    assert heard(sent) == rolling.lines


def test_what_is_written_down_gives_the_same_decisions_as_a_research_tape(faulty, tmp_path):
    desk = faulty.desk(tmp_path)
    fed(desk, messages_of([*faulty.events, faulty.end], np.random.default_rng(5)))
    (day,) = faulty.days
    tape = tape_of(journal.read(tmp_path / "days" / str(day.day)))
    plan = small_world.plan(faulty.tables)
    engine = Engine(faulty.content.engine_params(), plan.sessions, plan.contracts)
    for before in plan.days[:-1]:
        engine.run(table_days.tape_of(before, faulty.content.grace_ns), before.close_ns)
    rows = engine.run(tape, day.close_ns)
    assert rows[rows["day"] == day.day].tobytes() == faulty.research.rows.tobytes()


def counts_from(e):
    """When an event counts, ns UTC: a late one from its arrival."""
    if e.ts_recv is not None and e.ts_recv >= (e.ts_event // MINUTE + 1) * MINUTE + small_world.GRACE_NS:
        return e.ts_recv
    return e.ts_event


def test_three_feeds_of_one_market_come_to_the_same(faulty, tmp_path):
    """Prints, book and indices by a feed each, the former two now and then two minutes ahead of each other."""
    rng = np.random.default_rng(6)
    lanes = {"trades": [], "book": [], "indices": []}
    for e in faulty.events:
        lane = lanes["trades" if type(e) is wire.Trade else "book" if type(e) is wire.Book else "indices"]
        lane.append(msgspec.structs.replace(e, position=len(lane) + 1))
    sent = []
    desk = faulty.desk(tmp_path, publish=[lambda number, line: sent.append(line)], hold_ms=3_600_000)
    begun = max(counts_from(lanes[name][0]) for name in ("trades", "book"))
    while any(lanes.values()):
        due = {}
        for name in filter(lanes.get, lanes):
            ts = counts_from(lanes[name][0])
            due[name] = ts - HOUR if name == "indices" else ts + int(rng.integers(0, 2 * MINUTE)) * (ts > begun)
        name = min(due, key=due.get)
        n = 1 if min(due.values()) < begun else int(rng.integers(1, 60))
        desk.take(name, lanes[name][:n], 0)
        del lanes[name][:n]
    desk.take("trades", [faulty.end], 0)
    assert heard(sent) == faulty.lines


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """Hourly bars of SPY with VIX, a few of them with volume by side."""
    root = tmp_path_factory.mktemp("native")
    sessions = calendar.load("nyse", 2024, 2024).sessions[10:22]
    rng = np.random.default_rng(0)
    price = 470.0
    for session in sessions:
        ts = session["close_ns"] - HOUR * np.arange(6, -1, -1)
        close = price + np.cumsum(rng.normal(0, 0.5, ts.size)).round(2)
        opened = np.concatenate([[price], close[:-1]])
        price = float(close[-1])
        high, low = np.maximum(opened, close) + 0.2, np.minimum(opened, close) - 0.2
        bars = {"ts_event": ts, "open": opened, "high": high, "low": low, "close": close}
        bars |= {"volume": rng.integers(1, 9000, ts.size).astype(float)}
        bars |= {name: np.full(ts.size, np.nan) for name in ("buy_volume", "sell_volume", "n_trades")}
        parquet.write(root / "tables", "bars", "SPY", int(session["day"]), bars)
        known = {"ts_event": session["close_ns"] - np.array([3 * HOUR, 30 * MINUTE]), "value": rng.normal(15, 1, 2)}
        parquet.write(root / "tables", "vix", "VIX", int(session["day"]), known)
    content = small.content(None, instrument="SPY", calendar="nyse", native=True)
    return live_world.of_tables(root, root / "tables", content, live=3)


def test_days_of_native_bars(native, tmp_path):
    assert len(native.lines) == 3 * 7
    sent = []
    desk = native.desk(tmp_path / "events", publish=[lambda number, line: sent.append(line)])
    fed(desk, [[e] for e in native.events])
    assert heard(sent) == native.lines
    _, sent = by_portions(native, tmp_path / "portions", np.random.default_rng(0), True)
    assert heard(sent) == native.lines


def raw_events(items):
    """What a source read, unscreened, as messages of a feed."""
    found = []
    for item in items:
        if isinstance(item, FileDone | Reject):
            continue
        values = {name: column.tolist() for name, column in item.columns.items()}
        rank = {"vix": 1, "options": 2, "trades": 3, "book": 4}[item.table]
        for k, ts in enumerate(values["ts_event"]):
            found.append((ts, rank, len(found), live_world.message(item.table, item.symbol, values, k)))
    found.sort(key=lambda each: each[:3])
    return [msg | {"position": n} for n, (*_, msg) in enumerate(found, 1)]


def test_raw_events_are_screened_as_ingest_screens_the_file(tmp_path):
    """A feed with all that is refused: what it leads to is what research makes of the ingested file."""
    faults = simulator.Faults(outliers=0.02, off_grid=0.01, zero_size=0.01, crossed=0.01, duplicates=0.01)
    chosen = simulator.World(seed=7, start="2024-03-11", days=2, intensity=0.001, faults=faults)
    tables, rules = tmp_path / "tables", Rules()
    report = ingest(simulator.read(chosen), tables, rules)
    assert len(report.reasons) >= 4
    content = small.content(None)
    world = live_world.of_tables(tmp_path, tables, content)
    (day,) = world.days
    raw = live_world.decoded(raw_events(simulator.read(chosen, 1, 2)))
    taken = [e for e in raw if day.after_ns < e.ts_event <= day.close_ns]
    sent = []
    desk = world.desk(tmp_path / "live", publish=[lambda number, line: sent.append(line)], screening=rules)
    refused = {}
    for message in messages_of(taken, np.random.default_rng(1)):
        for refusal in desk.take("raw", message, 0).refused:
            refused[refusal.reason] = refused.get(refusal.reason, 0) + 1
    desk.take("raw", [world.end], 0)
    assert heard(sent) == world.lines
    assert {"price jump", "price off the tick grid", "size not positive", "crossed book in trading hours"} <= set(
        refused
    )


def test_the_real_hour(shared_data, tmp_path):
    file = shared_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside this checkout")
    tables = tmp_path / "tables"
    ingest(databento.read([file]), tables, Rules())
    content = small.content(None)
    world = live_world.of_tables(tmp_path, tables, content)
    raw = live_world.decoded(raw_events(databento.read([file])))
    sent = []
    desk = world.desk(tmp_path / "raw", publish=[lambda number, line: sent.append(line)])
    fed(desk, messages_of(raw, np.random.default_rng(0)))
    assert 55 <= len(sent) < 65
    assert heard(sent) == world.lines[: len(sent)]
    assert desk.day.day == 20231226
    _, sent = by_portions(world, tmp_path / "tables", np.random.default_rng(0), True)
    assert heard(sent) == world.lines
