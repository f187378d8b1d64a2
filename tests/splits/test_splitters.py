"""What splitters refuse, what their windows are, and that scikit-learn takes their folds."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.splits.combinatorial import CombinatorialPurgedKFold
from mia_ml.splits.folds import Folds, block_folds
from mia_ml.splits.lives import LATEST
from mia_ml.splits.purged_kfold import PurgedKFold
from mia_ml.splits.walk_forward import WalkForward, Window

HOUR = 3_600_000_000_000


def weekdays(first: str, last: str) -> np.ndarray:
    dates = np.arange(first, last, dtype="datetime64[D]")
    return np.array([int(str(date).replace("-", "")) for date in dates[np.is_busday(dates)]])


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six events a day for two years, each alive for 30 hours: lives reach into the next day."""
    days = np.repeat(weekdays("2022-01-03", "2024-01-01"), 6)
    dates = pd.to_datetime(days.astype(str)).to_numpy().astype("datetime64[ns]").astype(np.int64)
    t0 = dates + np.tile(np.arange(6) * HOUR + 14 * HOUR, days.size // 6)
    return t0, t0 + 30 * HOUR, days


SPLITS = {
    "walk-forward": lambda t0, t1, days: WalkForward("12 months", "3 months", embargo_ns=24 * HOUR).of(t0, t1, days),
    "k-fold": lambda t0, t1, days: PurgedKFold(5, 24 * HOUR).of(t0, t1),
    "combinatorial": lambda t0, t1, days: CombinatorialPurgedKFold(6, 2, 24 * HOUR).of(t0, t1),
}


@pytest.mark.parametrize("name", SPLITS)
def test_scikit_learn_takes_the_folds(rows, name):
    folds: Folds = SPLITS[name](*rows)
    X = np.random.default_rng(0).normal(size=(rows[0].size, 3))
    y = (X[:, 0] > 0).astype(int)
    scores = cross_val_score(LogisticRegression(), X, y, cv=folds)
    assert scores.size == len(folds) == folds.get_n_splits()
    for score, (train, test) in zip(scores, folds.split(X, y), strict=True):
        assert score == LogisticRegression().fit(X[train], y[train]).score(X[test], y[test])
    np.testing.assert_array_equal(cross_val_score(LogisticRegression(), pd.DataFrame(X), y, cv=folds), scores)
    assert GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=folds).fit(X, y).n_splits_ == len(folds)


def test_folds_are_for_the_rows_they_were_made_of(rows):
    folds = SPLITS["k-fold"](*rows)
    with pytest.raises(DataError, match=r"X has 7 rows, these folds are of 3120: split the same rows"):
        next(folds.split(np.zeros((7, 2))))
    with pytest.raises(DataError, match="y has 3119 rows"):
        next(folds.split(np.zeros((3120, 2)), np.zeros(3119)))


