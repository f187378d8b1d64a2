"""Settings of the components; their units stand in conf/features."""

from pydantic import model_validator

from mia_ml.settings.base import Count, Natural, NonNegative, Positive, Section


class Staleness(Section):
    book_s: Positive
    options_flow_min: Positive
    vix_days: Positive


class SameTime(Section):
    days: Count
    min_days: Count

    @model_validator(mode="after")
    def _enough(self) -> "SameTime":
        if self.min_days > self.days:
            raise ValueError(f"min_days {self.min_days} is more than days {self.days}")
        return self


class Orders(Section):
    group_prints: bool


class OrderBookImbalance(Section):
    top_weight: NonNegative
    deep_weight: NonNegative


class TickMomentum(Section):
    orders: Count
    count_weight: NonNegative
    volume_weight: NonNegative


class DeltaDivergence(Section):
    bars: Count
    min_slope: NonNegative
    full_slope: Positive
    min_rvol: NonNegative
    literal_strength: NonNegative
    literal_epsilon: Positive
    literal_volume: NonNegative

    @model_validator(mode="after")
    def _ordered(self) -> "DeltaDivergence":
        if self.min_slope > self.full_slope:
            raise ValueError(f"min_slope {self.min_slope} is more than full_slope {self.full_slope}")
        return self


class SmartMoneyIndex(Section):
    bars: Count
    large_order: Count
    shrink: NonNegative
    boost: Positive
    boost_above: Positive
    windows: Count
    min_windows: Count


class GammaLevels(Section):
    reach_atr: Positive
    dead_band_atr: NonNegative
    levels_on_future: bool


class OptionsFlowBias(Section):
    minutes: Count
    min_bars: Count


class VolumeConfirmation(Section):
    full_rvol: Positive
    delta_gain: Positive
    trailing_bars: Count


class VwapTrend(Section):
    width_sd: Positive
    sd_floor_atr: Positive
    slope_bars: Count
    warmup_bars: Count
    distance_weight: NonNegative
    slope_weight: NonNegative


class AggressionBias(Section):
    orders: Count
    minutes: Count


class DowTrendRegime(Section):
    bars: Count
    full_slope_atr: Positive


class BattleNavale(Section):
    min_bars: Count
    max_bars: Count
    min_range_ticks: NonNegative
    range_atr: Positive
    quiet_bars: Count
    dominance_bars: Count

    @model_validator(mode="after")
    def _ordered(self) -> "BattleNavale":
        if self.min_bars > self.max_bars:
            raise ValueError(f"min_bars {self.min_bars} is more than max_bars {self.max_bars}")
        return self


class MtfConfluence(Section):
    weight_1: NonNegative
    weight_5: NonNegative
    weight_15: NonNegative
    aligned_bonus: NonNegative


class Features(Section):
    staleness: Staleness
    grace_ms: Natural
    same_time: SameTime
    atr_bars: Count
    orders: Orders
    order_book_imbalance: OrderBookImbalance
    tick_momentum: TickMomentum
    delta_divergence: DeltaDivergence
    smart_money_index: SmartMoneyIndex
    gamma_levels: GammaLevels
    options_flow_bias: OptionsFlowBias
    volume_confirmation: VolumeConfirmation
    vwap_trend: VwapTrend
    aggression_bias: AggressionBias
    dow_trend_regime: DowTrendRegime
    battle_navale: BattleNavale
    mtf_confluence: MtfConfluence
