"""The pictures of what was out of sample show every policy, every day and every weight they are given."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from mia_ml.tracking import evaluation_figure


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures, as they are when they are saved."""
    figures: list[Figure] = []
    save = evaluation_figure._save

    def keep(figure: Figure, path: Path) -> None:
        figures.append(figure)
        save(figure, path)

    monkeypatch.setattr(evaluation_figure, "_save", keep)
    return figures


def days(count: int) -> list[str]:
    return [str(day) for day in np.datetime64("2023-12-28") + np.arange(count)]


@pytest.mark.parametrize("policies", [1, 5])
@pytest.mark.parametrize("windows", [evaluation_figure.MOST_MARKED, evaluation_figure.MOST_MARKED + 1])
def test_each_policy_is_a_curve_and_each_window_a_mark_where_there_is_room(
    tmp_path: Path, drawn: list[Figure], policies: int, windows: int
) -> None:
    shown = days(60)
    curves = {f"policy {k}": 100_000.0 + k * np.arange(60.0) for k in range(policies)}
    evaluation_figure.equity(tmp_path / "f" / "equity.png", shown, curves, shown[:windows], "demo")
    (axes,) = drawn[0].axes
    by_legend: dict[Any, Any] = {line.get_label(): line for line in axes.lines}
    for legend, curve in curves.items():
        np.testing.assert_array_equal(by_legend[legend].get_ydata(), curve)
        assert by_legend[legend].get_xdata()[0] == np.datetime64(shown[0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(curves)
    marked = windows <= evaluation_figure.MOST_MARKED
    assert len(axes.lines) == policies + windows * marked
    assert bool(axes.get_xlabel()) == marked
    assert axes.get_ylabel() == "equity, USD"
    assert (tmp_path / "f" / "equity.png").read_bytes()[:4] == b"\x89PNG"


def test_one_day_is_a_picture_too(tmp_path: Path) -> None:
    evaluation_figure.equity(tmp_path / "equity.png", days(1), {"flat": np.array([100_000.0])}, days(1), "demo")
    assert (tmp_path / "equity.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(("windows", "names"), [(1, 1), (3, 8), (60, 12)])
def test_weights_stand_where_they_belong(tmp_path: Path, drawn: list[Figure], windows: int, names: int) -> None:
    share = np.random.default_rng(0).uniform(-1, 1, (windows, names))
    labels, components = days(windows), [f"component_{k}" for k in range(names)]
    evaluation_figure.weights(tmp_path / "weights.png", labels, components, share, "demo")
    axes = drawn[0].axes[0]
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), share.T)
    assert image.get_clim() == (-np.abs(share).max(), np.abs(share).max())
    assert [text.get_text() for text in axes.get_yticklabels()] == components
    ticks = [(at, text.get_text()) for at, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)]
    assert ticks
    assert all(labels[int(at)] == text for at, text in ticks)
    told = {text.get_position(): text.get_text() for text in axes.texts}
    if windows <= evaluation_figure.MOST_MARKED / 2:
        assert told == {(i, j): f"{share[i, j]:.2f}" for i in range(windows) for j in range(names)}
    else:
        assert told == {}


def test_weights_of_nothing_but_zero(tmp_path: Path) -> None:
    evaluation_figure.weights(tmp_path / "weights.png", ["final"], ["a", "b"], np.zeros((1, 2)), "demo")
    assert (tmp_path / "weights.png").read_bytes()[:4] == b"\x89PNG"
