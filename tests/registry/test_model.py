"""A bundle as an MLflow model: no pickle, nothing of this machine, the same probabilities, and columns by name."""

import json
import os
import pickletools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mia_ml.core.errors import DataError
from mia_ml.registry import model
from mia_ml.registry.quiet import pyfunc
from mia_ml.scoring.bundle import Bundle

MEMBERS = ["forest", "boosted", "logistic", "combined"]


@pytest.fixture(scope="module")
def folder(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "trained"
    model.write(out, bundles / "trained")
    return out


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Any:
    return pyfunc.load_model(str(folder))


@pytest.fixture
def frame(trained: Bundle) -> pd.DataFrame:
    assert trained.content.ensemble
    return pd.DataFrame(trained.golden.inputs, columns=list(trained.content.ensemble.inputs))


def is_pickle(data: bytes) -> bool:
    """Whether the bytes run as a pickle from a protocol mark to a stop."""
    try:
        return data[:1] == b"\x80" and list(pickletools.genops(data))[-1][0].name == "STOP"
    except Exception:  # pickletools raises whatever the bytes lead it to
        return False


def test_the_scan_knows_a_pickle() -> None:
    import pickle

    assert is_pickle(pickle.dumps({"a": np.zeros(3)}))
    assert not is_pickle(b"\x80")


def test_no_file_of_the_model_is_a_pickle(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {"", ".py", ".json", ".txt", ".yaml", ".safetensors"}
    assert not [path for path in files if is_pickle(path.read_bytes())]


def test_the_bundle_is_in_it_byte_for_byte(folder: Path, bundles: Path) -> None:
    for path in (bundles / "trained").iterdir():
        assert (folder / model.BUNDLE / path.name).read_bytes() == path.read_bytes()


def test_nothing_points_to_this_machine(folder: Path) -> None:
    for path in folder.glob("*"):
        if path.is_file() and path.name != "pyfunc.py":
            assert str(folder.parents[1]) not in path.read_text()
            assert str(model.SCRIPT.parent) not in path.read_text()


def test_requirements_are_pinned(folder: Path) -> None:
    lines = (folder / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[\w-]+==\S+", line) for line in lines)
    assert {line.partition("==")[0] for line in lines} == {*model.NEEDED, "mlflow"}


def test_signature_and_example(folder: Path, loaded: Any, trained: Bundle, frame: pd.DataFrame) -> None:
    signature = loaded.metadata.signature
    assert signature.inputs.input_names() == list(frame.columns)
    assert signature.outputs.input_names() == MEMBERS
    for schema in (signature.inputs, signature.outputs):
        assert {column.type.name for column in schema.inputs} == {"double"}
    example = json.loads((folder / "input_example.json").read_text())
    assert list(example) == list(frame.columns)
    assert len(loaded.predict(example)) == model.EXAMPLE_ROWS


def test_it_gives_the_probabilities_of_the_scorer(loaded: Any, trained: Bundle, frame: pd.DataFrame) -> None:
    scoring = trained.content.filter()
    assert scoring
    frame.index = pd.RangeIndex(100, 100 + len(frame))
    found = loaded.predict(frame)
    assert list(found.columns) == MEMBERS
    assert found.index.equals(frame.index)
    wanted = scoring.probabilities_of(list(frame.columns), trained.golden.inputs)
    assert found.to_numpy().tobytes() == wanted.tobytes()


def test_columns_by_name_as_json_has_them(loaded: Any, frame: pd.DataFrame) -> None:
    absent = {name: [None if np.isnan(x) else x for x in frame[name].tolist()] for name in frame}
    assert loaded.predict(absent).to_numpy().tobytes() == loaded.predict(frame).to_numpy().tobytes()


def retyped(frame: pd.DataFrame, dtype: str) -> pd.DataFrame:
    return frame.fillna(0.0).astype({"side": dtype})


REFUSED = {
    "missing": (lambda f: f.drop(columns="tick_momentum"), "column 'tick_momentum' is missing"),
    "extra": (lambda f: f.assign(tomorrow=1.0), "column 'tomorrow' is no model input"),
    "twice": (lambda f: f.set_axis([*f.columns[:-1], "side"], axis=1), "column 'side' stands twice"),
    "reordered": (lambda f: f[[*f.columns[:-2], "exceedance", "side"]], "is 'exceedance' where the models take 'side'"),
    "integers": (lambda f: retyped(f, "int64"), "column 'side' is int64"),
    "single": (lambda f: retyped(f, "float32"), "column 'side' is float32"),
    "text": (lambda f: retyped(f, "str"), "column 'side' is"),
    "infinite": (lambda f: f.assign(side=np.inf), "input 'side' is inf"),
    "no names": (lambda f: f.to_numpy(), "a ndarray has no columns by name"),
    "scalars": (lambda f: dict.fromkeys(f.columns, 1.0), "a dict has no columns by name"),
    "lengths": (lambda f: {n: [1.0] * (1 + (n == "side")) for n in f.columns}, "has 1 rows of 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_match_is_refused_in_one_line(loaded: Any, frame: pd.DataFrame, case: str) -> None:
    change, text = REFUSED[case]
    with pytest.raises(DataError) as refusal:
        loaded.predict(change(frame))
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_no_rows_give_no_rows(loaded: Any, frame: pd.DataFrame) -> None:
    assert loaded.predict(frame.iloc[:0]).shape == (0, len(MEMBERS))


def test_a_bundle_without_models_has_no_probability(bundles: Path, tmp_path: Path) -> None:
    model.write(tmp_path / "formula", bundles / "formula")
    with pytest.raises(DataError, match="a formula without models"):
        pyfunc.load_model(str(tmp_path / "formula")).predict({"side": [1.0]})


def test_a_damaged_bundle_does_not_become_a_model(bundles: Path, tmp_path: Path) -> None:
    copied = tmp_path / "bundle"
    copied.mkdir()
    for path in (bundles / "trained").iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    with (copied / "arrays.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(DataError, match="damaged"):
        model.write(tmp_path / "model", copied)
    assert not (tmp_path / "model").exists()


LOAD = """
import json, sys
import mlflow
loaded = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps(loaded.predict(loaded.input_example).to_dict("list")))
"""


def test_it_loads_where_pickles_are_forbidden(folder: Path, loaded: Any, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", folder, moved], check=True)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, moved],
        env=os.environ | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    example = json.loads((folder / "input_example.json").read_text())
    assert json.loads(done.stdout) == loaded.predict(example).to_dict("list")


def test_mlflow_says_that_the_model_checks_its_own_columns(folder: Path) -> None:
    """Without this mark MLflow would reorder and drop columns before the model sees them."""
    assert yaml.safe_load((folder / "MLmodel").read_text())["is_signature_from_type_hint"] is True
