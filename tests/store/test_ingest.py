"""Ingest: every record is accounted for, days are whole, runs repeat in bytes, nothing that is there is lost."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core import calendar, moments
from mia_ml.core.errors import TableError
from mia_ml.core.tables import Batch, FileDone, Reject
from mia_ml.store import parquet, quarantine, staging
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules

S = moments.NS
OPEN = int(calendar.load("cme_globex", 2023, 2024).at(20231226)["open_ns"])
NEXT_OPEN = int(calendar.load("cme_globex", 2023, 2024).at(20231227)["open_ns"])


def trades(file, ts, first_row=1, symbol="ESH4", size=1, price=4800.0) -> Batch:
    ts = np.asarray(ts, np.int64)
    columns = {
        "ts_event": ts,
        "price": np.broadcast_to(np.asarray(price, float), ts.shape).copy(),
        "size": np.broadcast_to(np.asarray(size, np.int64), ts.shape).copy(),
        "side": np.ones(ts.size, np.int8),
    }
    return Batch("trades", symbol, columns, str(file), np.arange(first_row, first_row + ts.size))


def vendor(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def two_days(file) -> list:
    ts = np.concatenate([OPEN + np.arange(50) * S, NEXT_OPEN + np.arange(50) * S])
    return [trades(file, ts[:30]), trades(file, ts[30:80], 31), trades(file, ts[80:], 81), FileDone(str(file), 100)]


def test_a_file_is_split_into_trading_days(tmp_path):
    report = ingest(two_days("world"), tmp_path, Rules())
    assert report.as_json()["in"] == report.as_json()["applied"] == 100
    assert report.tables == {"trades": 100}
    assert [
        (day, parquet.read_file(path, "trades")["ts_event"].size) for _, _, day, path in parquet.inventory(tmp_path)
    ] == [
        (20231226, 50),
        (20231227, 50),
    ]
    assert not (tmp_path / staging.FOLDER).exists()


def test_a_second_run_writes_the_same_bytes(tmp_path):
    ingest(two_days("world"), tmp_path / "a", Rules())
    first = everything(tmp_path / "a")
    ingest(two_days("world"), tmp_path / "a", Rules())
    ingest(two_days("world"), tmp_path / "b", Rules())
    assert everything(tmp_path / "a") == everything(tmp_path / "b") == first


def test_a_vendor_row_counts_once_however_many_of_its_rows_were_refused(tmp_path):
    print_ = trades("f", [OPEN, OPEN + 1], size=[0, 1])
    again = trades("f", [OPEN, OPEN + 1], symbol="ESM4", price=[4800.1, 4800.0])
    items = [print_, again, Reject("f", 3, "no such thing", "?"), FileDone("f", 4)]
    report = ingest(items, tmp_path, Rules())
    assert (report.records, report.applied, report.quarantined) == (4, 2, 2)
    assert report.tables == {"trades": 2}
    kept = quarantine.read(tmp_path).to_pylist()
    assert [(each["row"], each["reason"], each["value"]) for each in kept] == [
        (1, "size not positive", "size 0"),
        (1, "price off the tick grid", "price 4800.1"),
        (3, "no such thing", "?"),
    ]
    assert kept[0]["file"] == "f"
    assert kept[0]["symbol"] == "ESH4"
    assert kept[0]["ts_event"] == OPEN


def test_a_clean_second_look_removes_the_old_quarantine(tmp_path):
    batch = trades("f", OPEN + np.arange(5) * S, price=[4800.0, 4800.0, 4830.0, 4800.0, 4800.0])
    ingest([batch, FileDone("f", 5)], tmp_path, Rules(jump_floor_ticks=10, jump_cold_share=0.001))
    assert quarantine.read(tmp_path).num_rows == 1
    ingest([batch, FileDone("f", 5)], tmp_path, Rules(jump_cold_share=0.1))
    assert quarantine.read(tmp_path).num_rows == 0


def test_several_files_of_a_day_are_merged_by_time_then_by_file(tmp_path):
    tied = [OPEN + 2] * 100  # more than a sort that is not stable leaves in order by chance
    a = trades("a", [OPEN, *tied, OPEN + 4], size=np.arange(1, 103))
    b = trades("b", [OPEN + 1, *tied, OPEN + 9], size=np.arange(201, 303))
    report = ingest([a, FileDone("a", 102), b, FileDone("b", 102)], tmp_path, Rules())
    merged = parquet.read(tmp_path, "trades", "ESH4", 20231226)
    assert (merged["ts_event"] - OPEN).tolist() == [0, 1, *[2] * 200, 4, 9]
    assert merged["size"].tolist() == [1, 201, *range(2, 102), *range(202, 302), 102, 302]
    assert len(report.warnings) == 1
    assert "several files cover the same time" in report.warnings[0]


def test_a_file_that_stops_keeps_what_was_read_and_stops_no_other(tmp_path):
    items = [
        trades("a", [OPEN]),
        FileDone("a", 1, "a: truncated after record 1"),
        trades("b", [OPEN], symbol="ESM4"),
        FileDone("b", 1),
    ]
    report = ingest(items, tmp_path, Rules())
    assert report.errors == ["a: truncated after record 1"]
    assert (report.records, report.applied) == (2, 2)
    assert len(parquet.inventory(tmp_path)) == 2


def one_file(path: Path, ts=OPEN, error="", symbol="ESH4") -> list:
    return [trades(path, [ts], symbol=symbol), FileDone(str(path), 1, error)]


def test_a_day_made_from_other_files_is_refused_and_untouched(tmp_path):
    a, b = vendor(tmp_path / "a.txt", "a"), vendor(tmp_path / "b.txt", "b")
    out = tmp_path / "out"
    ingest(one_file(a), out, Rules())
    before = everything(out)
    with pytest.raises(TableError, match=r"trades/ESH4/2023-12-26 was written from a\.txt"):
        ingest(one_file(b), out, Rules())
    vendor(a, "other content")
    with pytest.raises(TableError, match=r"not among these files or has changed"):
        ingest(one_file(a), out, Rules())
    assert everything(out) == before
    ingest(one_file(b, NEXT_OPEN), out, Rules())  # another day does not conflict
    assert len(parquet.inventory(out)) == 2


def test_more_files_of_a_day_may_be_added_together_with_the_first(tmp_path):
    a, b = vendor(tmp_path / "a.txt", "a"), vendor(tmp_path / "b.txt", "b")
    out = tmp_path / "out"
    ingest(one_file(a), out, Rules())
    ingest(one_file(a) + one_file(b, OPEN + 1), out, Rules())
    assert parquet.read(out, "trades", "ESH4", 20231226)["ts_event"].tolist() == [OPEN, OPEN + 1]


def test_a_truncated_file_may_be_replaced_by_the_whole_one(tmp_path):
    a, out = vendor(tmp_path / "a.txt", "half"), tmp_path / "out"
    ingest(one_file(a, error="a.txt: truncated"), out, Rules())
    vendor(a, "half and half")
    ingest(one_file(a), out, Rules())
    assert [source["error"] for source in json.loads((out / "_manifest.json").read_text())["sources"].values()] == [""]


def test_tables_of_another_writer_are_not_overwritten(tmp_path):
    parquet.write(tmp_path, "trades", "ESH4", 20231226, trades("x", [OPEN]).columns)
    with pytest.raises(TableError, match="was not written by mia ingest"):
        ingest(one_file(Path("world")), tmp_path, Rules())


def test_the_same_content_twice_is_read_once(tmp_path):
    a, b = vendor(tmp_path / "a.txt", "same"), vendor(tmp_path / "b.txt", "same")
    report = ingest(one_file(a) + one_file(b), tmp_path / "out", Rules())
    assert (report.records, report.applied) == (1, 1)
    assert "the same content as a.txt" in report.errors[0]


def test_two_ingests_at_once_are_refused(tmp_path):
    with staging.sole_writer(tmp_path), pytest.raises(TableError, match="another mia ingest is writing here"):
        ingest([], tmp_path, Rules())


def test_a_manifest_that_is_none_is_refused(tmp_path):
    (tmp_path / "_manifest.json").write_text("{")
    with pytest.raises(TableError, match="not a manifest"):
        ingest([], tmp_path, Rules())


KILLED = """
import sys, time
from pathlib import Path
import importlib.util
spec = importlib.util.spec_from_file_location("tape", sys.argv[1])
tape = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tape)
from mia_ml.store import ingest, staging
from mia_ml.store.rules import Rules

