"""Scoring by 300 trees of depth 8, 300 of depth 5 and a logistic regression, on 20 inputs with missing values.

All sides score rows that no training has seen, and their probabilities are compared before any clock runs. The peers
are the same members: in ONNX Runtime as a graph of its tree operators, in an MLflow pyfunc with their own libraries,
in a batch by the libraries' own `predict_proba`, one core each.
"""

import functools
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import ensemble_pyfunc, peer_environment
from benchmarks.figures import Figure
from benchmarks.timing import medians
from mia_ml.core.errors import DataError
from mia_ml.models import fit
from mia_ml.models.combine import Combination
from mia_ml.models.ensemble import Ensemble
from mia_ml.models.export import export
from mia_ml.models.fitted import Fitted, Sigmoid
from mia_ml.models.kernel import Probabilities

INPUTS = tuple(f"input_{k}" for k in range(20))
MISSING = 0.08
TRAINING_ROWS, ROWS = 12_000, 20_000
WEIGHTS = Combination("average", (0.5, 0.3, 0.2))

PASSES = 5
IDLE_S, IDLE_SAMPLES = 0.010, 500
PYFUNC_ROWS, ONNX_ROWS, BATCH_ROWS = 40, 2_000, 4_000

ONNX = ("onnx==1.23.2", "onnxruntime==1.32.0")
SCRIPT = Path(__file__).with_name("ensemble_onnx.py")
ONNX_TOLERANCE, LIBRARY_TOLERANCE = 1e-5, 1e-6  # float32 sums; XGBoost's last steps are float32


class Case(NamedTuple):
    members: tuple[Fitted, ...]
    ensemble: Ensemble
    rows: np.ndarray  # float64 [ROWS, inputs]

    def scorer(self) -> Callable[[np.ndarray], float]:
        return Probabilities(self.ensemble).row


@functools.cache
def case() -> Case:
    rng = np.random.default_rng(20240304)
    X = rng.normal(size=(TRAINING_ROWS + ROWS, len(INPUTS)))
    log_odds = 0.3 * X @ rng.normal(size=len(INPUTS)) + 0.5 * X[:, 0] * X[:, 1]
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    X[rng.random(X.shape) < MISSING] = np.nan
    learnt, labels, weights = X[:TRAINING_ROWS], y[:TRAINING_ROWS], np.ones(TRAINING_ROWS)
    kinds = (fit.Forest(trees=300, depth=8), fit.Boosted(trees=300, depth=5), fit.Logistic())
    members = tuple(
        Fitted(kind, inputs, estimator, Sigmoid(-4.0, 2.0))
        for kind, inputs, estimator, _ in (vars(fit.fit(k, INPUTS, learnt, labels, weights, 1)).values() for k in kinds)
    )
    return Case(members, export(members, WEIGHTS), X[TRAINING_ROWS:].copy())


def latency() -> Iterator[Figure]:
    """One row at a time from Python, distinct rows: back to back, and after IDLE_S asleep."""
    scored = case()
    score, rows = scored.scorer(), scored.rows
    nodes = scored.ensemble.arrays["node_step"].size
    timed(score, rows[:2_000])
    p50, p99 = np.median([np.percentile(timed(score, rows), [50, 99]) for _ in range(PASSES)], axis=0) / 1e3
    note = f"{len(rows):,} distinct rows, {nodes:,} nodes, median of {PASSES} passes"
    yield Figure("ensemble_row_p50_us", float(p50), "us", 15.0, at_least=False, note=note)
    yield Figure("ensemble_row_p99_us", float(p99), "us", 35.0, at_least=False, note=note)
    p50, p99 = np.percentile(timed(score, rows[:IDLE_SAMPLES], IDLE_S), [50, 99]) / 1e3
    note = f"{IDLE_SAMPLES:,} rows, each after {IDLE_S * 1e3:.0f} ms asleep"
    yield Figure("ensemble_row_idle_p50_us", float(p50), "us", note=note)
    yield Figure("ensemble_row_idle_p99_us", float(p99), "us", note=note)


