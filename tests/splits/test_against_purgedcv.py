"""purgedcv as the oracle: the same folds where it means the same, and the reason where it does not.

Lives there are half-open, [t0, t1): two that only touch do not overlap, and a life of no length overlaps nothing, not
even one that holds it. Our labels have read the event at t1 (SPEC 6), and Lopez de Prado's snippet 7.1 compares with <=
as well: we are closed. A closed life [t0, t1] of whole nanoseconds is the half-open [t0, t1 + 1), so that with ends one
nanosecond later both must agree row by row, embargo included.

Where nothing is left to train on, purgedcv goes on with an empty set; we refuse.
"""

import numpy as np
import pandas as pd
import purgedcv
import pytest

from mia_ml.splits.combinatorial import CombinatorialPurgedKFold
from mia_ml.splits.folds import Folds
from mia_ml.splits.purged_kfold import PurgedKFold
from mia_ml.splits.walk_forward import WalkForward
from tests.splits.random_lives import Labels, accepted, labels


def times(one: Labels, later_ns: int) -> dict[str, np.ndarray]:
    return {
        "prediction_times": one.t0_ns.astype("datetime64[ns]"),
        "evaluation_times": (one.t1_ns + later_ns).astype("datetime64[ns]"),
    }


def assert_same(found: Folds, theirs: purgedcv.PurgedKFold) -> None:
    expected = theirs.split(found.t0_ns)
    for (train, test), (their_train, their_test) in zip(found.split(), expected, strict=True):
        np.testing.assert_array_equal(test, their_test)
        np.testing.assert_array_equal(train, their_train)


def test_purged_k_fold_agrees_on_closed_lives() -> None:
    for one, found in accepted(lambda each: PurgedKFold(4, each.embargo_ns).of(each.t0_ns, each.t1_ns)):
        embargo = pd.Timedelta(one.embargo_ns, "ns")
        assert_same(found, purgedcv.PurgedKFold(4, embargo=embargo, **times(one, 1)))


def test_combinatorial_agrees_on_folds_and_paths() -> None:
    splits = accepted(lambda each: CombinatorialPurgedKFold(5, 2, each.embargo_ns).of(each.t0_ns, each.t1_ns), 250)
    rng = np.random.default_rng(0)
    for one, found in splits:
        theirs = purgedcv.CombinatorialPurgedCV(5, 2, embargo=pd.Timedelta(one.embargo_ns, "ns"), **times(one, 1))
        assert_same(found, theirs)
        said = [rng.normal(size=fold.test.size) for fold in found]
        np.testing.assert_array_equal(found.recombine(said), theirs.reconstruct_paths(said))


def test_anchored_walk_forward_agrees_where_rows_are_days() -> None:
    """Theirs counts rows, not time, and says of its embargo that it removes nothing: the training rows lie before."""
    days = np.array([int(str(date).replace("-", "")) for date in np.datetime64("2024-01-01") + np.arange(60)])

    def split(one: Labels) -> Folds:
        n = 8 + (one.t0_ns.size - 8) // 4 * 4
        return WalkForward("8 days", "4 days", anchored=True).of(one.t0_ns[:n], one.t1_ns[:n], days[:n])

    for one, found in accepted(split, 250):
        n = found.t0_ns.size
        theirs = purgedcv.WalkForwardSplit(
            (n - 8) // 4, 4, **{name: values[:n] for name, values in times(one, 1).items()}
        )
        assert_same(found, theirs)


def test_as_it_stands_purgedcv_trains_on_lives_that_share_a_moment_with_the_test_set() -> None:
    shared = instants = 0
    for one, found in accepted(lambda each: PurgedKFold(4).of(each.t0_ns, each.t1_ns), 500):
        overlap = one.overlap()
        within = one.pairs(lambda t0, t1, start, end: (start < t0) & (t1 < end))
        for fold, (train, test) in zip(found, purgedcv.PurgedKFold(4, **times(one, 0)).split(one.t0_ns), strict=True):
            assert set(fold.train) <= set(train)
            more = np.setdiff1d(train, fold.train)
            assert overlap[np.ix_(more, test)].any(axis=1).all()
            shared += more.size
            instants += int(within[np.ix_(more, test)].any(axis=1).sum())
    assert shared > 1_000
    assert instants > 100


def test_purgedcv_wants_starts_in_order_and_takes_ends_out_of_order() -> None:
    one = labels(3)
    assert (np.diff(one.t1_ns) < 0).any()
    purgedcv.PurgedKFold(4, **times(one, 0))
    reverse = {name: values[::-1] for name, values in times(one, 0).items()}
    with pytest.raises(ValueError, match="monotonic"):
        purgedcv.PurgedKFold(4, **reverse)
