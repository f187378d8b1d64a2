"""The vendor's live stream, as a fake client that hands out recorded records: the same rows as the file's reader."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import SourceError, UsageError
from mia_ml.sources import databento
from serving.feeds import databento_live
from serving.feeds.databento_live import DatabentoFeed
from tests.serving.feeds import contract
from tests.serving.feeds.contract import Source, collect, rows_of, run, tables_of
from tests.sources import reference_book
from tests.sources.databento_files import ESH4, ESM4, header, order, quote, write

KEY = "db-0123456789abcdef0123456789abcd"


def mapping(number: int, symbol: str) -> Any:
    raw = dbn.SType.RAW_SYMBOL
    return dbn.SymbolMappingMsg(1, number, 0, raw, symbol, raw, symbol, 0, 0)


NAMES = [mapping(ESH4, "ESH4"), mapping(ESM4, "ESM4")]


class Gateway:
    """What the vendor has, and the clients that were made of it.

    A connection hands out the records from the start asked for; `drops[i]` is after how many records the i-th one
    breaks. When nothing more is there it stays open.
    """

    def __init__(
        self, records: list[Any], names: list[Any] = NAMES, drops: tuple[int, ...] = (), kind: Any = None
    ) -> None:
        self.records, self.names, self.drops = records, names, drops
        self.kind = kind or Client
        self.clients: list[Client] = []
        self.refusals: list[Exception] = []

    def client(self) -> "Client":
        self.clients.append(self.kind(self, len(self.clients)))
        return self.clients[-1]


class Client:
    """As much of `databento.Live` as the feed uses."""

    def __init__(self, gateway: Gateway, number: int) -> None:
        self.gateway, self.number = gateway, number
        self.asked: dict[str, Any] = {}
        self.open = False

    def subscribe(self, **asked: Any) -> int:
        self.asked = asked
        if self.gateway.refusals:
            raise self.gateway.refusals.pop(0)
        self.open = True
        return 1

    def terminate(self) -> None:
        if not self.open:
            raise ValueError("cannot terminate a live client before it is connected")
        self.open = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        for name in self.gateway.names:
            yield name
        yield dbn.SystemMsg(0, "Heartbeat")
        drop = self.gateway.drops[self.number] if self.number < len(self.gateway.drops) else -1
        start = self.asked["start"]
        given = [record for record in self.gateway.records if record.ts_event >= start]
        for sent, record in enumerate(given):
            if sent == drop:
                raise OSError("connection reset")
            yield record
        if 0 <= len(given) <= drop:
            return
        await asyncio.Event().wait()


def make(gateway: Gateway, schema: str = "mbo", **options: Any) -> DatabentoFeed:
    given = {"first_backoff_s": 0.0005} | options
    return DatabentoFeed("live", "GLBX.MDP3", schema, ["ESH4"], client=gateway.client, **given)


@pytest.fixture(scope="module")
def hour(shared_data: Path) -> tuple[Path, list[Any]]:
    path = shared_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    return path, list(reference_book.records(path))


class TestRealHour(contract.FeedContract):
    screened = False
    ends = False
    ranked = False

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, hour: tuple[Path, list[Any]]) -> Source:
        path, records = hour
        names = [mapping(records[0].instrument_id, "ESH4")]
        return Source(lambda: make(Gateway(records, names)), contract.joined(list(databento.read([path]))))


@pytest.mark.parametrize("schema", ["mbp-1", "mbp-10", "trades"])
def test_other_schemas_give_the_rows_of_the_file(shared_data: Path, schema: str) -> None:
    path = shared_data / "databento" / "samples" / f"test_data.{schema}.dbn.zst"
    records = list(reference_book.records(path))
    wanted = contract.joined(list(databento.read([path])))
    rows = sum(columns["ts_event"].size for columns in wanted.values())
    made = make(Gateway(records, [mapping(records[0].instrument_id, "ESH1")]), schema)
    contract.same(tables_of(run(collect(made, 0, rows))), wanted)


def quotes(n: int) -> list[Any]:
    """Many records share a time; the two contracts take turns."""
    made = []
    for i in range(n):
        levels = [(100 + i % 5, 1 + i % 7, 101 + i % 5, 2)]
        action = "T" if i % 4 == 0 else "A"
        number = ESM4 if i % 3 == 0 else ESH4
        made.append(quote(dbn.MBP1Msg, action, "B", 100, i // 5 * 1000, levels, instrument_id=number))
    return made


QUOTES = quotes(120)


@pytest.fixture(scope="module")
def uninterrupted() -> list[Any]:
    return rows_of(run(collect(make(Gateway(QUOTES), "mbp-1"), 0, expected_rows())))


def expected_rows() -> int:
    """What the file of the same records gives."""
    return sum(columns["ts_event"].size for columns in of_file().values())


def of_file() -> contract.Tables:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.dbn", header(dbn.Schema.MBP_1), QUOTES)
        return contract.joined(list(databento.read([path])))


@settings(max_examples=25, deadline=None)
@given(drops=st.lists(st.integers(0, 119), max_size=5))
def test_lost_connections_do_not_show(uninterrupted: list[Any], drops: list[int]) -> None:
    gateway = Gateway(QUOTES, drops=tuple(drops))
    made = make(gateway, "mbp-1")
    found = run(collect(made, 0, len(uninterrupted)))
    assert rows_of(found) == uninterrupted
    contract.same(tables_of(found), of_file())
    assert made.gaps == 0
    assert not any(client.open for client in gateway.clients)


def test_a_restart_that_begins_elsewhere_gives_the_same_positions(uninterrupted: list[Any]) -> None:
    """Behind its first moments: what is held of a book does not reach back before its start."""
    start = QUOTES[60].ts_event
    tail = [row for row in uninterrupted if row[0] >= QUOTES[70].ts_recv]
    made = make(Gateway(QUOTES), "mbp-1", start_ns=start)
    assert rows_of(run(collect(made, tail[0][0] - 1, len(tail)))) == tail


def test_what_is_asked_for(uninterrupted: list[Any]) -> None:
    gateway = Gateway(QUOTES, drops=(60,))
    run(collect(make(gateway, "mbp-1", start_ns=7), 0, len(uninterrupted)))
    first, second = (client.asked for client in gateway.clients)
    assert first == {
        "dataset": "GLBX.MDP3",
        "schema": "mbp-1",
        "symbols": ["ESH4"],
        "stype_in": "raw_symbol",
        "start": 7,
    }
    assert second == first | {"start": min(QUOTES[58].ts_event, QUOTES[59].ts_event)}


def test_a_replay_that_does_not_reach_back_is_a_gap(uninterrupted: list[Any]) -> None:
    class Forgetful(Client):
        def subscribe(self, **asked: Any) -> int:
            return super().subscribe(**asked | {"start": asked["start"] + 3000 * (self.number > 0)})

    gateway = Gateway(QUOTES, drops=(60,), kind=Forgetful)
    made = make(gateway, "mbp-1")
    run(collect(made, 0, 85))
    assert made.gaps == 2  # one a contract
    assert "did not reach back" in made.trouble


def test_a_replay_that_has_aged_out_is_asked_for_from_its_beginning() -> None:
    class Aged(Client):
        async def __aiter__(self) -> AsyncIterator[Any]:
            if self.asked["start"]:
                yield dbn.ErrorMsg(0, "aged out", code=dbn.ErrorCode.REPLAY_DATA_AGED_OUT)
                return
            async for record in super().__aiter__():
                yield record

    gateway = Gateway(QUOTES, kind=Aged)
    made = make(gateway, "mbp-1", start_ns=QUOTES[60].ts_event)
    found = tables_of(run(collect(made, 0, 10)))
    assert [client.asked["start"] for client in gateway.clients] == [QUOTES[60].ts_event, 0]
    assert min(columns["ts_event"][0] for columns in found.values()) >= QUOTES[60].ts_event


def test_a_connection_that_fails_is_tried_again(uninterrupted: list[Any]) -> None:
    gateway = Gateway(QUOTES)
    gateway.refusals = [OSError("no route to host"), TimeoutError()]
    made = make(gateway, "mbp-1")
    assert rows_of(run(collect(made, 0, len(uninterrupted)))) == uninterrupted
    assert len(gateway.clients) == 3
    assert made.trouble == "no connection to Databento: TimeoutError"


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (ValueError("unknown dataset"), "Databento refused GLBX.MDP3: unknown dataset"),
        (RuntimeError("Authentication failed: unknown key"), "check the key"),
    ],
)
def test_what_will_not_get_better_stops_the_feed(refusal: Exception, words: str) -> None:
    gateway = Gateway(QUOTES)
    gateway.refusals = [refusal]
    with pytest.raises(SourceError, match=words):
        run(collect(make(gateway, "mbp-1"), 0, 1))


def test_a_refusal_of_the_gateway_stops_the_feed() -> None:
    gateway = Gateway([dbn.ErrorMsg(9, "symbol is not a symbol", code=dbn.ErrorCode.INVALID_SUBSCRIPTION)])
    with pytest.raises(SourceError, match="symbol is not a symbol"):
        run(collect(make(gateway), 0, 1))


def test_skipped_records_are_a_gap_and_the_feed_goes_on(uninterrupted: list[Any]) -> None:
    skipped = dbn.ErrorMsg(QUOTES[9].ts_event, "slow", code=dbn.ErrorCode.SKIPPED_RECORDS_AFTER_SLOW_READING)
    made = make(Gateway([*QUOTES[:10], skipped, *QUOTES[10:]]), "mbp-1")
    assert rows_of(run(collect(made, 0, len(uninterrupted)))) == uninterrupted
    assert (made.gaps, made.trouble) == (1, "Databento says: slow")


def test_rows_that_cannot_be_are_rejected_and_the_rest_goes_on() -> None:
    orders = [
        order("C", "B", 9, 100, 1, 1),
        order("A", "B", 1, 100, 1, 2, instrument_id=5),
        quote(dbn.MBP1Msg, "A", "B", 100, 3, [(1, 1, 2, 1)]),
        order("A", "B", 2, 100, 1, 4),
    ]
    made = make(Gateway(orders))
    (columns,) = tables_of(run(collect(made, 0, 1))).values()
    assert columns["bid_px_00"].tolist() == [100]
    assert sorted(reject.reason for reject in made.rejects.drain()) == [
        "not a record of the schema",
        "order unknown",
        "unknown symbol: the gateway has not named instrument 5",
    ]


class TestTheKey:
    def test_an_empty_variable_is_one_line_with_the_remedy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MIA_TEST_KEY", " ")
        made = DatabentoFeed("live", "GLBX.MDP3", "mbo", ["ESH4"], key="MIA_TEST_KEY")
        with pytest.raises(UsageError, match="environment variable MIA_TEST_KEY is empty: put the Databento key there"):
            run(collect(made, 0, 1))

    def test_a_missing_client_is_one_line_with_the_remedy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MIA_TEST_KEY", KEY)
        monkeypatch.setitem(sys.modules, "databento", None)
        with pytest.raises(UsageError, match=r"pip install 'mia-ml\[databento\]'"):
            databento_live.vendor_client("MIA_TEST_KEY")

    def test_it_is_in_no_text(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        client = pytest.importorskip("databento")

        class Refusing:
            def __init__(self, key: str) -> None:
                raise ValueError(f"invalid API key, was {key}")

        monkeypatch.setenv("MIA_TEST_KEY", KEY)
        monkeypatch.setattr(client, "Live", Refusing)
        made = DatabentoFeed("live", "GLBX.MDP3", "mbo", ["ESH4"], key="MIA_TEST_KEY")
        with caplog.at_level(0), pytest.raises(UsageError) as refused:
            run(collect(made, 0, 1))
        texts = [str(refused.value), repr(refused.value), caplog.text, repr(made), repr(vars(made))]
        assert not any(KEY in text for text in texts)
        assert refused.value.__cause__ is None

    def test_the_client_that_is_made_is_the_vendors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        vendor = pytest.importorskip("databento")
        monkeypatch.setenv("MIA_TEST_KEY", KEY)
        client = databento_live.vendor_client("MIA_TEST_KEY")
        assert isinstance(client, vendor.Live)
        assert all(hasattr(client, name) for name in ("subscribe", "terminate", "__aiter__"))
