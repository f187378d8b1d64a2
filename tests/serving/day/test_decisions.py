"""Lines of decisions and their journal: numbered, whole, and never heard of before they are written."""

import errno
import os
import re

import msgspec
import numpy as np
import pytest

from mia_ml.core.errors import DataError
from serving.day import decisions
from serving.day.decisions import Journal, Line, Live
from serving.unavailable import Unavailable

LIVE = Live(False, ["a"], 5, None, 7, None)
TEXT = b'{"ts":60,"day":20240312,"action":"none","crossing":0}'


def line(number, version="mia-ml/1"):
    return Line(number, version, "0" * 64, "champion", "", msgspec.Raw(TEXT), LIVE)


def filled(folder, days=((20240312, 3), (20240313, 2))):
    journal, number = Journal(folder), 0
    for day, count in days:
        journal.write(day, [line(number + k) for k in range(1, count + 1)], sync=False)
        number += count
    return journal


def numbers(lines):
    return [msgspec.json.decode(each)["number"] for each in lines]


def test_what_is_written_is_read_back_line_by_line(tmp_path):
    journal = Journal(tmp_path)
    encoded = journal.write(20240312, [line(1), line(2)], sync=True)
    assert b"".join(encoded) == journal.path(20240312).read_bytes()
    kept = journal.of_day(20240312)
    assert [(each.number, each.version, each.role, bytes(each.decision), each.live) for each in kept] == [
        (n, "mia-ml/1", "champion", TEXT, LIVE) for n in (1, 2)
    ]
    assert (kept[0].head.ts, kept[0].head.day, kept[0].head.action, kept[0].head.crossing) == (60, 20240312, "none", 0)
    assert journal.of_day(20240401) == []


def test_numbers_go_on_over_days_and_starts(tmp_path):
    filled(tmp_path).close()
    assert Journal(tmp_path).number == 5
    (tmp_path / "20240314.jsonl").touch()
    (tmp_path / "notes.jsonl").write_text("not a day")
    assert Journal(tmp_path).number == 5
    assert Journal(tmp_path / "empty").number == 0


@pytest.mark.parametrize(("since", "most"), [(0, 99), (2, 99), (3, 99), (4, 1), (5, 9), (0, 4), (1, 0), (99, 9)])
def test_lines_behind_a_number_come_in_order_and_no_more_than_asked_for(tmp_path, since, most):
    assert numbers(filled(tmp_path).after(since, most)) == [n for n in range(1, 6) if n > since][:most]


def test_a_line_torn_at_any_byte_is_cut_and_its_number_given_again(tmp_path):
    journal = filled(tmp_path / "whole", ((20240312, 2),))
    data = journal.path(20240312).read_bytes()
    first = data.index(b"\n") + 1
    for kept in (*range(first, len(data), 29), len(data) - 1):
        folder = tmp_path / str(kept)
        folder.mkdir()
        (folder / "20240312.jsonl").write_bytes(data[:kept])
        again = Journal(folder)
        assert again.number == 1
        again.write(20240312, [line(2)], sync=False)
        assert again.path(20240312).read_bytes() == data


def test_a_file_that_holds_only_a_torn_line_gives_the_number_of_the_day_before(tmp_path):
    filled(tmp_path).close()
    (tmp_path / "20240314.jsonl").write_bytes(b'{"number":6,"ver')
    journal = Journal(tmp_path)
    assert journal.number == 5
    journal.write(20240314, [line(6)], sync=False)
    assert numbers(journal.after(0, 99)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("damage", [b'"ts":' + b"9" * 20, b'"ts":-1', b'"day":99999999999', b"{}"])
def test_a_line_that_cannot_be_read_is_named(tmp_path, damage):
    journal = filled(tmp_path)
    whole = journal.path(20240312).read_bytes().splitlines()[-1]
    name = damage.partition(b":")[0]
    line = damage if name == damage else re.sub(name + b":[0-9]+", damage, whole, count=1)
    assert line != whole
    with journal.path(20240312).open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(DataError, match=r"20240312\.jsonl line 4: .*move the file away"):
        journal.of_day(20240312)


@pytest.mark.parametrize("part", [0, 1, 100, 450])
def test_a_full_disk_takes_nothing_or_all(tmp_path, monkeypatch, part):
    journal = filled(tmp_path)
    before = journal.path(20240313).read_bytes()
    write = os.write

    def full(file, data):
        if part:
            return write(file, data[:part])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"20240313\.jsonl: No space left on device; no decision leaves"):
                journal.write(20240313, [line(6), line(7)], sync=False)
    assert journal.number == 5
    assert journal.path(20240313).read_bytes() == before
    journal.write(20240313, [line(6), line(7)], sync=False)
    assert numbers(journal.after(0, 99)) == list(range(1, 8))


def test_what_the_disk_did_not_confirm_is_taken_back(tmp_path, monkeypatch):
    journal = filled(tmp_path)

    def broken(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(Unavailable, match="Input/output error"):
            journal.write(20240313, [line(6)], sync=True)
    assert numbers(journal.after(0, 99)) == [1, 2, 3, 4, 5]
    journal.write(20240313, [line(6)], sync=True)
    assert Journal(tmp_path).number == 6


def test_a_decision_names_each_model_and_component_by_name_and_what_is_no_number_is_null(faulty):
    found = [msgspec.json.decode(each) for each in faulty.lines]
    terms, members = faulty.content.scorer().formula.terms, faulty.content.scorer().filter.members
    for one in found:
        assert tuple(one["contributions"]) == terms
        assert tuple(one["models"]) == members
        assert len(one["fingerprint"]) == 16
        assert isinstance(one["regime"], str)
        assert isinstance(one["session"], str)
    assert {one["action"] for one in found} >= {"none", "signal"}
    assert found[0]["score"] is None
    taken = faulty.research.decisions
    for k in (0, 500, 900, len(found) - 1):
        assert found[k]["ts"] == taken["ts"][k]
        assert found[k]["instrument"] == faulty.days[0].contract
        for name in ("score", "threshold", "raw", "weight_present", "exceedance", "probability", "pass_mark"):
            value = float(taken[name][k])
            assert found[k][name] == (None if np.isnan(value) else value)


def test_lines_that_are_equal_in_all_but_the_row_have_other_fingerprints(faulty):
    assert len({msgspec.json.decode(each)["fingerprint"] for each in faulty.lines}) == len(faulty.lines)
    assert (
        decisions.decided(faulty.research.rows[5:6], faulty.research.decisions[5:6], "ESM4", faulty.content.scorer())
        == (faulty.lines[5])
    )
