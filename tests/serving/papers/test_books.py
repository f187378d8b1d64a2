"""What the accounts behind a desk say of a day: none counts before it was run again, and no incident is forgotten."""

import pytest

from mia_ml.core.errors import DataError
from mia_ml.registry import paper_gate
from serving.day.rail import CHAMPION, SHADOW
from serving.papers import books as papers
from serving.papers.accounts import Note
from serving.unavailable import Unavailable
from tests.serving.live_world import bring
from tests.serving.papers.followed import LEVEL, V, begin, end, finish

RULES = paper_gate.Rules(days=1, least_complete=0.98, level=LEVEL)


def evidence(state):
    return paper_gate.read(paper_gate.path_of(state, "mia-ml", "1"), V).evidence


def gates(state):
    return {result.name: result for result in paper_gate.table(evidence(state), RULES, True).results}


def look(kept, difference=""):
    """Every day that waits for it is looked at."""
    for day, versions in kept.unseen().items():
        kept.seen(day, versions, difference)


def test_a_day_counts_for_nothing_until_it_was_run_again(eager, tmp_path):
    desk, kept = begin(eager, tmp_path)
    assert kept.unseen() == {}
    bring(eager, desk, eager.events)
    assert kept.unseen() == {eager.days[0].day: [V]}
    finish(eager, desk)
    kept.close()
    desk, kept = begin(eager, tmp_path)  # a restart forgets none of them
    first, second = (day.day for day in eager.days)
    assert list(kept.unseen().items()) == [(first, [V]), (second, [V])]
    assert [day.incidents for day in evidence(tmp_path).days] == [(paper_gate.UNSEEN,)] * 2
    found = gates(tmp_path)
    assert found["paper days"].why.startswith("0 of 2 days on paper count")
    assert (found["parity"].status, found["parity"].why) == ("undecidable", f"2024-03-07: {paper_gate.UNSEEN}")
    kept.seen(first, [V], "")
    assert list(kept.unseen()) == [second]
    assert [day.incidents for day in evidence(tmp_path).days] == [(), (paper_gate.UNSEEN,)]
    found = gates(tmp_path)
    assert found["paper days"].why.startswith("1 of 2 days on paper count")
    assert (found["parity"].status, found["parity"].why) == ("undecidable", f"2024-03-08: {paper_gate.UNSEEN}")
    kept.seen(second, [V], "")
    assert {name: found.status for name, found in gates(tmp_path).items()} == dict.fromkeys(found, "pass")
    assert list(kept.store.notes(V).values()) == [Note(1380, 1380, True, ())] * 2
    kept.close()


def test_a_difference_takes_the_place_of_what_waited_and_no_later_look_takes_it_back(eager, tmp_path):
    versions = {V: (eager.content, CHAMPION), "mia-ml/2": (eager.content, SHADOW)}
    desk, kept = begin(eager, tmp_path, versions=versions)
    day = eager.days[0].day
    desk.core.acting.standing.add("manual", "by hand", 9)
    bring(eager, desk, [*(e for e in eager.events if e.ts_event <= eager.days[0].close_ns), end(eager, 0)])
    desk.finish_day()
    assert kept.unseen() == {day: list(versions)}
    kept.seen(day, list(versions), "decision 7 was another")
    assert kept.unseen() == {}
    desk.close()
    kept.close()
    for _ in range(2):
        assert evidence(tmp_path).days[0].incidents == ("parity: decision 7 was another", "by hand")
        assert gates(tmp_path)["parity"].status == "fail"
        desk, kept = begin(eager, tmp_path, versions=versions)  # it is gone on with, and ends once more
        desk.finish_day()
        assert kept.unseen() == {day: list(versions)}
        assert gates(tmp_path)["parity"].status == "fail"
        look(kept)
        desk.close()
        kept.close()


def test_a_day_that_ends_again_before_its_end_could_be_written_does_not_wait_again(eager, tmp_path):
    desk, kept = begin(eager, tmp_path)
    bring(eager, desk, [*(e for e in eager.events if e.ts_event <= eager.days[0].close_ns), end(eager, 0)])
    for _ in range(2):
        kept.end(desk.day, 1380, {})
        look(kept)
    assert kept.unseen() == {}
    assert evidence(tmp_path).days[0].incidents == ()
    kept.end(desk.day, 1380, {})
    assert kept.unseen() == {}
    kept.close()


