"""`mia promote`, `mia rollback` and `mia promotions` as a user meets them."""

import getpass
import json
import re
from pathlib import Path

import pytest
import yaml

from tests.registry import shelf
from tests.tracking import store

REPOSITORY = Path(__file__).resolve().parents[2]
RECORD = Path("ledger/promotions.jsonl")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shelf.fresh(tmp_path)
    chosen = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    chosen["tracking"] = {"uri": store.URI, "experiment": "tests", "model": shelf.MODEL}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(chosen))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_to_paper_to_champion_and_back(mia, root):
    code, out, err = mia("promote", "1", "--to", "paper", "--reason", "first", "--who", "ana")
    assert (code, err) == (0, "")
    assert out == f"mia-es/1 is now paper (nobody was before), entry 1 of {RECORD}\n"
    shelf.shown(root, "1")
    store.client(root).set_model_version_tag(shelf.MODEL, "1", "synthetic", "true")
    code, out, _ = mia("promote", "paper", "--to", "champion")
    assert out.startswith("mia-es/1, trained on SYNTHETIC data, is now champion")
    assert mia("promote", "models:/mia-es/2", "--to", "paper")[0] == 0
    shelf.shown(root, "2")
    code, out, _ = mia("promote", "2", "--to", "champion")
    assert out == f"mia-es/2 is now champion (before: version 1), entry 7 of {RECORD}\n"
    code, out, err = mia("rollback", "--reason", "drift")
    assert (code, err) == (0, "")
    assert out == f"mia-es/1, trained on SYNTHETIC data, is now champion (before: version 2), entry 9 of {RECORD}\n"
    assert shelf.aliases(root) == {"paper": "2", "champion": "1"}
    code, out, _ = mia("promotions")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"{RECORD}: 5 promotions and rollbacks"
    assert re.split(" {2,}", lines[2].strip())[0] == "1"
    assert re.search(r"^  1 .* ana +promote +mia-es/1 +paper +- +3 of 3 +done +[0-9a-f]{12} +first$", lines[2])
    assert re.search(rf"^  9 .* {getpass.getuser()} +rollback +mia-es/1 +champion +2 +7 of 7 +done .* drift$", lines[6])


def test_the_record_as_json_and_verified(mia, root):
    assert mia("promotions")[:2] == (0, f"{RECORD}: nothing was promoted yet\n")
    assert mia("promotions", "--json")[:2] == (0, "[]\n")
    mia("promote", "1", "--to", "paper")
    code, out, err = mia("promotions", "--json", "--verify")
    assert code == 0
    first, end = json.loads(out)
    assert (first["number"], first["action"], first["version"], first["stage"]) == (1, "promote", "1", "paper")
    gate = first["gates"][0]
    assert (gate["name"], gate["status"], gate["value"]) == ("gate 0", "pass", 840.0)
    assert (end["action"], end["of"], end["before"]) == ("done", 1, first["sha256"])
    assert err == f"{RECORD}: whole: 2 entries in one chain, 2 of them found again in the registry\n"


def test_what_was_tampered_with_is_named(mia, root):
    mia("promote", "1", "--to", "paper")
    mia("promote", "2", "--to", "paper")
    found = RECORD.read_text()
    RECORD.write_text(found.replace('"who":"', '"who":"e', 1))
    for arguments in (["promotions"], ["promotions", "--verify"], ["promote", "3", "--to", "paper"]):
        code, out, err = mia(*arguments)
        assert (code, out) == (1, "")
        assert err == f"mia: {RECORD}: entry 1 is not what was written: its sha256 does not fit it\n"
    RECORD.write_text("".join(found.splitlines(keepends=True)[:2]))
    assert mia("promotions")[0] == 0
    code, _, err = mia("promotions", "--verify")
    assert code == 1
    assert err.startswith(f"mia: {RECORD}: ends after entry 2, the registry knows 4: entry 3 was cut off")
    code, out, _ = mia("promotions", "--restore", "--verify")
    assert code == 0
    assert "2 entries were brought back" in out
    assert RECORD.read_text() == found
    store.client(root).set_registered_model_alias(shelf.MODEL, "paper", "5")
    code, _, err = mia("promotions", "--verify")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("mia: mia-es@paper is at version 5 where the record has version 2: it was moved by hand")


