"""Databento Live, through the vendor's client: the records of a subscription, converted as those of a file.

After a lost connection the feed asks for a replay from the last event time it has and drops what came before
(`serving.feeds.resume`). After a restart it asks for a replay from `start_ns`: a moment at which the day's state
begins, such as the session's open. The gateway replays 24 hours, and of `mbo` the whole week, without which its book is
not complete: `mbp-10` is the schema to run live on.

A position is the record's `ts_recv` in ns, raised where needed to lie above the one before: it does not depend on when
the feed was started.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import databento_dbn as dbn
import numpy as np

from mia_ml.core.errors import SourceError, UsageError
from mia_ml.core.tables import Batch, Reject
from mia_ml.sources.databento import stream
from mia_ml.sources.databento.conversion import Conversion
from serving.feeds.feed import MOST_ROWS, Arrival, BaseFeed, Portion
from serving.feeds.merge import RANK
from serving.feeds.resume import Resume

FIRST_BACKOFF_S, MOST_BACKOFF_S = 0.5, 30.0
_FINAL = (dbn.ErrorCode.AUTH_FAILED, dbn.ErrorCode.API_KEY_DEACTIVATED, dbn.ErrorCode.INVALID_SUBSCRIPTION)
BREATH = 256
"""Records taken off the client before other tasks of the loop have their turn."""


class LiveNames:
    """The names that the gateway gives to instruments, see `conversion.Names`."""

    def __init__(self) -> None:
        self._symbols: dict[int, str] = {}

    def learn(self, mapping: Any) -> None:
        """Takes a SymbolMappingMsg: `stype_out_symbol` is the contract."""
        self._symbols[int(mapping.instrument_id)] = str(mapping.stype_out_symbol)

    def symbol(self, instrument_id: int, day: int) -> str | None:
        return self._symbols.get(instrument_id)

    def refusal(self, instrument_id: int, day: int) -> str:
        return f"unknown symbol: the gateway has not named instrument {instrument_id}"

    def known(self, instrument_ids: np.ndarray) -> np.ndarray:
        """Mask of the ids that have a name."""
        return np.isin(instrument_ids, list(self._symbols))


def vendor_client(variable: str) -> Any:
    """The vendor's client with the key that an environment variable holds.

    Raises UsageError when the variable is empty or the client is not installed.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(f"environment variable {variable} is empty: put the Databento key there")
    try:
        import databento
    except ImportError as error:
        raise UsageError("the Databento client is not installed: pip install 'mia-ml[databento]'") from error
    try:
        return databento.Live(key=key)
    except ValueError:
        raise UsageError(f"environment variable {variable} does not hold a Databento key") from None


