"""The `mia` command: one module of this package per door, each registering its command on `app`.

A door imports what it needs inside its command, so that `mia --help` is quick. Exit codes: 0 done; 1 refused or failed,
with one line on stderr; 2 wrong usage.
"""

import importlib
import pkgutil
import sys

import typer

from mia_ml.core.errors import MiaError

app = typer.Typer(
    name="mia",
    help="Order-flow confluence on index futures: ingest, audit, replay, judge, serve.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _commands() -> None:
    """Keeps a lone command a sub-command."""


def main() -> None:
    """Run `mia`; whatever is refused ends in one line on stderr and exit code 1."""
    for door in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{door.name}")
    try:
        app()
    except (MiaError, OSError) as error:
        sys.exit(f"mia: {one_line(error)}")


def one_line(error: Exception) -> str:
    """The text of an error, with the file where the system gives one.

    >>> one_line(FileNotFoundError(2, "No such file or directory", "x.dbn"))
    'x.dbn: No such file or directory'
    """
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    else:
        text = str(error)
    return " ".join(text.split())
