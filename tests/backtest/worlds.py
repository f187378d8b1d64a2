"""Random tapes over two ES days, with ties, quiet hours, gaps and the maintenance break, for the property tests."""

import numpy as np
from hypothesis import strategies as st

from mia_ml.backtest.records import signals
from mia_ml.core.moments import MINUTE
from tests.backtest.market import DAYS, SECOND, at

START = at(3600 * 4)
SEEDS = st.integers(0, 2**32 - 1)
SETTINGS = st.fixed_dictionaries(
    {
        "take_profit": st.sampled_from([2.0, 1.5]),
        "timeout_bars": st.sampled_from([1, 3, 20]),
        "latency_ms": st.sampled_from([0, 250, 90_000]),
        "flat_at_session_end": st.booleans(),
        "reverse": st.booleans(),
    }
)


def _moments(rng, n):
    """Bursts, ties and pauses up to hours, on whole milliseconds; a third on whole minutes, where signals are."""
    pauses_ms = [0, 1, 250, 1000, 30_000, 60_000, 600_000, 5_400_000]
    gap = rng.choice(pauses_ms, n, p=[0.15, 0.1, 0.1, 0.2, 0.2, 0.15, 0.08, 0.02])
    ts = START + np.cumsum(gap) * 1_000_000
    return np.where(rng.random(n) < 0.33, ts // MINUTE * MINUTE, ts)[np.argsort(ts, kind="stable")]


def _within_days(ts):
    return np.sort(ts[ts <= DAYS["close_ns"][3]])


def walk(rng, n):
    steps = rng.choice([-12, -3, -1, 0, 1, 3, 12], n, p=[0.03, 0.12, 0.3, 0.1, 0.3, 0.12, 0.03])
    return 20_000 + np.cumsum(steps)


def trades(seed, n=250):
    rng = np.random.default_rng(seed)
    ts = _within_days(_moments(rng, n))
    return {"ts_event": ts, "price": walk(rng, ts.size) * 0.25}


def bars(seed, n=150):
    rng = np.random.default_rng(seed)
    ts = _within_days(_moments(rng, n))
    inside = walk(rng, ts.size * 4).reshape(-1, 4) * 0.25
    return {
        "ts_event": ts,
        "open": inside[:, 0].copy(),
        "high": inside.max(axis=1),
        "low": inside.min(axis=1),
        "close": inside[:, 3].copy(),
        "volume": (rng.random(ts.size) < 0.9).astype(np.float64),
    }


def decisions(seed, tape, n=40):
    """Signals on moments of the tape, a second after some, and between them; some without a barrier."""
    rng = np.random.default_rng(seed + 1)
    ts = rng.choice(tape["ts_event"], n) + rng.choice([0, SECOND, 20 * MINUTE], n, p=[0.6, 0.2, 0.2])
    ts = _within_days(ts)
    barrier = rng.choice([np.nan, 0.1, 1.0, 2.1, 5.0], ts.size, p=[0.1, 0.1, 0.3, 0.3, 0.2])
    day = DAYS["day"][np.searchsorted(DAYS["close_ns"], ts)]
    return signals(ts, day, rng.choice([-1, 1], ts.size), barrier)
