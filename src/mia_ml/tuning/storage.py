"""Where studies are kept, and who may work on which trial.

    memory                       nothing is kept: for tests
    PATH                         one study in one Optuna journal, for one process at a time: the default
    postgresql+psycopg://...     studies shared by any number of processes and machines

A trial enters a storage once and finished, so there is never a trial that runs in the storage and nowhere else: a
worker that is killed leaves nothing to clean up but its claims. The claim on a journal is a lock on the file, which the
kernel drops with the process. Claims in PostgreSQL are advisory locks, one a trial, which the server drops with the
connection; a machine that vanishes without closing it is given up after about a minute of silence.
"""

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import BaseJournalBackend

from mia_ml.core import postgresql
from mia_ml.core.errors import ConfigError, DataError

MEMORY = "memory"
SHARED = postgresql.URL


class Storage(Protocol):
    """optuna: what Optuna reads and writes. shared: whether other processes may work on the same study now."""

    optuna: BaseStorage
    shared: bool

    def claim(self, key: str) -> bool:
        """Whether this process now is the only one with that claim; it keeps it until `release` or its end."""

    def release(self, key: str) -> None: ...

    def alone(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Waits until no other process is inside with the same key."""

    def assert_held(self) -> None:
        """Raises DataError when claims may have been lost."""

    def close(self) -> None: ...


class Memory:
    """Storage that ends with the process."""

    shared = False

    def __init__(self) -> None:
        self.optuna: BaseStorage = InMemoryStorage()

    def claim(self, key: str) -> bool:
        return True

    def release(self, key: str) -> None:
        pass

    def alone(self, key: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def assert_held(self) -> None:
        pass

    def close(self) -> None:
        pass


class Journal(Memory):
    """An Optuna journal: one JSON line for each change. Raises DataError while another process has it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _JournalFile(path)
        self.optuna = JournalStorage(self._file)

    def close(self) -> None:
        self._file.close()


class _JournalFile(BaseJournalBackend):
    """Lines appended under a lock held for as long as the file is open.

    Optuna's own backend takes a lock for each line and leaves it behind when killed, and cannot read past a line that
    was cut off. Here such a last line is cut away on opening, its trial is evaluated again. For the same reason no line
    waits for the disk (6 ms each): what a power failure takes away is evaluated again.
    """

    def __init__(self, path: Path) -> None:
        self._handle = path.open("a+b")
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._handle.close()
            raise DataError(
                f"{path}: another process works on this study; wait for it, or share studies through {SHARED}..."
            ) from None
        self._offsets = [0]
        self._handle.seek(0)
        for line in self._handle:
            if not _whole(line):
                break
            self._offsets.append(self._offsets[-1] + len(line))
        self._handle.truncate(self._offsets[-1])

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        self._handle.seek(self._offsets[log_number_from])
        return iter([json.loads(line) for line in self._handle])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        self._handle.write(b"".join(lines))
        self._handle.flush()
        for line in lines:
            self._offsets.append(self._offsets[-1] + len(line))

    def close(self) -> None:
        self._handle.close()


class Postgres:
    """Optuna's tables in PostgreSQL, claims as advisory locks of one connection."""

    shared = True

    def __init__(self, url: str) -> None:
        import sqlalchemy
        from sqlalchemy.pool import NullPool

        self._execute = sqlalchemy.text
        self._failure = sqlalchemy.exc.SQLAlchemyError
        connect = dict(postgresql.connect_args())
        try:
            self._engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=connect)
            self._where = self._engine.url.render_as_string(hide_password=True)
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with self.alone("tables"):  # two processes that create them at once collide
                self.optuna: BaseStorage = RDBStorage(
                    url, engine_kwargs={"connect_args": connect, "pool_pre_ping": True, "pool_size": 2}
                )
        except ImportError:
            raise ConfigError(f"tuning.storage {SHARED}... {postgresql.DRIVER}") from None
        except self._failure as error:
            raise DataError(
                f"{postgresql.shown(url)}: {postgresql.first_line(error)}; check the address and that the server runs"
            ) from None

    def claim(self, key: str) -> bool:
        return self._ask("select pg_try_advisory_lock(:key)", key)

    def release(self, key: str) -> None:
        self._ask("select pg_advisory_unlock(:key)", key)

    @contextlib.contextmanager
    def alone(self, key: str) -> Iterator[None]:
        self._ask("select pg_advisory_lock(:key)", key)
        try:
            yield
        finally:
            self.release(key)

    def assert_held(self) -> None:
        self._ask("select true")

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()
        if isinstance(self.optuna, RDBStorage):
            self.optuna.remove_session()
            self.optuna.engine.dispose()

    def _ask(self, statement: str, key: str = "") -> bool:
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
        try:
            return bool(self._connection.execute(self._execute(statement), {"key": number} if key else {}).scalar())
        except self._failure as error:
            raise DataError(
                f"{self._where}: {postgresql.first_line(error)}; every finished trial is stored, run the same again"
            ) from None


def open_storage(where: str) -> Storage:
    """The storage at `where`: "memory", the path of a journal or a PostgreSQL URL. Raises ConfigError, DataError."""
    if where == MEMORY:
        return Memory()
    if where.startswith(SHARED):
        return Postgres(where)
    _refuse_other_urls(where)
    return Journal(Path(where))


def place(where: str, study: str) -> str:
    """What `open_storage` takes for a study: a journal of its own in the folder `where`, or the URL that `where` is.

    "memory" stays what it is. Raises ConfigError on a URL that is none of PostgreSQL.
    """
    if where == MEMORY or where.startswith(SHARED):
        return where
    _refuse_other_urls(where)
    return str(Path(where) / f"{study}.journal")


def _refuse_other_urls(where: str) -> None:
    if "://" in where:
        raise ConfigError(
            f"tuning.storage {postgresql.shown(where)}: give a folder, the path of a journal file, or {SHARED}..."
        )


def _whole(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
