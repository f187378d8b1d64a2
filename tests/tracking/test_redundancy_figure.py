"""The redundancy sheet is drawn from what there is."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml.evaluation import redundancy
from mia_ml.tracking import redundancy_figure


@pytest.mark.parametrize("k", [1, 2, 6])
@pytest.mark.parametrize("measured", [False, True])
def test_sheet(tmp_path: Path, k: int, measured: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, k))
    X[:, -1] = X[:, 0] if k > 1 else X[:, -1]
    if k == 6:
        X[:, 2] = np.nan
    names = tuple(f"component_{i}" for i in range(k))
    found = redundancy.relate(X, names)
    costs = {names[0]: (0.1, -0.1, 0.2), names[-1]: (np.nan, None, None)} if measured else {}
    redundancy_figure.redundancy(
        tmp_path / "f" / "sheet.png", names, found.rho, found.linkage, found.threshold, costs, "demo"
    )
    assert (tmp_path / "f" / "sheet.png").read_bytes()[:4] == b"\x89PNG"
