"""No training row overlaps a test row, none is lost uncounted: held against every pair of rows."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.splits.combinatorial import CombinatorialPurgedKFold
from mia_ml.splits.folds import Fold, Folds
from mia_ml.splits.purged_kfold import PurgedKFold
from mia_ml.splits.walk_forward import WalkForward, WalkForwardFolds
from tests.splits.random_lives import SETS, Labels, accepted, labels


def k_fold(labels: Labels) -> Folds:
    return PurgedKFold(4, labels.embargo_ns).of(labels.t0_ns, labels.t1_ns)


def combinatorial(labels: Labels) -> Folds:
    return CombinatorialPurgedKFold(5, 2, labels.embargo_ns).of(labels.t0_ns, labels.t1_ns)


def sliding(labels: Labels) -> WalkForwardFolds:
    walk = WalkForward("4 days", "2 days", partial=True, embargo_ns=labels.embargo_ns)
    return walk.of(labels.t0_ns, labels.t1_ns, labels.days)


def anchored(labels: Labels) -> WalkForwardFolds:
    walk = WalkForward("4 days", "4 days", anchored=True, embargo_ns=labels.embargo_ns)
    return walk.of(labels.t0_ns, labels.t1_ns, labels.days, trading_days=labels.trading_days, opens_ns=labels.opens_ns)


def check_account(rows: int, fold: Fold) -> None:
    parts = [fold.train, fold.test, fold.purged_rows, fold.embargoed_rows]
    counted = np.concatenate(parts)
    assert counted.size == np.unique(counted).size, "a row counts once"
    assert counted.size + fold.outside == rows
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)
    assert fold.train.size
    assert fold.test.size


@pytest.mark.parametrize("splitter", [k_fold, combinatorial])
def test_blocks_lose_what_overlaps_or_follows_and_nothing_else(splitter: Callable[[Labels], Folds]) -> None:
    seen: Counter[str] = Counter()
    for one, folds in accepted(splitter):
        overlap, follows = one.overlap(), one.follows()
        for fold in folds:
            check_account(one.t0_ns.size, fold)
            assert fold.outside == 0
            assert not overlap[np.ix_(fold.train, fold.test)].any()
            assert not follows[np.ix_(fold.train, fold.test)].any()
            assert overlap[np.ix_(fold.purged_rows, fold.test)].any(axis=1).all()
            assert follows[np.ix_(fold.embargoed_rows, fold.test)].any(axis=1).all()
            seen.update(purged=fold.purged, embargoed=fold.embargoed)
        tested = np.concatenate([fold.test for fold in folds])
        assert len(set(np.bincount(tested, minlength=one.t0_ns.size))) == 1
    assert min(seen["purged"], seen["embargoed"]) > SETS


@pytest.mark.parametrize("splitter", [sliding, anchored])
def test_a_walk_forward_loses_what_reaches_the_opening_or_comes_close(
    splitter: Callable[[Labels], WalkForwardFolds],
) -> None:
    seen: Counter[str] = Counter()
    for one, folds in accepted(splitter):
        overlap, precedes = one.overlap(), one.precedes()
        opens = dict(zip(one.trading_days, one.opens_ns, strict=True)) if splitter is anchored else {}
        for fold, window in zip(folds, folds.windows, strict=True):
            check_account(one.t0_ns.size, fold)
            assert not overlap[np.ix_(fold.train, fold.test)].any()
            assert not precedes[np.ix_(fold.train, fold.test)].any()
            opening = opens.get(window.test_first_day, one.t0_ns[fold.test].min())
            assert (one.t1_ns[fold.train] < opening - one.embargo_ns).all()
            assert (one.t1_ns[fold.purged_rows] >= opening).all()
            assert (one.t1_ns[fold.embargoed_rows] < opening).all()
            assert (one.t1_ns[fold.embargoed_rows] >= opening - one.embargo_ns).all()
            inside = (one.days >= window.train_first_day) & (one.days <= window.train_last_day)
            assert fold.train.size + fold.purged + fold.embargoed == inside.sum()
            tested = (one.days >= window.test_first_day) & (one.days <= window.test_last_day)
            np.testing.assert_array_equal(fold.test, np.flatnonzero(tested))
            seen.update(purged=fold.purged, embargoed=fold.embargoed)
        assert np.bincount(np.concatenate([fold.test for fold in folds])).max() == 1
    assert min(seen["purged"], seen["embargoed"]) > SETS


def test_blocks_are_refused_only_where_nothing_is_left_to_train_on() -> None:
    refused = 0
    for one in map(labels, range(SETS)):
        bad = one.overlap() | one.follows()
        blocks = np.array_split(np.arange(one.t0_ns.size), 4)
        if all((~bad[:, block].any(axis=1)).any() for block in blocks):  # a row overlaps itself: test rows are out
            k_fold(one)
        else:
            refused += 1
            with pytest.raises(DataError, match="no training row is left"):
                k_fold(one)
    assert refused


def test_rows_need_not_come_in_order() -> None:
    compared = 0
    for one, straight in accepted(k_fold):
        if np.unique(one.t0_ns).size < one.t0_ns.size:
            continue
        order = np.random.default_rng(1).permutation(one.t0_ns.size)
        shuffled = PurgedKFold(4, one.embargo_ns).of(one.t0_ns[order], one.t1_ns[order])
        for fold, other in zip(straight, shuffled, strict=True):
            for name in ("train", "test", "purged_rows", "embargoed_rows"):
                np.testing.assert_array_equal(np.sort(order[getattr(other, name)]), getattr(fold, name))
        compared += 1
    assert compared
