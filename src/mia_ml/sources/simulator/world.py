"""What a simulated market is: every number of a world, with its unit, checked before anything is drawn."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from mia_ml.core import moments
from mia_ml.core.errors import CalendarError, ConfigError, refuse_unknown
from mia_ml.core.instruments import INSTRUMENTS

INTENSITIES = {"demo": (20_000, 60_000), "es": (600_000, 3_000_000)}
"""Prints and book updates of a regular day."""

COMPONENTS = {
    "order_book_imbalance": 3.0,
    "aggression_bias": 6.0,
    "volume_confirmation": 12.0,
    "smart_money_index": 20.0,
    "options_flow_bias": 30.0,
    "vwap_trend": 45.0,
    "gamma_levels": 10.0,
}
"""What an edge can be planted behind, with the half-life of its driver in minutes (walls: of their pull)."""

OPTIONAL_TABLES = ("book", "options", "vix")


def _refuse_outside(name: str, value: float, low: float, high: float) -> None:
    if not (isinstance(value, int | float) and math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"{name} is {value}: it must lie between {low} and {high}")


@dataclass(frozen=True)
class Faults:
    """What a feed does wrong. Rates are shares of rows, 0 for a clean feed; no row carries two faults.

    gaps_per_day: silent stretches of 2 to 15 minutes, in expectation. duplicates: prints sent twice, all fields equal.
    outliers: prints 2 to 5 % off the market. off_grid: prints 0.1 point off the grid. zero_size: prints of no contract.
    unknown_side: prints without an aggressor (sound rows, not to be refused). crossed: book rows whose bid lies above
    the ask. late: prints and book rows of a minute's last ten seconds that arrive 1 to 5 seconds after that minute.
    """

    gaps_per_day: float = 0.0
    duplicates: float = 0.0
    outliers: float = 0.0
    off_grid: float = 0.0
    zero_size: float = 0.0
    unknown_side: float = 0.0
    crossed: float = 0.0
    late: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            high = 20.0 if each.name == "gaps_per_day" else 0.15
            _refuse_outside(f"faults.{each.name}", getattr(self, each.name), 0.0, high)


@dataclass(frozen=True)
class World:
    """A simulated market with known truth.

    seed: same seed, same bytes. start: first date `yyyy-mm-dd`; a closed day moves on to the next open one.
    days: trading days. intensity: 'demo', 'es', or a multiple of the ES rates (1.0 is 'es').
    root: instrument family. start_index: the index at the start, points. carry_rate: yearly cost of carry, which sets
    the future above its index. overlap_days: trading days before a roll on which the next contract trades as well.

    vix_mean: median VIX. vix_persistence: its daily autocorrelation. vix_volatility: standard deviation of its daily
    log change. realised: share of the implied volatility that the market delivers.
    jump_day, jump_factor: from that day on (0 is the first; -1 never) volatility is multiplied and VIX with it.

    edge: 'none' or 'planted'. strength: for each component the expected further move, in R (the mean 5-minute range),
    over the life of its driver when the driver stands one standard deviation above its mean; gamma_levels: over
    15 minutes at the wall. The drivers shape the observables in every world; only strength makes price follow them.
    edge_until_day: the edge is gone from that day on; -1 keeps it.

    missing: for 'book', 'options' or 'vix' the share of days without it. faults: what the feed does wrong.
    large_orders: share of cash-session orders above 100 contracts.
    """

    seed: int = 1
    start: str = "2024-01-02"
    days: int = 40
    intensity: str | float = "demo"
    root: str = "ES"
    start_index: float = 4750.0
    carry_rate: float = 0.045
    overlap_days: int = 0
    vix_mean: float = 18.0
    vix_persistence: float = 0.94
    vix_volatility: float = 0.1
    realised: float = 0.85
    jump_day: int = -1
    jump_factor: float = 1.0
    edge: str = "none"
    strength: Mapping[str, float] = field(default_factory=dict)
    edge_until_day: int = -1
    missing: Mapping[str, float] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    large_orders: float = 0.004

    def __post_init__(self) -> None:
        if not (isinstance(self.seed, int) and self.seed >= 0):
            raise ConfigError(f"seed is {self.seed}: it must be a whole number of at least 0")
        if not (isinstance(self.days, int) and 1 <= self.days <= 10_000):
            raise ConfigError(f"days is {self.days}: it must be a whole number between 1 and 10000")
        try:
            year = moments.from_iso(self.start) // 10_000
        except CalendarError as error:
            raise ConfigError(f"start: {error}") from error
        if not 1998 <= year <= 2050:
            raise ConfigError(f"start is {self.start}: its year must lie between 1998 and 2050")
        if isinstance(self.intensity, str):
            if self.intensity not in INTENSITIES:
                raise ConfigError(refuse_unknown("intensity", self.intensity, tuple(INTENSITIES)))
        else:
            _refuse_outside("intensity", self.intensity, 0.001, 5.0)
        futures = tuple(name for name, each in INSTRUMENTS.items() if each.calendar == "cme_globex")
        if self.root not in futures:
            raise ConfigError(refuse_unknown("root", self.root, futures))
        for name, low, high in (
            ("start_index", 100.0, 100_000.0),
            ("carry_rate", -0.05, 0.2),
            ("overlap_days", 0, 10),
            ("vix_mean", 5.0, 80.0),
            ("vix_persistence", 0.0, 0.999),
            ("vix_volatility", 0.0, 0.5),
            ("realised", 0.1, 3.0),
            ("jump_day", -1, 10_000),
            ("jump_factor", 0.1, 10.0),
            ("edge_until_day", -1, 10_000),
            ("large_orders", 0.0, 0.1),
        ):
            _refuse_outside(name, getattr(self, name), low, high)
        self._check_edge()
        for table, share in self.missing.items():
            if table not in OPTIONAL_TABLES:
                raise ConfigError(refuse_unknown("table in missing", table, OPTIONAL_TABLES))
            _refuse_outside(f"missing.{table}", share, 0.0, 1.0)

    def _check_edge(self) -> None:
        if self.edge not in ("none", "planted"):
            raise ConfigError(refuse_unknown("edge", self.edge, ("none", "planted")))
        for name, value in self.strength.items():
            if name not in COMPONENTS:
                raise ConfigError(refuse_unknown("component in strength", name, tuple(COMPONENTS)))
            _refuse_outside(f"strength.{name}", value, -2.0, 2.0)
        planted = any(self.strength.values())
        if self.edge == "none" and planted:
            raise ConfigError(
                f"edge is 'none' but strength is {dict(self.strength)}: set edge to 'planted' or drop strength"
            )
        if self.edge == "planted" and not planted:
            raise ConfigError(f"edge is 'planted' but strength is {dict(self.strength)}: name a component other than 0")

    @property
    def tick(self) -> float:
        """Points per tick."""
        return INSTRUMENTS[self.root].tick

    @property
    def daily_rates(self) -> tuple[float, float]:
        """Prints and book updates of a regular day."""
        if isinstance(self.intensity, str):
            return INTENSITIES[self.intensity]
        prints, updates = INTENSITIES["es"]
        return prints * self.intensity, updates * self.intensity

    @property
    def label(self) -> str:
        """Names the origin in every output."""
        return f"synthetic: mia-ml simulator seed {self.seed}"
