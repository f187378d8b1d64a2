"""`mia token` as a user meets it."""

from pathlib import Path

from serving.app import tokens


def test_a_token_is_shown_once_listed_and_revoked(mia, tmp_path):
    where = ["--state", tmp_path]
    code, out, err = mia("token", "page", "--scope", "read", "--scope", "feed", *where)
    assert (code, err) == (0, "")
    known = tokens.Tokens(tmp_path / tokens.NAME)
    assert known.find(out.strip()).scopes == ["feed", "read"]
    code, listed, _ = mia("token", "--list", *where)
    assert (code, listed.split()[:2]) == (0, ["page", "feed,read"])
    assert out.strip() not in listed
    assert mia("token", "page", "--revoke", *where)[:2] == (
        0,
        "token 'page' is revoked: its connections end within seconds\n",
    )
    assert known.find(out.strip()) is None
    assert mia("token", "--list", *where)[:2] == (0, "")


def test_what_cannot_be_is_refused_with_one_line(mia, tmp_path):
    where = ["--state", tmp_path]
    for arguments, line in [
        (["page"], "mia: token 'page' needs a scope: read, feed, admin\n"),
        (["page", "--scope", "raed"], "mia: unknown scope 'raed': did you mean 'read'?\n"),
        (["page", "--revoke"], f"mia: {tmp_path / tokens.NAME}: there is no token\n"),
        (["page", "--revoke", "--scope", "read"], "mia: --revoke ends the whole token: leave --scope out\n"),
        ([], "mia: which token? give a NAME, or --list\n"),
        (["page", "--list"], "mia: --list goes alone\n"),
    ]:
        assert mia("token", *arguments, *where) == (1, "", line)


def test_the_state_is_where_the_settings_say(mia, tmp_path, monkeypatch):
    params = Path(__file__).resolve().parents[2] / "params.yaml"
    monkeypatch.chdir(tmp_path)
    assert mia("token", "page", "--scope", "read", "--params", params)[0] == 0
    assert [token.name for token in tokens.read(tmp_path / "live" / tokens.NAME)] == ["page"]
