"""A small tree of runs, and a folder that stands for a model."""

from pathlib import Path
from typing import Any

from mia_ml.tracking.runs import Data, Model, Run

START_MS = 1_700_000_000_000
DATA = Data("simulate", "md5:0123456789abcdef0123456789abcdef.dir", "simulate")


def run(room: Path, name: str = "parent", children: int = 2, **changes: Any) -> Run:
    note = room / "note.txt"
    note.write_text(name)
    folds = tuple(
        Run(
            f"fold {i}",
            {"weight": {"vwap_trend": 0.1 * i}},
            {"mean_r": 0.01 * i},
            {"window": f"2024-0{i + 1}"},
            {f"trials/{i}.csv": note},
            START_MS + i,
            START_MS + 10 * i,
        )
        for i in range(children)
    )
    given: dict[str, Any] = {
        "config": {"costs": {"slippage_ticks": 1.0}, "many": {f"k{i}": i for i in range(150)}},
        "metrics": {"win_rate": 0.5, "profit_factor": float("nan")},
        "tags": {"synthetic": "true"},
        "files": {"tables/note.txt": note},
        "data": DATA,
        "children": folds,
    }
    return Run(name=name, start_ms=START_MS, **(given | changes))


def model(room: Path, name: str = "mia", identity: str = "a" * 64) -> Model:
    folder = room / "model"
    (folder / "artifacts").mkdir(parents=True, exist_ok=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "artifacts" / "weights").write_text(identity)
    return Model(folder, name, "candidate", identity, {"data_fingerprint": "d"})
