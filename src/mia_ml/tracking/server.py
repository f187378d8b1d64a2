"""Where runs go: a SQLite file in the repository by default, or any MLflow server."""

import fcntl
import logging
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from mia_ml.core.errors import ConfigError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
POSTGRESQL, POSTGRESQL_PORT = "postgresql", 5432
ANSWER_S = 5.0  # a server that needs longer than this is treated as down


class Unreachable(Exception):
    """The store does not answer; the text says why in one line."""


def resolve(uri: str, root: Path) -> str:
    """`uri` with a relative SQLite path anchored at `root`.

    >>> resolve("sqlite:///mlflow.db", Path("/desk/mia")), resolve("http://desk:5000", Path("/desk/mia"))
    ('sqlite:////desk/mia/mlflow.db', 'http://desk:5000')
    """
    if uri.startswith(SQLITE):
        return f"{SQLITE}{root / uri.removeprefix(SQLITE)}"
    if uri.startswith(("http://", "https://", POSTGRESQL)):
        return uri
    raise ConfigError(
        f"tracking.uri '{public(uri)}' is no store that runs can go to: write sqlite:///FILE, http(s)://HOST:PORT or postgresql://..."
    )


def public(uri: str) -> str:
    """`uri` as it may be shown.

    >>> public("postgresql://mia:secret@desk/mlflow"), public("sqlite:///mlflow.db")
    ('postgresql://mia:...@desk/mlflow', 'sqlite:///mlflow.db')
    """
    password = urllib.parse.urlsplit(uri).password
    return uri.replace(f":{password}@", ":...@", 1) if password else uri


def prepare(uri: str) -> None:
    """Make sure that the store at a resolved `uri` answers; raises Unreachable.

    A SQLite file is created and migrated by one process at a time: several that open a fresh file together would each
    create the same tables, and all but one would fail.
    """
    if uri.startswith(("http://", "https://")):
        _ask(uri)
    elif uri.startswith(POSTGRESQL):
        _knock(uri)
    elif uri.startswith(SQLITE):
        file = Path(uri.removeprefix(SQLITE))
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{file}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _open_sqlite(uri)


def client(uri: str) -> "MlflowClient":
    """A client of the tracking store and registry at a resolved `uri`."""
    from mlflow import MlflowClient

    return MlflowClient(uri)


def _ask(uri: str) -> None:
    parts = urllib.parse.urlsplit(uri)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # urllib takes a user for a part of the host
    try:
        with urllib.request.urlopen(f"{bare.rstrip('/')}/health", timeout=ANSWER_S):
            pass
    except (urllib.error.URLError, OSError) as error:
        raise Unreachable(f"{public(uri)} does not answer ({getattr(error, 'reason', error)})") from error


def _knock(uri: str) -> None:
    """Ask before SQLAlchemy does, which would ask ten times over two minutes."""
    parts = urllib.parse.urlsplit(uri)
    if not parts.hostname:  # a socket file, or a host given as an option
        return
    try:
        socket.create_connection((parts.hostname, parts.port or POSTGRESQL_PORT), ANSWER_S).close()
    except OSError as error:
        raise Unreachable(f"{public(uri)} does not answer ({error})") from error


def _open_sqlite(uri: str) -> None:
    from mlflow.exceptions import MlflowException

    for chatty in ("alembic", "mlflow"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        client(uri).search_experiments(max_results=1)
    except MlflowException as error:
        if "out-of-date database schema" not in str(error):
            raise Unreachable(f"{uri} cannot be opened: {first_line(error)}") from error
        _migrate(uri)
    except Exception as error:  # whatever the driver raises: no database, a folder, no permission
        raise Unreachable(f"{uri} cannot be opened: {first_line(error)}") from error


def _migrate(uri: str) -> None:
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unreachable(f"{uri} could not be brought to this version of MLflow: {last}")


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
