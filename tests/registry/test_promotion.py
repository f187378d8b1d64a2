"""Promotions: what stands against one, what is left of one, who may not slip past, and what a rollback returns to."""

import json
import threading
from pathlib import Path

import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import address, history, marks, promotion, proof, record, standing
from mia_ml.registry.standing import Standing
from tests.registry import shelf
from tests.registry.shelf import MODEL, aliases, copy, crown, fresh, promote, rollback, shown
from tests.tracking import store

RECORD = "ledger/promotions.jsonl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fresh(tmp_path)


@pytest.fixture(scope="module")
def crowned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 was champion, version 2 is."""
    root = fresh(tmp_path_factory.mktemp("crowned"))
    crown(root, "1", "2")
    return root


@pytest.fixture
def reigned(crowned: Path, tmp_path: Path) -> Path:
    return copy(crowned, tmp_path)


def stands(root: Path, alias: str = "champion", here: bool = True) -> Standing | None:
    """here: whether the record is on this machine."""
    return standing.standing(store.client(root), MODEL, alias, root / RECORD if here else None)


def whole(root: Path) -> str:
    return proof.verify(store.client(root), MODEL, root / RECORD)


def by_hand(root: Path, version: str, alias: str = "champion") -> None:
    store.client(root).set_registered_model_alias(MODEL, alias, version)


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


@pytest.mark.parametrize("version", ["5", "1"])
def test_an_alias_moved_by_hand_is_seen(reigned: Path, version: str) -> None:
    """Also one moved to a version that a promotion had put there before."""
    by_hand(reigned, version)
    moved = f"mia-es@champion is at version {version} where the record has version 2: it was moved by hand"
    for here in (True, False):
        found = stands(reigned, here=here)
        assert found is not None
        assert (found.version, found.on_record) == (version, False)
        assert found.why.startswith(moved)
    with pytest.raises(DataError, match=moved):
        whole(reigned)
    promote(reigned, "3", "paper")
    shown(reigned, "3")
    with pytest.raises(UsageError, match=rf"may not become champion: {moved}.*\(mia rollback --to-stage champion puts"):
        promote(reigned, "3")
    entry = rollback(reigned).entry
    assert (entry.version, entry.from_version) == ("2", version)
    assert stands(reigned) == stands(reigned, here=False) == Standing("2", "2" * 64, "", True, "")
    assert aliases(reigned)["previous"] == "1"
    whole(reigned)


def test_an_alias_taken_away_by_hand(reigned: Path) -> None:
    store.client(reigned).delete_registered_model_alias(MODEL, "champion")
    assert stands(reigned) is None
    with pytest.raises(DataError, match="mia-es@champion is nowhere where the record has version 2"):
        whole(reigned)
    assert rollback(reigned).entry.version == "2"
    whole(reigned)


def test_going_on_from_where_a_hand_has_put_it(reigned: Path) -> None:
    by_hand(reigned, "5")
    entry = promote(reigned, "5", override="it was me").entry
    assert "moved by hand" in entry.refused
    for here in (True, False):
        assert stands(reigned, here=here) == Standing("5", "5" * 64, "it was me", True, "")
    assert aliases(reigned)["previous"] == "2"


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_champion_that_was_deleted(reigned: Path, version: str) -> None:
    """It is not returned to, and hinders nobody."""
    other = {"1": "2", "2": "1"}[version]
    store.client(reigned).delete_model_version(MODEL, version)
    if version == "2":
        assert rollback(reigned).entry.version == other
    assert aliases(reigned)["champion"] == other
    promote(reigned, "3", "paper")
    shown(reigned, "3")
    promote(reigned, "3")
    assert aliases(reigned)["previous"] == other
    assert rollback(reigned).entry.version == other
    assert "previous" not in aliases(reigned)
    whole(reigned)


def test_a_version_that_is_deleted_on_the_way(reigned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(marks.Marks, "point", lambda *_: (_ for _ in ()).throw(UsageError("gone")))
        with pytest.raises(UsageError, match="gone; entry 9 is begun"):
            promote(reigned, "3", "paper")
    store.client(reigned).delete_model_version(MODEL, "3")
    assert promote(reigned, "4", "paper").settled.endswith("is withdrawn: the alias had not moved")
    assert "whole: 12 entries in one chain, 10 of them found again" in whole(reigned)


def test_an_alias_that_promotions_do_not_move(reigned: Path) -> None:
    assert stands(reigned, "candidate").why == "promotions do not move 'candidate'"
    assert stands(reigned, "candidate", here=False).on_record is False
    assert stands(reigned, "nobody") is None


def test_tags_that_were_changed_are_seen(reigned: Path) -> None:
    client = store.client(reigned)
    client.set_model_version_tag(MODEL, "2", "mia.promotion.7", "0" * 64)
    assert stands(reigned, here=False).why.startswith(
        "mia-es/2: its tag mia.promotion.7 is '000000000000', the model's"
    )
    with pytest.raises(DataError, match=r"promotion/7.json of its run is not the entry 000000000000 that was kept"):
        whole(reigned)
    client.delete_model_version_tag(MODEL, "2", "mia.promotion.7")
    with pytest.raises(DataError, match=r"entry 7: mia-es/2 has lost its tag mia.promotion.7"):
        whole(reigned)


@pytest.mark.parametrize("tag", ["mia.promotions", "mia.promotion.champion"])
def test_tags_that_no_promotion_wrote(reigned: Path, tag: str) -> None:
    store.client(reigned).set_registered_model_tag(MODEL, tag, "whatever this is")
    found = stands(reigned, here=tag == "mia.promotions")
    assert found.why == f"tag {tag} is 'whatever this is', which no promotion wrote"


def test_an_entry_that_was_changed_with_the_run_is_seen(reigned: Path) -> None:
    client = store.client(reigned)
    run = client.get_run(client.get_model_version(MODEL, "2").run_id)
    place = Path(run.info.artifact_uri.removeprefix("file://")) / "promotion/7.json"
    place.write_text(place.read_text().replace('"who":"ana"', '"who":"eve"'))
    assert "promotion/7.json of its run is not the entry" in stands(reigned, here=False).why
    place.unlink()
    assert "mia-es/2: its run has no promotion/7.json" in stands(reigned, here=False).why


def test_a_record_that_was_cut_is_refused_and_brought_back(reigned: Path) -> None:
    path = reigned / RECORD
    found = path.read_bytes()
    lines = found.splitlines(keepends=True)
    for left in (0, 3, 7):
        path.write_bytes(b"".join(lines[:left]))
        cut = rf"ends after entry {left}, the registry knows 8: .* mia promotions --restore brings it back"
        for refused in (
            lambda: promote(reigned, "3", "paper"),
            lambda: promote(reigned, "3", "paper", override="go"),
            lambda: rollback(reigned),
            lambda: whole(reigned),
        ):
            with pytest.raises(DataError, match=cut):
                refused()
        assert path.read_bytes() == b"".join(lines[:left])
        if left:
            assert "the registry knows 8" in stands(reigned).why
        assert proof.restore(store.client(reigned), path) == 8 - left
        assert path.read_bytes() == found
    assert proof.restore(store.client(reigned), path) == 0


def test_what_cannot_be_brought_back(reigned: Path) -> None:
    (reigned / "other").mkdir()
    with record.writing(reigned / "other/r") as writer:
        writer.append(when_utc="", who="", action="promote", model=MODEL, version="1", stage="paper")
    with pytest.raises(DataError, match="is not what the registry's record begins with: move it away"):
        proof.restore(store.client(reigned), reigned / "other/r")


def test_nothing_to_bring_back(root: Path) -> None:
    with pytest.raises(UsageError, match="the registry has no entry of a record"):
        proof.restore(store.client(root), root / RECORD)


def test_entries_put_in_by_hand_do_not_become_promotions(reigned: Path) -> None:
    """The chain needs no key, so anyone can go on with it; but the registry does not know what comes."""
    by_hand(reigned, "5")
    same = {"when_utc": "", "who": "eve", "model": MODEL, "version": "5", "stage": "champion"}
    with record.writing(reigned / RECORD) as writer:
        entry = writer.append(action="promote", **same)
    assert "it was moved by hand" in stands(reigned).why
    forged = copy(reigned, reigned / "copy")
    with record.writing(reigned / RECORD) as writer:
        writer.append(action="done", of=entry.number, **same)
    assert "entry 9 of mia-es is unknown to the registry: it was put in by hand" in stands(reigned).why
    with pytest.raises(DataError, match="entry 9 of mia-es is unknown to the registry"):
        rollback(reigned)
    # one that looks cut off is withdrawn
    assert promotion.settle(shelf.desk(forged)).endswith("is withdrawn: the alias had not moved")
    assert "it was moved by hand" in stands(forged).why


def test_the_record_of_another_store_is_refused(reigned: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = fresh(tmp_path_factory.mktemp("other"))
    (other / "ledger").mkdir()
    (other / RECORD).write_bytes((reigned / RECORD).read_bytes())
    with pytest.raises(
        DataError, match=r"or this is the record of another store: set promotion.record to a file of its"
    ):
        promote(other, "1", "paper")


def test_two_at_once_on_one_record_take_turns(root: Path) -> None:
    """Each sees what the other has done: none is lost."""
    client_errors: list[Exception] = []

    def one(version: str) -> None:
        try:
            promote(root, version, "paper")
        except Exception as error:
            client_errors.append(error)

    threads = [threading.Thread(target=one, args=(version,)) for version in ("1", "2", "3", "4")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not client_errors
    entries = record.read(root / RECORD)
    assert [entry.action for entry in entries] == ["promote", "done"] * 4
    acts = history.holders(entries, MODEL, "paper")
    assert [entry.from_version for entry in acts] == ["", *(entry.version for entry in acts[:-1])]
    assert aliases(root) == {"paper": acts[-1].version}
    whole(root)


def test_two_records_at_one_registry(reigned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds that the registry's head is not its own, before it moves anything; also between two steps."""
    mine, theirs = reigned / RECORD, reigned / "theirs.jsonl"
    theirs.write_bytes(mine.read_bytes())
    other = promotion.Desk(shelf.desk(reigned).tracking_uri, theirs, "bob")
    given = {"state": reigned / "live", "rules": shelf.RULES}
    publish = marks.Marks.publish

    def slipped_in(self: marks.Marks, entries: list[record.Entry], where: str) -> None:
        publish(self, entries, where)
        monkeypatch.setattr(marks.Marks, "publish", publish)
        client = store.client(reigned)
        client.set_registered_model_tag(MODEL, "mia.promotions", f"{len(entries)} {'f' * 64}")

    with monkeypatch.context() as patched:
        patched.setattr(marks.Marks, "publish", slipped_in)
        with pytest.raises(DataError, match=r"entry 9 is .* or another record was promoted with; entry 9 is begun"):
            promotion.promote(other, address.Address(MODEL, version="3"), "paper", **given)
    assert aliases(reigned)["paper"] == "2"
    store.client(reigned).set_registered_model_tag(MODEL, "mia.promotions", "8 " + record.read(mine)[-1].sha256)
    promote(reigned, "4", "paper")
    with pytest.raises(DataError, match=r"theirs.jsonl: (entry 9 is|ends after entry 9)"):
        promotion.rollback(other, MODEL, "paper", reason="x")
    assert aliases(reigned)["paper"] == "4"


