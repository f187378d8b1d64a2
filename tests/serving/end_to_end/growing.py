"""Two files of Sierra Chart that another program writes while the service reads them."""

from pathlib import Path

import numpy as np

from mia_ml.core.moments import DAY
from mia_ml.sources.sierra import depth, naming, scid
from mia_ml.store import parquet
from tests.serving.end_to_end.running import Running
from tests.sources.test_sierra_binary import DEPTH, SCID, fixture_bytes

NOBODY_IS_LATE_MS = 600_000
"""How long a file waits for the other: whatever this machine does meanwhile."""


class Growing:
    """A `.scid` file and the folder of `.depth` files that grow together, by pieces of any size.

    pieces: of each file its bytes in the order in which the market made them, with the moment of each record.
    """

    def __init__(self, trades: dict, books: dict, symbol: str) -> None:
        self.scid = f"{symbol}_FUT_CME.scid"
        self.contents = {self.scid: _header(SCID, scid) + _scid(trades).tobytes()}
        times = books["ts_event"] // 1000
        record, owner = _depth(books)
        days = np.unique(times // (DAY // 1000))
        for day in days:
            name = f"{symbol}_FUT_CME.{np.datetime64(int(day), 'D')}.depth"
            own = times[owner] // (DAY // 1000) == day
            self.contents[name] = _header(DEPTH, depth) + record[own].tobytes()
        self.names = [name for name in self.contents if name != self.scid]

    def whole(self, folder: Path) -> list[Path]:
        folder.mkdir()
        for name, content in self.contents.items():
            (folder / name).write_bytes(content)
        return sorted(folder.iterdir())


def _header(name: str, of) -> bytes:
    return fixture_bytes(name)[: of.HEADER.itemsize]


def _scid(trades: dict) -> np.ndarray:
    record = np.zeros(trades["ts_event"].size, scid.RECORD)
    record["time_us"] = trades["ts_event"] // 1000 - naming.EPOCH_US
    record["close"], record["trades"], record["volume"] = trades["price"], 1, trades["size"]
    record["bid_volume"] = np.where(trades["side"] < 0, trades["size"], 0)
    record["ask_volume"] = np.where(trades["side"] > 0, trades["size"], 0)
    return record


def _depth(books: dict) -> tuple[np.ndarray, np.ndarray]:
    """Each snapshot as a batch that empties the book and states its levels; and whose record each is."""
    n = books["ts_event"].size
    record = np.zeros((n, 11), depth.RECORD)
    record["time_us"] = (books["ts_event"] // 1000 - naming.EPOCH_US)[:, None]
    record["command"][:, 0] = 1
    for side, command in (("bid", 2), ("ask", 3)):
        for level in range(5):
            at = 1 + level + 5 * (command - 2)
            record["command"][:, at] = command
            record["price"][:, at] = books[f"{side}_px_{level:02d}"]
            record["quantity"][:, at] = books[f"{side}_sz_{level:02d}"]
    record["flags"][:, 10] = 1
    return record.reshape(-1), np.repeat(np.arange(n), 11)


def configured(folder: Path, growing: Growing) -> dict:
    return {
        "prints": {"kind": "sierra_trades", "path": str(folder / growing.scid)},
        "book": {"kind": "sierra_depth", "path": str(folder)},
    }


class Writer:
    """Appends to the files by pieces that end anywhere, also within a record; it keeps roughly to event order."""

    def __init__(self, folder: Path, growing: Growing, rng: np.random.Generator) -> None:
        self.folder = folder
        self.left = dict(growing.contents)
        self.rng = rng
        self.growing = growing
        folder.mkdir(parents=True, exist_ok=True)

    def grow(self, name: str, n: int) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(self.left[name][:n])
        self.left[name] = self.left[name][n:]

    def step(self) -> bool:
        """A piece of the file that has most to come; False when all is written."""
        open_books = [name for name in self.growing.names if self.left[name]][:1]
        due = [name for name in (self.growing.scid, *open_books) if self.left[name]]
        if not due:
            return False
        self.grow(due[int(self.rng.integers(len(due)))], int(self.rng.integers(1, 60_000)))
        return True


def begun(service: Running, writer: Writer) -> None:
    """Both files bring their first event before the second one of either: from then on each waits for the other."""
    first = writer.growing.names[0]
    writer.grow(first, depth.HEADER.itemsize + 11 * depth.RECORD.itemsize)
    service.until(lambda: service.feed_at("book", 1))
    writer.grow(writer.growing.scid, scid.HEADER.itemsize + scid.RECORD.itemsize)
    service.until(lambda: service.feed_at("prints", 1))


def last_positions(market):
    """Of each feed, by what its file's last event is."""
    day = market.world.days[-1]
    trades = parquet.read_file(day.prices["trades"], "trades")["ts_event"].size
    last = int(parquet.read_file(day.prices["book"], "book")["ts_event"][-1])
    return [("prints", trades), ("book", (last // DAY << 32) + 1)]
