"""What says the same is found, what is noise earns nothing, what is left out is paid for."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.evaluation import redundancy, redundancy_page
from mia_ml.models import fit

NAMES = ("vwap", "dow", "copy", "square", "noise", "absent", "steady")


def components(n: int = 1500, seed: int = 0) -> np.ndarray:
    """dow follows vwap, copy is its opposite on another scale, square has its size only."""
    rng = np.random.default_rng(seed)
    vwap = rng.uniform(-1, 1, n)
    dow = np.clip(vwap + 0.3 * rng.normal(size=n), -1, 1)
    noise = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
    return np.column_stack([vwap, dow, -(vwap**3), vwap**2, noise, np.full(n, np.nan), np.zeros(n)])


RELATED = redundancy.relate(components(), NAMES)


def test_clusters_hold_what_says_the_same() -> None:
    assert ("vwap", "dow", "copy") in RELATED.clusters
    assert ("noise",) in RELATED.clusters
    assert ("square",) in RELATED.clusters
    assert sorted(name for cluster in RELATED.clusters for name in cluster) == sorted(NAMES)
    assert RELATED.silent == ("absent", "steady")
    assert RELATED.rho[0, 2] == pytest.approx(-1)
    assert np.isnan(RELATED.rho[0, 5])
    assert RELATED.common[0, 5] == 0


def test_information_sees_what_is_not_monotonic() -> None:
    at = NAMES.index("square")
    assert abs(RELATED.rho[0, at]) < 0.1
    assert RELATED.information[0, at] > 0.9
    assert RELATED.information[0, NAMES.index("noise")] < 0.2


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_rho_is_scipys_on_the_rows_both_have_and_clusters_keep_their_promise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 4)) @ rng.normal(size=(4, 5))
    X = np.where(rng.random(X.shape) < 0.1, np.nan, X.round(1))
    related = redundancy.relate(X, ("a", "b", "c", "d", "e"), 0.6)
    for i in range(5):
        for j in range(5):
            both = ~np.isnan(X[:, [i, j]]).any(axis=1)
            assert related.common[i, j] == both.sum()
            if both.sum() >= redundancy.LEAST_ROWS:
                assert related.rho[i, j] == pytest.approx(spearmanr(X[both, i], X[both, j]).statistic, abs=1e-12)
    for cluster in related.clusters:
        for one in cluster:
            for other in cluster:
                assert abs(related.rho["abcde".index(one), "abcde".index(other)]) >= 0.6 - 1e-12


def test_long_data_is_thinned_and_the_rows_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redundancy, "MOST_ROWS", 500)
    related = redundancy.relate(components(), NAMES)
    assert (related.of_rows, related.common[0, 0]) == (1500, 500)
    assert ("vwap", "dow", "copy") in related.clusters


def score(kept: tuple[str, ...]) -> float:
    """vwap and dow stand in for each other; square earns by itself."""
    return 0.1 * (("vwap" in kept) or ("dow" in kept)) + 0.05 * ("square" in kept)


def test_left_out_alone_a_copy_costs_nothing_and_the_pair_costs_what_it_earns() -> None:
    asked: list[tuple[str, ...]] = []

    def counted(kept: tuple[str, ...]) -> float:
        asked.append(kept)
        return score(kept)

    names = ("vwap", "dow", "square")
    costs = {cost.left_out: cost for cost in redundancy.leave_one_out(names, counted, [("vwap", "dow"), names])}
    assert costs[("vwap",)].cost == costs[("dow",)].cost == 0
    assert costs[("square",)].cost == pytest.approx(0.05)
    assert costs[("vwap", "dow")].cost == pytest.approx(0.1)
    assert len(costs) == 4
    assert asked == [names, ("dow", "square"), ("vwap", "square"), ("vwap", "dow"), ("square",)]


def test_verdicts_answer_whether_dow_is_redundant() -> None:
    verdicts = {v.name: v for v in redundancy.judge(RELATED, redundancy.leave_one_out(NAMES, score))}
    assert verdicts["dow"].kind == "redundant"
    assert verdicts["dow"].partner == "vwap"
    assert verdicts["dow"].text.startswith("dow: redundant with vwap: |rho| 0.8")
    assert verdicts["dow"].text.endswith("leaving it out costs +0.0000 R, no interval")
    assert verdicts["square"].kind == "related"
    assert verdicts["noise"].kind == "idle"
    assert (verdicts["absent"].kind, verdicts["steady"].kind) == ("silent", "silent")
    assert {v.kind for v in redundancy.judge(RELATED)} == {"undecided", "silent"}


@pytest.mark.parametrize(
    ("value", "bounds", "kind", "says"),
    [
        (0.02, (-0.01, 0.05), "redundant", "costs +0.0200 R [-0.0100, +0.0500]"),
        (0.02, (0.01, 0.05), "related", "costs +0.0200 R [+0.0100, +0.0500]"),
        (0.02, (math.nan, math.nan), "undecided", "costs +0.0200 R, no interval"),
        (math.nan, (math.nan, math.nan), "undecided", "a score without trades decides nothing"),
    ],
)
def test_an_interval_decides_what_a_cost_can_show(
    value: float, bounds: tuple[float, float], kind: str, says: str
) -> None:
    costs = redundancy.leave_one_out(
        NAMES, lambda kept: 0.0 if "dow" in kept else -value, interval=lambda left_out: bounds
    )
    verdict = redundancy.judge(RELATED, costs)[1]
    assert verdict.kind == kind
    assert verdict.text.endswith(says)


def trained(n: int = 1200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = components(n, seed)[:, :5]
    rng = np.random.default_rng(seed + 100)
    return X, (rng.random(n) < 1 / (1 + np.exp(-3 * X[:, 0]))).astype(np.int8)


def test_noise_is_not_important_and_shap_adds_up_to_the_log_odds() -> None:
    (X, y), (later, won) = trained(), trained(seed=1)
    ones = np.ones(len(y))
    boosted = fit.fit(fit.Boosted(trees=40, depth=3), NAMES[:5], X, y, ones, 0)
    found = redundancy.importance(
        lambda Z: fit.probability(boosted, Z), later, won, ones, NAMES[:5], RELATED.clusters, repeats=3
    )
    mean = {one.shuffled: one.mean for one in found}
    assert abs(mean[("noise",)]) < 0.01
    assert mean[("vwap", "dow", "copy")] > 0.1 > abs(mean[("square",)])
    assert mean[("vwap", "dow", "copy")] > mean[("dow",)]

    shap = redundancy.contributions(boosted, later)
    p = fit.probability(boosted, later)
    assert shap.shape == (1200, 6)
    assert shap.sum(axis=1) == pytest.approx(np.log(p / (1 - p)), abs=1e-4)
    size = np.abs(shap).mean(axis=0)
    assert size[[0, 1, 2]].sum() > 5 * size[NAMES.index("noise")]
    with threadpool_limits(2):
        assert redundancy.contributions(boosted, later).tobytes() == shap.tobytes()
    with pytest.raises(DataError, match="pass the boosted member"):
        redundancy.contributions(fit.fit(fit.Logistic(), NAMES[:5], X, y, ones, 0), later)


def test_the_page_tells_it_all() -> None:
    costs = redundancy.leave_one_out(NAMES, score, RELATED.clusters, lambda left_out: (-0.01, 0.2))
    weighed = [redundancy.Importance(("dow",), 0.002, 0.001), redundancy.Importance(("side",), 0.1, 0.01)]
    page = redundancy_page.page(RELATED, costs, weighed, {"dow": 0.3})
    assert "- dow: redundant with vwap: |rho| 0.8" in page
    assert "By rank correlation: vwap + dow + copy." in page
    assert "| vwap + dow + copy | +0.0500 | +0.1000 | -0.0100 to +0.2000 |" in page
    assert "| dow | +0.00200 ± 0.00100 | 0.3000 |" in page
    assert page.index("| side |") < page.index("| dow | +0.00200")
    assert "## Left out" not in redundancy_page.page(RELATED)


def test_a_single_component_and_impossible_questions() -> None:
    one = redundancy.relate(components()[:, :1], ("vwap",))
    assert one.clusters == (("vwap",),)
    assert "each component stands alone" in redundancy_page.page(one)
    assert redundancy.judge(one)[0].text.startswith("vwap: stands alone, its worth undecided: no other component")
    with pytest.raises(DataError, match="the only component"):
        redundancy.leave_one_out(("vwap",), score)
    with pytest.raises(DataError, match="a column for each name"):
        redundancy.relate(components(), NAMES[:3])
    with pytest.raises(ConfigError, match=r"threshold is 1.0"):
        redundancy.relate(components(), NAMES, 1.0)
