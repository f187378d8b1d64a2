"""A promotion killed at any instant leaves exactly one champion, and whoever comes next ends it.

`MIA_KILLS=100` kills so many real promoters (the suite does fewer).
"""

import functools
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mia_ml.registry import case, history, promotion, proof, record, standing
from tests.registry import shelf
from tests.registry.shelf import MODEL, RECORD, aliases, copy, fresh, promote, rollback
from tests.tracking import store
from tests.tuning import workers

KILLS = int(os.environ.get("MIA_KILLS", "8"))
REASON = "the desk is short"
JUDGED_AS = case.judged_as
CALLS = (
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_registered_model_tag",
    "set_model_version_tag",
    "update_model_version",
    "log_text",
)


class Killed(BaseException):
    pass


class Axe:
    """Falls at the `step`-th instant: before and after each call that changes something, and within each write."""

    def __init__(self, step: int, patched: pytest.MonkeyPatch) -> None:
        self.step, self.instants = step, 0
        for name in CALLS:
            self._arm(patched, f"mlflow.MlflowClient.{name}")
        write = record._write

        def torn(file: int, data: bytes) -> None:
            self._instant()
            if self.instants + 1 == self.step:
                os.write(file, data[: len(data) // 2])
            self._instant()
            write(file, data)
            self._instant()

        patched.setattr(record, "_write", torn)

    def _arm(self, patched: pytest.MonkeyPatch, target: str) -> None:
        import mlflow

        original = getattr(mlflow.MlflowClient, target.rpartition(".")[2])

        def struck(*given: Any, **named: Any) -> Any:
            self._instant()
            done = original(*given, **named)
            self._instant()
            return done

        patched.setattr(target, struck)

    def _instant(self) -> None:
        self.instants += 1
        if self.instants == self.step:
            raise Killed


def stood(root: Path, alias: str = "champion") -> standing.Standing | None:
    """What stands, on the record and by the tags alone, which must agree."""
    client = store.client(root)
    found = standing.standing(client, MODEL, alias, root / RECORD)
    assert found == standing.standing(client, MODEL, alias, None)
    return found


def after_a_kill(root: Path, old: str, new: str, before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Old or new is champion, on record, and stays so when the promotion is ended. Whether it is the new one.

    before, after: why the new one went past its gates, when the promotion is withdrawn and when it is finished.
    """
    holder = aliases(root).get("champion", "")
    assert holder in (old, new)
    found = stood(root)
    assert found is None if not holder else found is not None and (found.version, found.on_record) == (holder, True)
    assert holder != new or (found is not None and found.overridden == "; ".join(after))
    branded = store.client(root).get_model_version(MODEL, new)
    assert holder != new or branded.tags.get("mia.override", "") == "; ".join(after), (
        "the tag is there before the alias"
    )
    promotion.settle(shelf.desk(root, "bob"))
    entries = record.read(root / RECORD)
    assert history.begun(entries) is None
    assert aliases(root).get("champion", "") == standing.expected(entries, MODEL, "champion") == holder
    assert aliases(root).get("previous", "") == standing.expected(entries, MODEL, "previous")
    branded, reasons = store.client(root).get_model_version(MODEL, new), after if holder == new else before
    assert branded.tags.get("mia.override", "") == "; ".join(reasons)
    assert (branded.description or "").count("OVERRIDDEN") == len(reasons)
    assert promotion.settle(shelf.desk(root)) == ""
    return holder == new


@pytest.fixture(autouse=True)
def judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judgements stay what they are: they need not be looked up at every step."""
    monkeypatch.setattr(case, "judged_as", lambda model, version, _: _judged(version))


@functools.cache
def _judged(version: str) -> Any:
    return JUDGED_AS(MODEL, version, shelf.desk(shelf.made()).tracking_uri)


def killed_at(step: int, act: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether it was; else it has fewer instants."""
    with monkeypatch.context() as patched:
        axe = Axe(step, patched)
        try:
            act()
        except Killed:
            return True
    assert axe.instants < step
    return False


def check(moved: list[bool]) -> None:
    """There is one instant at which it moves, and many on both sides."""
    first = moved.index(True)
    assert moved == [False] * first + [True] * (len(moved) - first)
    assert 3 < first < len(moved) - 3


def test_a_promotion_killed_at_every_step(crowned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, moved = copy(crowned, tmp_path), []
    told: dict[str, tuple[str, ...]] = {"4": (), "5": ()}
    for step in range(1, 100):
        old, reason = aliases(root)["champion"], f"reason {step}"
        new = "4" if old == "5" else "5"
        if not killed_at(step, lambda new=new, reason=reason: promote(root, new, override=reason), monkeypatch):
            break
        moved.append(after_a_kill(root, old, new, told[new], (*told[new], reason)))
        told[new] += (reason,) * moved[-1]
    check(moved)
    proof.verify(store.client(root), MODEL, root / RECORD)


def test_a_rollback_killed_at_every_step(crowned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, moved = copy(crowned, tmp_path), []
    for step in range(1, 100, 2):
        if not killed_at(step, lambda: rollback(root), monkeypatch):
            break
        moved.append(after_a_kill(root, "2", "1", (), ()))
        if moved[-1]:
            promote(root, "2")
    check(moved)
    proof.verify(store.client(root), MODEL, root / RECORD)


def test_the_first_champion_killed_here_and_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    for step in range(1, 100, 5):
        root = fresh(tmp_path / str(step))
        if not killed_at(step, lambda root=root: promote(root, "5", override=REASON), monkeypatch):
            break
        moved.append(after_a_kill(root, "", "5", (), (REASON,)))
    assert moved[0] is False
    assert moved[-1] is True


def test_killed_while_it_ends_what_was_killed(crowned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends a promotion may be killed too, and the next one, and the one after."""
    for step in range(4, 30, 8):
        root = copy(crowned, tmp_path / str(step))
        with monkeypatch.context() as patched:
            Axe(step, patched)
            with pytest.raises(Killed):
                promote(root, "5", override=REASON)
        for again in (1, 2, 3, 5, 8):
            with monkeypatch.context() as patched:
                Axe(again, patched)
                try:
                    promotion.settle(shelf.desk(root))
                except Killed:
                    assert aliases(root)["champion"] in ("2", "5")
        after_a_kill(root, "2", "5", (), (REASON,))
        proof.verify(store.client(root), MODEL, root / RECORD)


@pytest.fixture(scope="module")
def moments() -> random.Random:
    return random.Random(5)


def test_real_promoters_killed_at_any_moment(crowned: Path, tmp_path: Path, moments: random.Random) -> None:
    """One after the other on one store, each ending what the one before has left."""
    root = copy(crowned, tmp_path)
    begun_s = time.monotonic()
    shelf.begun(root, "3", override=REASON).join()
    longest_s, moved, stayed = time.monotonic() - begun_s, 0, 0
    while moved + stayed < KILLS or not (moved and stayed):
        assert moved + stayed < 20 * KILLS, "the moments miss the middle"
        old = aliases(root)["champion"]
        new = moments.choice(sorted({"1", "2", "3", "4", "5"} - {old}))
        promoter = shelf.begun(root, new, override=REASON)
        promoter.join(moments.uniform(0, longest_s))
        workers.killed(promoter)
        holder = aliases(root)["champion"]
        assert holder in (old, new)
        found = stood(root)
        assert found is not None
        assert (found.version, found.on_record) == (holder, True)
        moved, stayed = moved + (holder == new), stayed + (holder == old)
    promotion.settle(shelf.desk(root))
    proof.verify(store.client(root), MODEL, root / RECORD)
    assert aliases(root)["champion"] == holder


def test_promoters_of_several_processes_take_turns(crowned: Path, tmp_path: Path, moments: random.Random) -> None:
    """Some of them killed while they wait or act: those that go on are all carried out."""
    root = copy(crowned, tmp_path)
    promoters = {version: shelf.begun(root, version, "paper", REASON) for version in ("1", "3", "4", "5")}
    promoters["4"].join(moments.uniform(0, 0.2))
    workers.killed(promoters.pop("4"))
    for promoter in promoters.values():
        promoter.join()
        assert promoter.exitcode == 0
    promotion.settle(shelf.desk(root))
    proof.verify(store.client(root), MODEL, root / RECORD)
    done = {entry.version for entry in history.done(record.read(root / RECORD), MODEL) if entry.number > 8}
    assert done >= promoters.keys()
