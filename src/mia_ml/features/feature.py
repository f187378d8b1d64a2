"""What a feature says about itself."""

from dataclasses import dataclass

INF = float("inf")


@dataclass(frozen=True)
class Feature:
    """One output column.

    unit: of the value; 1 is unitless. range: lowest and highest value it can take. source: the canonical columns it is
    computed from. warmup: when it stops being NaN. component: a term a formula may weigh, + is bullish.
    signed_flow: it measures who is paying the spread, as several others do; reports show their joint weight.
    """

    name: str
    unit: str
    range: tuple[float, float]
    source: str
    warmup: str
    component: bool = True
    signed_flow: bool = False
