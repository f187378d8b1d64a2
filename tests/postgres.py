"""A throw-away PostgreSQL server on a socket in a temporary folder, from the binaries Debian installs."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

BINARIES = Path("/usr/lib/postgresql")
START_S = 60


def programs() -> Path:
    """The folder of the newest initdb and postgres; skips the test when there is none."""
    found = sorted(BINARIES.glob("*/bin/initdb"))
    if not found:
        pytest.skip(f"no PostgreSQL server in {BINARIES}: apt-get install postgresql")
    return found[-1].parent


def account() -> str | None:
    """Who runs the server: it refuses root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL refuses to run as root and there is no user postgres")


@contextmanager
def server() -> Iterator[str]:
    """Yields the URL of a running server."""
    binaries, user = programs(), account()
    folder = Path(tempfile.mkdtemp(prefix="mia-pg-"))
    try:
        if user:
            shutil.chown(folder, user)
        made = [binaries / "initdb", "-D", folder / "data", "-U", "mia", "--auth=trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(made, user=user, cwd=folder, check=True, capture_output=True)
        quiet = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", str(folder)]
        started = [binaries / "postgres", "-D", folder / "data", *quiet]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(started, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            _wait(binaries, folder)
            yield f"postgresql+psycopg://mia:secret@/postgres?host={folder}"
        finally:
            process.terminate()
            process.wait(START_S)
    finally:
        shutil.rmtree(folder)


def emptied(url: str) -> str:
    """The same server without a table."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("drop schema public cascade"))
        connection.execute(sqlalchemy.text("create schema public"))
    engine.dispose()
    return url


def _wait(binaries: Path, folder: Path) -> None:
    end = time.monotonic() + START_S
    while subprocess.run([binaries / "pg_isready", "-h", folder, "-q"], check=False).returncode:
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.05)
