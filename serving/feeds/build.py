"""Feeds out of settings."""

from dataclasses import dataclass
from pathlib import Path

from mia_ml.core.errors import UsageError
from mia_ml.settings import serve
from serving.feeds import databento_live, dbn, sierra, tables
from serving.feeds.feed import Feed


@dataclass(frozen=True)
class Market:
    """What feeds need to know besides their own settings.

    instrument: a family such as ES. calendar: its name. grace_ns: how long after its end a bar waits for late events.
    since_ns: the open of the trading day that is lived, ns UTC; what growing files and vendors hold from before it is
    not wanted. 0: all.
    """

    instrument: str
    calendar: str
    grace_ns: int
    since_ns: int = 0


def feed(name: str, chosen: serve.AnyFeed, market: Market, project: Path = Path()) -> Feed:
    """The feed that a section of `serve.feeds` describes. Relative paths are taken from `project`.

    Raises UsageError when a recording is not there, or the folder that a growing file is to appear in.
    """
    if isinstance(chosen, serve.TablesFeed):
        path = _recording(name, project / chosen.path)
        return tables.TablesFeed(name, path, market.instrument, market.calendar, market.grace_ns, chosen.pace)
    if isinstance(chosen, serve.DbnFeed):
        return dbn.DbnFeed(name, _recording(name, project / chosen.path), market.grace_ns, chosen.pace)
    if isinstance(chosen, serve.SierraTradesFeed | serve.SierraDepthFeed):
        path = _growing(name, project / chosen.path)
        kind = sierra.SierraTrades if isinstance(chosen, serve.SierraTradesFeed) else sierra.SierraDepth
        return kind(name, path, chosen.symbol, chosen.price_multiplier, market.since_ns)
    return databento_live.DatabentoFeed(
        name, chosen.dataset, chosen.schema_, chosen.symbols, chosen.stype_in, chosen.key, market.since_ns
    )


def _recording(name: str, path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"serve.feeds.{name}.path: {path}: no such file or folder to replay")
    return path


def _growing(name: str, path: Path) -> Path:
    if not path.parent.is_dir():
        raise UsageError(f"serve.feeds.{name}.path: {path.parent}: no such folder for {path.name} to appear in")
    return path
