"""Every route for everybody: who may do what, and that a refusal changes nothing."""

import json

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from serving.app import tokens
from serving.app.tokens import NAME, Tokens
from tests.serving import fake_desk
from tests.serving.app import running

OPEN = [("GET", "/"), ("GET", "/health"), ("GET", "/ready")]
CLOSED = [
    ("GET", "/metrics", "read"),
    ("GET", "/api/state", "read"),
    ("GET", "/api/decisions", "read"),
    ("GET", "/api/statement", "read"),
    ("POST", "/api/events", "feed"),
    ("POST", "/api/admin/reload", "admin"),
    ("POST", "/api/admin/stand-down", "admin"),
]
SOCKETS = [("/ws/feed?name=one", "feed"), ("/ws/decisions", "read")]
BODIES = {"/api/events": running.trade(1), "/api/admin/stand-down": b'{"on": true, "reason": "a test"}'}
NOBODY = ["", "mia_wrong", "revoked", "Basic x", "query"]


def asks(s: running.Served, who: str) -> tuple[dict[str, str], str]:
    """Headers and query of somebody."""
    if who == "query":
        return {}, f"token={s.tokens['read']}"
    if who.startswith("Basic"):
        return {"authorization": who}, ""
    return s.bearer(who), ""


async def request(s: running.Served, client: httpx.AsyncClient, method: str, path: str, who: str) -> httpx.Response:
    headers, query = asks(s, who)
    return await client.request(
        method, f"{path}?{query}", headers={**headers, "x-feed": "one"}, content=BODIES.get(path)
    )


def test_who_may_do_what(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.http() as client:
            s.tokens["revoked"] = tokens.create(tmp_path / NAME, "revoked", list(tokens.SCOPES))
            tokens.revoke(tmp_path / NAME, "revoked")
            for method, path in OPEN:
                for who in [*NOBODY, *tokens.SCOPES]:
                    assert (await request(s, client, method, path, who)).status_code == 200
            for method, path, scope in CLOSED:
                for who in NOBODY:
                    refused = await request(s, client, method, path, who)
                    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer"), (path, who)
                    assert "token" in refused.json()["error"]
                for who in tokens.SCOPES:
                    found = await request(s, client, method, path, who)
                    assert found.status_code == (200 if who == scope else 403), (path, who)
                    if who != scope:
                        assert found.json()["error"] == f"token '{who}' lacks the scope '{scope}'"
                        assert (s.desk.taken, s.desk.standing) in (({}, []), (s.desk.taken, s.desk.standing))
            for path, scope in SOCKETS:
                for who in [*NOBODY, *tokens.SCOPES]:
                    headers, query = asks(s, who)
                    join = "&" if "?" in path else "?"
                    socket = s.socket(f"{path}{join}{query}", additional_headers=headers)
                    if who == scope:
                        async with socket as opened:
                            assert json.loads(await opened.recv())["type"] in ("hello", "status")
                    else:
                        with pytest.raises(InvalidStatus) as refusal:
                            await socket.__aenter__()
                        assert refusal.value.response.status_code == (403 if who in tokens.SCOPES else 401)
                        assert "token" in json.loads(refusal.value.response.body)["error"]

    running.run(scenario())


def test_who_may_not_changes_nothing(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.http() as client:
            for method, path, scope in CLOSED:
                for who in {*NOBODY, *tokens.SCOPES} - {scope, "revoked"}:
                    assert (await request(s, client, method, path, who)).status_code in (401, 403)
            assert (s.desk.taken, s.desk.standing, s.desk.on) == ({}, [], {})

    running.run(scenario())


def test_a_browser_gives_its_token_as_a_subprotocol(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s:
            offered = ["mia", f"bearer.{s.tokens['read']}"]
            async with s.socket("/ws/decisions", subprotocols=offered) as opened:
                assert opened.subprotocol == "mia"
                assert json.loads(await opened.recv())["type"] == "status"
            with pytest.raises(InvalidStatus):
                await s.socket("/ws/decisions", subprotocols=["mia", "bearer.mia_wrong"]).__aenter__()
            with pytest.raises(InvalidStatus):
                await s.socket("/ws/feed?name=one", subprotocols=offered).__aenter__()

    running.run(scenario())


def test_requests_of_a_token_are_counted(tmp_path):
    async def scenario():
        desk = fake_desk.FakeDesk(fake_desk.limits(requests_per_s=3))
        async with running.serving(tmp_path, desk) as s, s.http("read") as reader, s.http("admin") as admin:
            found = [await reader.get("/api/state") for _ in range(6)]
            assert [answer.status_code for answer in found][:3] == [200] * 3
            refused = [answer for answer in found if answer.status_code == 429]
            assert refused
            assert refused[0].headers["retry-after"] == "1"
            assert refused[0].json()["error"] == "token 'read': more than 3 requests a second"
            assert (await admin.post("/api/admin/reload")).status_code == 200
            assert (await reader.get("/health")).status_code == 200

    running.run(scenario())


def test_revoking_a_token_ends_its_connections_only(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed, s.listener() as listener:
            await feed.recv()
            tokens.revoke(tmp_path / NAME, "feed")
            await feed.wait_closed()
            assert (feed.close_code, feed.close_reason) == (1008, "this token is no longer known")
            await running.eventually(lambda: s.desk.on == {"one": False})
            s.desk.decide()
            assert await running.numbers(listener, 1) == [1]
            assert Tokens(tmp_path / NAME).find(s.tokens["feed"]) is None

    running.run(scenario())
