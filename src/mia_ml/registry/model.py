"""A bundle as an MLflow model folder: a script, text and the bundle's own files. No store is needed to make one.

MLmodel, pyfunc.py, requirements.txt, input_example.json, ...
artifacts/bundle/...        the bundle, byte for byte
"""

import logging
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mia_ml.scoring import bundle

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

SCRIPT = Path(__file__).with_name("pyfunc.py")
BUNDLE = "artifacts/bundle"
NEEDED = ("mia-ml", "numba", "numpy", "pandas", "safetensors")
EXAMPLE_ROWS = 3


def write(folder: Path, source: Path) -> bundle.Bundle:
    """Make the model folder of the bundle at `source`; the bundle.

    Raises DataError when the bundle is damaged or its golden tape gives other bytes than where it was written.
    """
    loaded = bundle.load(source)
    bundle.verify(loaded)
    with tempfile.TemporaryDirectory() as room:
        named = Path(room) / "bundle"  # MLflow names the artifact by its last part
        shutil.copytree(source, named)
        _save(folder, named, _signature(loaded), _example(loaded))
    _forget_paths(folder)
    return loaded


def _save(
    folder: Path, source: Path, signature: "ModelSignature | None", example: dict[str, list[float]] | None
) -> None:
    from mia_ml.registry.quiet import pyfunc

    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it recommends an example to a bundle that has no inputs
    pyfunc.save_model(
        folder,
        python_model=str(SCRIPT),
        artifacts={"bundle": str(source)},
        pip_requirements=[f"{name}=={metadata.version(name)}" for name in NEEDED],
        signature=signature,
        input_example=example,
    )


def _signature(loaded: bundle.Bundle) -> "ModelSignature | None":
    """Inputs and outputs by name, double; None for a formula without models.

    Told that the signature is the model's own business, MLflow hands over what it was given. Its own check would put
    columns in order and drop unknown ones without a word, and answer a missing one with the whole table.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    from mia_ml.registry.pyfunc import COMBINED

    scoring = loaded.content.filter()
    if scoring is None:
        return None
    inputs = Schema([ColSpec("double", name) for name in scoring.ensemble.inputs])
    outputs = Schema([ColSpec("double", name) for name in (*scoring.members, COMBINED)])
    signature = ModelSignature(inputs, outputs)
    signature._is_signature_from_type_hint = True
    return signature


def _example(loaded: bundle.Bundle) -> dict[str, list[float]] | None:
    """Golden inputs as lists by column name, the rows with the fewest missing values: strict JSON has no NaN."""
    inputs, ensemble = loaded.golden.inputs, loaded.content.ensemble
    if ensemble is None or not len(inputs):
        return None
    fullest = np.argsort(np.isnan(inputs).sum(axis=1), kind="stable")[:EXAMPLE_ROWS]
    return {name: inputs[fullest, i].tolist() for i, name in enumerate(ensemble.inputs)}


def _forget_paths(folder: Path) -> None:
    """The machine's own paths in MLmodel, which say nothing elsewhere."""
    from mlflow.models import Model

    saved = Model.load(folder)
    flavor: dict[str, Any] = saved.flavors["python_function"]
    flavor["model_code_path"] = SCRIPT.name
    flavor["artifacts"]["bundle"]["uri"] = BUNDLE
    saved.save(folder / "MLmodel")
