"""Promotions: what stands against one, what is left of one, who may not slip past, and what a rollback returns to."""

import json
from pathlib import Path

import pytest

from mia_ml.core.errors import UsageError
from mia_ml.registry import record
from mia_ml.registry.standing import Standing
from tests.registry.shelf import MODEL, RECORD, aliases, by_hand, crown, promote, rollback, shown, stands, whole
from tests.tracking import store


def test_from_candidate_to_champion(root: Path) -> None:
    first, second = crown(root, "1")
    assert aliases(root) == {"paper": "1", "champion": "1"}
    assert (first.number, first.stage, first.from_version, first.allowed) == (1, "paper", "", "champion")
    assert [(gate.table, gate.status) for gate in first.gates] == [("desk", "pass")] * 3
    assert [gate.name for gate in second.gates if gate.table == "paper"] == ["stage", "paper days", "parity", "edge"]
    assert next(gate.value for gate in second.gates if gate.name == "paper days") == 30
    assert second.fingerprints["bundle_sha256"] == "1" * 64
    assert {"data_fingerprint", "run_id", "judged_run", "paper_evidence"} <= second.fingerprints.keys()
    for here in (True, False):
        assert stands(root, here=here) == Standing("1", "1" * 64, "", True, "")
        assert stands(root, "paper", here) == Standing("1", "1" * 64, "", True, "")
    crown(root, "2")
    assert aliases(root) == {"paper": "2", "champion": "2", "previous": "1"}
    assert stands(root, "previous") == Standing("1", "1" * 64, "", True, "")
    assert "whole: 8 entries in one chain, 8 of them found again" in whole(root)


def test_an_entry_is_kept_in_tags_and_with_the_run(root: Path) -> None:
    promote(root, "1", "paper", reason="try  it\n")
    client = store.client(root)
    version = client.get_model_version(MODEL, "1")
    entry, end = record.read(root / RECORD)
    assert entry.reason == "try it"
    assert version.tags["mia.promotion.1"] == entry.sha256
    assert client.get_registered_model(MODEL).tags["mia.promotions"] == f"2 {end.sha256}"
    kept = Path(client.download_artifacts(version.run_id, "promotion/1.json")).read_bytes()
    assert kept == record.line(entry)


