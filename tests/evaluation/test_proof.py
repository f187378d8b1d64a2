"""The proof deflates what is out of sample by outer configurations, what is in sample by inner ones."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.evaluation import matrix, proof
from mia_ml.evaluation.matrix import Matrix
from mia_ml.evaluation.proof import Inner, Measures, Outer
from mia_ml.judge.judgement import Selection
from mia_ml.metrics import sharpe
from mia_ml.metrics.bootstrap import Resampling
from tests.evaluation import grounds, worlds

D = 60
DAYS = np.arange(20240101, 20240101 + D)
MEASURES = Measures(Resampling(100, 1.0, 0.95, 0), 100_000.0, 4, 100, 0)
INNER = Inner({"complete": 30, "pruned": 5, "failed": 1, "abandoned": 2}, np.linspace(-1.0, 2.0, 30), 2.0, 250)


def pnl(seed: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 100.0, D)


def outers(*series: np.ndarray) -> list[Outer]:
    return [Outer(f"o{k}", "policy", DAYS[: own.size], own) for k, own in enumerate(series)]


def common(*series: np.ndarray, seen: tuple[str, ...] = ()) -> Matrix:
    every = tuple(matrix.Configuration(f"c{k}", "probe", {}, seen if k == 0 else ()) for k in range(len(series)))
    return Matrix(every, np.array(series).T, ())


MATRIX = common(*(pnl(seed) for seed in range(6)), seen=("w0",))


def selected(outer: list[Outer], inner: Inner = INNER, judged: np.ndarray | None = None) -> Selection:
    return proof.selection(pnl(0, 30.0) if judged is None else judged, MATRIX, outer, inner, MEASURES)


def test_the_variance_of_trials_is_theirs_and_their_number_too() -> None:
    series = [pnl(seed, 20.0 * seed) for seed in range(5)]
    found = selected(outers(*series))
    ratios = [own.mean() / own.std(ddof=1) for own in series]
    assert found.n_outer == 5
    assert found.sharpe_variance == pytest.approx(np.var(ratios, ddof=1))
    assert found.sharpe_variance > 1 / (D - 1)
    mean_rho = (np.corrcoef(series).sum() - 5) / 20
    assert found.n_outer_effective == pytest.approx(min(5.0, mean_rho + (1 - mean_rho) * 5))
    assert found.deflated_against == sharpe.expected_maximum(found.n_outer_effective, found.sharpe_variance)


@given(st.integers(2, 12), st.floats(0, 1))
def test_the_variance_has_its_floor(n: int, noise: float) -> None:
    """Copies of one policy have no variance among them; independent trials without skill would have 1 / (d - 1)."""
    series = [pnl(0) + noise * pnl(seed) / 100 for seed in range(n)]
    found = selected(outers(*series))
    assert found.sharpe_variance == 1 / (D - 1)
    assert 1 <= found.n_outer_effective <= n


def test_one_trial_alone_has_no_variance_and_is_not_deflated_by_a_guess() -> None:
    found = selected(outers(pnl(0)))
    assert math.isnan(found.sharpe_variance)
    assert found.deflated_against == 0 or math.isnan(found.deflated_against)


def out_of_sample(found: Selection) -> dict[str, object]:
    return found.model_dump(exclude={"n_inner", "dsr_inner"})


def test_inner_and_outer_are_never_mixed() -> None:
    few, many = outers(pnl(0, 30.0), pnl(1)), outers(*(pnl(seed, 30.0) for seed in range(9)))
    more = dataclasses.replace(INNER, counts={"complete": 3000}, sharpes=3 * INNER.sharpes)
    before, with_outer, with_inner = selected(few), selected(many), selected(few, more)
    assert with_outer.dsr.value < before.dsr.value
    assert (with_outer.n_inner, with_outer.dsr_inner) == (before.n_inner, before.dsr_inner)
    assert with_inner.dsr_inner.value < before.dsr_inner.value
    assert repr(out_of_sample(with_inner)) == repr(out_of_sample(before))


def test_every_inner_trial_deflates_however_it_ended() -> None:
    found = selected(outers(pnl(0), pnl(1)))
    assert found.n_inner == INNER.counts
    daily = INNER.sharpes / math.sqrt(252)
    against = sharpe.expected_maximum(38, daily.var(ddof=1))
    record = sharpe.Track(250, 2.0 / math.sqrt(252), 0.0, 3.0)
    assert found.dsr_inner.value == pytest.approx(sharpe.probabilistic(record, against).value)
    assert "best of 38 " in found.dsr_inner.method


@pytest.mark.parametrize(
    "unknown",
    [
        Inner({"abandoned": 3}, np.full(3, np.nan), math.nan, 250),
        Inner({}, np.zeros(0), math.nan, 250),
        dataclasses.replace(INNER, n_days=2),
    ],
)
def test_what_no_inner_trial_tells_is_undecidable(unknown: Inner) -> None:
    found = selected(outers(pnl(0), pnl(1)), unknown)
    assert not found.dsr_inner.decided
    assert found.dsr_inner.undecidable


def test_configurations_of_other_days_are_put_side_by_side() -> None:
    table = proof.aligned(
        [
            Outer("a", "policy", np.array([1, 2, 4]), np.array([10.0, 20.0, 40.0])),
            Outer("b", "ladder", np.array([2, 3]), np.array([-2.0, -3.0])),
        ]
    )
    assert table == pytest.approx(np.array([[10, np.nan], [20, -2], [np.nan, -3], [40, np.nan]]), nan_ok=True)
    assert proof.aligned([]).shape == (0, 0)


def test_the_matrix_says_who_had_seen_the_windows() -> None:
    found = selected(outers(pnl(0), pnl(1)))
    assert (found.pbo_configurations, found.pbo_seen) == (6, ("c0",))
    assert len(found.pbo_logits) == 6  # 4 blocks have 6 halves
    assert found.pbo.value == np.mean(np.array(found.pbo_logits) <= 0)


def test_a_policy_that_never_traded_is_undecidable_and_nothing_breaks() -> None:
    found = selected(outers(np.zeros(D), pnl(1), pnl(2)), judged=np.zeros(D))
    assert not found.dsr.decided
    assert not found.psr.decided
    assert found.n_outer == 3


def test_the_proof_of_a_policy_has_every_figure_of_the_desk() -> None:
    ground = grounds.made(3, n_days=40, minutes=60, components=worlds.COMPONENTS[:3])
    terms = dict.fromkeys(worlds.COMPONENTS[:3], 1.0)
    formula = worlds.make_formula(terms=terms)
    judged = ground.run(lambda _: formula)
    assert judged.trades.size > 20
    every = matrix.run(
        ground, [matrix.Configuration("a", "ladder", worlds.SHIPPED.confluence.model_dump() | {"terms": terms})]
    )
    trials = [Outer("p", "policy", ground.days, judged.pnl_usd), Outer("q", "policy", ground.days, -judged.pnl_usd)]
    found = proof.of(ground, judged, every, trials, INNER, MEASURES)
    names = {gate.figure for gate in worlds.SHIPPED.gates["desk"].gates.values()}
    assert names <= found.by_name.keys()
    assert found.by_name["expectancy_r"].value == pytest.approx(judged.trades["net_r"].mean())
    assert found.sd_r == pytest.approx(judged.trades["net_r"].std(ddof=1))
    dearer = found.by_name["expectancy_r_plus_tick"].value
    assert dearer == pytest.approx((judged.trades["net_r"] - 1 / judged.trades["risk_ticks"]).mean())
    assert found.by_name["dsr"] is found.selection.dsr
