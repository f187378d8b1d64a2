"""Logs as JSON, one line a record, on stderr; whatever looks like a secret is masked before it is written.

    {"time": "2026-01-02T14:30:00.123Z", "level": "info", "logger": "mia.serve", "message": "...", "trace": [...]}

`trace` only where an error came with one. Access logs carry no query string.
"""

import logging
import re
import sys
from datetime import UTC, datetime

import msgspec

MASK = "***"
_SECRETS = (
    (re.compile(r"\bmia_[A-Za-z0-9_-]{24,}"), f"mia_{MASK}"),
    (re.compile(r"(?i)\b(bearer)([ .:=]+|%20)[^\s\"',;]+"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?!\s*bearer)(?=\S)[^\"'\r\n]+"), rf"\1{MASK}"),
    (re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]*@"), f"{MASK}@"),
)
_QUERY = re.compile(r"\?[^\s\"]*")
_values: set[str] = set()


def hide(value: str) -> None:
    """Mask this value wherever it turns up from now on: a secret out of the environment."""
    if value:
        _values.add(value)


def masked(text: str) -> str:
    """
    >>> masked("Authorization: Bearer mia_0123456789abcdef to http://me:word@host/x")
    'Authorization: Bearer *** to http://***@host/x'
    """
    for value in _values:
        text = text.replace(value, MASK)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class Json(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().strip()
        if record.name.startswith("uvicorn"):
            message = _QUERY.sub("", message)
        line: dict[str, str | list[str]] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(message),
        }
        if record.exc_info:
            line["trace"] = [masked(part) for part in self.formatException(record.exc_info).splitlines()]
        return msgspec.json.encode(line).decode()


def setup(level: str = "INFO") -> None:
    """Send the logs of this process, uvicorn's among them, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log each URL of the webhook
