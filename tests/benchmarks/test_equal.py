"""The peers of the benchmark compute our numbers: a race to another goal would say nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pandas_peer, peers, polars_peer, run
from benchmarks.figures import Figure
from benchmarks.market import FullDay, Market
from mia_ml.core.errors import DataError
from mia_ml.sources import simulator

RUN = Path(run.__file__)
THIN = simulator.World(days=1, intensity=0.02, faults=simulator.Faults(unknown_side=0.05), large_orders=0.02)


@pytest.fixture(scope="module")
def market():
    with Market(THIN) as market:
        yield market


@pytest.fixture(scope="module")
def day(market):
    return FullDay(market, least=(0, 0))


@pytest.fixture(scope="module")
def rows(day):
    return day.rows()


def test_polars_in_memory_agrees(day, rows):
    found = polars_peer.features(*polars_peer.frames(day.tables), day.open_ns, day.close_ns)
    assert peers.disagreement(rows, {name: found[name].to_numpy() for name in found.columns}) == ""


def test_polars_from_files_agrees(day, rows):
    scanned = polars_peer.scan(day.day.prices["trades"], day.day.prices["book"])
    found = polars_peer.features(*scanned, day.open_ns, day.close_ns)
    assert peers.disagreement(rows, {name: found[name].to_numpy() for name in found.columns}) == ""


def test_pandas_agrees(day, rows):
    found = pandas_peer.features(*pandas_peer.frames(day.tables), day.open_ns, day.close_ns)
    assert peers.disagreement(rows, {name: found[name].to_numpy() for name in found}) == ""


def test_every_column_compared_is_alive(rows):
    assert (rows["volume"] == 0).any()  # a quiet minute is among them
    for name in peers.EXPRESSED:
        values = rows[name][~np.isnan(rows[name])]
        assert np.unique(values).size > 1, name


def test_a_disagreement_is_named_with_row_and_values(rows):
    columns = {name: rows[name].copy() for name in peers.EXPRESSED}
    columns["delta"][700] += 1
    assert peers.disagreement(rows, columns).startswith("delta: ")
    assert "in row 700" in peers.disagreement(rows, columns)


def test_a_thin_day_is_refused(market):
    with pytest.raises(DataError, match="book rows, wanted"):
        FullDay(market)


def test_an_unknown_figure_is_one_line_and_exit_code_2():
    done = subprocess.run([sys.executable, str(RUN), "--only", "features_vs_polar"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "mia: unknown figure 'features_vs_polar': did you mean 'features_vs_polars'?\n"


def test_figures_know_on_which_side_of_their_target_they_are():
    fast, slow = Figure("a", 40e6, "events/s", 30e6), Figure("b", 12.0, "us", 10.0, at_least=False)
    assert (fast.met, slow.met, Figure("c", 1.0, "s").met) == (True, False, None)
    assert fast.ratio == pytest.approx(4 / 3)
    assert slow.ratio == pytest.approx(10 / 12)
