"""Replay: one file, byte for byte, whatever the chopping, and none at all when it is killed."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mia_ml.confluence import decision
from mia_ml.core.errors import UsageError
from mia_ml.datasets import build
from mia_ml.scoring.scorer import Scorer
from serving import replay
from tests import small_world
from tests.scoring import small

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return small_world.write(
        tmp_path_factory.mktemp("tables"),
        days=2,
        intensity=0.003,
    )


def run(tables, out, chunks, seed=0, scorer=None):
    return list(
        replay.replay(
            small_world.plan(tables),
            small_world.engine_params(),
            scorer or Scorer(small_world.shipped_formula()),
            out,
            chunks,
            seed,
            small_world.GRACE_NS,
        )
    )


@pytest.fixture(scope="module")
def whole(tables, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "rows.parquet"
    run(tables, out, "whole")
    return out


@pytest.mark.parametrize(("chunks", "seed"), [("event", 0), ("random", 0), ("random", 1), ("random", 2)])
def test_any_chopping_gives_the_same_file(tables, whole, tmp_path, chunks, seed):
    out = tmp_path / "rows.parquet"
    run(tables, out, chunks, seed)
    assert out.read_bytes() == whole.read_bytes()


@pytest.fixture(scope="module")
def filtering(tables):
    """Makes scorers with a filter, trained on the very rows it will judge."""
    content = small.content(small.ensemble(small.rows(tables)))
    return content.scorer


@pytest.fixture(scope="module")
def filtered(tables, filtering, tmp_path_factory):
    out = tmp_path_factory.mktemp("filtered") / "rows.parquet"
    run(tables, out, "whole", scorer=filtering())
    return out


@pytest.mark.parametrize(("chunks", "seed"), [("event", 0), ("random", 0), ("random", 1)])
def test_any_chopping_gives_the_same_file_with_a_filter(tables, filtered, filtering, tmp_path, chunks, seed):
    out = tmp_path / "rows.parquet"
    run(tables, out, chunks, seed, filtering())
    assert out.read_bytes() == filtered.read_bytes()


def test_the_filtered_file_holds_the_decisions_of_research(tables, filtered, filtering):
    decided = filtering().decide(small.rows(tables))
    frame = pl.read_parquet(filtered)
    assert {decision.SIGNAL, decision.FILTERED} <= set(frame["action"])
    for name in ("score", "crossing", "action", "exceedance", "probability", "pass_mark"):
        assert frame[name].to_numpy().tobytes() == decided[name].tobytes(), name
    for k, name in enumerate(("forest", "boosted", "logistic")):
        assert frame[f"probability_{name}"].to_numpy().tobytes() == decided["member"][:, k].tobytes(), name


def test_the_file_holds_the_rows_that_research_builds(tables, whole):
    plan = small_world.plan(tables)
    built = np.concatenate([rows for _, rows in build.rows(small_world.engine_params(), plan, small_world.GRACE_NS)])
    frame = pl.read_parquet(whole)
    assert frame.height == built.size
    for name in built.dtype.names:
        np.testing.assert_array_equal(frame[name].to_numpy(), built[name], err_msg=name)
    assert not frame["score"].is_nan().all()


def test_progress_names_each_day_and_counts_up(tables, tmp_path):
    seen = run(tables, tmp_path / "rows.parquet", "whole")
    assert [day for day, _ in seen] == [day.day for day in small_world.plan(tables).days]
    assert [rows for _, rows in seen] == sorted(rows for _, rows in seen)


def test_an_unknown_way_to_chunk_is_refused_by_name(tables, tmp_path):
    with pytest.raises(UsageError, match="unknown way to chunk 'evnt': did you mean 'event'"):
        run(tables, tmp_path / "rows.parquet", "evnt")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests import small_world
from mia_ml.scoring.scorer import Scorer
from serving import replay
plan = small_world.plan(Path(sys.argv[1]))
for day in replay.replay(
    plan, small_world.engine_params(), Scorer(small_world.shipped_formula()), Path(sys.argv[2]), "whole", 0, 0
):
    if day[0] == plan.days[1].day:  # the first day's rows are written by now
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("earlier", [b"", b"an earlier file"])
def test_a_killed_replay_leaves_no_half_file(tables, tmp_path, earlier):
    out = tmp_path / "rows.parquet"
    if earlier:
        out.write_bytes(earlier)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tables), str(out)], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (out.read_bytes() if out.exists() else b"") == earlier


def test_a_replay_that_is_refused_leaves_nothing(tables, tmp_path):
    plan = small_world.plan(tables)
    scorer = Scorer(small_world.shipped_formula())
    stopped = replay.replay(plan, small_world.engine_params(), scorer, tmp_path / "rows.parquet", "whole", 0, 0)
    next(stopped)
    next(stopped)
    stopped.close()
    assert list(tmp_path.iterdir()) == []
