"""What all that keeps its records in PostgreSQL does the same way: addresses, patience, what a user is shown."""

from collections.abc import Mapping

URL = "postgresql+psycopg://"
CONNECT_S = 10
DRIVER = "needs a driver: pip install 'psycopg[binary]'"
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 4}
_SERVER = {"tcp_keepalives_idle": 20, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 4}  # seconds


def connect_args(**server: str | int) -> Mapping[str, str | int]:
    """For the driver: a machine that vanishes is given up after about a minute. server: further settings of a session.

    >>> str(connect_args(synchronous_commit="off")["options"]).split(" -c ")[-1]
    'synchronous_commit=off'
    """
    options = " ".join(f"-c {name}={value}" for name, value in (_SERVER | server).items())
    return {"connect_timeout": CONNECT_S, "options": options, **_KEEPALIVE}


def shown(url: str) -> str:
    """A URL without what stands before its host.

    >>> shown("postgresql+psycopg://mia:secret@desk/studies")
    'postgresql+psycopg://desk/studies'
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def first_line(error: Exception) -> str:
    """What the driver said, without the statement and the parameters that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