class DatabentoFeed(BaseFeed):
    """client: makes a client that has not subscribed, default the vendor's with the key in the environment variable
    `key`. It may raise UsageError. start_ns: where the day's replay begins, ns UTC; 0 is all that the vendor has."""

    def __init__(
        self,
        name: str,
        dataset: str,
        schema: str,
        symbols: Sequence[str],
        stype_in: str = "raw_symbol",
        key: str = "DATABENTO_API_KEY",
        start_ns: int = 0,
        client: Callable[[], Any] | None = None,
        first_backoff_s: float = FIRST_BACKOFF_S,
    ) -> None:
        super().__init__(name)
        self._asked = {"dataset": dataset, "schema": schema, "symbols": list(symbols), "stype_in": stype_in}
        self._schema = dbn.Schema(schema)
        self._record = stream.record_of(self._schema)
        self._rtype = int(dbn.RType.from_schema(self._schema))
        self._start_ns = start_ns
        self._client = client or (lambda: vendor_client(key))
        self._first_backoff_s = first_backoff_s
        self._names = LiveNames()
        self._resume = Resume()
        self._records = 0
        self._aged_out = False

    async def portions(self, after: int) -> AsyncIterator[Portion]:
        """See `Feed`; never ends. Raises UsageError without a key or client, SourceError when the vendor refuses."""
        self._names, self._resume, self._records = LiveNames(), Resume(), 0
        conversion = Conversion(self.name, self._schema, self._names)
        position = 0
        backoff_s = self._first_backoff_s
        while True:
            client = self._client()
            received = 0
            try:
                await self._subscribe(client)
                self._resume.reconnected()
                async with contextlib.aclosing(self._blocks(client)) as blocks:
                    async for block in blocks:
                        received += block.size
                        portions, position = self._numbered(self._batches(conversion, block), position, after)
                        for portion in portions:
                            yield portion
                            await asyncio.sleep(0)
            finally:
                self.connected = False
                with contextlib.suppress(Exception):  # it may never have connected
                    client.terminate()
            backoff_s = self._first_backoff_s if received else min(2 * backoff_s, MOST_BACKOFF_S)
            await asyncio.sleep(backoff_s)

    async def _subscribe(self, client: Any) -> None:
        """Connects, in a thread because the client waits for the network. Where that fails it is tried again."""
        start_ns = self._start_ns if self._resume.start_ns is None else self._resume.start_ns
        if self._aged_out:  # all there is, then
            start_ns, self._aged_out = 0, False
        try:
            await asyncio.to_thread(client.subscribe, **self._asked, start=start_ns)
            self.connected = True
        except ValueError as error:  # the vendor's word for a request that makes no sense
            raise SourceError(f"feed {self.name}: Databento refused {self._asked['dataset']}: {_line(error)}") from None
        except Exception as error:
            if "authentication failed" in str(error).lower():
                raise SourceError(f"feed {self.name}: {_line(error)}: check the key") from None
            self.trouble = f"no connection to Databento: {_line(error)}"

    async def _blocks(self, client: Any) -> AsyncGenerator[np.ndarray]:
        """Records as they come, as many as are there at a time; ends when the connection does."""
        if not self.connected:
            return
        buffer = bytearray()
        there, room = asyncio.Event(), asyncio.Event()
        pump = asyncio.ensure_future(self._pump(client, buffer, there, room))
        try:
            while buffer or not pump.done():
                if buffer:
                    raw = bytes(buffer)
                    buffer.clear()
                    room.set()
                    yield np.frombuffer(raw, self._record)
                else:
                    there.clear()
                    await there.wait()
            pump.result()
        finally:
            pump.cancel()
            await asyncio.wait([pump])

    async def _pump(self, client: Any, buffer: bytearray, there: asyncio.Event, room: asyncio.Event) -> None:
        size = self._record.itemsize
        taken = 0
        try:
            async for record in client:
                raw = self._take(record)
                if raw is not None:
                    buffer += raw
                    there.set()
                taken += 1
                if len(buffer) >= MOST_ROWS * size:
                    room.clear()
                    await room.wait()
                elif taken % BREATH == 0:
                    await asyncio.sleep(0)
            self.trouble = "Databento closed the connection"
        except (asyncio.CancelledError, SourceError):
            raise
        except Exception as error:
            self.trouble = f"connection to Databento lost: {_line(error)}"
        finally:
            there.set()

    def _heard(self, error: Any) -> None:
        """Takes note of an error of the gateway. Raises SourceError when asking again would not help."""
        self.trouble = f"Databento says: {error.err}"
        if error.code in _FINAL:
            raise SourceError(f"feed {self.name}: {self.trouble}")
        self._aged_out |= error.code == dbn.ErrorCode.REPLAY_DATA_AGED_OUT
        self.gaps += error.code == dbn.ErrorCode.SKIPPED_RECORDS_AFTER_SLOW_READING

    def _take(self, record: Any) -> bytes | None:
        """The bytes of a record of the schema; what else the gateway says is taken note of."""
        if isinstance(record, dbn.SymbolMappingMsg):
            self._names.learn(record)
        elif isinstance(record, dbn.ErrorMsg):
            self._heard(record)
        elif isinstance(record, dbn.SystemMsg):
            if record.code == dbn.SystemCode.SLOW_READER_WARNING:
                self.trouble = f"Databento says: {record.msg}"
        else:
            raw = bytes(record)
            if len(raw) == self._record.itemsize and raw[1] == self._rtype:
                return raw
            self.rejects.add(Reject(self.name, self._records, "not a record of the schema", type(record).__name__))
        return None

    def _batches(self, conversion: Conversion, block: np.ndarray) -> list[Batch]:
        gaps = self._resume.gaps
        block = block[self._resume.fresh(block)]
        if self._resume.gaps > gaps:
            self.gaps += self._resume.gaps - gaps
            self.trouble = "the replay after a reconnection did not reach back to the last event"
        named = self._names.known(block["instrument_id"])
        for record in block[~named]:
            reason = self._names.refusal(int(record["instrument_id"]), 0)
            self.rejects.add(Reject(self.name, self._records, reason, str(record["instrument_id"])))
        block = block[named]
        if not block.size:
            return []
        self._records += block.size
        items, refusal = conversion.convert(block)
        if refusal:
            raise SourceError(f"feed {self.name}: {refusal}")
        for item in items:
            if isinstance(item, Reject):
                self.rejects.add(item)
        return [item for item in items if isinstance(item, Batch)]

    def _numbered(self, batches: list[Batch], position: int, after: int) -> tuple[list[Portion], int]:
        """Rows in the order of their records, trades first, behind a position; and the last position given.

        position: the last one given before. p_i = max(p_{i-1} + 1, ts_recv_i), that is p_i - i is a running maximum.
        """
        if not batches:
            return [], position
        row = np.concatenate([batch.row for batch in batches])
        rank = np.concatenate([np.full(batch.row.size, RANK[batch.table]) for batch in batches])
        received = np.concatenate([batch.columns["ts_recv"] for batch in batches])
        order = np.lexsort((rank, row))
        steps = np.arange(row.size)
        reached = np.maximum.accumulate(np.maximum(received[order] - steps, position + 1)) + steps
        positions = np.empty(row.size, np.int64)
        positions[order] = reached
        owns = np.split(positions, np.cumsum([batch.row.size for batch in batches])[:-1])
        portions = []
        for at in range(int(np.searchsorted(reached, after, side="right")), row.size, MOST_ROWS):
            last = int(reached[min(at + MOST_ROWS, row.size) - 1])
            arrivals = []
            for batch, own in zip(batches, owns, strict=True):
                keep = (own >= reached[at]) & (own <= last) & (batch.columns["ts_event"] >= self._start_ns)
                if keep.any():
                    columns = {name: values[keep] for name, values in batch.columns.items()}
                    arrivals.append(Arrival(batch.table, batch.symbol, columns, own[keep]))
            if arrivals:
                portions.append(tuple(arrivals))
        return portions, int(reached[-1])


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
