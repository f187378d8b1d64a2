"""What a hand has done to an alias, a tag, an entry or the record is seen, and what there is to do about it."""

from pathlib import Path

import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import promotion, proof, record
from mia_ml.registry.standing import Standing
from tests.registry import shelf
from tests.registry.shelf import (
    MODEL,
    RECORD,
    aliases,
    by_hand,
    copy,
    fresh,
    promote,
    rollback,
    shown,
    stands,
    whole,
)
from tests.tracking import store


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