def timed(score: Callable[[Any], object], rows: Any, idle_s: float = 0.0) -> np.ndarray:
    """Nanoseconds of each call; the garbage collector rests."""
    taken = np.empty(len(rows))
    gc.collect()
    gc.disable()
    try:
        for i, row in enumerate(rows):
            if idle_s:
                time.sleep(idle_s)
            start = time.perf_counter_ns()
            score(row)
            taken[i] = time.perf_counter_ns() - start
    finally:
        gc.enable()
    return taken


def against_onnxruntime() -> Iterator[Figure]:
    """How many times longer ONNX Runtime takes for one row, at the faster of one thread and its default."""
    scored = case()
    python = peer_environment.ensured("onnxruntime", ONNX)
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-onnx-") as folder:
        arrays, described = scored.ensemble.to_arrays()
        rows = scored.rows[:ONNX_ROWS]
        stored: dict[str, Any] = {**arrays, "rows": rows.astype(np.float32)}
        np.savez(Path(folder) / "arrays.npz", **stored)
        (Path(folder) / "ensemble.json").write_text(json.dumps(described))
        answer = peer_environment.answer(python, SCRIPT, folder)
        theirs = np.load(Path(folder) / "probabilities.npy")
    ours = Probabilities(scored.ensemble).batch(rows)[:, -1]
    _agree("ONNX Runtime", ours, theirs, ONNX_TOLERANCE)
    ours_us = np.percentile(timed(scored.scorer(), rows), 50) / 1e3
    note = f"one row, p50: {ours_us:.1f} us against {answer['p50_us']:.1f} us"
    yield Figure("ensemble_vs_onnxruntime", answer["p50_us"] / ours_us, "times", 3.0, note=note)


def against_pyfunc() -> Iterator[Figure]:
    """How many times longer an MLflow pyfunc of the library's estimators takes for one row."""
    scored = case()
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-pyfunc-") as folder:
        loaded = ensemble_pyfunc.loaded(list(scored.members), WEIGHTS, Path(folder))
        frames = ensemble_pyfunc.one_row_frames(scored.rows[:PYFUNC_ROWS], INPUTS)
        theirs = np.array([loaded.predict(frame)[0] for frame in frames])
        _agree("the pyfunc", Probabilities(scored.ensemble).batch(scored.rows[:PYFUNC_ROWS])[:, -1], theirs)
        theirs_us = np.percentile(timed(loaded.predict, frames), 50) / 1e3
    ours_us = np.percentile(timed(scored.scorer(), scored.rows[:ONNX_ROWS]), 50) / 1e3
    note = f"one row, p50: {ours_us:.1f} us against {theirs_us / 1e3:.1f} ms"
    yield Figure("ensemble_vs_pyfunc", theirs_us / ours_us, "times", 1_000.0, note=note)


def against_libraries() -> Iterator[Figure]:
    """How many times longer scikit-learn's and XGBoost's own `predict_proba` take for a batch."""
    scored = case()
    rows = scored.rows[:BATCH_ROWS]
    ours, theirs = Probabilities(scored.ensemble), list(scored.members)
    _agree("the libraries", ours.batch(rows)[:, -1], ensemble_pyfunc.probability(theirs, WEIGHTS, rows))
    ours_s, theirs_s = medians(
        lambda: ours.batch(rows), lambda: [member.estimator.predict_proba(rows) for member in theirs], repetitions=5
    )
    note = f"{BATCH_ROWS:,} rows: {1e6 * ours_s / BATCH_ROWS:.1f} us a row against {1e6 * theirs_s / BATCH_ROWS:.1f} us"
    yield Figure("ensemble_batch_vs_library", theirs_s / ours_s, "times", 1.0, note=note)


def _agree(peer: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float = LIBRARY_TOLERANCE) -> None:
    worst = int(np.argmax(np.abs(ours - theirs)))
    if not np.abs(ours - theirs)[worst] <= tolerance:
        raise DataError(f"{peer} and mia-ml differ in row {worst}: {theirs[worst]!r} and {ours[worst]!r}")
