"""The configured feeds, each a task: its portions go to the desk, behind the last position that is written down."""

import asyncio
import contextlib
import logging

from mia_ml.core.errors import MiaError
from serving.day.desk import Desk
from serving.feeds.feed import Feed, Portion
from serving.intake import events
from serving.intake.rows import Rows
from serving.unavailable import Unavailable

RETRY_S = 1.0
WAIT_S = 0.02
_log = logging.getLogger("mia.feeding")


async def run(feed: Feed, desk: Desk) -> None:
    """Until the feed ends. What it can read no further is said, and stands against acting."""
    desk.connected(feed.name, True)
    try:
        async with contextlib.aclosing(feed.portions(desk.resume_after(feed.name))) as portions:  # type: ignore[type-var]
            async for portion in portions:
                await _deliver(feed, portion, desk)
                _say_rejects(feed, desk)
    except (MiaError, OSError) as error:
        desk.failed(feed.name, " ".join(str(error).split()))
        _log.error("feed %s: %s", feed.name, error)
    except Exception:
        desk.failed(feed.name, "it stopped on an error of the service itself, which is in its log")
        _log.exception("feed %s", feed.name)
    finally:
        _say_rejects(feed, desk)
        desk.connected(feed.name, False)


def look(feed: Feed, desk: Desk) -> None:
    """What a feed says of itself, about once a second."""
    health, standing, now = desk.feeds.feed(feed.name), desk.core.acting.standing, desk.now_ns()
    if health.connected != feed.connected:
        desk.connected(feed.name, feed.connected)
    standing.set(f"trouble:{feed.name}", f"feed {feed.name}: {feed.trouble}" if feed.trouble else "", now)
    if health.source_missed(feed.gaps):
        standing.add(f"gap:{feed.name}", f"gap: the source of {feed.name} has missed events", now, now)
    _say_rejects(feed, desk)


def _say_rejects(feed: Feed, desk: Desk) -> None:
    for reject in feed.rejects.drain():
        desk.rejected(feed.name, f"{reject.table or 'record'}: {reject.reason}")


async def _deliver(feed: Feed, portion: Portion, desk: Desk) -> None:
    rows = [Rows(a.table, a.symbol, events.records(a.table, a.columns, a.positions, 0)) for a in portion]
    last = max((int(part.records["ts_event"].max()) for part in rows), default=0)
    while desk.awaits_others(feed.name, last):
        await asyncio.sleep(WAIT_S)
    while rows:
        try:
            desk.take_portion(feed.name, feed.screened, rows)
            return
        except Unavailable as error:
            _log.warning("feed %s waits: %s", feed.name, error)
            await asyncio.sleep(RETRY_S)
            after = desk.resume_after(feed.name)
            rows = [part for part in (part.behind(after) for part in rows) if part.records.size]
