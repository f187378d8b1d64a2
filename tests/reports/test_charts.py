"""The charts show what they are given: every day, fold, step, twin and trial, and nothing where there is nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mia_ml.judge.judgement import Bin, Curve, Selection, Trial, Twins
from mia_ml.metrics import estimate, sharpe
from mia_ml.metrics.estimate import Estimate
from mia_ml.reports import equity_chart, ladder_chart, sample_chart, selection_chart, svg
from tests.reports import sample, sample_parts


def drawn(chart: svg.Chart | None, narrow: bool = False) -> list[Axes]:
    assert chart is not None
    figure = Figure(layout="constrained")
    chart.draw(figure, narrow)
    return figure.axes


def legend(axes: Axes) -> list[str]:
    (found,) = axes.figure.legends
    return [text.get_text() for text in found.get_texts()]


@given(arrays.arrays(np.float64, st.integers(1, 400), elements=st.floats(-1e6, 1e6)), st.integers(2, 60))
def test_a_thinned_curve_keeps_its_ends_and_extremes(values: np.ndarray, points: int) -> None:
    kept = equity_chart.thinned(values, points)
    assert np.all(np.diff(kept) > 0)
    assert kept.size <= max(values.size if values.size <= points else points + 2, 1)
    assert (kept[0], kept[-1]) == (0, values.size - 1)
    assert (values[kept].min(), values[kept].max()) == (values.min(), values.max())


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=50))
def test_drawdown_is_the_fall_from_the_highest_before(equity: list[float]) -> None:
    capital = 1_000.0
    found = equity_chart.drawdown(equity, capital)
    for k, value in enumerate(equity):
        assert found[k] == value / max([capital, *equity[: k + 1]]) - 1


@pytest.mark.parametrize("folds", [1, 2, 73])
def test_every_other_window_is_tinted_in_both_panels(folds: int) -> None:
    days = sample_parts.trading_days(300)
    curves = [Curve(policy=name, equity_usd=tuple(np.linspace(1e5, 1.1e5, 300))) for name in ("tuned", "other")]
    top, low = drawn(equity_chart.chart(days, curves, days[:: math.ceil(300 / folds)], 1e5))
    for axes in (top, low):
        assert len(axes.patches) == math.ceil(len(days[:: math.ceil(300 / folds)]) / 2)
    assert legend(top) == ["tuned, no filter", "other"]
    assert len({line.get_linestyle() for line in top.lines[:2]}) == 2


def test_the_deepest_drawdown_is_told_and_drawn() -> None:
    days = sample_parts.trading_days(4)
    curve = Curve(policy="tuned", equity_usd=(110_000.0, 88_000.0, 99_000.0, 120_000.0))
    chart = equity_chart.chart(days, [curve], days[:1], 100_000.0)
    assert chart is not None
    told = "tuned, no filter ends at 120,000\xa0USD, its deepest drawdown is 20.0\xa0% of the peak."
    assert chart.text == told
    _, low = drawn(chart)
    assert low.lines[0].get_ydata().min() == pytest.approx(-20.0)


def test_no_days_no_curve() -> None:
    assert equity_chart.chart((), (), (), 1e5) is None
    assert equity_chart.chart((20240102,), (Curve(policy="a", equity_usd=()),), (20240102,), 1e5) is None


@pytest.mark.parametrize("narrow", [False, True])
def test_each_step_shows_promise_gain_and_verdict(narrow: bool) -> None:
    steps = sample_parts.ladder(np.random.default_rng(1), 900)
    points, r = drawn(ladder_chart.chart("plan", "Plan", steps), narrow)
    climbed = steps[1:]
    assert len(points.get_yticks()) == len(climbed)
    for patch, step in zip(points.patches, climbed, strict=True):
        assert step.promise is not None
        assert patch.get_x() == step.promise[0]
        assert patch.get_width() >= step.promise[1] - step.promise[0]
    assert not r.patches
    for axes, gains in ((points, [s.gain_points for s in climbed]), (r, [s.gain_r for s in climbed])):
        marks = {tuple(line.get_xdata()): line for line in axes.lines if len(line.get_xdata()) == 1}
        for step, gain in zip(climbed, gains, strict=True):
            assert gain is not None
            if gain.decided:
                colour, mark = ladder_chart.MARKS[step.verdict or "undecided"]
                assert (marks[gain.value,].get_color(), marks[gain.value,].get_marker()) == (colour, mark)
        assert [text.get_text() for text in axes.texts] == ["undecidable"]
        arrows = [line.get_marker() for line in axes.lines if line.get_marker() in ("<", ">")]
        assert arrows == ["<", ">"]  # of the one step whose interval is out of proportion


def test_a_ladder_of_one_step_is_no_chart() -> None:
    assert ladder_chart.chart("plan", "Plan", sample_parts.ladder(np.random.default_rng(1), 90)[:1]) is None
    assert ladder_chart.chart("plan", "Plan", ()) is None


def selection(**changes: object) -> Selection:
    return sample.nothing().selection.model_copy(update=changes)


def test_trials_stand_under_the_line_of_luck() -> None:
    tried = [Trial(name=f"t{k}", kind="probe" if k % 2 else "fold winner", sharpe=0.01 * k) for k in range(9)]
    chosen = selection(sharpe_variance=0.02**2, deflated_against=0.03)
    judged = Estimate("sharpe", 0.8, 0.1, 1.5, "per sqrt(year)")
    (axes,) = drawn(selection_chart.trials(tried, chosen, judged))
    assert legend(axes) == ["fold winner", "probe", "best of so many by luck", "deflated against", "this policy"]
    winners, probes, luck, against, own = axes.lines
    assert winners.get_xdata().tolist() == [1, 3, 5, 7, 9]
    assert probes.get_ydata() == pytest.approx([0.01 * k * math.sqrt(252) for k in (1, 3, 5, 7)])
    assert luck.get_ydata()[-1] == pytest.approx(sharpe.expected_maximum(9, 0.02**2) * math.sqrt(252))
    assert against.get_ydata()[0] == pytest.approx(0.03 * math.sqrt(252))
    assert own.get_ydata()[0] == 0.8


def test_trials_without_a_line_and_without_a_figure() -> None:
    tried = [Trial(name="t", kind="probe", sharpe=0.01), Trial(name="u", kind="probe", sharpe=math.nan)]
    chart = selection_chart.trials(tried, selection(), estimate.undecided("sharpe", "per sqrt(year)", "flat"))
    (axes,) = drawn(chart)
    assert legend(axes) == ["probe"]
    assert selection_chart.trials((), selection(), None) is None
    assert selection_chart.trials(tried[1:], selection(), None) is None


def test_logits_are_counted_on_their_side_of_zero() -> None:
    chart = selection_chart.logits(
        selection(pbo_logits=(-2.0, -1.0, 0.0, 0.5, 1.5, 2.0, 2.0, 2.0), pbo_configurations=5)
    )
    (axes,) = drawn(chart)
    left = sum(bar.get_height() for bar in axes.patches if bar.get_x() + bar.get_width() <= 1e-9)
    right = sum(bar.get_height() for bar in axes.patches if bar.get_x() >= -1e-9)
    assert (left, right) == (pytest.approx(37.5), pytest.approx(62.5))
    assert [text.get_text() for text in axes.texts] == ["38 % worse\nthan the median", "62 % better\nthan the median"]
    assert selection_chart.logits(selection()) is None


def test_the_real_one_stands_among_its_twins() -> None:
    values = (0.0, 0.1, 0.2, -0.1)
    found = Twins(p=estimate.point("twins_p", 0.4, "probability"), mean=0.05, values=values)
    judged = Estimate("expectancy_r", 0.1, 0.0, 0.2, "R")
    chart = sample_chart.twins(found, judged)
    assert chart is not None
    assert "this policy earns +0.100\xa0R, 50.0\xa0% of the twins as much" in chart.text
    (axes,) = drawn(chart)
    assert sum(bar.get_height() for bar in axes.patches) == len(values)
    assert [line.get_xdata()[0] for line in axes.lines] == [0.05, 0.1]
    (axes,) = drawn(sample_chart.twins(found, None))
    assert [line.get_xdata()[0] for line in axes.lines] == [0.05]
    assert sample_chart.twins(found.model_copy(update={"values": ()}), judged) is None


def test_calibration_is_held_against_its_own_promise() -> None:
    bins = [
        Bin(predicted=0.3, observed=0.35, low=0.25, high=0.45, n=100),
        Bin(predicted=0.5, observed=0.7, low=0.6, high=0.8, n=50),
        Bin(predicted=0.6, observed=math.nan, low=math.nan, high=math.nan, n=0),
    ]
    chart = sample_chart.calibration(bins)
    assert chart is not None
    assert chart.text.startswith("2 bins of 150 out-of-sample events; in 1 of them")
    top, low = drawn(chart)
    promised, observed = top.lines
    assert promised.get_xdata().tolist() == promised.get_ydata().tolist()
    assert observed.get_xydata() == pytest.approx(np.array([[30.0, 35.0], [50.0, 70.0]]))
    assert [bar.get_height() for bar in low.patches] == [100, 50]
    assert sample_chart.calibration(bins[2:]) is None
    assert drawn(sample_chart.calibration([bins[0].model_copy(update={"low": math.nan, "high": math.nan})]))


def test_a_figure_outside_its_interval_is_drawn_as_it_is() -> None:
    """BCa intervals need not hold the point; a bar must not hide that."""
    odd = Estimate("expectancy_r", 0.1, 0.2, 0.3, "R")
    (axes,) = drawn(sample_chart.twins(sample.short().twins, odd))
    assert axes.lines[-1].get_xdata()[0] == 0.1
