"""What the application needs of the service behind it; `serving.day.desk.Desk` is one, the tests have another."""

from collections.abc import Iterable
from typing import Any, Protocol

from mia_ml.settings.serve import Limits
from serving.app.hub import Hub
from serving.app.metrics import Metrics
from serving.intake import wire


class Desk(Protocol):
    """Everything is called on the event loop that the application runs on, and nothing of it may block for long."""

    limits: Limits
    hub: Hub
    metrics: Metrics

    async def start(self) -> None:
        """Get ready, while the application says that it is not. Raises MiaError when it cannot."""

    async def stop(self) -> None:
        """Write what is held, after the last connection has been closed; also after a start that failed."""

    def resume_after(self, feed: str) -> int:
        """The position that is safe for a feed of that name; it goes on behind it."""

    def connected(self, feed: str, on: bool) -> None:
        """A feed's WebSocket came or went. The application lets only one of a name in at a time."""

    def take(self, feed: str, events: list[wire.Event], ts_recv_ns: int) -> wire.Reply:
        """Take what a feed sent: logs are written when it returns. Raises Unavailable when nothing can be taken now."""

    def state(self) -> dict[str, Any]:
        """The snapshot of /api/state; `decisions.number` is the last decision in the journal."""

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Equity of each version's paper account at the bar closes of the day: ns UTC and USD."""

    def ready(self) -> list[str]:
        """Why the service is not ready, empty when it is."""

    def decisions(self, since: int, limit: int) -> Iterable[bytes]:
        """At most `limit` lines of the journal behind number `since`, in order. A decision is here before it is
        published to the hub."""

    def statement(self, day: int | None) -> dict[str, Any]:
        """The paper accounts of a day yyyymmdd, by default the last one. Raises MiaError for one that is not known."""

    async def reload(self) -> dict[str, Any]:
        """Look at the registry now; what was found."""

    def stand_down(self, on: bool, reason: str) -> None:
        """Let no decision act until it is called off."""
