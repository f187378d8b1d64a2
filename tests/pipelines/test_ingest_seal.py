"""The hold-out is apart from the moment of ingest: no stage behind it has read a day of it, until `mia unseal`."""

import json
import re
from pathlib import Path

from mia_ml import settings
from mia_ml.core import moments
from mia_ml.core.calendar import load
from mia_ml.judge import judgement
from mia_ml.scoring import bundle
from mia_ml.store import parquet, sealed
from pipelines import BUNDLE, BUNDLES, JUDGED, LABELS, METRICS, ROWS, SEALED, TABLES
from tests.pipelines import learning_world
from tests.pipelines.learning_world import World

ISO_DAY = re.compile(r"20\d\d-\d\d-\d\d")


def days_in(folder: Path) -> set[int]:
    return {day for *_, day, _ in parquet.inventory(folder)}


def told(world: World) -> dict[str, int]:
    return json.loads((world.root / METRICS / "ingest.json").read_text())["sealed"]


def test_the_last_days_are_sealed_and_their_tables_are_gone(world: World) -> None:
    found = told(world)
    assert found["days"] == 2
    assert days_in(world.root / SEALED) == {found["first_day"], found["last_day"]}
    assert max(days_in(world.root / TABLES)) < found["first_day"]
    for folder in (ROWS, LABELS):
        assert sorted(path.stem for path in (world.root / folder).iterdir())[-1] < moments.iso(found["first_day"])


def test_nothing_that_was_learnt_or_reported_knows_a_sealed_day(world: World) -> None:
    first = moments.iso(told(world)["first_day"])
    opens = load("cme_globex", 2024, 2024).between(told(world)["first_day"], told(world)["last_day"])["open_ns"][0]
    configured = set(ISO_DAY.findall((world.root / settings.PARAMS).read_text()))  # such as the periods of conf/stress
    for path in sorted((world.root / "data").rglob("*")) + sorted((world.root / "reports").rglob("*")):
        if SEALED.as_posix() in path.as_posix() or path.suffix not in (".json", ".csv", ".md"):
            continue
        if path == world.root / METRICS / "ingest.json" or TABLES.as_posix() in path.as_posix():
            continue
        assert all(day < first for day in set(ISO_DAY.findall(path.read_text())) - configured), path
    assert max(judgement.read(world.root / JUDGED / "judgement.json").days) < told(world)["first_day"]
    folders = [world.root / BUNDLE, *(world.root / BUNDLES / window.name for window in world.windows)]
    for folder in folders:
        found = bundle.load(folder)
        assert moments.iso(found.content.training.last_day) < first
        assert (
            max(times.max(initial=0) for times in (found.golden.events.trade_ts, found.golden.events.book_ts)) < opens
        )


def test_unseal_shows_them(world: World, tmp_path: Path) -> None:
    out = tmp_path / "unsealed"
    found = sealed.unseal(world.root / TABLES, world.root / SEALED, out, "a test", lambda found, token: found)
    assert (found.first_day, found.last_day) == (told(world)["first_day"], told(world)["last_day"])
    assert days_in(out) == days_in(world.root / TABLES) | days_in(world.root / SEALED)
    assert max(days_in(world.root / TABLES)) < told(world)["first_day"]


def test_ingest_again_keeps_them_sealed(world: World, tmp_path: Path) -> None:
    root = learning_world.copy(world.root, tmp_path / "w", TABLES.as_posix(), SEALED.as_posix())
    before = {folder: days_in(root / folder) for folder in (TABLES, SEALED)}
    learning_world.run(root, "ingest")
    assert {folder: days_in(root / folder) for folder in (TABLES, SEALED)} == before


def test_a_hold_out_of_none_seals_nothing(tmp_path: Path) -> None:
    short = {"validation": {"holdout": "none"}, "source": {"world": {"days": 2}}}
    root = learning_world.lay(tmp_path, short)
    learning_world.run(root, "ingest")
    assert json.loads((root / METRICS / "ingest.json").read_text())["sealed"] == {"days": 0}
    assert len({day for table, _, day, _ in parquet.inventory(root / TABLES) if table == "trades"}) == 2
    assert list((root / SEALED).iterdir()) == []
