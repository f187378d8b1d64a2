"""A simulated day with a late, tied and quiet tape, and the real ES hour: cut anywhere, restarted at every cut.

`MIA_CHOPPINGS=1000` runs as many random choppings of each (the suite runs fewer).
"""

import os

import numpy as np
import pytest

from mia_ml.features import intake
from mia_ml.features.stream import Engine
from mia_ml.sources import databento, simulator
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules
from serving.intake import event_order as feed
from tests import small_world
from tests.scoring import small

CHOPPINGS = int(os.environ.get("MIA_CHOPPINGS", "100"))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    faults = simulator.Faults(late=0.01, gaps_per_day=3, unknown_side=0.02)
    return small_world.write(tmp_path_factory.mktemp("simulated"), last=2, days=2, intensity=0.005, faults=faults)


@pytest.fixture(scope="module")
def real_hour(tmp_path_factory, shared_data):
    root = tmp_path_factory.mktemp("hour")
    ingest(databento.read([shared_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"]), root, Rules())
    return root


def decisions_of(engine, scorer, portions):
    """Bytes of all rows and decisions, with the engine and the scorer restored from a snapshot before each portion."""
    rows, decisions = [], []
    for part in portions:
        engine.restore(engine.snapshot())
        scorer.restore(scorer.snapshot())
        rows.append(engine.run(part))
        decisions.append(scorer.decide(rows[-1]))
    return np.concatenate(rows).tobytes() + np.concatenate(decisions).tobytes()


@pytest.mark.parametrize(("market", "filtering"), [("simulated", False), ("simulated", True), ("real_hour", False)])
def test_random_choppings_with_restarts_change_no_byte(market, filtering, request):
    tables = request.getfixturevalue(market)
    content = small.content(small.ensemble(small.rows(tables)) if filtering else None)
    plan = small_world.plan(tables)
    tapes = [small_world.days.tape_of(day, small_world.GRACE_NS) for day in plan.days]
    events = sum(ts.size for tape in tapes for ts in intake.times_of(tape))

    def run(portions):
        engine = Engine(small_world.engine_params(), plan.sessions, plan.contracts)
        return decisions_of(engine, content.scorer(), portions)

    whole = run(tapes)
    assert len(whole) > 10_000
    for seed in range(CHOPPINGS // 4 if filtering else CHOPPINGS):
        rng = np.random.default_rng(seed)
        mean = int(rng.choice([events // 3, events // 10, events // 30]))
        cut = [part for tape in tapes for part in feed.random_portions(tape, rng, mean)]
        assert run(cut) == whole, f"seed {seed}"
