"""What ingest refuses, row by row: the rules with their units, and the names of the reasons."""

from dataclasses import dataclass

from mia_ml.core.errors import ConfigError

OK, CLOSED, BACKWARDS, NON_FINITE, SIZE, OFF_GRID, DUPLICATE, CROSSED, JUMP, UNKNOWN_SYMBOL, INCONSISTENT, SIDE = range(
    12
)

REASONS = (
    "",
    "exchange closed",
    "time runs backwards",
    "price not finite",
    "size not positive",
    "price off the tick grid",
    "duplicate",
    "crossed book in trading hours",
    "price jump",
    "unknown symbol",
    "inconsistent bar",
    "side not -1, 0 or 1",
)


@dataclass(frozen=True)
class Rules:
    """Limits of the screening.

    jump_atrs: a price further than this many ATR(14, 1 min) from the last accepted one is a jump (bar files: ATR over
    their own bars). jump_floor_ticks: never call less than this a jump. jump_cold_share: the limit as a share of the
    price until `jump_cold_bars` bars gave an ATR. jump_confirm: as many consistent prices in a row are the market.
    preopen_hours: book updates this long before an open are the legitimate opening auction.
    unique_sequence: the feed gives each record a sequence of its own, so equal rows are one record sent twice.
    """

    jump_atrs: float = 20.0
    jump_floor_ticks: float = 40.0
    jump_cold_share: float = 0.01
    jump_cold_bars: int = 3
    jump_confirm: int = 5
    preopen_hours: float = 2.0
    unique_sequence: bool = False

    def __post_init__(self) -> None:
        if not self.jump_atrs > 0:
            raise ConfigError(f"jump_atrs {self.jump_atrs} must be above 0")
        if self.jump_confirm < 1:
            raise ConfigError(f"jump_confirm {self.jump_confirm} must be at least 1 price")
