"""Messages of feeds: what is one is taken whole, anything else gets one line."""

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.intake import wire
from serving.intake.wire import BadMessage

TS = 1_703_545_200_000_000_000
EVENTS = [
    {"kind": "trade", "position": 7, "symbol": "ESH4", "ts_event": TS, "price": 4800.25, "size": 3, "side": 1},
    {
        **{"kind": "book", "position": 8, "symbol": "ESH4", "ts_event": TS},
        **{"bid_px": [4800.0, None, None, None, None], "ask_px": [4800.25] * 5},
        **{"bid_sz": [4, 0, 0, 0, 0], "ask_sz": [1, 2, 3, 4, 5]},
    },
    {"kind": "options", "position": 9, "symbol": "SPX", "ts_event": TS, "call_wall": 4800.0, "put_wall": None},
    {"kind": "vix", "position": 10, "symbol": "VIX", "ts_event": TS, "value": 13.2},
    {
        **{"kind": "bar", "position": 11, "symbol": "ESH4", "ts_event": TS},
        **{"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": None},
    },
    {"kind": "clock", "ts_event": TS},
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e["kind"])
def test_an_event_is_read_alone_and_in_an_array_and_written_back(event):
    (alone,) = wire.decode(json.dumps(event))
    (again, twice) = wire.decode(json.dumps([event, event]).encode())
    assert alone == again == twice
    assert wire.decode(wire.encode(alone)) == [alone]
    for name, value in event.items():
        if name != "kind":
            assert getattr(alone, name) == value


def test_what_is_absent_is_none():
    options = wire.decode(json.dumps(EVENTS[2]))[0]
    assert options.zero_gamma is None
    assert options.ts_recv is None
    assert wire.decode(json.dumps(EVENTS[0]))[0].sequence == 0


def changed(k, **values):
    return json.dumps({**EVENTS[k], **values})


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"17",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff\xfe{}",
        "\ud800".encode("utf-8", "surrogatepass"),
        json.dumps([EVENTS[5]] * (wire.MOST_EVENTS + 1)),
        changed(0, kind="later"),
        changed(0, position=0),
        changed(0, position=-1),
        changed(0, position=1 << 62),
        changed(0, position=1.5),
        changed(0, position="7"),
        changed(0, position=True),
        changed(0, price=None),
        changed(0, price="4800"),
        '{"kind":"trade","position":7,"symbol":"ESH4","ts_event":5,"price":NaN,"size":3,"side":1}',
        '{"kind":"trade","position":7,"symbol":"ESH4","ts_event":5,"price":1e999,"size":3,"side":1}',
        changed(0, size=1 << 62),
        changed(0, size=-(1 << 63)),
        changed(0, size=1 << 70),
        changed(0, side=2),
        changed(0, ts_event=-1),
        changed(0, ts_event=1 << 62),
        changed(0, ts_recv="now"),
        changed(0, symbol=""),
        changed(0, symbol="../ES"),
        changed(0, symbol="E" * 33),
        changed(0, symbol="ES\n"),
        changed(0, more=1),
        changed(1, bid_px=[1.0] * 4),
        changed(1, bid_px=[1.0] * 6),
        changed(1, bid_sz=[None] * 5),
        changed(3, value=None),
        changed(5, position=4),
        json.dumps([EVENTS[0], {}]),
    ],
)
def test_what_is_no_message_gets_one_line(message):
    with pytest.raises(BadMessage) as one:
        wire.decode(message)
    assert str(one.value)
    assert "\n" not in str(one.value)
    assert len(str(one.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EVENTS), st.data())
def test_an_event_with_anything_in_any_field_is_taken_as_it_is_or_refused(event, data):
    name = data.draw(st.sampled_from([name for name in event if name != "kind"]))
    value = data.draw(JSON)
    try:
        (taken,) = wire.decode(json.dumps({**event, name: value}))
    except BadMessage:
        return
    found = getattr(taken, name)
    assert found == value
    for number in found if isinstance(found, list) else [found]:
        assert not isinstance(number, float) or math.isfinite(number)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80))
def test_any_bytes_are_refused_or_taken(message):
    with contextlib.suppress(BadMessage):
        assert wire.decode(message)


def test_answers_name_their_kind_and_have_no_nan():
    assert json.loads(wire.encode(wire.Hello("es", 7))) == {"type": "hello", "feed": "es", "resume_after": 7}
    reply = wire.Reply(9, 1, refused=[wire.Refusal(8, "duplicate")])
    assert json.loads(wire.encode(reply))["type"] == "ack"
    assert json.loads(wire.encode(wire.Error("no", retry=True))) == {"type": "error", "error": "no", "retry": True}
    assert wire.encode({"x": math.nan}) == b'{"x":null}'
