"""Settings of the live service and of promotion; their units stand in conf/serve and conf/promotion."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, model_validator

from mia_ml.settings.base import Count, Natural, NonNegative, Positive, Section, Share

Pace = Annotated[float, Field(ge=0)]
"""Times real time; 0 is as fast as it goes."""


class TablesFeed(Section):
    kind: Literal["tables"]
    path: str
    pace: Pace = 1.0


class DbnFeed(Section):
    kind: Literal["dbn"]
    path: str
    pace: Pace = 1.0


class SierraTradesFeed(Section):
    """A growing `.scid` file."""

    kind: Literal["sierra_trades"]
    path: str
    symbol: str | None = None
    price_multiplier: Positive = 1.0


class SierraDepthFeed(Section):
    """The growing `.depth` file of a day, or the folder that Sierra Chart writes them to."""

    kind: Literal["sierra_depth"]
    path: str
    symbol: str | None = None
    price_multiplier: Positive = 1.0


class DatabentoFeed(Section):
    """key: the environment variable that holds the vendor's key, never the key itself."""

    kind: Literal["databento"]
    dataset: str = "GLBX.MDP3"
    schema_: Annotated[Literal["mbo", "mbp-10", "mbp-1", "trades"], Field(alias="schema")] = "mbp-10"
    symbols: list[str]
    stype_in: str = "raw_symbol"
    key: str = "DATABENTO_API_KEY"


AnyFeed = TablesFeed | DbnFeed | SierraTradesFeed | SierraDepthFeed | DatabentoFeed


class Webhook(Section):
    url: Annotated[str, Field(pattern=r"^https?://")] | None
    timeout_s: Positive


class Limits(Section):
    message_bytes: Count
    messages_per_s: Count
    requests_per_s: Count
    feeds: Count
    listeners: Count
    queue: Count


class Guards(Section):
    stale_s: Positive
    skew_ms: Count
    range_margin: NonNegative
    range_most: Natural
    drift_delta: Annotated[float, Field(gt=0, le=0.1)]
    drift_days: Count
    drift: Literal["warn", "stand_down"]


class Serve(Section):
    state: str
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    tls_cert: str | None
    tls_key: str | None
    clock: Literal["wall", "event"]
    contract: str
    tables: str
    hold_ms: Natural
    sync: Literal["always", "decision", "never"]
    poll_s: Positive
    feeds: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")], Annotated[AnyFeed, Discriminator("kind")]]
    webhook: Webhook
    limits: Limits
    guards: Guards

    @model_validator(mode="after")
    def _whole_tls(self) -> "Serve":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: give both or none")
        return self


class Promotion(Section):
    record: str
    paper_days: Natural
    least_complete: Share
    level: Annotated[float, Field(gt=0.5, lt=1)]
