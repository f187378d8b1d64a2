"""The events of consecutive days as frames of a feed, one behind the other in a file, with where each ends."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import live_client, live_world
from benchmarks.live_world import LiveWorld
from mia_ml.core.errors import DataError
from serving.intake import wire


class Messages(NamedTuple):
    """path: of the frames; beside it, `.ends.npy`: int64, where each ends. ts: int64, of each message's first event.
    batch: events of a message."""

    path: Path
    ts: np.ndarray
    batch: int


def write(events: Iterator[wire.Event], path: Path, count: int, batch: int = 1) -> Messages:
    """Take so many messages of `batch` events. Raises DataError when there are fewer."""
    ts, ends, end = np.zeros(count, np.int64), np.zeros(count, np.int64), 0
    with path.open("wb") as file:
        for k in range(count):
            own = list(islice(events, batch))
            if len(own) < batch:
                raise DataError(f"the simulated days hold {k:,} messages, wanted {count:,}: simulate more of them")
            ts[k] = own[0].ts_event
            end += file.write(live_client.frame(wire.encode(own if batch > 1 else own[0])))
            ends[k] = end
    np.save(path.with_suffix(".ends.npy"), ends)
    return Messages(path, ts, batch)


def of_days(world: LiveWorld) -> Iterator[wire.Event]:
    """The later days of a world, one after the other, positions through all of them."""
    first = 1
    for day in world.days():
        for event in live_world.events_of(day, first):
            yield event
            first += 1
