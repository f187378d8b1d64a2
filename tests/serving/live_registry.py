"""A registry with real bundles of the small live market, judged so that every one may be champion."""

import shutil
from dataclasses import replace
from pathlib import Path

from mia_ml.registry import judged, paper_gate, promotion, register
from mia_ml.registry.address import Address
from mia_ml.scoring import bundle
from mia_ml.tracking import server
from tests import small_world
from tests.judge import sample
from tests.scoring import small
from tests.tracking import store, trees

MODEL = "mia-es"
RULES = paper_gate.Rules(days=0, least_complete=0.98, level=0.95)


def market(root: Path):
    """Tables of three thin days, and the same without the last one."""
    tables = small_world.write(root / "tables", last=3, days=3, intensity=0.003)
    last = small_world.plan(tables).days[-1]
    history = root / "history"
    shutil.copytree(tables, history)
    without(history, last.day)
    return tables, history, last


def without(tables: Path, *days: int) -> None:
    """Take days, yyyymmdd, out of a folder of tables."""
    for day in days:
        for path in tables.rglob(f"{day // 10000}-{day // 100 % 100:02d}-{day % 100:02d}.parquet"):
            path.unlink()


def contents(tables: Path):
    """Three versions: a trained one, its formula at half the threshold, and one whose features are others."""
    rows = small.rows(tables)
    trained = small.content(small.ensemble(rows), rows_=rows)
    confluence = {**trained.confluence, "threshold": {**trained.confluence["threshold"], "base": 0.1}}
    eager = small.content(None, rows_=rows, confluence=confluence)
    name = next(name for name, section in trained.features.items() if isinstance(section, dict) and "bars" in section)
    features = {**trained.features, name: {**trained.features[name], "bars": trained.features[name]["bars"] + 2}}
    other = small.content(None, rows_=rows, features=features)
    return trained, eager, other


def registry(root: Path, tables: Path, found) -> Path:
    """Register contents as versions 1, 2, ... below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    store.lay(root)
    world = small.World(tables, small.rows(tables), small.ensemble(small.rows(tables)))
    golden = world.golden()
    for number, content in enumerate(found, 1):
        folder = root / "made" / str(number)
        own = golden if content.ensemble is not None else replace(golden, inputs=golden.inputs[:0, :0])
        bundle.write(folder, content, own)
        path = root / "judgement.json"
        sample.judgement(sample.table("pass", "pass", "pass")).write(path)
        run = replace(trees.run(root, children=0, files={judged.ARTIFACT: path}), start_ms=trees.START_MS + number)
        register.log(root, store.URI, "tests", run, register.BundleToRegister(folder, MODEL))
    return root


def desk(root: Path) -> promotion.Desk:
    return promotion.Desk(server.resolve(store.URI, root), root / "ledger/promotions.jsonl", "ana")


def promote(root: Path, version: int, stage: str) -> None:
    promotion.promote(
        desk(root), Address(MODEL, version=str(version)), stage, state=root / "live", rules=RULES, override=None
    )


def rollback(root: Path) -> None:
    promotion.rollback(desk(root), MODEL, reason="worse")
