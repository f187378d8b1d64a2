"""Simulated rows stay labelled, whoever stores them next."""

import numpy as np

from mia_ml.core.tables import SCHEMAS
from mia_ml.store import parquet, provenance
from tests import small_world


def test_a_simulated_world_is_synthetic(tmp_path):
    assert provenance.is_synthetic(small_world.write(tmp_path, last=1, days=1))


def test_a_vendors_options_are_not(tmp_path):
    columns = {name: np.zeros(1, dtype) for name, dtype in SCHEMAS["options"].columns.items()}
    columns["provenance"] = np.array(["vendor: levels 1.2"], dtype=object)
    parquet.write(tmp_path, "options", "SPX", 20240304, columns)
    assert not provenance.is_synthetic(tmp_path)
