"""One component alone, traded as often as the whole formula."""

import dataclasses

import pytest

from mia_ml.evaluation import one_factor, policy
from mia_ml.metrics.bootstrap import Resampling
from tests.evaluation import grounds
from tests.evaluation.test_ladder import FINAL

COMPONENTS = ("tick_momentum", "aggression_bias", "order_book_imbalance")


def section(**terms):
    threshold = {"base": 0.3, "low": 1.0, "high": 1.0, "session": False}
    return FINAL | {"terms": terms, "threshold": threshold, "max_signals_per_day": 10}


def ground(**edge):
    made = grounds.made(2, n_days=80, minutes=120, n_windows=3, components=COMPONENTS, edge=edge)
    return grounds.chosen(made, section(tick_momentum=0.4, aggression_bias=-0.4, order_book_imbalance=0.2))


def test_a_threshold_is_moved_until_it_trades_as_often():
    own = ground()
    window = own.windows[1]
    wanted = policy.run(own.panel, own.chosen(window), *window.train).size
    for terms in ({"tick_momentum": 1.0}, {"tick_momentum": 0.1, "aggression_bias": 0.1}):
        formula = one_factor.as_frequent(own.panel, window.confluence, terms, own.context, window.train)
        assert formula.terms == tuple(terms)
        assert policy.run(own.panel, formula, *window.train).size == pytest.approx(wanted, abs=3)
    assert wanted > 100


def test_each_component_is_taken_on_its_formula_s_side():
    own = ground(aggression_bias=-0.6, order_book_imbalance=0.6)
    found = one_factor.outcomes(own)
    assert list(found) == ["tick_momentum", "aggression_bias", "order_book_imbalance"]
    told = {one.name: one for one in one_factor.estimates(own, found, Resampling(200, 2.0, 0.95, 1))}
    assert told["aggression_bias alone"].low > 0
    assert told["order_book_imbalance alone"].low > 0
    assert told["tick_momentum alone"].value < told["aggression_bias alone"].low
    turned = one_factor.outcomes(grounds.chosen(own, section(aggression_bias=1.0)))
    assert turned["aggression_bias"].trades["net_r"].mean() < 0


def test_frequency_is_that_of_the_training_window_and_nothing_of_the_test_window_moves_it():
    own = ground()
    rows = own.rows.copy()
    first = own.windows[0].test[0]
    rows["tick_momentum"][first:] *= -0.5
    other = dataclasses.replace(own, rows=rows)
    window = own.windows[0]
    formulas = [
        one_factor.as_frequent(at.panel, window.confluence, {"tick_momentum": 1.0}, at.context, window.train)
        for at in (own, other)
    ]
    assert formulas[0].record.tobytes() == formulas[1].record.tobytes()
    found = one_factor.outcomes(dataclasses.replace(own, windows=own.windows[:1]))["tick_momentum"]
    assert found.trades["row"].tolist() == policy.run(own.panel, formulas[0], *window.test)["row"].tolist()
