"""exp, log and the logistic function from + - x / alone: libm gives other bits on another machine.

    exp(x)    2^n e^r,  n = round(x / ln 2),  r = x - n ln 2 taken in two parts, e^r by Taylor's series to r^13
    log(x)    n ln 2 + 2 artanh(f),  x = 2^n m with m in (sqrt 1/2, sqrt 2],  f = (m - 1) / (m + 1)

exp stays within 1 ulp of the exact value and log within 2; exp never decreases, so neither does the logistic function.
"""

import math
from decimal import Decimal

import numpy as np

from mia_ml.core.kernel import kernel

_LN2 = Decimal("0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863")
_LN2_HIGH = math.floor(_LN2 * 2**40) / 2**40  # its product with any exponent is exact
_LN2_LOW = float(_LN2 - Decimal(_LN2_HIGH))
_PER_LN2 = float(1 / _LN2)
_SQRT2 = math.sqrt(2.0)
_OVERFLOW, _UNDERFLOW = 709.782712893384, -745.1332191019412  # beyond: inf and 0
_EXP = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))
_ARTANH = tuple(1.0 / k for k in range(23, 1, -2))

_LEAST = -600
_POWER = np.array([2.0**n for n in range(_LEAST, -_LEAST + 1)])
_MANTISSA = (1 << 52) - 1
_ONE = 1023 << 52


@kernel
def exp(x):
    """e^x; NaN stays NaN."""
    if np.isnan(x):
        return x
    if x > _OVERFLOW:
        return np.inf
    if x < _UNDERFLOW:
        return 0.0
    n = int(x * _PER_LN2 + (0.5 if x > 0 else -0.5))
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    series = 0.0
    for coefficient in _EXP:
        series = series * r + coefficient
    y = 1.0 + (r + r * r * series)
    half = n >> 1
    return y * _POWER[half - _LEAST] * _POWER[n - half - _LEAST]


@kernel
def log(x):
    """Natural logarithm of a normal positive x."""
    bits = np.float64(x).view(np.int64)
    n = (bits >> 52) - 1023
    m = np.int64((bits & _MANTISSA) | _ONE).view(np.float64)
    if m > _SQRT2:
        m *= 0.5
        n += 1
    f = (m - 1.0) / (m + 1.0)
    square = f * f
    series = 0.0
    for coefficient in _ARTANH:
        series = series * square + coefficient
    return n * _LN2_HIGH + (2.0 * f + (2.0 * f * square * series + n * _LN2_LOW))


@kernel
def logistic(x):
    """1 / (1 + e^-x), in (0, 1]."""
    return 1.0 / (1.0 + exp(min(-x, _OVERFLOW)))
