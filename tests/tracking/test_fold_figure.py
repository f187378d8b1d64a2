"""The picture of the folds: every state is on it, whatever its share of time."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mia_ml.splits import folds as records
from mia_ml.splits.combinatorial import CombinatorialPurgedKFold
from mia_ml.splits.folds import Folds
from mia_ml.splits.purged_kfold import PurgedKFold
from mia_ml.splits.walk_forward import WalkForward
from mia_ml.tracking import fold_figure

HOUR = 3_600_000_000_000


def rows(days: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dates = np.datetime64("2020-01-01") + np.arange(days)
    t0 = (dates.astype("datetime64[ns]").astype(np.int64)[:, None] + np.array([14, 15, 20]) * HOUR).ravel()
    return t0, t0 + 5 * HOUR, np.repeat([int(str(date).replace("-", "")) for date in dates], 3)


def colours_in(path: Path) -> set[str]:
    """The states that can be seen below the legend."""
    pixels = matplotlib.image.imread(path)[fold_figure.DPI :, :, :3].reshape(-1, 3)
    return {
        name
        for name, colour in fold_figure.COLOURS.values()
        if (np.abs(pixels - to_rgb(colour)).max(axis=1) < 0.01).sum() > 200
    }


@pytest.mark.parametrize(("days", "folds"), [(24, 4), (404, 80)])
def test_four_folds_and_eighty(tmp_path: Path, days: int, folds: int) -> None:
    t0, _, day = rows(days)
    made = WalkForward("4 days", "5 days", embargo_ns=24 * HOUR, anchored=True).of(t0, t0 + 20 * HOUR, day)
    assert len(made) == folds
    fold_figure.draw(tmp_path / "f" / "folds.png", made, "demo", sealed_ns=(int(t0[-1]), int(t0[-1]) + 2_000 * HOUR))
    height, width, _ = matplotlib.image.imread(tmp_path / "f" / "folds.png").shape
    assert width == fold_figure.WIDTH_IN * fold_figure.DPI
    assert height < 12 * fold_figure.DPI


def test_what_lasts_an_hour_among_years_is_seen(tmp_path: Path) -> None:
    t0, t1, _ = rows(2_000)
    made = PurgedKFold(5, embargo_ns=24 * HOUR).of(t0, t1 + 30 * HOUR)
    assert all(fold.purged + fold.embargoed < 0.01 * fold.rows for fold in made)
    fold_figure.draw(tmp_path / "folds.png", made, "demo")
    shown = colours_in(tmp_path / "folds.png")
    assert shown == {"train", "test", "embargo", "purged"}


def test_synthetic_data_say_so(tmp_path: Path, monkeypatch) -> None:
    titles = []
    monkeypatch.setattr(fold_figure.Axes, "set_title", lambda axes, text, **_: titles.append(text))
    made = CombinatorialPurgedKFold(4, 2).of(*rows(40)[:2])
    fold_figure.draw(tmp_path / "a.png", made, "demo", synthetic=True)
    fold_figure.draw(tmp_path / "b.png", made, "demo")
    assert titles == ["SYNTHETIC: demo", "demo"]


def test_rows_at_one_moment(tmp_path: Path) -> None:
    t0 = np.zeros(4, np.int64)
    fold = records.Fold(4, np.array([0]), np.array([1]), np.array([2]), np.array([3]))
    fold_figure.draw(tmp_path / "a.png", Folds(t0, t0, (fold,)), "demo")
    assert (tmp_path / "a.png").stat().st_size > 1_000
