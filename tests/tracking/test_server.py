"""The store: found, created once, migrated, or said to be away in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from mia_ml.core.errors import ConfigError
from mia_ml.tracking import server

OPEN = "from mia_ml.tracking import server; import sys; server.prepare(sys.argv[1])"


def test_processes_open_a_fresh_store_together(tmp_path: Path) -> None:
    uri = server.resolve("sqlite:///mlflow.db", tmp_path)
    command = [sys.executable, "-c", OPEN, uri]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [worker.communicate()[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "postgresql://127.0.0.1:1/mlflow"])
def test_a_server_that_is_away_is_named(uri: str) -> None:
    with pytest.raises(server.Unreachable, match=f"^{uri} does not answer"):
        server.prepare(uri)


@pytest.mark.parametrize("uri", ["http://mia:secret@127.0.0.1:1", "postgresql+psycopg://mia:secret@127.0.0.1:1/mlflow"])
def test_a_password_is_not_shown(uri: str) -> None:
    with pytest.raises(server.Unreachable) as away:
        server.prepare(uri)
    assert "secret" not in str(away.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to look at" * 20)
    with pytest.raises(server.Unreachable, match="cannot be opened"):
        server.prepare(server.resolve("sqlite:///mlflow.db", tmp_path))


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "ftp://desk/mlflow"])
def test_refuses_what_is_no_store(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tracking\.uri"):
        server.resolve(uri, tmp_path)
