import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.tuning.objective import FLOORS, Objective

NAN = math.nan
LEAST = 50
FOLD = {
    "n_trades": 100.0,
    "n_days": 63.0,
    "mean_r": 0.2,
    "sd_r": 1.0,
    "win_rate": 0.4,
    "profit_factor": 1.3,
    "sharpe": 1.5,
    "max_drawdown": 0.1,
}
NOTHING = dict.fromkeys(FOLD, NAN) | {"n_trades": 0.0, "n_days": 63.0}
LUCKY = FOLD | {"n_trades": 3.0, "mean_r": 2.0, "sd_r": 0.0, "win_rate": 1.0, "profit_factor": NAN, "sharpe": 3.6}
HONEST = FOLD | {"n_trades": 80.0, "mean_r": 0.1, "win_rate": 0.4, "profit_factor": 1.1, "sharpe": 0.5}
GATES = {"profit_factor": {"least": 1.15}, "max_drawdown": {"most": 0.15}}


def objective(*names: str, **changes: Any) -> Objective:
    gates = {"gates": GATES} if "gated" in names else {}
    return Objective.from_dict({"maximize": list(names), "least_trades": LEAST, **gates, **changes})


def test_worked_expectancy() -> None:
    # s'^2 = (10 + 99 * 1) / 109 = 1, low = 0.2 - 1 * 1 / 10
    assert objective("expectancy_r").of_fold(FOLD) == pytest.approx((0.1,))
    # 25 of 50 trades: s' = 1, low = 0.2 - 1 / 5 = 0, half way to the floor
    assert objective("expectancy_r").of_fold(FOLD | {"n_trades": 25.0}) == pytest.approx((-0.5,))


def test_worked_profit_factor() -> None:
    assert objective("profit_factor").of_fold(FOLD) == pytest.approx((1.3 * math.exp(-math.sqrt(1 / 41 + 1 / 61)),))
    all_won = FOLD | {"win_rate": 1.0, "profit_factor": NAN}
    assert objective("profit_factor").of_fold(all_won) == pytest.approx((100 * math.exp(-math.sqrt(1 / 101 + 1)),))


def test_worked_sharpe() -> None:
    error = math.sqrt(252) * math.sqrt((1 + 1.5**2 / 504) / 63)
    assert objective("sharpe").of_fold(FOLD) == pytest.approx((1.5 - error,))
    assert objective("sharpe").of_fold(FOLD | {"sharpe": NAN}) == (-5.0,)


def test_worked_gates() -> None:
    assert objective("gated").of_fold(FOLD) == pytest.approx((0.1,))
    missed = FOLD | {"profit_factor": 0.92, "max_drawdown": 0.18}
    assert objective("gated", gate_penalty=0.5).of_fold(missed) == pytest.approx((0.1 - 0.5 * (0.2 + 0.2),))
    assert objective("gated").of_fold(FOLD | {"profit_factor": NAN}) == pytest.approx((0.1 - 1.0,))


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize("z", [0.0, 1.0])
def test_three_lucky_trades_do_not_win(name: str, z: float) -> None:
    weighed = objective(name, caution_z=z)
    assert weighed.of_fold(LUCKY) < weighed.of_fold(HONEST)
    assert weighed.of_fold(NOTHING) < weighed.of_fold(LUCKY)


def test_they_would_win_if_the_number_of_trades_did_not_count() -> None:
    weighed = objective("expectancy_r", caution_z=0.0, least_trades=1)
    assert weighed.of_fold(LUCKY) > weighed.of_fold(HONEST)


@given(
    st.sampled_from(list(FLOORS)),
    st.integers(1, 200),
    st.floats(-1.2, 2),
    st.floats(0, 2),
    st.floats(0, 1),
    st.floats(0, 4),
    st.floats(-4, 4),
)
def test_another_trade_never_lowers_the_figure(
    name: str, n: int, mean: float, sd: float, win_rate: float, factor: float, sharpe: float
) -> None:
    fold = FOLD | {"mean_r": mean, "sd_r": sd, "win_rate": win_rate, "profit_factor": factor, "sharpe": sharpe}
    weighed = objective(name)
    fewer, more = (weighed.of_fold(fold | {"n_trades": float(count)})[0] for count in (n, n + 1))
    assert more >= fewer - 1e-12


def test_a_search_without_trades_has_a_slope() -> None:
    weighed = objective("expectancy_r")
    even = [weighed.of_fold(FOLD | {"mean_r": 0.0, "n_trades": float(n)})[0] for n in range(5)]
    assert even == sorted(even)
    assert len(set(even)) > 3


def test_folds_are_put_together_by_mean_and_worst() -> None:
    per_fold = [(0.4, 1.0), (0.0, 4.0), (0.2, 1.0)]
    assert objective("expectancy_r", "sharpe").over_folds(per_fold) == pytest.approx((0.2, 2.0))
    half = objective("expectancy_r", "sharpe", worst_share=0.5)
    assert half.over_folds(per_fold) == pytest.approx((0.1, 1.5))
    with pytest.raises(DataError, match="at least one inner fold"):
        half.over_folds([])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"maximize": ["sharp"]}, "did you mean 'sharpe'"),
        ({"maximize": []}, "name one or more"),
        ({"maximize": ["sharpe", "sharpe"]}, "each once"),
        ({"least_trades": 0}, "least_trades is 0"),
        ({"worst_share": 1.5}, "worst_share 1.5"),
        ({"least_trade": 3}, "did you mean 'least_trades'"),
        ({"maximize": ["gated"]}, "give both or neither"),
        ({"gates": GATES}, "give both or neither"),
        ({"maximize": ["gated"], "gates": {"sharpe": {"over": 1}}}, "give least, most or both"),
    ],
)
def test_impossible_objectives_are_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Objective.from_dict({"maximize": ["sharpe"], "least_trades": 5} | changes)


def test_a_gate_on_an_unknown_figure_is_refused() -> None:
    weighed = objective("gated", gates={"profit_fctor": {"least": 1.0}})
    with pytest.raises(ConfigError, match="did you mean 'profit_factor'"):
        weighed.of_fold(FOLD)
