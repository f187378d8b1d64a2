"""The way out: written first, then told, in order; what cannot be written waits."""

import pytest

from serving.day.decisions import Journal, Live
from serving.day.output import Output
from serving.day.rail import CHAMPION, Contender, Verdict
from serving.unavailable import Unavailable
from tests.serving.live_world import decision_of, on_disk

LIVE = Live(True, [], 5, 6, 7, 8.0)


@pytest.fixture
def contender(rolling):
    return Contender("mia-ml/1", "ab", CHAMPION, "a reason", rolling.content, rolling.content.scorer())


def add(out, world, contender, ks):
    for k in ks:
        rows, taken = world.research.rows[k : k + 1], world.research.decisions[k : k + 1]
        contract = next(day.contract for day in world.days if day.day == rows["day"][0])
        out.add(Verdict(contender, rows, taken), contract, LIVE)


def test_lines_of_two_days_go_to_a_file_each_before_anybody_hears(rolling, contender, tmp_path):
    journal = Journal(tmp_path / "decisions")
    heard = []

    def tell(number, line):
        assert line in on_disk(tmp_path)
        heard.append((number, line))

    out = Output(journal, [tell, tell], sync=True)
    first = sum(int(day) == rolling.days[0].day for day in rolling.research.rows["day"])
    add(out, rolling, contender, range(first - 2, first + 2))
    out.settle()
    assert [number for number, _ in heard] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [decision_of(line) for _, line in heard[::2]] == rolling.lines[first - 2 : first + 2]
    assert sorted(path.name for path in (tmp_path / "decisions").iterdir()) == [
        f"{day.day}.jsonl" for day in rolling.days
    ]
    assert b'"overridden":"a reason"' in heard[0][1]
    out.settle()
    assert len(heard) == 8


def test_what_cannot_be_written_waits_in_order_and_goes_first(rolling, contender, tmp_path, monkeypatch):
    journal, heard = Journal(tmp_path / "decisions"), []
    out = Output(journal, [lambda number, line: heard.append(decision_of(line))], sync=False)
    add(out, rolling, contender, range(0, 3))
    write = journal.write

    def full(*_):
        raise Unavailable("full")

    monkeypatch.setattr(journal, "write", full)
    for _ in range(2):
        with pytest.raises(Unavailable):
            out.settle()
    assert heard == []
    add(out, rolling, contender, range(3, 5))
    monkeypatch.setattr(journal, "write", write)
    out.settle()
    assert heard == rolling.lines[:5]


def test_a_day_that_is_written_is_told_though_the_next_cannot_be(rolling, contender, tmp_path, monkeypatch):
    journal, heard = Journal(tmp_path / "decisions"), []
    out = Output(journal, [lambda number, line: heard.append(number)], sync=False)
    first = sum(int(day) == rolling.days[0].day for day in rolling.research.rows["day"])
    add(out, rolling, contender, range(first - 2, first + 2))
    write = journal.write

    def full(day, *rest):
        if day == rolling.days[1].day:
            raise Unavailable("full")
        return write(day, *rest)

    monkeypatch.setattr(journal, "write", full)
    with pytest.raises(Unavailable):
        out.settle()
    assert heard == [1, 2]
    monkeypatch.setattr(journal, "write", write)
    out.settle()
    assert heard == [1, 2, 3, 4]