def test_a_store_that_is_down(root: Path) -> None:
    down = promotion.Desk(store.AWAY, root / RECORD, "ana")
    given = {"state": root / "live", "rules": shelf.RULES}
    with pytest.raises(
        UsageError, match=r"^the registry cannot be asked: http://127.0.0.1:1 does not answer"
    ) as refused:
        promotion.promote(down, address.Address(MODEL, version="1"), "paper", **given)
    assert "\n" not in str(refused.value)
    assert not (root / RECORD).exists()


def test_a_store_that_goes_down_on_the_way(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crown(root, "1")
    with monkeypatch.context() as broken:

        def gone(*_: object) -> None:
            raise ConnectionError("the line is\ndead")

        broken.setattr("mlflow.MlflowClient.set_registered_model_alias", gone)
        with pytest.raises(
            UsageError, match=r"mia-es@paper cannot be looked up: the line is; .*entry 5 is begun: the n"
        ):
            promote(root, "2", "paper")
    moved = promote(root, "3", "paper")
    assert moved.settled == "entry 5, mia-es/2 to paper, was cut off and is withdrawn: the alias had not moved"
    whole(root)


@pytest.mark.parametrize("text", ["x" * 1001, "y " * 800])
def test_a_reason_has_its_length(root: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"--reason has 1,\d\d\d characters: say it in 1,000"):
        promote(root, "1", "paper", reason=text)


def test_text_that_no_store_would_take(root: Path) -> None:
    entry = promote(root, "5", "paper", override="\udcff odd \U0001f40e").entry
    assert entry.override == "? odd \U0001f40e"
    assert json.loads(record.line(entry))["override"] == entry.override
    assert stands(root, "paper", here=False).overridden == entry.override