@pytest.mark.parametrize(
    ("version", "stage", "said"),
    [
        (
            "5",
            "paper",
            "mia-es/5 may not become paper: 1 of 3 gates does not pass: desk: gate 2 fail; --override REASON",
        ),
        ("6", "paper", "mia-es/6 may not become paper: mia-es/6 has no judgement: it was registered before the judge"),
        (
            "4",
            "champion",
            "mia-es/4 may not become champion: 4 of 7 gates do not pass: desk: gate 2 undecidable, paper: ",
        ),
        (
            "1",
            "champion",
            "3 of 7 gates do not pass: paper: stage undecidable (the record does not have it on paper), ",
        ),
        ("9", "paper", "model 'mia-es' has no version 9: ask for @candidate, /1, /2"),
    ],
)
def test_what_its_gates_do_not_allow(root: Path, version: str, stage: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        promote(root, version, stage)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert aliases(root) == {}
    assert record.read(root / RECORD) == []


def test_undecidable_allows_paper_and_never_champion(root: Path) -> None:
    promote(root, "4", "paper")
    shown(root, "4")
    with pytest.raises(UsageError, match=r"1 of 7 gates does not pass: desk: gate 2 undecidable; "):
        promote(root, "4")


def test_thirty_days_on_paper(root: Path) -> None:
    promote(root, "1", "paper")
    shown(root, "1", 29)
    with pytest.raises(UsageError, match=r"1 of 7 gates does not pass: paper: paper days undecidable \(29 of 29 days"):
        promote(root, "1")
    refuted = {"mean": -0.5, "low": -0.9, "high": -0.1, "unit": "R a trade", "n": 60, "level": 0.95}
    shown(root, "1", 30, edge=refuted)
    with pytest.raises(UsageError, match=r"paper: edge fail \(refuted: -0.900 to -0.100 R over 60 trades\)"):
        promote(root, "1")
    shown(root, "1", 30)
    assert promote(root, "1").entry.stage == "champion"
    with pytest.raises(UsageError, match=r"^mia-es/1 is champion already$"):
        promote(root, "1", override="again")


def test_an_override_is_never_missed(root: Path) -> None:
    for empty in ("", " \n"):
        with pytest.raises(UsageError, match="an override needs its reason: say it with --override"):
            promote(root, "5", override=empty)
    entry = promote(root, "5", override="the desk is short").entry
    assert entry.override == "the desk is short"
    assert entry.refused.startswith("4 of 7 gates do not pass: desk: gate 2 fail, ")
    version = store.client(root).get_model_version(MODEL, "5")
    assert version.tags["mia.override"] == "the desk is short"
    assert version.description == f"OVERRIDDEN to champion by ana, {entry.when_utc}: the desk is short"
    for here in (True, False):
        assert stands(root, here=here) == Standing("5", "5" * 64, "the desk is short", True, "")
    # neither without its tag, nor at a later stage, nor after it came back
    store.client(root).delete_model_version_tag(MODEL, "5", "mia.override")
    assert [stands(root, here=here).overridden for here in (True, False)] == ["the desk is short"] * 2
    promote(root, "5", "paper", override="once more")
    crown(root, "1")
    assert rollback(root).entry.overridden == ("the desk is short", "once more")
    for here in (True, False):
        assert stands(root, here=here).overridden == "the desk is short; once more"
    version = store.client(root).get_model_version(MODEL, "5")
    assert version.tags["mia.override"] == "the desk is short; once more"
    assert version.description.count("OVERRIDDEN") == 2


def test_an_override_that_nothing_asked_for_is_none(root: Path) -> None:
    entry = promote(root, "1", "paper", override="to be sure").entry
    assert (entry.override, entry.overridden, entry.refused, entry.reason) == ("", (), "", "to be sure")
    assert "mia.override" not in store.client(root).get_model_version(MODEL, "1").tags


def test_an_unjudged_version_goes_by_override_only(root: Path) -> None:
    entry = promote(root, "6", "paper", override="a stand-in").entry
    assert (entry.allowed, entry.gates) == ("nothing", ())
    assert "has no judgement" in entry.refused


def test_rollback_returns_step_by_step(root: Path) -> None:
    crown(root, "1", "2", "3")
    with pytest.raises(UsageError, match="a rollback needs its reason"):
        rollback(root, reason=" ")
    entry = rollback(root, reason="drift").entry
    assert (entry.version, entry.from_version, entry.reason) == ("2", "3", "drift")
    assert next(gate.value for gate in entry.gates if gate.name == "paper days") == 30
    assert aliases(root) == {"paper": "3", "champion": "2", "previous": "1"}
    assert rollback(root).entry.version == "1"
    assert aliases(root) == {"paper": "3", "champion": "1"}
    with pytest.raises(
        UsageError, match="nothing to roll back to: on record no version was champion of mia-es before v"
    ):
        rollback(root)
    promote(root, "3", reason="better after all")
    assert aliases(root) == {"paper": "3", "champion": "3", "previous": "1"}
    assert rollback(root, stage="paper").entry.version == "2"
    for here in (True, False):
        assert stands(root, here=here) == Standing("3", "3" * 64, "", True, "")
        assert stands(root, "paper", here) == Standing("2", "2" * 64, "", True, "")
    whole(root)


def test_nothing_to_roll_back_to(root: Path) -> None:
    with pytest.raises(UsageError, match="on record no version was champion of mia-es before today"):
        rollback(root)
    by_hand(root, "1")
    with pytest.raises(UsageError, match="on record no version was champion of mia-es before version 1"):
        rollback(root)


@pytest.mark.parametrize("text", ["x" * 1001, "y " * 800])
def test_a_reason_has_its_length(root: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"--reason has 1,\d\d\d characters: say it in 1,000"):
        promote(root, "1", "paper", reason=text)


def test_text_that_no_store_would_take(root: Path) -> None:
    entry = promote(root, "5", "paper", override="\udcff odd \U0001f40e").entry
    assert entry.override == "? odd \U0001f40e"
    assert json.loads(record.line(entry))["override"] == entry.override
    assert stands(root, "paper", here=False).overridden == entry.override