@pytest.mark.parametrize("what", ["note", "evidence"])
def test_a_look_that_cannot_be_written_down_leaves_the_day_waiting(eager, tmp_path, monkeypatch, what):
    desk, kept = begin(eager, tmp_path)
    bring(eager, desk, [*(e for e in eager.events if e.ts_event <= eager.days[0].close_ns), end(eager, 0)])
    desk.finish_day()

    def refuse(*_):
        raise Unavailable("is full")

    where = {"note": (kept.store, "write"), "evidence": (papers.statement, "write_evidence")}[what]
    with monkeypatch.context() as broken:
        broken.setattr(*where, refuse)
        with pytest.raises(Unavailable):
            look(kept, "decision 7 was another")
    assert list(kept.unseen()) == [eager.days[0].day]
    look(kept, "decision 7 was another")
    assert evidence(tmp_path).days[0].incidents == ("parity: decision 7 was another",)
    kept.close()


def test_incidents_reach_the_gate_resolved_or_not(eager, tmp_path):
    desk, kept = begin(eager, tmp_path)
    standing = desk.core.acting.standing
    first = [e for e in eager.events if e.ts_event <= eager.days[0].close_ns]
    bring(eager, desk, first[:2000])
    standing.add("stale:es", "no event for 31 s", 5)
    bring(eager, desk, first[2000:2500])
    standing.add("stale:es", "no event for 90 s", 6)
    bring(eager, desk, first[2500:3000])
    standing.clear("stale:es")
    standing.add("manual", "by hand", 7)
    bring(eager, desk, first[3000:])
    desk.close()
    kept.store.close()
    desk, kept = begin(eager, tmp_path)  # a restart hides nothing
    desk.core.acting.standing.add("manual", "by hand", 9)
    bring(eager, desk, [end(eager, 0)])
    desk.finish_day()
    assert evidence(tmp_path).days[0].incidents == (paper_gate.UNSEEN, "resolved: no event for 90 s", "by hand")
    look(kept)
    kept.close()
    assert evidence(tmp_path).days[0].incidents == ("resolved: no event for 90 s", "by hand")
    assert gates(tmp_path)["paper days"].status == "undecidable"
    assert "by hand" in gates(tmp_path)["paper days"].why
    desk, kept = begin(eager, tmp_path)  # a day that had ended is run again: what it left unresolved stays so
    bring(eager, desk, [e for e in eager.events if e.ts_event > eager.days[0].close_ns])
    finish(eager, desk)
    look(kept)
    kept.close()
    assert [day.incidents for day in evidence(tmp_path).days] == [("resolved: no event for 90 s", "by hand"), ()]
    assert gates(tmp_path)["paper days"].status == "pass"


def test_a_reason_whose_text_changes_while_it_stands_is_one_and_is_not_resolved_by_that(eager, tmp_path):
    desk, kept = begin(eager, tmp_path)
    standing = desk.core.acting.standing
    first = [e for e in eager.events if e.ts_event <= eager.days[0].close_ns]
    for k in range(0, len(first), 500):
        standing.add("clock", f"the wall clock jumped by {k}", 1)
        bring(eager, desk, first[k : k + 500])
    bring(eager, desk, [end(eager, 0)])
    standing.add("clock", "the wall clock jumped by -1", 1)
    desk.finish_day()
    look(kept)
    kept.close()
    last = 500 * ((len(first) - 1) // 500)
    assert evidence(tmp_path).days[0].incidents == (f"the wall clock jumped by {last}",)


def test_a_day_with_few_bars_undecided_counts_by_the_rule_of_the_gate(eager, tmp_path):
    desk, kept = begin(eager, tmp_path)
    first = [e for e in eager.events if e.ts_event <= eager.days[0].close_ns]
    bring(eager, desk, [*first, end(eager, 0)])
    kept._bars[V] -= set(sorted(kept._bars[V])[:5])
    desk.finish_day()
    look(kept)
    kept.close()
    (day,) = evidence(tmp_path).days
    assert (day.bars, day.decided) == (1380, 1375)
    assert gates(tmp_path)["paper days"].status == "pass"


def test_the_statement_of_a_running_day_has_what_it_has_come_to_and_of_no_known_day_is_refused(eager, tmp_path):
    desk, kept = begin(eager, tmp_path)
    bring(eager, desk, [e for e in eager.events if e.ts_event <= eager.days[0].close_ns])
    (one,) = kept.statement(eager.days[0].day)["versions"]
    assert not one["ended"]
    assert one["equity_usd"] == kept.state(V)["equity_usd"]
    with pytest.raises(DataError, match="nothing on 20200101"):
        kept.statement(20200101)
    kept.close()