def test_blocks_of_ones_own(rows):
    t0, t1, days = rows
    quarters = [days // 100 == month for month in (202201, 202207)]
    folds = block_folds(t0, t1, quarters, 24 * HOUR)
    by_index = block_folds(t0, t1, [np.flatnonzero(quarter) for quarter in quarters], 24 * HOUR)
    for fold, other, quarter in zip(folds, by_index, quarters, strict=True):
        np.testing.assert_array_equal(fold.test, np.flatnonzero(quarter))
        np.testing.assert_array_equal(fold.train, other.train)
        assert fold.purged + fold.embargoed + fold.train.size + fold.test.size == t0.size
        assert fold.purged
    with pytest.raises(DataError, match="fold 2: no test row"):
        block_folds(t0, t1, [quarters[0], days == 20300101], 0)


def test_lives_that_do_not_touch_leave_plain_k_fold():
    t0 = np.arange(0, 230, 10)
    for (train, test), (plain_train, plain_test) in zip(
        PurgedKFold(5).of(t0, t0 + 9).split(), KFold(5).split(t0), strict=True
    ):
        np.testing.assert_array_equal(train, plain_train)
        np.testing.assert_array_equal(test, plain_test)


def test_one_life_from_the_first_to_the_last_moment():
    t0 = np.arange(10)
    t1 = t0.copy()
    t1[0] = LATEST
    with pytest.raises(
        DataError, match="fold 1: no training row is left of 5: 5 overlap the test rows, 0 are embargoed"
    ):
        PurgedKFold(2, embargo_ns=LATEST).of(t0, t1)
    late = PurgedKFold(2).of(t0[1:], t1[1:])
    assert [fold.train.size for fold in late] == [4, 5]


def test_paths_use_every_prediction_once():
    t0 = np.arange(60)
    folds = CombinatorialPurgedKFold(6, 2).of(t0, t0)
    paths = folds.paths()
    assert paths.shape == (math.comb(5, 1), 6)
    supplied = {(int(fold), group) for path in paths for group, fold in enumerate(path)}
    assert supplied == {(fold, group) for fold, groups in enumerate(folds.tested) for group in groups}
    assert len(folds) == math.comb(6, 2)
    made_by = folds.recombine([np.full(fold.test.size, number) for number, fold in enumerate(folds)])
    for path, line in zip(paths, made_by, strict=True):
        np.testing.assert_array_equal(line, np.repeat(path, 10))
    own_row = folds.recombine([fold.test for fold in folds])
    np.testing.assert_array_equal(own_row, np.tile(t0, (5, 1)))
    with pytest.raises(DataError, match="predictions of 2 folds do not fit 15 folds"):
        folds.recombine([np.zeros(20)] * 2)


def test_quarters_by_the_calendar():
    days = weekdays("2015-08-13", "2017-06-01")
    windows = WalkForward("12 months", "3 months").windows(days)
    assert windows == (
        Window(20150813, 20160729, 20160801, 20161031),
        Window(20151102, 20161031, 20161101, 20170131),
        Window(20160201, 20170131, 20170201, 20170428),
    )
    anchored = WalkForward("12 months", "3 months", anchored=True, partial=True).windows(days)
    assert [window.train_first_day for window in anchored] == [20150813] * 4
    assert anchored[-1] == Window(20150813, 20170428, 20170501, 20170531)
    stepped = WalkForward("12 months", "3 months", step="6 months").windows(days)
    assert stepped == (windows[0], windows[2])


@pytest.mark.parametrize(("last", "whole"), [("2017-04-29", True), ("2017-04-28", True), ("2017-04-27", False)])
def test_a_quarter_is_whole_when_only_a_weekend_and_a_holiday_are_missing(last, whole):
    """April 2017 ends on a Sunday: data to Friday or Thursday hold all of it, data to Wednesday do not."""
    windows = WalkForward("12 months", "3 months").windows(weekdays("2015-08-13", last))
    assert (windows[-1].test_first_day == 20170201) is whole


def test_windows_of_trading_days():
    days = weekdays("2024-01-01", "2024-02-01")
    assert days.size == 23
    walk = WalkForward("15 days", "4 days")
    assert walk.windows(days) == ((days[0], days[14], days[15], days[18]), (days[4], days[18], days[19], days[22]))
    assert walk.windows(days[::-1]) == walk.windows(days)
    assert len(walk.windows(days[:22])) == 1
    assert WalkForward("15 days", "4 days", partial=True).windows(days[:22])[-1] == (
        days[4], days[18], days[19], days[21],
    )  # fmt: skip


def test_the_last_window_learns_from_the_end_of_the_data():
    days = weekdays("2022-01-03", "2024-03-01")
    assert WalkForward("12 months", "3 months").final(days) == (20230301, 20240229)
    assert WalkForward("20 days", "5 days").final(days) == (int(days[-20]), 20240229)
    assert WalkForward("20 days", "5 days", anchored=True).final(days) == (20220103, 20240229)
    assert WalkForward("90 months", "1 month").final(days) == (20220103, 20240229)


def test_a_life_that_reaches_the_opening_is_purged_although_no_event_lives_there(rows):
    t0, _, days = rows
    t1 = t0 + 66 * HOUR  # from Friday afternoon to before Monday's first event
    trading_days = np.unique(days)
    midnight = pd.to_datetime(trading_days.astype(str)).to_numpy().astype("datetime64[ns]").astype(np.int64)
    walk = WalkForward("12 months", "3 months")
    loose = walk.of(t0, t1, days)
    strict = walk.of(t0, t1, days, trading_days=trading_days, opens_ns=midnight)
    for fold, other, window in zip(loose, strict, strict.windows, strict=True):
        opening = midnight[trading_days == window.test_first_day][0]
        reaches = (t1[fold.train] >= opening).sum()
        assert other.purged == fold.purged + reaches
        assert t1[other.train].max() < opening
    assert sum(fold.purged for fold in strict) > sum(fold.purged for fold in loose)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PurgedKFold(1), "n_splits is 1: at least 2 blocks"),
        (lambda: PurgedKFold(3, embargo_ns=-1), "embargo_ns is -1: a whole number of nanoseconds, 0 for none"),
        (lambda: PurgedKFold(3, embargo_ns=0.5), "embargo_ns is 0.5"),
        (lambda: CombinatorialPurgedKFold(4, 4), "4 test groups of 4: test at least 1, train on at least 1"),
        (lambda: CombinatorialPurgedKFold(4, 1.5), "n_test_groups is 1.5: a whole number"),
        (lambda: WalkForward("12 months", "60 days"), "train 12 months, test 60 days, step 60 days: say all in months"),
        (lambda: WalkForward("12 months", "3 months", "1 month"), "step 1 month is shorter than test 3 months"),
        (lambda: WalkForward("0 months", "3 months"), "train is '0 months': write a count and a unit"),
        (lambda: WalkForward("1 year", "3 weeks"), "test is '3 weeks'"),
    ],
)
def test_settings_that_cannot_work(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_data_that_cannot_be_split(rows):
    t0, t1, days = rows
    with pytest.raises(DataError, match="3 rows cannot fill 5 blocks: lower n_splits or use more data"):
        PurgedKFold(5).of(t0[:3], t1[:3])
    with pytest.raises(DataError, match=r"520 trading days, 2022-01-03..2023-12-29, do not hold one fold of 24 months"):
        WalkForward("24 months", "3 months").of(t0, t1, days)
    with pytest.raises(DataError, match="no trading day to split"):
        WalkForward("1 month", "1 month").windows(np.zeros(0))
    with pytest.raises(DataError, match="are not dates"):
        WalkForward("1 month", "1 month").windows(np.array([20241399]))
    with pytest.raises(DataError, match="t0_ns is float64 of shape"):
        PurgedKFold(3).of(t0.astype(float), t1)
    with pytest.raises(DataError, match="one opening per day"):
        WalkForward("1 month", "1 month").of(t0, t1, days, opens_ns=t0[:3])
    some = (days < 20230201) | (days >= 20230501)
    with pytest.raises(
        DataError, match=r"fold 2: no trading day in its test window: the data have a gap after 2023-01-31"
    ):
        WalkForward("12 months", "1 month").of(t0[some], t1[some], days[some])
    with pytest.raises(
        DataError, match=r"fold 2 \(train 2022-02-01..2023-01-31, test 2023-02-01..2023-02-28\): no event in its test"
    ):
        WalkForward("12 months", "1 month").of(t0[some], t1[some], days[some], trading_days=days)
    later = days >= 20220201
    with pytest.raises(DataError, match=r"no event in its training window: use longer windows"):
        WalkForward("1 month", "1 month").of(t0[later], t1[later], days[later], trading_days=days)
