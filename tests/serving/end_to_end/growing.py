"""Two files of Sierra Chart that another program writes while the service reads them."""

from pathlib import Path

import numpy as np

from mia_ml.core.moments import DAY
from mia_ml.core.tables import Batch
from mia_ml.sources import sierra
from mia_ml.sources.sierra import depth, naming, scid
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
        self.ends: dict[str, int] = {}
        self.names = [name for name in self.contents if name != self.scid]

    def whole(self, folder: Path) -> list[Path]:
        folder.mkdir()
        for name, content in self.contents.items():
            (folder / name).write_bytes(content)
        files = sorted(folder.iterdir())
        self.ends = ends(files)
        return files


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


def ends(files: list[Path]) -> dict[str, int]:
    """How far each feed comes with the whole files."""
    found = {"prints": 0, "book": 0}
    for item in sierra.read(files):
        if isinstance(item, Batch):
            day = int(item.columns["ts_event"][-1]) // DAY << 32
            name, base = ("prints", 0) if item.table == "trades" else ("book", day)
            found[name] = max(found[name], base + int(item.row[-1]))
    return found


def finished(service: Running, growing: Growing, close_ns: int) -> None:
    """Wait until both files are read to their ends, and close the day."""
    service.until(lambda: all(service.feed_at(*end) for end in growing.ends.items()), 60)
    service.clock(close_ns)