published, when = 0, sys.argv[3]

def wait():
    print("now", flush=True)
    time.sleep(60)

class Slow(staging.Staging):
    def publish(self, day):
        global published
        super().publish(day)
        published += 1
        if when == "publishing" and published == 1:
            wait()

def items():
    for position, item in enumerate(tape.two_days("world")):
        if when == "reading" and position == 2:
            wait()
        yield item

ingest.Staging = Slow
ingest.ingest(items(), Path(sys.argv[2]), Rules())
"""


@pytest.mark.parametrize("when", ["reading", "publishing"])
def test_a_killed_run_leaves_no_half_file_and_a_repeat_completes_it(tmp_path, when):
    ingest(two_days("world"), tmp_path / "whole", Rules())
    expected = everything(tmp_path / "whole")
    out = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", KILLED, __file__, str(out), when], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"now\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    left = everything(out)
    published = {name: content for name, content in left.items() if name.startswith("trades")}
    assert len(published) == (1 if when == "publishing" else 0)
    assert all(expected[name] == content for name, content in published.items())
    if when == "publishing":
        assert json.loads(left["_manifest.json"])["complete"] is False
    ingest(two_days("world"), out, Rules())
    assert everything(out) == expected


faulty = st.tuples(
    st.integers(-2, 40_000_000_000_000),
    st.sampled_from([4800.0, 4800.25, 4800.1, np.nan, 9000.0]),
    st.integers(-1, 2),
    st.sampled_from(["ESH4", "ESM4", "ZZZ"]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(faulty, min_size=1, max_size=40), st.lists(st.integers(1, 39), max_size=5))
def test_in_is_applied_plus_quarantined_for_any_mixture_and_chopping(tmp_path_factory, tape, cuts):
    def tables(edges) -> tuple[dict, dict[str, bytes]]:
        items: list = []
        for a, b in itertools.pairwise(edges):
            for row in range(a, b):
                _, price, size, symbol = tape[row]
                moment = [OPEN + sum(each[0] for each in tape[: row + 1])]
                items.append(trades("f", moment, row + 1, symbol, size, price))
        root = tmp_path_factory.mktemp("out")
        report = ingest([*joined(items, edges), FileDone("f", len(tape))], root, Rules())
        return report.as_json(), everything(root)

    def joined(items, edges):
        """Consecutive rows of one symbol within a cut travel in one batch."""
        for a, b in itertools.pairwise(edges):
            for symbol, group in itertools.groupby(items[a:b], key=lambda batch: batch.symbol):
                batches = list(group)
                columns = {
                    name: np.concatenate([batch.columns[name] for batch in batches]) for name in batches[0].columns
                }
                yield Batch("trades", symbol, columns, "f", np.concatenate([batch.row for batch in batches]))

    whole, written = tables([0, len(tape)])
    chopped, written_again = tables(sorted({0, len(tape), *(cut for cut in cuts if cut < len(tape))}))
    assert whole["in"] == whole["applied"] + whole["quarantined"] == len(tape)
    assert whole["applied"] == whole["tables"].get("trades", 0)
    assert (chopped, written_again) == (whole, written)


def test_memory_holds_one_day_of_a_sorted_file(tmp_path, monkeypatch):
    held = []
    original = staging.Staging.add

    def watched(self, *arguments):
        original(self, *arguments)
        held.append(sum(part["ts_event"].size for _, parts in self._open.values() for part in parts))

    monkeypatch.setattr(staging.Staging, "add", watched)
    days = calendar.load("cme_globex", 2023, 2024).between(20231101, 20231130)
    items = [trades("f", int(day["open_ns"]) + np.arange(10) * S, 1 + 10 * number) for number, day in enumerate(days)]
    ingest([*items, FileDone("f", 10 * len(days))], tmp_path, Rules())
    assert max(held) == 10
