"""What Prometheus is told."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.app import histogram, metrics
from tests.serving import fake_desk


def samples(measured: metrics.Metrics) -> dict[tuple[str, ...], float]:
    """By name and the values of its labels, in the order of their names, as Prometheus reads them."""
    families = text_string_to_metric_families(measured.text().decode())
    found = [sample for family in families for sample in family.samples]
    values = {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in found}
    assert len(values) == len(found), "a series twice"
    return values


def test_durations_are_cumulative_and_in_seconds():
    measured = metrics.Metrics()
    for duration_us in (4, 5, 6, 2_000, 11e6):
        measured.latency.observe(duration_us)
    told = samples(measured)
    name = "mia_decision_latency_seconds"
    counts = [told[(f"{name}_bucket", bound)] for bound in ("5e-06", "1e-05", "0.001", "0.002", "10.0", "+Inf")]
    assert counts == [2, 3, 3, 4, 4, 5]
    assert told[(f"{name}_count",)] == 5
    assert told[(f"{name}_sum",)] == pytest.approx(11.002015)
    summary = measured.latency.summary()
    assert (len(summary["counts"]), summary["n"]) == (len(summary["bounds"]) + 1, 5)
    assert (summary["p50"], summary["p99"]) == (7.5, 1e7)
    assert histogram.Histogram().summary()["p50"] is None


def test_what_the_state_holds_is_told_of_it():
    desk = fake_desk.FakeDesk()
    desk.metrics.follow(desk.state)
    desk.connected("one", True)
    desk.standing = ["stale: one"]
    desk.refused = 3
    told = samples(desk.metrics)
    assert told[("mia_ready",)] == 1
    assert told[("mia_stand_down", "stale: one")] == 1
    assert told[("mia_events_refused_total", "one", "size")] == 3
    assert told[("mia_feed_age_seconds", "one")] == 0.5
    assert told[("mia_feed_connected", "one")] == 1
    assert told[("mia_paper_equity_usd", "champion", "mia-ml/3")] == 125
    desk.standing, desk.starting = [], True
    assert ("mia_stand_down", "stale: one") not in samples(desk.metrics)


def test_each_service_counts_for_itself():
    one, two = metrics.Metrics(), metrics.Metrics()
    one.decisions.labels("mia-ml/3", "signal", "true").inc()
    one.build(package="0.1.0", bundle="mia-ml/3")
    assert samples(one)[("mia_decisions_total", "true", "signal", "mia-ml/3")] == 1
    assert ("mia_build_info", "mia-ml/3", "0.1.0") in samples(one)
    assert ("mia_decisions_total", "true", "signal", "mia-ml/3") not in samples(two)
