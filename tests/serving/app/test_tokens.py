"""Tokens: what the file holds, who may read it, and that a running service notices when it changes."""

import json
import os
import stat
import threading

import pytest

from mia_ml.core.errors import ConfigError, UsageError
from serving.app import tokens


@pytest.fixture
def path(tmp_path):
    return tmp_path / "live" / tokens.NAME


def test_the_file_holds_no_token_and_is_its_owners(path):
    made = tokens.create(path, "page", ["read", "admin", "read"])
    assert made.startswith("mia_")
    assert len(made) == 47
    assert made != tokens.create(path, "other", ["read"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made not in path.read_text()
    first = tokens.read(path)[0]
    assert (first.name, first.scopes, first.sha256) == ("page", ["admin", "read"], tokens.digest(made))


def test_only_the_token_itself_is_found(path):
    made = tokens.create(path, "page", ["read"])
    known = tokens.Tokens(path)
    assert known.find(made).name == "page"
    for other in ("", made[:-1], made + "x", made.swapcase(), tokens.digest(made), "é"):
        assert known.find(other) is None


def test_a_change_of_the_file_is_noticed(path):
    known = tokens.Tokens(path)
    assert (len(known), known.find("mia_x")) == (0, None)
    made = tokens.create(path, "page", ["read"])
    page = known.find(made)
    assert known.holds(page)
    tokens.revoke(path, "page")
    assert (known.holds(page), known.find(made)) == (False, None)
    again = tokens.create(path, "page", ["read"])
    assert not known.holds(page)
    path.unlink()
    assert known.find(again) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(path, mode, caplog):
    made = tokens.create(path, "page", ["read"])
    known = tokens.Tokens(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="others may read it") as refused:
        tokens.Tokens(path)
    assert "\n" not in str(refused.value)
    assert known.find(made) is not None, "a running service holds on"
    assert "hold on" in caplog.text


@pytest.mark.parametrize(
    "text", ["", "[]", '{"tokens": 1}', '{"tokens": [], "x": 1}', "{", '{"tokens": [{"name": "a"}]}', "\xff"]
)
def test_a_file_that_is_no_list_of_tokens_is_refused(path, text):
    path.parent.mkdir()
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no list of tokens"):
        tokens.Tokens(path)


def test_names_and_scopes_that_cannot_be(path):
    tokens.create(path, "page", ["read"])
    with pytest.raises(UsageError, match="'page' exists"):
        tokens.create(path, "page", ["feed"])
    with pytest.raises(UsageError, match="did you mean 'feed'"):
        tokens.create(path, "x", ["fed"])
    with pytest.raises(UsageError, match="needs a scope"):
        tokens.create(path, "x", [])
    with pytest.raises(UsageError, match="1 to 40"):
        tokens.create(path, "a b", ["read"])
    with pytest.raises(UsageError, match="did you mean 'page'"):
        tokens.revoke(path, "pag")
    assert [token.name for token in tokens.read(path)] == ["page"]


def test_tokens_made_at_once_are_all_kept(path):
    makers = [threading.Thread(target=tokens.create, args=(path, f"t{i}", ["read"])) for i in range(12)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert sorted(token.name for token in tokens.read(path)) == sorted(f"t{i}" for i in range(12))
    assert sorted(os.listdir(path.parent)) == [tokens.NAME, tokens.NAME + ".lock"]
    assert len(json.loads(path.read_text())["tokens"]) == 12
