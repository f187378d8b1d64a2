"""Small sums over the last bars. Loops, not `np.sum`: its order of additions, hence its bits, depend on the length."""

import numpy as np

from mia_ml.core.kernel import kernel


@kernel
def clip(x):
    """x limited to [-1, 1]; NaN stays NaN (`min(1, max(-1, nan))` would be a full vote)."""
    if np.isnan(x):
        return x
    return min(1.0, max(-1.0, x))


@kernel
def sign(x):
    """-1, 0 or 1; NaN stays NaN."""
    if np.isnan(x):
        return x
    return float((x > 0) - (x < 0))


@kernel
def slope(y):
    """Ordinary least squares slope of `y` over 0, 1, 2, ...; differences from the last value keep it shift-free."""
    n = y.size
    centre = 0.5 * (n - 1)
    above, below = 0.0, 0.0
    for k in range(n):
        x = k - centre
        above += x * (y[k] - y[n - 1])
        below += x * x
    return above / below


@kernel
def total(y):
    """Sum from first to last."""
    out = 0.0
    for k in range(y.size):
        out += y[k]
    return out


@kernel
def mean_absolute_change(y):
    """Mean of |y[k] - y[k-1]|."""
    out = 0.0
    for k in range(1, y.size):
        out += abs(y[k] - y[k - 1])
    return out / (y.size - 1)