def test_an_override_is_shown_everywhere(mia, root):
    code, out, err = mia("promote", "5", "--to", "paper")
    assert (code, out) == (1, "")
    assert err == (
        "mia: mia-es/5 may not become paper: 1 of 3 gates does not pass: desk: gate 2 fail; --override REASON is "
        "recorded\n"
    )
    code, out, _ = mia("promote", "5", "--to", "paper", "--override", "the desk is short")
    assert code == 0
    assert out.splitlines()[1:] == [
        "OVERRIDDEN: the desk is short",
        "against it: 1 of 3 gates does not pass: desk: gate 2 fail",
    ]
    assert "OVERRIDDEN: the desk is short" in mia("promotions")[1]
    assert mia("gates", "5")[1].splitlines()[:2] == ["mia-es/5", "OVERRIDDEN: the desk is short"]
    assert mia("gates", "paper")[1].splitlines()[1] == "OVERRIDDEN: the desk is short"
    assert json.loads(mia("gates", "5", "--json")[1])["overridden"] == "the desk is short"
    # by the tag where the record is not, by the record where the tag is not
    RECORD.rename("kept")
    assert json.loads(mia("gates", "5", "--json")[1])["overridden"] == "the desk is short"
    Path("kept").rename(RECORD)
    store.client(root).delete_model_version_tag(shelf.MODEL, "5", "mia.override")
    assert json.loads(mia("gates", "5", "--json")[1])["overridden"] == "the desk is short"
    assert json.loads(mia("gates", "4", "--json")[1])["overridden"] == ""


def test_an_override_that_was_not_needed(mia, root):
    code, out, _ = mia("promote", "1", "--to", "paper", "--override", "to be sure")
    assert code == 0
    assert out.splitlines()[1] == "Nothing stood against it: the override was not needed and is not recorded as one."


def test_gates_show_what_paper_asks(mia, root):
    tables = [table["name"] for table in json.loads(mia("gates", "4", "--json")[1])["tables"]]
    assert tables == ["desk"]
    assert json.loads(mia("gates", "4", "--to", "champion", "--json")[1])["tables"][1]["name"] == "paper"
    out = mia("gates", "1")[1]
    assert "Paper (paper, blocking): 1 of 4 pass" in out
    assert out.splitlines()[-1] == "allowed: champion by the judge, paper until the gates of paper pass"
    shelf.shown(root, "4", 12)
    assert "12 of 12 days on paper count" in mia("gates", "4")[1]
    assert mia("gates", "4")[1].splitlines()[-1] == "allowed: paper"
    mia("promote", "1", "--to", "paper")
    shelf.shown(root, "1")
    assert mia("gates", "1")[1].splitlines()[-1] == "allowed: champion"
    elsewhere = root / "elsewhere"
    assert "no trading day on paper yet" in mia("gates", "1", "--state", str(elsewhere))[1]
    assert "paper days undecidable" in mia("promote", "1", "--to", "champion", "--state", str(elsewhere))[2]


@pytest.mark.parametrize(
    ("arguments", "code", "answer"),
    [
        (["promote", "1"], 2, "Missing option '--to'"),
        (["promote", "1", "--to", "champ"], 2, "unknown stage 'champ': did you mean 'champion'?"),
        (["promote", "1", "--to", "candidate"], 2, "unknown stage 'candidate': known are paper, champion"),
        (["rollback"], 2, "Missing option '--reason'"),
        (["rollback", "--reason", "x", "--to-stage", "y"], 2, "unknown stage 'y'"),
        (["rollback", "--reason", " "], 1, "mia: a rollback needs its reason: say it with --reason"),
        (["rollback", "--reason", "x"], 1, "mia: nothing to roll back to: on record no version was champion of mia-es"),
        (["promote", "1", "--to", "paper", "--override", ""], 1, "mia: an override needs its reason"),
        (["promote", "9", "--to", "paper"], 1, "mia: model 'mia-es' has no version 9: ask for @candidate, /1"),
        (["promote", "a b", "--to", "paper"], 1, "mia: 'a b' names no version"),
        (["promote", "1", "--to", "paper", "--model", "other"], 1, "mia: no model 'other' is registered"),
        (["promote", "1", "--to", "paper", "--params", "gone.yaml"], 1, "mia: gone.yaml: no such file"),
        (["promotions", "--restore"], 1, "mia: the registry has no entry of a record: nothing was promoted there"),
        (["promotions", "--verify", "--model", "other"], 1, "mia: no model 'other' is registered: run the register"),
        (["rollback", "--reason", "x", "--model", "other"], 1, "mia: no model 'other' is registered: run the register"),
    ],
)
def test_refusals(mia, root, arguments, code, answer):
    found, out, err = mia(*arguments)
    assert (found, out) == (code, "")
    assert answer in err
    if code == 1:
        assert err.count("\n") == 1
    assert not RECORD.exists() or RECORD.read_bytes() == b""


@pytest.mark.parametrize(
    "arguments", [["promote", "1", "--to", "paper"], ["rollback", "--reason", "x"], ["promotions", "--verify"]]
)
def test_a_store_that_is_down(mia, root, arguments):
    code, out, err = mia(*arguments, "--tracking-uri", store.AWAY)
    assert (code, out) == (1, "")
    assert err.startswith("mia: the registry cannot be asked: http://127.0.0.1:1 does not answer")
    assert err.count("\n") == 1


def test_a_record_that_cannot_be_kept(mia, root):
    Path("ledger").write_text("no folder")
    code, _, err = mia("promote", "1", "--to", "paper")
    assert (code, err.count("\n")) == (1, 1)
    assert "ledger" in err
