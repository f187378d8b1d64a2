"""A run with its children, its data and its model: kept in a folder first, then sent (`pending`, `send`).

An execution is one parent run with one child per outer fold. What could not be sent waits and goes out with the next
run, or by `send_waiting`. Whatever was sent already is found again in the store by the name of its folder, so a run
that was cut off anywhere is continued and nothing is there twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mia_ml.core import project
from mia_ml.tracking import pending, send, server
from mia_ml.tracking.pending import Data, Model, Run

__all__ = ["Data", "Model", "Run", "Sent", "log", "send_waiting"]


@dataclass(frozen=True)
class Sent:
    """What became of a run. run_id, version: empty while it waits in `waiting`; `line` tells the user."""

    run_id: str
    version: str
    waiting: tuple[Path, ...]
    line: str


def log(root: Path, uri: str, experiment: str, run: Run, model: Model | None = None) -> Sent:
    """Keep a run and send all that waits; a store that cannot be reached is said in `line`, not raised.

    root: the repository, or the checkout of a queued experiment. A metric that is not finite becomes the tag
    `undefined.<metric>`. Raises ConfigError on a `uri` that is no store; the run is kept all the same.
    """
    root = project.home(root)
    return _send_all(root, uri, experiment, pending.keep(root / pending.FOLDER, experiment, run, model))


def send_waiting(root: Path, uri: str) -> Sent:
    """Send what earlier runs left; `line` is empty when nothing waits."""
    root = project.home(root)
    return _send_all(root, uri) if pending.waiting(root / pending.FOLDER) else Sent("", "", (), "")


def _send_all(root: Path, uri: str, experiment: str = "", own: Path | None = None) -> Sent:
    resolved, parent = server.resolve(uri, root), root / pending.FOLDER
    arrived: dict[Path | None, send.Arrived] = {}
    left: list[Path] = []
    refused = ""
    with pending.alone(parent):
        folders = pending.waiting(parent)
        folders += [own] if own and own not in folders else []
        for i, folder in enumerate(folders):
            try:
                server.prepare(resolved)
            except server.Unreachable as error:
                left, refused = left + folders[i:], str(error)
                break
            try:
                arrived[folder] = _deliver(folder, experiment, resolved, root)
            except server.Unreachable as error:
                left, refused = [*left, folder], str(error)
    mine = arrived.pop(own, send.Arrived())
    line = "; ".join(_lines(uri, experiment, mine, list(arrived.values()), left, refused))
    return Sent(mine.run_id, mine.version, tuple(left), line)


def _deliver(folder: Path, experiment: str, uri: str, root: Path) -> send.Arrived:
    if not folder.is_dir():  # another process had its turn first and sent it
        return send.find(folder.name, experiment, uri)
    arrived = send.send(folder, uri, root)
    pending.done(folder)
    return arrived


def _lines(
    uri: str, experiment: str, mine: send.Arrived, earlier: list[send.Arrived], left: list[Path], refused: str
) -> Iterator[str]:
    if mine.run_id:
        yield f"MLflow: run {mine.run_id} in experiment '{experiment}' at {server.public(uri)}"
    if mine.line:
        yield mine.line
    if earlier:
        yield f"MLflow: {len(earlier)} run(s) kept earlier are sent"
    for sent in earlier:
        if sent.line:
            yield sent.line
    if left:
        models = sum((folder / "model.json").is_file() for folder in left)
        kept = f"{len(left)} run(s)" + (f" with {models} model(s)" if models else "")
        yield f"MLflow: {refused}; {kept} kept in {pending.FOLDER}/, the next run sends them"
