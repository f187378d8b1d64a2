"""What was computed out of sample is on the ledger once, and comes back as what it was."""

import dataclasses

import numpy as np
import pytest

from mia_ml.evaluation import matrix
from mia_ml.evaluation.ground import OUTCOME, SIGNALLED, Ground, Outcome
from mia_ml.evaluation.matrix import Matrix
from mia_ml.ledger import ledger
from mia_ml.ledger.configuration import Configuration
from mia_ml.ledger.ledger import Ledger
from mia_ml.metrics import sharpe
from pipelines import outer
from pipelines.counting import traded_as
from pipelines.outer import Candidate
from pipelines.rows import Sample
from tests.evaluation import grounds, worlds

CHOSEN = worlds.SHIPPED
INSTRUMENT = traded_as(CHOSEN)
GROUND: Ground = grounds.made(0, n_days=10, minutes=30, components=worlds.COMPONENTS[:1])
SAMPLE = Sample(GROUND.rows, GROUND.labels)
SPAN = int(GROUND.days[0]), int(GROUND.days[-1])


def pnl(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=GROUND.days.size)


def outcome(net_r: list[float]) -> Outcome:
    trades = np.zeros(len(net_r), OUTCOME)
    trades["net_r"] = net_r
    return Outcome(trades, np.zeros(0, SIGNALLED), pnl(len(net_r)))


EVERY = Matrix(
    (
        matrix.Configuration("book", "ladder", {"name": "book", "terms": {"a": 1.0}}),
        matrix.Configuration("probe_1", "probe", {"name": "final", "terms": {"a": 2.0}}),
        matrix.Configuration("winner_x", "winner", {"terms": {"a": 3.0}}, ("x",)),
    ),
    np.array([pnl(10), pnl(11), pnl(12)]).T,
    (),
)
FOUND = outer.candidates(
    {"tuned": outcome([1.0, -0.5]), "configured": outcome([])}, {"tuned": {"w": 1}, "configured": {"w": 2}}, EVERY
)


@pytest.fixture
def kept() -> Ledger:
    return ledger.in_memory()


def test_candidates_are_policies_and_the_matrix() -> None:
    assert [(one.kind, one.name) for one in FOUND] == [
        ("policy", "tuned"),
        ("policy", "configured"),
        ("ladder", "book"),
        ("probe", "probe_1"),
        ("winner", "winner_x"),
    ]
    assert FOUND[0].expectancy_r == 0.25
    assert np.isnan([one.expectancy_r for one in FOUND[1:]]).all()
    assert FOUND[2].made_of == {"terms": {"a": 1.0}}  # a name is no part of what it is
    for one, series in zip(FOUND[2:], EVERY.pnl_usd.T, strict=True):
        assert one.pnl_usd.tolist() == series.tolist()


def test_what_is_recorded_comes_back_once(kept: Ledger) -> None:
    for _ in range(2):
        outer.record(kept, CHOSEN, SAMPLE, GROUND, FOUND)
    back = outer.on_record(kept, INSTRUMENT, *SPAN)
    assert sorted((one.kind, one.name) for one in back) == sorted((one.kind, one.name) for one in FOUND)
    by_name = {one.name: one for one in FOUND}
    for one in back:
        assert one.days.tolist() == GROUND.days.tolist()
        assert one.pnl_usd.tobytes() == by_name[one.name].pnl_usd.tobytes()
    (own,) = [one for one in kept.outer(INSTRUMENT, *SPAN) if one.name == "tuned"]
    assert own.outcome.sharpe == sharpe.track(FOUND[0].pnl_usd).sharpe
    assert own.outcome.expectancy_r == 0.25


def test_policies_and_ladder_steps_alone_could_have_been_chosen(kept: Ledger) -> None:
    outer.record(kept, CHOSEN, SAMPLE, GROUND, FOUND)
    counted = [one for one in outer.on_record(kept, INSTRUMENT, *SPAN) if one.kind in outer.COUNTED]
    assert {one.name for one in counted} == {"tuned", "configured", "book"}


def test_other_settings_or_data_are_another_configuration(kept: Ledger) -> None:
    """The same name with another formula, cost or sample was scored anew: all of them count."""

    def n() -> int:
        return len(outer.on_record(kept, INSTRUMENT, *SPAN))

    one = FOUND[0]
    outer.record(kept, CHOSEN, SAMPLE, GROUND, [one])
    outer.record(kept, CHOSEN, SAMPLE, GROUND, [dataclasses.replace(one, name="renamed")])
    assert n() == 1
    outer.record(kept, CHOSEN, SAMPLE, GROUND, [dataclasses.replace(one, made_of={"w": 9})])
    assert n() == 2
    dearer = CHOSEN.model_copy(update={"costs": CHOSEN.costs.model_copy(update={"slippage_ticks": 3.0})})
    outer.record(kept, dearer, SAMPLE, GROUND, [one])
    assert n() == 3
    labels = GROUND.labels.copy()
    labels["net_r"][0, 0] += 1.0
    outer.record(kept, CHOSEN, Sample(GROUND.rows, labels), GROUND, [one])
    assert n() == 4


def test_days_that_overlap_are_counted_and_others_not(kept: Ledger) -> None:
    outer.record(kept, CHOSEN, SAMPLE, GROUND, FOUND[:1])
    assert len(outer.on_record(kept, INSTRUMENT, SPAN[1], 20991231)) == 1
    assert outer.on_record(kept, INSTRUMENT, SPAN[1] + 1, 20991231) == []
    assert outer.on_record(kept, "NQ simulated", *SPAN) == []
    assert outer.on_record(kept, CHOSEN.instrument.root, *SPAN) == []  # a simulated day is no day of the market


def test_none_is_recorded_when_one_cannot_be(kept: Ledger) -> None:
    broken = Candidate("policy", "broken", {}, np.zeros(GROUND.days.size + 1))
    with pytest.raises(Exception, match="an outcome needs a P&L for each day"):
        outer.record(kept, CHOSEN, SAMPLE, GROUND, [FOUND[0], broken])
    assert outer.on_record(kept, INSTRUMENT, *SPAN) == []


def test_inner_trials_are_those_of_the_training_days(kept: Ledger) -> None:
    def trial(number: int, state: str | None, ratio: float = np.nan, month: int = 1) -> None:
        days = (20240001 + 100 * month, 20240028 + 100 * month)
        launch = kept.launch(Configuration("inner", "ES", *days, "policy", "t", {"x": number}), "")
        if state:
            kept.end(launch, state, "", ratio)  # type: ignore[arg-type]

    outer.record(kept, CHOSEN, SAMPLE, GROUND, FOUND)
    assert np.isnan(outer.inner(kept, "ES", 20240101, 20240131, 20).best)
    trial(0, "complete", 1.5)
    trial(1, "pruned", -2.0)
    trial(2, "failed")
    trial(3, None)
    trial(4, "complete", 9.0, month=2)
    found = outer.inner(kept, "ES", 20240115, 20240120, 20)
    assert found.counts == {"complete": 1, "pruned": 1, "failed": 1, "abandoned": 1}
    assert sorted(found.sharpes[~np.isnan(found.sharpes)]) == [-2.0, 1.5]
    assert found.sharpes.size == 4
    assert (found.best, found.n_days) == (1.5, 20)
