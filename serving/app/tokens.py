"""Who may do what: tokens.json in the state folder holds the SHA-256 of each token, its name and its scopes.

A token is 256 random bits, so a fast hash is enough and the file is worth nothing to who reads it; all the same only
its owner may. The token itself is shown once, by `mia token`. Scopes do not include one another: `read` sees decisions
and state, `feed` sends events, `admin` reloads and stands down.
"""

import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from mia_ml.core.errors import ConfigError, UsageError, refuse_unknown

NAME = "tokens.json"
PREFIX = "mia_"
Scope = Literal["read", "feed", "admin"]
SCOPES: tuple[str, ...] = get_args(Scope)
_LOG = logging.getLogger("mia.tokens")


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """created: ISO 8601, UTC. sha256: hex."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]
    created: str
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: list[Token]


_DECODER = msgspec.json.Decoder(_File)


class Tokens:
    """The tokens of a running service; the file is read again when it has changed.

    Raises ConfigError when the file cannot be trusted at the start. Later that is logged, and what was known holds on;
    a file that is gone revokes all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _identity(path)
        self._tokens = read(path)

    def find(self, token: str) -> Token | None:
        """The token that this is, None for none. It takes as long whichever it is."""
        self._look()
        wanted, found = digest(token), None
        for known in self._tokens:
            if hmac.compare_digest(known.sha256, wanted):
                found = known
        return found

    def holds(self, token: Token) -> bool:
        """Whether a token found before is one still, with the same scopes."""
        self._look()
        return token in self._tokens

    def __len__(self) -> int:
        return len(self._tokens)

    def _look(self) -> None:
        identity = _identity(self._path)
        if identity == self._seen:
            return
        self._seen = identity
        try:
            self._tokens = read(self._path)
        except ConfigError as error:
            _LOG.error("%s; the tokens known before hold on", error)


def read(path: Path) -> list[Token]:
    """The tokens of a file, none where there is no file. Raises ConfigError for one that others may read."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(f"{path}: others may read it (mode {mode:03o}): chmod 600 it")
            return _DECODER.decode(file.read()).tokens
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path}: no list of tokens: {error}") from None


def create(path: Path, name: str, scopes: list[str]) -> str:
    """Add a token and return it. Raises UsageError for a scope or a name that cannot be, or a name that is taken."""
    token = PREFIX + secrets.token_urlsafe(32)
    for scope in scopes:
        if scope not in SCOPES:
            raise UsageError(refuse_unknown("scope", scope, SCOPES))
    if not scopes:
        raise UsageError(f"token '{name}' needs a scope: {', '.join(SCOPES)}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        made = msgspec.convert(
            {"name": name, "scopes": sorted(set(scopes)), "created": now, "sha256": digest(token)}, Token
        )
    except msgspec.ValidationError:
        raise UsageError(f"token name '{name}': 1 to 40 of A-Z a-z 0-9 . _ -") from None
    with _changing(path) as known:
        if any(other.name == name for other in known):
            raise UsageError(f"token '{name}' exists: revoke it first, or choose another name")
        known.append(made)
    return token


def revoke(path: Path, name: str) -> None:
    """Raises UsageError when there is none of that name."""
    with _changing(path) as known:
        kept = [token for token in known if token.name != name]
        if len(kept) == len(known):
            names = sorted(token.name for token in known)
            raise UsageError(refuse_unknown("token", name, names) if names else f"{path}: there is no token")
        known[:] = kept


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[Token]]:
    """The tokens of the file, to be changed in place; written whole or not at all, by one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / (path.name + ".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = read(path)
        yield known
        beside = path.with_suffix(".tmp")
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_File(known)), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)


def _identity(path: Path) -> tuple[int, ...] | None:
    """Changes whenever the file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
