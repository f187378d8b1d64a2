"""What a feed sends and what it is answered, as JSON: one object a message, or an array of them.

    {"kind": "trade", "position": 7, "symbol": "ESH4", "ts_event": 1703545200000000000, "price": 4800.25, "size": 3,
     "side": 1}
    {"kind": "book", "position": 8, "symbol": "ESH4", "ts_event": ..., "bid_px": [5 prices], "ask_px": [...],
     "bid_sz": [...], "ask_sz": [...]}
    {"kind": "options", "position": 9, "symbol": "SPX", "ts_event": ..., "call_wall": 4800.0, ...}
    {"kind": "vix", "position": 10, "symbol": "VIX", "ts_event": ..., "value": 13.2}
    {"kind": "bar", ...}    {"kind": "clock", "ts_event": ...}

Times are int64 ns UTC, prices float64 points, sizes contracts, `side` the aggressor (+1 buy, -1 sell, 0 unknown).
`position` counts what a feed has sent, from 1, increasing: after a reconnection the feed goes on behind the position it
is told, and what is sent twice counts once. An absent price level is null with size 0, an absent level or volume of
options is null. `ts_recv` and `sequence` are optional. A clock event says that nothing before it is still to come.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeAlias

import msgspec

MOST_EVENTS = 10_000
"""Of one message."""

Moment = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Position = Annotated[int, msgspec.Meta(ge=1, lt=1 << 62)]
Whole = Annotated[int, msgspec.Meta(ge=-(1 << 62), lt=1 << 62)]
Symbol = Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*\Z")]
Prices = Annotated[list[float | None], msgspec.Meta(min_length=5, max_length=5)]
Sizes = Annotated[list[Whole], msgspec.Meta(min_length=5, max_length=5)]


class _Event(msgspec.Struct, tag_field="kind", forbid_unknown_fields=True, gc=False, frozen=True, kw_only=True):
    position: Position
    symbol: Symbol
    ts_event: Moment
    ts_recv: Moment | None = None


class Trade(_Event, tag="trade", frozen=True, kw_only=True):
    price: float
    size: Whole
    side: Annotated[int, msgspec.Meta(ge=-1, le=1)]
    sequence: Whole = 0


class Book(_Event, tag="book", frozen=True, kw_only=True):
    bid_px: Prices
    ask_px: Prices
    bid_sz: Sizes
    ask_sz: Sizes


class Options(_Event, tag="options", frozen=True, kw_only=True):
    underlying_px: float | None = None
    call_wall: float | None = None
    put_wall: float | None = None
    zero_gamma: float | None = None
    net_gex: float | None = None
    call_volume: float | None = None
    put_volume: float | None = None


class Vix(_Event, tag="vix", frozen=True, kw_only=True):
    value: float


class Bar(_Event, tag="bar", frozen=True, kw_only=True):
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    buy_volume: float | None = None
    sell_volume: float | None = None
    n_trades: float | None = None


class Clock(msgspec.Struct, tag_field="kind", tag="clock", forbid_unknown_fields=True, gc=False, frozen=True):
    ts_event: Moment


Event: TypeAlias = Trade | Book | Options | Vix | Bar | Clock

NAN = float("nan")
_FIGURES = Options.__struct_fields__[len(_Event.__struct_fields__) :]
_ONE = msgspec.json.Decoder(Event)
_MANY = msgspec.json.Decoder(Annotated[list[Event], msgspec.Meta(min_length=1, max_length=MOST_EVENTS)])
_ENCODER = msgspec.json.Encoder()


class BadMessage(ValueError):
    """A message that is none of the above; the text is the one line that its sender is answered."""


def decode(message: bytes | str) -> list[Event]:
    """The events of a message. Raises BadMessage on anything else: nothing of such a message is taken.

    >>> decode(b'{"kind":"vix","position":1,"symbol":"VIX","ts_event":5,"value":13.5}')[0].value
    13.5
    >>> decode(b'{"kind":"vix","position":1,"symbol":"VIX","ts_event":"5","value":13.5}')
    Traceback (most recent call last):
    serving.intake.wire.BadMessage: Expected `int`, got `str` - at `$.ts_event`
    """
    head = message[:1]
    try:
        if head == b"[" or head == "[":
            return _MANY.decode(message)
        return [_ONE.decode(message)]
    except msgspec.ValidationError as error:
        raise BadMessage(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadMessage(f"not JSON: {error}") from None


def or_nan(values: Iterable[float | None]) -> Iterator[float]:
    """What is absent is NaN.

    >>> list(or_nan((4800.25, None)))
    [4800.25, nan]
    """
    return (NAN if value is None else value for value in values)


def figures(e: Options | Vix) -> tuple[float, ...]:
    """The figures of a row of an index, in the order of its table's columns; NaN for one that is absent."""
    if type(e) is Vix:
        return (e.value,)
    return tuple(or_nan(getattr(e, name) for name in _FIGURES))


class Refusal(msgspec.Struct, frozen=True):
    """One event that did not go to the engine."""

    position: int
    reason: str
    value: str = ""


class Reply(msgspec.Struct, tag_field="type", tag="ack", frozen=True):
    """What became of a message. position: the feed's last one that is safe; `duplicates` were sent before."""

    position: int
    accepted: int
    duplicates: int = 0
    refused: list[Refusal] = []


class Hello(msgspec.Struct, tag_field="type", tag="hello", frozen=True):
    """The first message to a feed: it goes on behind `resume_after`."""

    feed: str
    resume_after: int


class Error(msgspec.Struct, tag_field="type", tag="error", frozen=True):
    """A message that was not taken. `retry`: send it again when the cause, which lies here, is gone."""

    error: str
    retry: bool = False


def encode(message: Any) -> bytes:
    """JSON; a float that is no number is null."""
    return _ENCODER.encode(message)
