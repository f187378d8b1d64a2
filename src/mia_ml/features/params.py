"""Settings as the record the kernels read."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mia_ml.core.errors import ConfigError
from mia_ml.core.moments import DAY, MINUTE, NS
from mia_ml.features import battle, clock, divergence, engine, frames, history, orders, volatility, vwap

_CAPACITY = {
    "atr_bars": frames.CAPACITY,
    "tick_momentum.orders": orders.MOMENTUM_CAPACITY,
    "aggression_bias.orders": orders.AGGRESSION_CAPACITY,
    "delta_divergence.bars": divergence.CAPACITY,
    "vwap_trend.slope_bars": vwap.CAPACITY - 1,
    "battle_navale.dominance_bars": battle.CAPACITY,
    "same_time.days": history.DAYS,
    "smart_money_index.bars": history.CARRIED,
    "options_flow_bias.minutes": history.CARRIED,
    "dow_trend_regime.bars": history.CARRIED,
}
"""The longest windows the states have room for."""


def _minutes(clock_text: str) -> int:
    hours, minutes = clock_text.split(":")
    return int(hours) * 60 + int(minutes)


def _check(features: Mapping[str, Any]) -> None:
    for name, most in _CAPACITY.items():
        section, _, key = name.rpartition(".")
        value = features[section][key] if section else features[key]
        if not 1 <= value <= most:
            raise ConfigError(f"features.{name} is {value}: it must lie between 1 and {most}")


def build(features: Mapping[str, Any], context: Mapping[str, Any], tick: float, native: bool) -> np.ndarray:
    """The parameters of the engine: an array of one `engine.PARAMS` record.

    features, context: the sections of that name in the settings, as plain values. tick: points. native: True when bars
    come from a file, and timeframes count bars instead of minutes.
    Raises ConfigError when a window is longer than the engine's memory.
    """
    _check(features)
    out = np.zeros(1, engine.PARAMS)
    p = out[0]
    stale, same_time = features["staleness"], features["same_time"]
    momentum, imbalance = features["tick_momentum"], features["order_book_imbalance"]
    p["tape"]["tick"] = tick
    p["tape"]["orders"] = (
        features["orders"]["group_prints"],
        momentum["orders"],
        features["aggression_bias"]["orders"],
        momentum["count_weight"],
        momentum["volume_weight"],
        features["smart_money_index"]["large_order"],
    )
    p["tape"]["book"] = (imbalance["top_weight"], imbalance["deep_weight"], round(stale["book_s"] * NS))
    p["tape"]["levels"] = (features["gamma_levels"]["levels_on_future"],)
    p["frames"] = (features["atr_bars"], native)
    volume = features["volume_confirmation"]
    p["volume"] = (volume["trailing_bars"], volume["full_rvol"], volume["delta_gain"])
    apart = features["delta_divergence"]
    p["divergence"] = (
        apart["bars"],
        apart["full_slope"],
        apart["min_slope"],
        apart["min_rvol"],
        apart["literal_strength"],
        apart["literal_epsilon"],
        apart["literal_volume"],
    )
    smart = features["smart_money_index"]
    p["smart_money"] = (
        smart["bars"],
        smart["windows"],
        smart["min_windows"],
        smart["shrink"],
        smart["boost_above"],
        smart["boost"],
    )
    p["gamma"] = (features["gamma_levels"]["reach_atr"], features["gamma_levels"]["dead_band_atr"])
    flow = features["options_flow_bias"]
    p["options_flow"] = (flow["minutes"], flow["min_bars"], round(stale["options_flow_min"] * MINUTE))
    trend = features["vwap_trend"]
    p["vwap"] = (
        trend["slope_bars"],
        trend["warmup_bars"],
        trend["width_sd"],
        trend["sd_floor_atr"],
        trend["distance_weight"],
        trend["slope_weight"],
    )
    p["order_flow"] = (features["aggression_bias"]["minutes"],)
    p["dow"] = (features["dow_trend_regime"]["bars"], features["dow_trend_regime"]["full_slope_atr"])
    base, joint = features["battle_navale"], features["mtf_confluence"]
    p["battle"] = (
        base["min_bars"],
        base["max_bars"],
        base["min_range_ticks"],
        base["range_atr"],
        base["quiet_bars"],
        base["dominance_bars"],
        joint["weight_1"],
        joint["weight_5"],
        joint["weight_15"],
        joint["aligned_bonus"],
    )
    wild = context["volatility"]
    p["volatility"] = (
        wild["trailing_bars"],
        wild["low_vix"],
        wild["low_ratio"],
        wild["high_vix"],
        wild["high_ratio"],
        round(stale["vix_days"] * DAY),
    )
    if not 1 <= wild["trailing_bars"] <= volatility.CAPACITY:
        raise ConfigError(
            f"context.volatility.trailing_bars is {wild['trailing_bars']}: it must lie between 1 and "
            f"{volatility.CAPACITY}"
        )
    p["clock"]["starts"] = [_minutes(context["session_start"][name]) for name in clock.SESSIONS]
    offset = context["session_utc_offset_min"]
    p["clock"]["utc_offset"] = clock.NO_OFFSET if offset is None else offset
    p["history"] = (same_time["days"], same_time["min_days"])
    return out
