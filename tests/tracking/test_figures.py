"""Figures are drawn from what a run has, be it nothing."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml.tracking import figures

PNG = b"\x89PNG"


@pytest.mark.parametrize("n", [0, 1, 500])
def test_equity_curve(tmp_path: Path, n: int) -> None:
    ts_ns = 1_700_000_000_000_000_000 + 60_000_000_000 * np.arange(n)
    figures.equity(tmp_path / "f" / "equity.png", ts_ns, 100_000.0 + np.arange(n), "demo")
    assert (tmp_path / "f" / "equity.png").read_bytes()[:4] == PNG


def test_contributions(tmp_path: Path) -> None:
    groups = {"rows": np.array([0.1, 0.3]), "signals": np.array([0.2, 0.0])}
    figures.contributions(tmp_path / "c.png", ["gamma_levels", "tick_momentum"], groups, "demo")
    figures.contributions(tmp_path / "none.png", [], {"rows": np.zeros(0)}, "demo")
    assert (tmp_path / "c.png").read_bytes()[:4] == PNG
    assert (tmp_path / "none.png").read_bytes()[:4] == PNG
