"""The configured feeds, each a task: its portions go to the desk, behind the last position that is written down."""

import asyncio
import logging

from mia_ml.core.errors import MiaError
from serving import events
from serving.desk import Desk, Rows
from serving.feeds.feed import Feed, Portion
from serving.unavailable import Unavailable

RETRY_S = 1.0
WAIT_S = 0.02
_log = logging.getLogger("mia.feeding")


async def run(feed: Feed, desk: Desk) -> None:
    """Until the feed ends. Whatever it cannot read is said once, and its health shows that it has gone."""
    desk.connected(feed.name, True)
    try:
        async for portion in feed.portions(desk.resume_after(feed.name)):
            await _deliver(feed, portion, desk)
            for reject in feed.rejects.drain():
                desk.rejected(feed.name, f"{reject.table or 'record'}: {reject.reason}")
    except (MiaError, OSError) as error:
        desk.failed(feed.name, " ".join(str(error).split()))
        _log.error("feed %s: %s", feed.name, error)
    finally:
        desk.connected(feed.name, False)


async def _deliver(feed: Feed, portion: Portion, desk: Desk) -> None:
    rows = [Rows(a.table, a.symbol, events.records(a.table, a.columns, a.positions, 0)) for a in portion]
    last = max(int(part.records["ts_event"].max()) for part in rows)
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
