"""What Prometheus is told, of one service: a registry of its own.

Two kinds of figures. Those that the state of the service holds anyway (feeds, listeners, paper accounts, what it stands
down for) are read from it when they are asked for, so that both say the same. The others are counted where they happen,
by whoever holds this object.
"""

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from serving.app import histogram

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """latency: from an event's receipt to its decision. flush: of one write of the logs. Both in microseconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.latency = histogram.Histogram()
        self.flush = histogram.Histogram()
        self._durations = Durations()
        self._durations.add("mia_decision_latency_seconds", "From an event's receipt to its decision.", self.latency)
        self._durations.add("mia_log_flush_seconds", "One write of the logs of arrivals.", self.flush)
        self.registry.register(self._durations)
        self.decisions = self._counter("mia_decisions", "Decisions.", "version", "action", "act")
        self.let_go = self._counter("mia_listeners_let_go", "Listeners whose queue was full.")
        self.status_dropped = self._counter("mia_status_dropped", "Status messages dropped for a busy listener.")
        self.messages = self._counter("mia_messages", "Messages of feeds by how they were answered.", "answer")
        self.requests_refused = self._counter("mia_requests_refused", "Requests refused, by HTTP status.", "status")
        self.webhook_failures = self._counter("mia_webhook_failures", "Attempts at the webhook that failed.", "why")
        self.registry_failures = self._counter("mia_registry_poll_failures", "Looks at the registry that failed.")
        self.clock_offset_s = self._gauge("mia_clock_offset_seconds", "Wall clock less monotonic clock since start.")
        self.webhook_behind = self._gauge("mia_webhook_behind", "Decisions the webhook has still to look at.")
        self._build = Info("mia_build", "Versions that run.", registry=self.registry)

    def build(self, **versions: str) -> None:
        """Name the versions that run: of the package, of the bundle."""
        self._build.info(versions)

    def follow(self, state: Callable[[], dict[str, Any]]) -> None:
        """Read the rest from this state (`Desk.state`) whenever somebody asks."""
        self.registry.register(OfState(state))

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(name, help, labels, registry=self.registry)

    def _gauge(self, name: str, help: str) -> Gauge:
        return Gauge(name, help, registry=self.registry)


class Durations(Collector):
    def __init__(self) -> None:
        self._shown: list[tuple[str, str, histogram.Histogram]] = []

    def add(self, name: str, help: str, shown: histogram.Histogram) -> None:
        self._shown.append((name, help, shown))

    def collect(self) -> Iterator[Metric]:
        bounds = [*(str(bound / 1e6) for bound in histogram.BOUNDS_US), "+Inf"]
        for name, help, shown in self._shown:
            below, buckets = 0, []
            for bound, count in zip(bounds, shown.counts, strict=True):
                below += count
                buckets.append((bound, float(below)))
            yield HistogramMetricFamily(name, help, buckets=buckets, sum_value=shown.sum_us / 1e6)


class OfState(Collector):
    """Gauges and counters of a state as the contract of /api/state has it; what it does not have is left out."""

    def __init__(self, state: Callable[[], dict[str, Any]]) -> None:
        self._state = state

    def describe(self) -> list[Metric]:
        """Nothing: the state is not asked before there is one."""
        return []

    def collect(self) -> Iterator[Metric]:
        state = self._state()
        yield GaugeMetricFamily("mia_ready", "1 when ready.", value=float(state.get("ready", False)))
        yield GaugeMetricFamily("mia_listeners", "Who listens to decisions.", value=state.get("listeners", 0))
        standing = GaugeMetricFamily("mia_stand_down", "1 for each reason in force.", labels=["reason"])
        for reason in state.get("stand_down", []):
            standing.add_metric([reason], 1)
        yield standing
        yield from _feeds(state.get("feeds", []))
        yield from _versions(state.get("versions", []))


def _feeds(feeds: list[dict[str, Any]]) -> Iterator[Metric]:
    events = CounterMetricFamily("mia_events", "Events that went to the engine.", labels=["feed"])
    refused = CounterMetricFamily("mia_events_refused", "Events that did not.", labels=["feed", "reason"])
    gaps = CounterMetricFamily("mia_feed_gaps", "Positions that a feed left out.", labels=["feed"])
    age = GaugeMetricFamily("mia_feed_age_seconds", "Since the feed's last event.", labels=["feed"])
    connected = GaugeMetricFamily("mia_feed_connected", "1 while connected.", labels=["feed"])
    for feed in feeds:
        name = [feed["name"]]
        events.add_metric(name, feed["events"])
        gaps.add_metric(name, feed["gaps"])
        connected.add_metric(name, float(feed["connected"]))
        for reason, count in feed["refused"].items():
            refused.add_metric([*name, reason], count)
        if feed["age_s"] is not None:
            age.add_metric(name, feed["age_s"])
    yield from (events, refused, gaps, age, connected)


def _versions(versions: list[dict[str, Any]]) -> Iterator[Metric]:
    equity = GaugeMetricFamily("mia_paper_equity_usd", "Of the paper account.", labels=["version", "role"])
    for version in versions:
        if version.get("paper"):
            equity.add_metric([version["version"], version["role"]], version["paper"]["equity_usd"])
    yield equity
