"""What crosses into a trading day, and nothing else.

    bars       the last `CARRIED` bars before the day, replayed through timeframes, battles, regime and trailing means
               before its first bar: of the trading day before or, where a day has few bars, of the days before that
    profiles   per minute of day over the previous 20 trading days: volume, option-flow ratio, ATR(14, 1 and 5 min)
    vix        the last value known

Each day's part is its own bars and what follows from them alone, so days build in parallel. A missing day leaves a
hole, not a longer memory: after it nothing is replayed. Only days of the same contract count: nothing crosses a roll,
except VIX, which is no price of it.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features.bar import BAR

CARRIED = 1440  # at least one whole trading day
SLOTS = 1440
DAYS = 20

PARAMS = np.dtype([("profile_days", "i8"), ("least_days", "i8")], align=True)

PROFILE = np.dtype(
    [
        ("day", "i8"),  # calendar index, 0 is none
        ("contract", "i8"),
        ("vix", "f8"),
        ("vix_ts", "i8"),
        ("volume", "f8", (SLOTS,)),
        ("flow", "f8", (SLOTS,)),
        ("atr", "f8", (SLOTS,)),
        ("atr_5m", "f8", (SLOTS,)),
    ],
    align=True,
)
TAIL = np.dtype([("day", "i8"), ("contract", "i8"), ("count", "i8"), ("bars", BAR, (CARRIED,))], align=True)
STATE = np.dtype([("profiles", PROFILE, (DAYS,)), ("tail", TAIL)], align=True)

USUAL = np.dtype(
    [
        ("volume", "f8", (SLOTS,)),
        ("flow", "f8", (SLOTS,)),
        ("atr", "f8", (SLOTS,)),
        ("atr_5m", "f8", (SLOTS,)),  # median
        ("vix", "f8"),
        ("vix_ts", "i8"),
    ],
    align=True,
)


@kernel
def blank(profile):
    for slot in range(SLOTS):
        profile.volume[slot] = np.nan
        profile.flow[slot] = np.nan
        profile.atr[slot] = np.nan
        profile.atr_5m[slot] = np.nan
    profile.vix = np.nan
    profile.vix_ts = 0


@kernel
def middle(values, count):
    """Median of the first `count` values, which it sorts."""
    for a in range(1, count):
        x = values[a]
        b = a - 1
        while b >= 0 and values[b] > x:
            values[b + 1] = values[b]
            b -= 1
        values[b + 1] = x
    half = count // 2
    return values[half] if count % 2 == 1 else 0.5 * (values[half - 1] + values[half])


@kernel
def recall(state, params, day, contract, usual):
    """Fill `usual` for a day from the profiles of the days before it, oldest first."""
    chosen = np.empty(DAYS, np.int64)
    count = 0
    usual.vix = np.nan
    usual.vix_ts = 0
    for back in range(params.profile_days, 0, -1):
        at = (day - back) % DAYS
        profile = state.profiles[at]
        if profile.day == day - back and profile.day > 0:
            if profile.vix_ts > 0:
                usual.vix = profile.vix
                usual.vix_ts = profile.vix_ts
            if profile.contract == contract:
                chosen[count] = at
                count += 1
    values = np.empty(DAYS)
    for slot in range(SLOTS):
        for kind in range(4):
            n = 0
            total = 0.0
            for c in range(count):
                profile = state.profiles[chosen[c]]
                if kind == 0:
                    x = profile.volume[slot]
                elif kind == 1:
                    x = profile.flow[slot]
                elif kind == 2:
                    x = profile.atr[slot]
                else:
                    x = profile.atr_5m[slot]
                if not np.isnan(x):
                    values[n] = x
                    total += x
                    n += 1
            enough = n >= params.least_days
            if kind == 0:
                usual.volume[slot] = total / n if enough else np.nan
            elif kind == 1:
                usual.flow[slot] = total / n if enough else np.nan
            elif kind == 2:
                usual.atr[slot] = total / n if enough else np.nan
            else:
                usual.atr_5m[slot] = middle(values, n) if enough else np.nan
