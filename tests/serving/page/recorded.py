"""A day's decisions and states as the live service would say them, made up from a seed: SYNTHETIC, plausible, and
consistent with the formula `final` (contributions add up to the score, crossings are crossings)."""

import copy
import hashlib
from typing import Any

import numpy as np

WEIGHTS = {
    "gamma_levels": 0.20,
    "volume_confirmation": 0.15,
    "options_flow_bias": 0.12,
    "order_book_imbalance": 0.13,
    "tick_momentum": 0.08,
    "delta_divergence": 0.08,
    "smart_money_index": 0.09,
    "mtf_confluence": 0.15,
}
MEMBERS = {"forest": 0.5, "xgboost": 0.3, "logistic": 0.2}
DAY = 20231226
CHAMPION = "mia-ml/3"
PASS_MARK = 0.433
MINUTE_NS = 60_000_000_000
OPEN_NS = 1_703_595_600_000_000_000  # 2023-12-26 13:00 UTC, 08:00 in New York
SESSIONS = ((9.5, "premarket", 0.8), (11.0, "morning", 1.2), (14.0, "midday", 1.0), (16.0, "afternoon", 1.2))

Line = dict[str, Any]


def session_at(minute: int) -> tuple[str, float]:
    """Session and its factor so many minutes after 08:00."""
    hour = 8 + minute / 60
    return next(((name, factor) for end, name, factor in SESSIONS if hour < end), ("evening", 0.8))


def decisions(
    minutes: int, version: str = CHAMPION, role: str = "champion", seed: int = 3, holes: tuple[int, ...] = ()
) -> list[Line]:
    """Lines of one version, a minute apart, not yet numbered. holes: minutes whose score is missing."""
    rng = np.random.default_rng(seed)
    pull, noise = 0.93, rng.normal(size=(minutes, len(WEIGHTS)))
    component = np.zeros(len(WEIGHTS))
    price, armed, before, last_signal, signals = 4800.0, False, 0.0, -99, 0
    out = []
    for i in range(minutes):
        component = np.clip(pull * component + 0.22 * noise[i], -1, 1)
        price += 0.25 * round(3 * float(noise[i, 0] + noise[i, 1]))
        session, factor = session_at(i)
        regime, threshold = ("high", 0.35) if 150 <= i < 190 else ("normal", 0.25)
        absent = {"options_flow_bias"} if i < 95 else set()
        if i in holes:
            absent = {"gamma_levels", "options_flow_bias", "order_book_imbalance"}
        present = sum(weight for name, weight in WEIGHTS.items() if name not in absent)
        parts = {
            name: None if name in absent else weight * float(value) * factor / present
            for (name, weight), value in zip(WEIGHTS.items(), component, strict=True)
        }
        score = None if i in holes else sum(value for value in parts.values() if value is not None)
        crossing, action, models, probability = 0, "none", dict.fromkeys(MEMBERS), None
        if score is not None:
            outside = abs(score) > threshold
            if armed and outside and abs(before * factor) <= threshold:
                crossing = 1 if score > 0 else -1
                drawn = np.clip(0.47 + 0.07 * rng.normal(size=3), 0.05, 0.95)
                models = {name: float(p) for name, p in zip(MEMBERS, drawn, strict=True)}
                probability = sum(MEMBERS[name] * p for name, p in models.items())
                if probability <= PASS_MARK:
                    action = "filtered"
                elif i - last_signal < 15:
                    action = "cooldown"
                elif signals >= 3:
                    action = "day_limit"
                else:
                    action, last_signal, signals = "signal", i, signals + 1
            armed, before = not outside, score / factor
        ts = OPEN_NS + (i + 1) * MINUTE_NS
        why = [] if score is not None else ["61 % of the weight absent: book older than 60 s, options feed silent"]
        decision = {
            "ts": ts, "day": DAY, "instrument": "ESH4", "score": score, "threshold": threshold,
            "raw": None if score is None else score / factor, "weight_present": present, "session_factor": factor,
            "cycle_factor": 1.0, "volatility_factor": 1.0, "regime": regime, "session": session, "crossing": crossing,
            "action": action, "exceedance": None if score is None else abs(score) / threshold,
            "probability": probability, "pass_mark": None if probability is None else PASS_MARK, "models": models,
            "contributions": parts, "close": price, "barrier": 4.25,
            "fingerprint": hashlib.sha256(f"{version}{i}".encode()).hexdigest()[:16],
        }  # fmt: skip
        acted = role == "champion" and action == "signal"
        latency = float(np.exp(rng.normal(3.4, 0.35)))
        live = {
            "act": acted, "why": why, "ts_event": ts - 20_000_000, "ts_recv": ts + 2_000_000,
            "ts_decided": ts + 2_000_000 + int(latency * 1000), "latency_us": latency, "recovered": False,
        }  # fmt: skip
        out.append(
            {"number": 0, "version": version, "seal": "ab12cd34ef", "role": role, "overridden": "",
             "decision": decision, "live": live}
        )  # fmt: skip
    return out


