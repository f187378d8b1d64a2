"""What the gates read: looks and their alpha, every gate file, what is promised, prices held across a roll."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mia_ml.evaluation.ground import Ground, Window
from mia_ml.features import engine
from mia_ml.labels.records import LABEL
from mia_ml.ledger import ledger
from mia_ml.metrics import power
from pipelines import desk
from tests.evaluation import grounds, worlds

CHOSEN = worlds.SHIPPED


def test_the_latest_look_that_showed_a_tested_day_counts() -> None:
    with ledger.in_memory() as kept:
        assert desk.looked(kept, "ES", 20240101, 20240331) == (0, 0.05)
        told: dict[str, Any] = {"who": "me", "when_utc": "", "why": "", "files": 1}
        for token, first, last in (("a", 20240201, 20240229), ("b", 20240215, 20240310), ("c", 20240601, 20240630)):
            kept.look(token, first_day=first, last_day=last, instruments=["ES"], **told)
        assert desk.looked(kept, "ES", 20240101, 20240214) == (1, 0.025)
        assert desk.looked(kept, "ES", 20240101, 20240215) == (2, 0.05 / 6)
        assert desk.looked(kept, "ES", 20240401, 20240531) == (0, 0.05)
        assert desk.looked(kept, "NQ", 20240101, 20240331) == (0, 0.05)


@pytest.mark.parametrize(("alpha", "level"), [(0.05, 0.95), (0.025, 0.975), (0.2, 0.95)])
def test_an_interval_is_never_narrower_than_alpha_allows(alpha: float, level: float) -> None:
    measures = desk.measures_of(CHOSEN, alpha)
    assert measures.resampling.level == pytest.approx(level)
    judge = CHOSEN.judge
    assert measures.resampling.resamples == judge.resamples
    assert (measures.cscv_blocks, measures.twins, measures.seed) == (judge.cscv_blocks, judge.twins, judge.seed)


def test_the_first_ladder_promises_its_low_ends() -> None:
    assert desk.promises(CHOSEN) == {
        "book": 3, "thresholds": 2, "redundancy": 1, "tick_momentum": 2, "delta_divergence": 2, "volatility": 1,
        "session": 1, "mtf": 2, "smart_money": 2, "ml": 1, "gamma_cycle": 1,
    }  # fmt: skip
    literal_first = dict(reversed(CHOSEN.ladder.items()))
    steps = CHOSEN.ladder["literal"].steps
    promised = {name: step.promise[0] for name, step in steps.items() if step.promise}
    assert desk.promises(CHOSEN.model_copy(update={"ladder": literal_first})) == promised
    assert desk.promises(CHOSEN.model_copy(update={"ladder": {}})) == {}


@pytest.fixture(scope="module")
def ground() -> Ground:
    made = grounds.made(1, n_days=60, minutes=60, components=worlds.COMPONENTS[:2])
    section = CHOSEN.confluence.model_dump() | {"terms": dict.fromkeys(worlds.COMPONENTS[:2], 1.0)}
    return grounds.chosen(made, section)


def test_every_gate_file_is_held_against_the_result(ground: Ground) -> None:
    outcome = ground.run(ground.chosen)
    found = desk.tables(CHOSEN, ground, outcome, {}, ())
    assert [table.name for table in found] == list(CHOSEN.gates)
    assert [table.blocking for table in found] == [file.blocking for file in CHOSEN.gates.values()]
    for table, file in zip(found, CHOSEN.gates.values(), strict=True):
        assert len(table.results) == len(file.gates) + len(file.integrity)
        assert not table.passed  # nothing is known


def test_power_is_of_these_trades_and_what_promises_need(ground: Ground) -> None:
    outcome = ground.run(ground.chosen)
    sums = outcome.sums(ground.days)
    n = outcome.trades.size
    found = desk.powered(CHOSEN, outcome, sums, 0.95)
    assert found.trades_per_month == pytest.approx(n / ground.days.size * 21)
    needed = {what: (points, trades, days) for what, points, trades, days in found.needed}
    assert list(needed) == list(desk.promises(CHOSEN))
    trades = power.trades_for_gain((outcome.trades["net_ticks"] > 0).mean(), 3)
    assert needed["book"] == (3, trades, math.ceil(trades / (n / ground.days.size)))
    nothing = ground.traded(outcome.signals[:0])
    assert desk.powered(CHOSEN, nothing, nothing.sums(ground.days), 0.95).needed == ()


def test_the_change_of_signals_is_against_the_first_step(ground: Ground) -> None:
    how = desk.measures_of(CHOSEN, 0.05).resampling
    outcome = ground.run(ground.chosen)
    rarer = CHOSEN.confluence.model_dump() | {
        "terms": dict.fromkeys(worlds.COMPONENTS[:2], 1.0),
        "max_signals_per_day": 1,
    }
    steps: Any = {"plan": [SimpleNamespace(confluence=rarer)], "other": []}
    (found,) = desk.against_baseline(ground, outcome, steps, how).values()
    baseline = ground.run(lambda _: ground.formula(rarer))
    assert found.name == "signals_change_vs_baseline"
    assert found.value == pytest.approx(outcome.signals.size / baseline.signals.size - 1)
    assert found.value > 0
    assert desk.against_baseline(ground, outcome, {}, how) == {}


def test_buy_and_hold_changes_the_contract_at_a_roll() -> None:
    """H: 10 -> 13, then M, which stands 100 higher: 110 -> 108. Before the first trade of a day there is no price."""
    close = [9.0, math.nan, 10.0, 12.0, 13.0, math.nan, 110.0, 108.0]
    rows = np.zeros(len(close), engine.ROW)
    rows["close"], rows["day"] = close, [1, 2, 2, 2, 3, 4, 4, 5]
    rows["ts"] = np.arange(rows.size)
    labels = np.zeros((rows.size, 2), LABEL)
    window = Window("w", CHOSEN.confluence.model_dump(), None, (0, 1), (1, rows.size))
    ground = Ground(rows, labels, [window], np.array([2, 3, 4, 5]), worlds.CONTEXT, 100_000.0)
    contracts = {1: "ESH4", 2: "ESH4", 3: "ESH4", 4: "ESM4", 5: "ESM4"}
    days: Any = SimpleNamespace(days=[SimpleNamespace(day=day, contract=one) for day, one in contracts.items()])
    usd, annual = desk.buy_and_hold(CHOSEN, ground, days)
    assert (usd.name, usd.value) == ("buy_and_hold_usd", (13 - 10 + 108 - 110) * 50 * CHOSEN.execution.contracts)
    assert annual.value == pytest.approx(usd.value / 100_000 / 4 * 252)
