"""The common matrix: who is in it, what each earned on each day, who had seen what."""

import dataclasses

import numpy as np
import pytest

from mia_ml.evaluation import matrix
from mia_ml.evaluation.matrix import Configuration
from tests.evaluation import grounds
from tests.evaluation.test_ladder import FINAL

COMPONENTS = ("tick_momentum", "aggression_bias")


def ground(**changes):
    return grounds.made(1, n_days=40, minutes=60, n_windows=3, components=COMPONENTS, **changes)


def section(base=0.3, **terms):
    threshold = {"base": base, "low": 1.0, "high": 1.0, "session": False}
    return FINAL | {"terms": terms or {"tick_momentum": 1.0}, "threshold": threshold}


def test_every_configuration_runs_through_all_windows():
    own = ground()
    asked = [Configuration(f"c{k}", "ladder", section(base)) for k, base in enumerate((0.2, 0.3, 0.4))]
    found = matrix.run(own, asked)
    assert found.names == ("c0", "c1", "c2")
    for k, one in enumerate(asked):
        alone = own.run(lambda _, one=one: own.formula(one.confluence))
        assert found.pnl_usd[:, k].tolist() == alone.pnl_usd.tolist()
        assert alone.trades.size > 10
    assert found.pnl_usd.shape == (own.days.size, 3)
    assert found.pnl_usd.tobytes() == matrix.run(own, asked, threads=1).pnl_usd.tobytes()


def test_one_formula_stands_once_and_what_never_trades_stands_apart():
    asked = [
        Configuration("one", "ladder", section()),
        Configuration("same", "ladder", section() | {"name": "other"}),
        Configuration("never", "ladder", section(order_book_imbalance=1.0)),
    ]
    own = dataclasses.replace(ground(), components=(*COMPONENTS, "order_book_imbalance"))
    found = matrix.run(own, asked)
    assert found.names == ("one",)
    assert found.idle == ("never",)


def test_nothing_gives_an_empty_matrix():
    own = ground()
    assert matrix.run(own, []).pnl_usd.shape == (own.days.size, 0)


@pytest.mark.parametrize("count", [0, 1, 5, 64])
def test_probes_fill_the_cube_and_repeat_with_their_seed(count):
    points = []

    def section_of(point):
        points.append(point)
        return section(float(point[0]))

    found = matrix.probes(section_of, 3, count, seed=7)
    assert [one.name for one in found] == [f"probe_{k + 1}" for k in range(count)]
    assert {one.kind for one in found} <= {"probe"}
    first = np.array(points)
    assert found == matrix.probes(section_of, 3, count, seed=7)
    if count == 64:
        assert found != matrix.probes(section_of, 3, count, seed=8)
        for line in first.T:  # one point in each of 64 slices, whatever the coordinate
            assert sorted((line * 64).astype(int).tolist()) == list(range(64))


def test_a_winner_has_seen_the_windows_that_its_training_overlaps():
    own = ground()
    by_name = {one.name: one.seen for one in matrix.winners(own)}
    assert by_name == {"winner_w0": (), "winner_w1": ("w0",), "winner_w2": ("w0", "w1")}
    first = own.windows[1].test[0]
    short = dataclasses.replace(own.windows[2], train=(first, own.windows[2].test[0]))
    slid = dataclasses.replace(own, windows=(*own.windows[:2], short))
    assert matrix.winners(slid)[2].seen == ("w1",)
    found = matrix.run(
        own, [*matrix.winners(grounds.chosen(own, section())), Configuration("x", "probe", section(0.2))]
    )
    assert found.names == ("winner_w0", "x")
    assert found.configurations[0].seen == ("w0", "w1")  # all winners chose this formula: it stands for what they saw
    assert found.seen == ("winner_w0",)
