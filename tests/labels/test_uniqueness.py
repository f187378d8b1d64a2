"""Average uniqueness against the definition, moment by moment, in fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import DataError
from mia_ml.labels.uniqueness import average_uniqueness

LIVES = st.lists(st.tuples(st.integers(0, 30), st.one_of(st.integers(0, 8), st.just(40))), min_size=1, max_size=25)


def lives(pairs, scale=1, start=0):
    pairs = np.array(pairs, np.int64)
    return start + scale * pairs[:, 0], start + scale * (pairs[:, 0] + pairs[:, 1])


def by_definition(t0, t1):
    """The integral as a sum over unit intervals: lives stand on whole numbers."""
    alone = []
    for first, last in zip(t0.tolist(), t1.tolist(), strict=True):
        if first == last:
            alone.append(Fraction(1, int(((t0 <= first) & (t1 >= first)).sum())))
            continue
        shares = [Fraction(1, int(((t0 <= t) & (t1 > t)).sum())) for t in range(first, last)]
        alone.append(sum(shares) / (last - first))
    return [float(u) for u in alone]


@settings(max_examples=200, deadline=None)
@given(LIVES)
def test_it_is_the_mean_of_one_over_the_number_of_lives(pairs):
    t0, t1 = lives(pairs)
    np.testing.assert_allclose(average_uniqueness(t0, t1), by_definition(t0, t1), rtol=1e-13)


@settings(max_examples=50, deadline=None)
@given(LIVES, st.randoms(use_true_random=False))
def test_order_unit_and_origin_do_not_matter(pairs, random):
    t0, t1 = lives(pairs)
    plain = average_uniqueness(t0, t1)
    order = list(range(t0.size))
    random.shuffle(order)
    np.testing.assert_allclose(average_uniqueness(t0[order], t1[order]), plain[order], rtol=1e-13)
    minutes = lives(pairs, scale=60_000_000_000, start=1_704_294_000_000_000_000)
    np.testing.assert_allclose(average_uniqueness(*minutes), plain, rtol=1e-12)


def test_on_paper():
    """[0, 4] and [2, 6] share [2, 4]: (2 + 2/2) / 4. Two on one span have half each. Touching is not sharing."""
    assert average_uniqueness(*lives([(0, 4), (2, 4)])).tolist() == [0.75, 0.75]
    assert average_uniqueness(*lives([(3, 5), (3, 5)])).tolist() == [0.5, 0.5]
    assert average_uniqueness(*lives([(0, 4), (4, 4)])).tolist() == [1.0, 1.0]
    assert average_uniqueness(*lives([(0, 4), (2, 0)])).tolist() == [1.0, 0.5]
    assert average_uniqueness(np.zeros(0, np.int64), np.zeros(0, np.int64)).size == 0


def test_one_huge_life_over_many_small_ones():
    """Nine of ten shared halves: the small ones have 1/2, the huge one (9/2 + 1) / 10."""
    t0, t1 = lives([(0, 10)] + [(k, 1) for k in range(9)])
    assert average_uniqueness(t0, t1).tolist() == pytest.approx([0.55] + [0.5] * 9)


def test_impossible_lives():
    with pytest.raises(DataError, match="event 1 ends at 1 ns, before its start 2"):
        average_uniqueness(np.array([0, 2]), np.array([1, 1]))
    with pytest.raises(DataError, match="2 starts and 1 ends"):
        average_uniqueness(np.array([0, 2]), np.array([1]))
