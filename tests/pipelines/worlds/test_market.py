"""Rows that are left out change no decision of a formula that cannot signal there."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml import settings
from mia_ml.confluence import decision, formula
from mia_ml.datasets import build
from mia_ml.features import clock
from mia_ml.scoring.scorer import Scorer
from mia_ml.scoring.signals import signals_of
from mia_ml.settings import Settings
from pipelines.market import engine_parameters, grace_ns
from pipelines.worlds.market import Market, made
from pipelines.worlds.world import Task
from tests.pipelines.worlds import small

FORMULAS = (
    {"order_book_imbalance": 0.5, "aggression_bias": 0.5},
    {"order_book_imbalance": 0.3, "gamma_levels": 0.2, "options_flow_bias": 0.2, "smart_money_index": 0.3},
    {"aggression_bias": 0.6, "delta_divergence": 0.4},
)
TRADED = ("morning", "midday", "afternoon")


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings.load(small.composed(tmp_path_factory.mktemp("settings"), "source.world.days=12"))


@pytest.fixture(scope="module")
def market(chosen: Settings) -> Market:
    return made(chosen, Task("planted", 1.0, 3).world(chosen))


@pytest.fixture(scope="module")
def every(chosen: Settings, market: Market) -> np.ndarray:
    """The rows of all sessions."""
    held = market.held
    found = build.rows(engine_parameters(chosen, False), held.days, grace_ns(chosen), 1, held.tape)
    return np.concatenate([rows for _, rows in found])


def test_what_is_left_out_is_outside_the_sessions_that_signal(market: Market, every: np.ndarray) -> None:
    rows = market.sample.rows
    kept = np.isin(every["ts"], rows["ts"])
    assert every[kept].tobytes() == rows.tobytes()
    wanted = np.isin(every["session"], [clock.SESSIONS.index(name) for name in TRADED])
    assert kept[wanted].all()
    before = np.flatnonzero(wanted & ~np.append(False, wanted[:-1])) - 1
    assert np.array_equal(np.flatnonzero(kept & ~wanted), before)
    assert kept.mean() < 0.35
    assert market.sample.labels.shape == (rows.size, 2)
    assert (market.sample.labels["signal_ns"] == rows["ts"][:, None]).all()


@pytest.mark.parametrize("terms", FORMULAS)
@pytest.mark.parametrize("base", [0.1, 0.3])
def test_no_decision_changes(
    chosen: Settings, market: Market, every: np.ndarray, terms: dict[str, float], base: float
) -> None:
    section = chosen.confluence.model_dump()
    section |= {"terms": terms, "threshold": section["threshold"] | {"base": base}}
    found = []
    for rows in (every, market.sample.rows):
        decided = Scorer(formula.build(section, chosen.context.model_dump())).decide(rows)
        crossed = decided[decided["crossing"] != 0][["ts", "day", "score", "crossing", "action", "exceedance"]]
        found.append((crossed.tobytes(), signals_of(rows, decided).tobytes()))
        assert np.count_nonzero(decided["action"] == decision.SIGNAL) > 20
    assert found[0] == found[1]


def test_a_session_with_a_factor_is_kept(tmp_path: Path) -> None:
    few = ("source.world.days=3", "source.world.intensity=0.001", "confluence.session.evening=0.5")
    chosen = settings.load(small.composed(tmp_path, *few))
    rows = made(chosen, Task("none", 0.0, 3).world(chosen)).sample.rows
    found = {clock.SESSIONS[int(session)] for session in np.unique(rows["session"])}
    assert found == {"premarket", *TRADED, "evening"}  # premarket: the row in front of the morning
    assert np.count_nonzero(rows["session"] == clock.SESSIONS.index("premarket")) == 3
