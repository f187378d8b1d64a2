"""Batch rows of many days equal the streaming engine's byte for byte: over a roll, a missing day, VIX across days."""

import numpy as np
import pytest

from mia_ml.datasets import build, days
from mia_ml.features.stream import Engine
from mia_ml.store import parquet
from tests import small_world


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Six days around the roll of March 2024; one has only its index rows, VIX is known on the first day alone."""
    root = small_world.write(tmp_path_factory.mktemp("tables"), 0, 6, overlap_days=3, days=8)
    found = [(table, symbol, day, path) for table, symbol, day, path in parquet.inventory(root)]
    dates = sorted({day for _, _, day, _ in found})
    for table, symbol, day, path in found:
        if symbol.startswith("ES") and day == dates[1]:
            path.unlink()
        if table == "vix" and day != dates[0]:
            path.unlink()
    return root


@pytest.fixture(scope="module")
def params():
    return small_world.engine_params()


@pytest.fixture(scope="module")
def streamed(root, params):
    plan = small_world.plan(root)
    stream = Engine(params, plan.sessions, plan.contracts)
    return np.concatenate([stream.run(days.tape_of(day, small_world.GRACE_NS)) for day in plan.days])


@pytest.mark.parametrize("workers", [1, 2])
def test_batch_equals_streaming(root, params, streamed, workers):
    built = [rows for _, rows in build.rows(params, small_world.plan(root), small_world.GRACE_NS, workers)]
    assert np.concatenate(built).tobytes() == streamed.tobytes()


def test_the_days_are_what_the_test_says(root, streamed):
    plan = small_world.plan(root)
    assert [day.contract for day in plan.days].count("ESM4") >= 1
    indices = np.searchsorted(plan.sessions["day"], [day.day for day in plan.days])
    assert 2 in np.diff(indices)  # the missing day
    later = streamed[streamed["day"] != streamed["day"][0]]
    known = later[~np.isnan(later["vix"])]
    assert known.size
    assert (known["vix_age"] > 3600).all()  # all of it comes from the first day


def test_each_day_comes_with_its_own_rows_in_order(root, params):
    plan = small_world.plan(root)
    found = list(build.rows(params, plan, small_world.GRACE_NS, 2))
    assert [day for day, _ in found] == list(plan.days)
    for day, rows in found:
        assert (rows["day"] == day.day).all()
        assert (np.diff(rows["ts"]) > 0).all()
    for day, rows in found[:-1]:
        assert rows["ts"][-1] == day.close_ns


def test_nothing_crosses_the_roll(root, params, streamed):
    """The first rows after a roll are those of a data set that starts there, but for VIX and what is dated."""
    plan = small_world.plan(root)
    at = [day.contract for day in plan.days].index("ESM4")
    alone = Engine(params, plan.sessions, plan.contracts).run(days.tape_of(plan.days[at], small_world.GRACE_NS))
    both = streamed[streamed["day"] == plan.days[at].day][: alone.size]
    for name in alone.dtype.names:
        if not name.startswith(("vix", "volatility_regime")):
            np.testing.assert_array_equal(both[name], alone[name], err_msg=name)
