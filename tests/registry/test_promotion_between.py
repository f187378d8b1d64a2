"""Promotions that something comes between: a deletion, another promoter, another record, a store that goes down."""

import threading
from pathlib import Path

import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import address, history, marks, promotion, record
from tests.registry import shelf
from tests.registry.shelf import MODEL, RECORD, aliases, crown, promote, rollback, shown, whole
from tests.tracking import store


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
