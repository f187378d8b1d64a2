"""Records of what arrives, and what they are as tables again."""

import json

import numpy as np
import pytest

from mia_ml.core.moments import NONE
from mia_ml.core.tables import SCHEMAS
from mia_ml.store import rules
from serving.day.desk import reason_text
from serving.day.trading_day import TABLE_OF, record_of
from serving.intake import events, wire
from serving.intake.events import ORIGIN, REASONS, RECORD, TABLES
from tests.serving.intake.test_wire import EVENTS


def table_of(table, n=3):
    rng = np.random.default_rng(1)
    columns = {}
    for name, kind in SCHEMAS[table].columns.items():
        if kind == "O":
            continue
        values = rng.integers(-1, 2, n) if kind == "i1" else rng.integers(1, 10**6, n)
        columns[name] = values.astype(kind)
    return columns


@pytest.mark.parametrize("table", TABLES)
def test_columns_become_records_and_columns_again(table):
    columns = table_of(table) | {"ts_recv": np.array([5, 6, 7])}
    found = events.records(table, columns, np.array([4, 8, 9]), 2)
    assert found["position"].tolist() == [4, 8, 9]
    assert found["feed"].tolist() == [2, 2, 2]
    again = events.columns(table, found)
    for name, values in columns.items():
        assert again[name].tobytes() == values.tobytes()
        assert again[name].dtype == values.dtype
        assert again[name].flags.c_contiguous


def test_an_arrival_that_nobody_stamped_has_no_column_of_it():
    found = events.records("trades", table_of("trades"), np.arange(3), 0)
    assert (found["ts_recv"] == NONE).all()
    assert "ts_recv" not in events.columns("trades", found)
    found["ts_recv"][0] = 5
    assert "ts_recv" not in events.columns("trades", found)
    assert "ts_recv" not in events.columns("trades", found[:0])


def test_a_sequence_is_kept_where_a_table_has_one():
    columns = table_of("trades") | {"sequence": np.array([3, 2, 1])}
    found = events.records("trades", columns, np.arange(3), 0)
    assert events.columns("trades", found)["sequence"].tolist() == [3, 2, 1]
    assert "sequence" not in RECORD["book"].names


def test_every_table_has_the_same_origin_first():
    for table in TABLES:
        assert RECORD[table].names[: len(ORIGIN)] == tuple(name for name, _ in ORIGIN)


def test_reasons_of_both_kinds_have_words_and_never_the_same_code():
    assert not REASONS.keys() & set(range(len(rules.REASONS)))
    for code in [*REASONS, *range(1, len(rules.REASONS))]:
        assert reason_text(code)


@pytest.mark.parametrize("event", [e for e in EVENTS if e["kind"] != "clock"], ids=lambda e: e["kind"])
def test_an_event_of_the_wire_is_a_record_with_all_its_values(event):
    (e,) = wire.decode(json.dumps(event))
    table, record = record_of(e, 3, 77)
    assert table == TABLE_OF[type(e)]
    assert record[["feed", "position", "ts_recv", "reason"]].tolist() == [(3, event["position"], 77, 0)]
    for name, value in event.items():
        if isinstance(value, list):
            found = [record[f"{name}_{k:02d}"][0] for k in range(5)]
            assert np.array_equal(found, np.array([np.nan if x is None else x for x in value], float), equal_nan=True)
        elif name in RECORD[table].names and name != "position":
            assert record[name][0] == value or (value is None and np.isnan(record[name][0]))
    if table == "options":
        assert np.isnan(record["zero_gamma"][0])