def numbered(*streams: list[Line], first: int = 1) -> list[Line]:
    """Streams merged by time, as the service writes them: its own copies, numbered from `first`."""
    merged = sorted((line for stream in streams for line in stream), key=lambda line: line["decision"]["ts"])
    return [copy.deepcopy(line) | {"number": first + k} for k, line in enumerate(merged)]


def version(name: str, role: str, equity: float = 100_000.0, verdict: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "version": name, "role": role, "seal": "ab12cd34ef", "overridden": "", "threshold": 0.25,
        "members": list(MEMBERS), "terms": list(WEIGHTS),
        "paper": {"equity_usd": equity, "day_usd": equity - 100_000, "position": 1 if role == "champion" else 0,
                  "entry_price": 4801.25 if role == "champion" else None, "trades": 3, "mean_r": 0.12},
        "against_champion": verdict,
    }  # fmt: skip


def verdict(word: str, mean: float, half: float) -> dict[str, Any]:
    return {
        "verdict": word, "days": 12, "mean": mean, "low": mean - half, "high": mean + half, "unit": "USD a day",
    }  # fmt: skip


def feed(name: str, **other: Any) -> dict[str, Any]:
    return {
        "name": name, "connected": True, "position": 812_345, "events": 812_345, "per_second": 412.5,
        "last_ts_event": OPEN_NS, "age_s": 0.2, "refused": {}, "gaps": 0,
    } | other  # fmt: skip


BOUNDS_US = [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 200.0, 500.0, 1000.0, 10000.0]


def latency(lines: list[Line]) -> dict[str, Any]:
    """Histogram of the latencies of decisions; the last count is of those above the last bound."""
    seen = np.array([line["live"]["latency_us"] for line in lines] or [np.nan])
    counts = np.bincount(np.searchsorted(BOUNDS_US, seen[np.isfinite(seen)]), minlength=len(BOUNDS_US) + 1)
    p50, p99 = (float(np.quantile(seen, q)) if lines else None for q in (0.5, 0.99))
    return {"bounds": BOUNDS_US, "counts": counts.tolist(), "p50": p50, "p99": p99, "n": len(lines)}


def state(versions: list[dict[str, Any]], **other: Any) -> dict[str, Any]:
    """A state without what follows from decisions: the stand-in knows that."""
    return {
        "clock": "wall", "synthetic": True, "instrument": "ES", "contract": "ESH4", "day": DAY, "ready": True,
        "why": [], "stand_down": [],
        "feeds": [feed("es-ticks"), feed("options", per_second=0.1, events=412, position=412, age_s=41.0,
                                         refused={"late: its bar had closed": 3, "off_grid": 1}, gaps=1)],
        "versions": versions, "listeners": 2, "last_good_bundle": False, "registry": "ok",
    } | other  # fmt: skip
