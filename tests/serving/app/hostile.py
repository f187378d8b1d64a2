"""Messages that no feed should send, out of a seed: each with what its answer must be.

"error": it is not a message. "nothing": it is one, of which nothing goes to the engine. "any": it may be one.
"""

import json
import random
from collections.abc import Iterator

ERROR, NOTHING, ANY = "error", "nothing", "any"
HUGE = ["1" + "0" * 400, str(1 << 63), "-" + str(1 << 64), "1e999", "-1e999", "1E400"]
"""Numbers, as far as JSON goes; screening looks at those that fit."""
NUMBERS = ["NaN", "Infinity", "-Infinity", "0x10", "01", "1.", ".5", "+1", "--1", "1e", "1_000", "٣"]
VALUES = ["null", '"1"', "[]", "{}", "true", '""', "[1]", '{"a":1}', '"\\ud800"', '"\\u0000"', *NUMBERS, *HUGE]
FIELDS = ["position", "symbol", "ts_event", "price", "size", "side", "kind"]


def trade(position: int, /, **changed: str) -> str:
    """A trade as JSON text, fields replaced by text."""
    fields = {"kind": '"trade"', "position": str(position), "symbol": '"ESH4"', "ts_event": "7", "price": "1.5"}
    fields |= {"size": "1", "side": "0"} | changed
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def book(rng: random.Random, broken: bool) -> str:
    """A snapshot of the book; broken: one side is not of five levels, or not of numbers."""
    sides = {name: [1.0] * 5 for name in ("bid_px", "ask_px")} | {name: [1] * 5 for name in ("bid_sz", "ask_sz")}
    told = json.dumps({"kind": "book", "position": 1, "symbol": "ESH4", "ts_event": 7, **sides})
    if not broken:
        return told
    return told.replace("[1, 1, 1, 1, 1]", rng.choice(["[1, 1, 1, 1]", "[1, 1, 1, 1, 1.5]", "[]", "5", "[null]"]), 1)


def garbage(rng: random.Random) -> bytes:
    return bytes([rng.choice(b'\x00\xff\x80{}[]"\\,:0123 e-')]) + rng.randbytes(rng.randint(0, 60))


def nested(rng: random.Random) -> str:
    depth = rng.randint(500, 5000)
    inner = rng.choice(['{"kind":', "[", '{"a":', "[["])
    return rng.choice([inner * depth, "[" * depth + "]" * depth, trade(1, price="[" * depth + "]" * depth)])


def mutated(rng: random.Random, position: int) -> bytes:
    told = bytearray(trade(position).encode())
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(told))
        match rng.randrange(4):
            case 0:
                told[place] = rng.randrange(256)
            case 1:
                del told[place : place + rng.randint(1, 9)]
            case 2:
                told[place:place] = rng.randbytes(rng.randint(1, 5))
            case _:
                told[place:place] = told[place : place + rng.randint(1, 20)]
        if not told:
            told += b"x"
    return bytes(told)


def messages(seed: int, count: int, message_bytes: int) -> Iterator[tuple[bytes | str, str]]:
    """Text and binary frames; of those that are too long not many, for they take long."""
    rng = random.Random(seed)
    oversized = [b" " * (message_bytes + 1), "[" + ",".join([trade(1)] * (message_bytes // 80)) + "]"]
    for number in range(count):
        if number % 500 == 0:
            yield oversized[number // 500 % 2], ERROR
            continue
        if number % 250 == 1:
            yield nested(rng), ERROR
            continue
        match rng.randrange(12):
            case 0:
                yield garbage(rng), ERROR
            case 1:
                yield trade(1)[: rng.randint(0, 60)], ERROR
            case 2:
                field = rng.choice(FIELDS)
                yield trade(1, **{field: rng.choice(VALUES)}), ANY
            case 3:
                yield trade(1, price=rng.choice(NUMBERS)), ERROR
            case 4:
                yield trade(1, **{rng.choice(["Price", "x", "__class__", "ts_evnt"]): "1"}), ERROR
            case 5:
                yield trade(rng.choice([0, -1, -(1 << 61)])), ERROR
            case 6:
                yield trade(rng.randint(1, 9)), NOTHING  # was sent before
            case 7:
                yield book(rng, rng.random() < 0.9), ANY
            case 8:
                yield mutated(rng, 1), ANY
            case 9:
                yield trade(1, price=rng.choice(HUGE), size=rng.choice(["1", *HUGE])), ANY
            case 10:
                many = [trade(rng.randint(1, 9)) for _ in range(rng.randint(1, 5))]
                many.append(rng.choice(["null", trade(1, side="2"), "[]", trade(1, size="1.5"), "{"]))
                rng.shuffle(many)
                yield "[" + ",".join(many) + "]", ERROR
            case _:
                yield trade(1, symbol=json.dumps(rng.choice(["", "x" * 33, "../ES", "E S", "\u00e9", "\n"]))), ERROR
