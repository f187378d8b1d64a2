"""Feeds out of settings: each kind, relative paths, paths that are not there."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mia_ml.core.errors import UsageError
from mia_ml.settings import serve
from serving.feeds import build
from serving.feeds.databento_live import DatabentoFeed
from serving.feeds.dbn import DbnFeed
from serving.feeds.sierra import SierraDepth, SierraTrades
from serving.feeds.tables import TablesFeed

MARKET = build.Market("ES", "cme_globex", 250_000_000, since_ns=5)


def section(**given: Any) -> serve.AnyFeed:
    return TypeAdapter(serve.AnyFeed).validate_python(given)


@pytest.mark.parametrize(
    ("given", "kind", "screened"),
    [
        ({"kind": "tables", "path": "there"}, TablesFeed, True),
        ({"kind": "dbn", "path": "there", "pace": 0}, DbnFeed, False),
        ({"kind": "sierra_trades", "path": "there/ESH4.scid"}, SierraTrades, False),
        ({"kind": "sierra_depth", "path": "there", "symbol": "ESH4"}, SierraDepth, False),
        ({"kind": "databento", "symbols": ["ESH4"]}, DatabentoFeed, False),
    ],
)
def test_each_kind_of_section_gives_its_feed(tmp_path: Path, given: dict, kind: type, screened: bool) -> None:
    (tmp_path / "there").mkdir()
    made = build.feed("main", section(**given), MARKET, tmp_path)
    assert type(made) is kind
    assert (made.name, made.screened) == ("main", screened)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "tables", "path": "gone"}, "gone: no such file or folder to replay"),
        ({"kind": "dbn", "path": "gone.dbn"}, "gone.dbn: no such file or folder to replay"),
        ({"kind": "sierra_trades", "path": "gone/ESH4.scid"}, "gone: no such folder for ESH4.scid to appear in"),
        ({"kind": "sierra_depth", "path": "gone/deep"}, "gone: no such folder for deep to appear in"),
    ],
)
def test_a_path_that_is_not_there_is_one_line_that_names_the_setting(tmp_path: Path, given: dict, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        build.feed("main", section(**given), MARKET, tmp_path)
    assert str(refused.value) == f"serve.feeds.main.path: {tmp_path}/{words}"
