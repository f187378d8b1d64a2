"""The compiled book against the plain one: any stream, cut anywhere."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.tables import LEVELS
from mia_ml.sources.order_book import F_LAST, F_SNAPSHOT, F_TOB, MESSAGE, UNDEF_PRICE, BookRows, OrderBook, order_hash
from tests.sources.reference_book import ReferenceBook, Top

Line = tuple[str, str, int, int, int, int, int]
"""action, side, order id, price, size, flags, ts_event"""


def messages(*lines: Line) -> np.ndarray:
    array = np.zeros(len(lines), MESSAGE)
    for record, (action, side, order_id, price, size, flags, ts) in zip(array, lines, strict=True):
        record["action"], record["side"] = ord(action), ord(side)
        record["order_id"], record["price"], record["size"] = order_id, price, size
        record["flags"], record["ts_event"], record["ts_recv"] = flags, ts, ts + 7
    return array


def tops(rows: BookRows) -> list[Top]:
    def side(price: Any, size: Any) -> Any:
        return tuple((int(p), int(s)) for p, s in zip(price, size, strict=True) if p != UNDEF_PRICE)

    levels = rows.levels
    return [
        (side(levels[0, :, i], levels[2, :, i]), side(levels[1, :, i], levels[3, :, i])) for i in range(rows.row.size)
    ]


def run(*lines: Line) -> tuple[list[Top], list[tuple[int, str]]]:
    rows, faults = OrderBook().apply(messages(*lines), np.arange(1, len(lines) + 1))
    return tops(rows), [(fault.position, fault.reason) for fault in faults]


def test_a_cancel_takes_its_size_and_the_last_contract_takes_the_order():
    seen, faults = run(
        ("A", "B", 1, 100, 5, F_LAST, 1),
        ("C", "B", 1, 100, 2, F_LAST, 2),
        ("C", "B", 1, 100, 3, F_LAST, 3),
        ("C", "B", 1, 100, 1, F_LAST, 4),
    )
    assert seen == [(((100, 5),), ()), (((100, 3),), ()), ((), ())]
    assert faults == [(3, "order unknown")]


def test_a_modify_moves_an_order_to_its_new_price_and_size():
    seen, _ = run(
        ("A", "A", 1, 100, 5, F_LAST, 1),
        ("A", "A", 2, 100, 1, F_LAST, 2),
        ("M", "A", 1, 101, 9, F_LAST, 3),
        ("M", "A", 2, 100, 4, F_LAST, 4),
    )
    assert seen[2:] == [((), ((100, 1), (101, 9))), ((), ((100, 4), (101, 9)))]


def test_trades_and_fills_leave_the_book_to_the_cancel_that_follows():
    seen, faults = run(
        ("A", "A", 1, 100, 5, F_LAST, 1),
        ("T", "B", 0, 100, 5, 0, 2),
        ("F", "A", 1, 100, 5, F_LAST, 2),
        ("C", "A", 1, 100, 5, F_LAST, 3),
    )
    assert seen == [((), ((100, 5),)), ((), ())]
    assert not faults


def test_inside_an_event_nothing_is_shown():
    crossed = (("A", "B", 1, 100, 1, F_LAST, 1), ("A", "A", 2, 99, 1, 0, 2), ("C", "A", 2, 99, 1, F_LAST, 2))
    seen, _ = run(*crossed, ("A", "A", 3, 101, 1, F_LAST, 3))
    assert seen == [(((100, 1),), ()), (((100, 1),), ((101, 1),))]


def test_two_events_of_one_moment_give_two_rows():
    array = messages(("A", "B", 1, 100, 1, F_LAST, 5), ("A", "B", 2, 100, 1, F_LAST, 5))
    rows, _ = OrderBook().apply(array, np.array([1, 2]))
    assert rows.ts_event.tolist() == [5, 5]
    assert rows.ts_recv.tolist() == [12, 12]
    assert rows.row.tolist() == [1, 2]


def test_an_event_without_a_last_flag_ends_where_time_moves_on():
    book = OrderBook()
    array = messages(("A", "B", 1, 100, 1, 0, 5), ("A", "B", 2, 100, 1, 0, 5), ("A", "B", 3, 100, 1, 0, 6))
    rows, _ = book.apply(array, np.array([1, 2, 3]))
    assert (rows.ts_event.tolist(), rows.row.tolist(), tops(rows)) == ([5], [2], [(((100, 2),), ())])
    assert tops(book.finish()) == [(((100, 3),), ())]
    assert not tops(book.finish())


def test_a_level_below_the_fifth_changes_no_row():
    lines: list[Line] = [("A", "B", i, 100 - i, 1, F_LAST, i) for i in range(1, 8)]
    seen, _ = run(*lines, ("C", "B", 7, 93, 1, F_LAST, 8), ("C", "B", 1, 99, 1, F_LAST, 9))
    assert len(seen) == LEVELS + 1
    assert seen[-1][0] == ((98, 1), (97, 1), (96, 1), (95, 1), (94, 1))


def test_a_snapshot_replaces_the_book_once_and_gives_no_row():
    seen, faults = run(
        ("A", "B", 1, 100, 1, F_LAST, 50),
        ("A", "B", 8, 90, 2, F_SNAPSHOT, 3),
        ("A", "B", 9, 90, 3, F_SNAPSHOT | F_LAST, 4),
        ("A", "A", 2, 95, 1, F_LAST, 60),
        ("C", "B", 1, 100, 1, F_LAST, 61),
    )
    assert seen == [(((100, 1),), ()), (((90, 5),), ((95, 1),))]
    assert faults == [(4, "order unknown")]


def test_a_clear_empties_both_sides():
    seen, _ = run(
        ("A", "B", 1, 100, 1, F_LAST, 1),
        ("A", "A", 2, 101, 1, F_LAST, 2),
        ("R", "N", 0, UNDEF_PRICE, 0, F_LAST, 3),
        ("A", "B", 1, 100, 4, F_LAST, 4),
    )
    assert seen[2:] == [((), ()), (((100, 4),), ())]


def test_what_cannot_be_an_order_is_kept_out_with_its_reason():
    seen, faults = run(
        ("A", "B", 1, 100, 2, 0, 1),
        ("A", "B", 1, 100, 2, 0, 1),
        ("A", "B", 2, 100, 0, 0, 1),
        ("A", "B", 3, UNDEF_PRICE, 1, 0, 1),
        ("A", "N", 4, 100, 1, 0, 1),
        ("M", "A", 1, 100, 1, 0, 1),
        ("M", "B", 5, 100, 1, 0, 1),
        ("X", "B", 1, 100, 1, 0, 1),
        ("A", "B", 6, 100, 1, F_TOB, 1),
        ("C", "B", 1, 100, 9, F_LAST, 1),
    )
    assert [position for position, _ in faults] == list(range(1, 10))
    assert [reason for _, reason in faults] == [
        "order id already rests in the book",
        "order without size",
        "order without price",
        "order without side",
        "order changed side",
        "order unknown",
        "action unknown",
        "a top-of-book message, not an order",
        "more cancelled than rested: the order was removed",
    ]
    assert seen == []


def test_prices_below_zero_sort_as_prices():
    seen, _ = run(
        ("A", "B", 1, -3, 1, 0, 1),
        ("A", "B", 2, -1, 1, 0, 1),
        ("A", "A", 3, 2, 1, 0, 1),
        ("A", "A", 4, 0, 1, F_LAST, 1),
    )
    assert seen == [(((-1, 1), (-3, 1)), ((0, 1), (2, 1)))]


def test_orders_that_share_a_home_slot_are_told_apart():
    """Removing one order of a run of probes must not hide the ones behind it."""
    mask = 1023  # of the first table
    home = order_hash.home.py_func
    crowd = [i for i in range(1, 400_000) if home(i, mask) == mask - 1][:40]
    assert len(crowd) == 40
    adds: list[Line] = [("A", "B", i, 100, 1, 0, 1) for i in crowd]
    cancels: list[Line] = [("C", "B", i, 100, 1, 0, 2) for i in crowd[::3]]
    rest: list[Line] = [("M", "B", i, 101, 2, 0, 3) for i in crowd if i not in crowd[::3]]
    seen, faults = run(*adds, *cancels, *rest, ("N", "N", 0, 0, 0, F_LAST, 4))
    assert not faults
    assert seen[-1] == (((101, 2 * len(rest)),), ())


line = st.tuples(
    st.sampled_from("AAAAACCMMMTFRN" + "A" * 20),
    st.sampled_from("BA"),
    st.integers(1, 30),
    st.integers(90, 110),
    st.integers(1, 5),
    st.sampled_from([0, F_LAST, F_LAST, F_LAST, F_SNAPSHOT]),
    st.sampled_from([0, 1]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(line, max_size=120), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_any_stream_cut_anywhere_gives_the_reference_book(lines: list[Line], cuts: list[int]):
    reference = ReferenceBook()
    ts = 0
    stream: list[Line] = []
    for action, side, order_id, price, size, flags, step in lines:
        ts += step
        known = reference_side(stream, reference, order_id)
        stream.append((action, known if action == "M" and known else side, order_id, price, size, flags, ts))
        reference.apply(*stream[-1][:6])
    expected, wrong = expected_rows(stream)
    array, row = messages(*stream), np.arange(1, len(stream) + 1)
    book = OrderBook()
    seen: list[tuple[int, Top]] = []
    faults: list[int] = []
    start = 0
    while start < len(stream):
        stop = start + cuts[start % len(cuts)]
        rows, refused = book.apply(array[start:stop], row[start:stop])
        seen += zip(rows.row.tolist(), tops(rows), strict=True)
        faults += [start + fault.position for fault in refused]
        start = stop
    rest = book.finish()
    seen += zip(rest.row.tolist(), tops(rest), strict=True)
    assert seen == expected
    assert faults == wrong


def reference_side(stream: list[Line], reference: ReferenceBook, order_id: int) -> str:
    return reference.orders[order_id][0] if order_id in reference.orders else ""


def expected_rows(stream: list[Line]) -> tuple[list[tuple[int, Top]], list[int]]:
    """Rows at the ends of events and positions of refused messages, from the plain book."""
    reference = ReferenceBook()
    shown: Top = ((), ())
    rows: list[tuple[int, Top]] = []
    wrong = []
    for i, (*message, flags, _) in enumerate(stream):
        if reference.apply(*message, flags):  # type: ignore[arg-type]
            wrong.append(i)
        if flags & F_SNAPSHOT:
            continue
        following = stream[i + 1] if i + 1 < len(stream) else None
        ends = flags & F_LAST or following is None or following[5] & F_SNAPSHOT or following[6] != stream[i][6]
        if ends and reference.top() != shown:
            shown = reference.top()
            rows.append((i + 1, shown))
    return rows, wrong
