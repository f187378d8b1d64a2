"""Instruments: what a tick is, what a point is worth, what counts as a large order.

Prices are quoted in points. One tick of ES is 0.25 point and one point is 50 USD: a tick is 12.5 USD. Mixing the three
is off by 4, 50 or 200, so every figure in the platform names its unit.
"""

from dataclasses import dataclass

from mia_ml.core.errors import ConfigError


@dataclass(frozen=True)
class Instrument:
    """A tradable contract family.

    root: symbol without the contract month. tick: points per tick. point_value: USD per point and contract.
    large_order: contracts above which an aggressor order is large. calendar: name in `core.calendar`.
    """

    root: str
    tick: float
    point_value: float
    large_order: int
    calendar: str

    def __post_init__(self) -> None:
        if not self.tick > 0:
            raise ConfigError(f"instrument {self.root}: tick {self.tick} must be above 0 points")
        if not self.point_value > 0:
            raise ConfigError(f"instrument {self.root}: point_value {self.point_value} must be above 0 USD")

    @property
    def tick_value(self) -> float:
        """USD per tick and contract.

        >>> INSTRUMENTS["ES"].tick_value
        12.5
        """
        return self.tick * self.point_value


INSTRUMENTS = {
    instrument.root: instrument
    for instrument in (
        Instrument("ES", tick=0.25, point_value=50.0, large_order=100, calendar="cme_globex"),
        Instrument("MES", tick=0.25, point_value=5.0, large_order=500, calendar="cme_globex"),
        Instrument("NQ", tick=0.25, point_value=20.0, large_order=50, calendar="cme_globex"),
        Instrument("MNQ", tick=0.25, point_value=2.0, large_order=250, calendar="cme_globex"),
        Instrument("SPY", tick=0.01, point_value=1.0, large_order=10_000, calendar="nyse"),
    )
}

MONTH_CODES = "FGHJKMNQUVXZ"


def root_of(symbol: str) -> str:
    """The instrument family of a contract symbol.

    >>> root_of("ESH4"), root_of("MNQZ24"), root_of("SPY"), root_of("ES.c.0")
    ('ES', 'MNQ', 'SPY', 'ES')
    """
    if symbol in INSTRUMENTS:
        return symbol
    stem = symbol.split(".")[0].rstrip("0123456789")
    if stem in INSTRUMENTS:
        return stem
    if stem and stem[-1] in MONTH_CODES and stem[:-1] in INSTRUMENTS:
        return stem[:-1]
    raise ConfigError(f"unknown symbol '{symbol}': its family is none of {', '.join(INSTRUMENTS)}")
