"""Logs: lines of JSON without secrets."""

import json
import logging
import sys

import pytest

from serving.app import logs

TOKEN = "mia_" + "aB3-_" * 8 + "xyz"


def line(message, *values, name="mia.x", error=None):
    record = logging.LogRecord(name, logging.WARNING, "f.py", 1, message, values, error)
    text = logs.Json().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_record_is_one_line_of_json():
    told = line("two\nlines of %s", "it")
    assert (told["level"], told["logger"], told["message"]) == ("warning", "mia.x", "two\nlines of it")
    assert told["time"].endswith("Z")
    assert "trace" not in told


@pytest.mark.parametrize(
    "message",
    [
        f"token {TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        "authorization: Bearer not-of-ours-123",
        "{'authorization': 'Basic dXNlcjpub3Qtb2Ytb3Vycy0xMjM='}",
        "Sec-WebSocket-Protocol: mia, bearer.not-of-ours-123",
        "to https://me:not-of-ours-123@host/path",
    ],
)
def test_what_looks_like_a_secret_is_masked(message):
    told = line(message)["message"]
    assert "***" in told
    for secret in (TOKEN[4:], "not-of-ours-123", "dXNlcjpub3Qtb2Ytb3Vycy0xMjM="):
        assert secret not in told


def test_an_error_is_masked_too_and_a_known_value_anywhere(monkeypatch):
    monkeypatch.setattr(logs, "_values", set())
    logs.hide("hush")
    logs.hide("")
    try:
        raise ValueError(f"hush {TOKEN}")
    except ValueError:
        told = json.dumps(line("failed", error=sys.exc_info()))
    assert "ValueError: *** mia_***" in told
    assert TOKEN not in told
    assert "hush" not in told


def test_access_logs_have_no_query():
    told = line('%s - "%s %s HTTP/%s" %d', "1.2.3.4:5", "GET", "/api/state?token=x", "1.1", 200, name="uvicorn.access")
    assert told["message"] == '1.2.3.4:5 - "GET /api/state HTTP/1.1" 200'
    assert line("what?")["message"] == "what?"
