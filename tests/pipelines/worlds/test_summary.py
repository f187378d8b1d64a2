"""What is said of many worlds, on worlds that can be counted by hand."""

import json
import math
from typing import Any

import pytest
from scipy.stats import beta, norm

from pipelines.worlds import summary
from pipelines.worlds.summary import Share


def row(low: float | None, high: float | None, **others: Any) -> dict[str, Any]:
    plain = {
        "edge": "planted",
        "scale": 1.5,
        "promoted": False,
        "decision": "no edge found",
        "gates": {"trades": "pass", "expectancy": "fail"},
        "n_trades": 400.0,
        "half_trades": 100.0,
        "sd_r": 2.0,
        "low": low,
        "high": high,
        "half_low": low,
        "half_high": high,
    }
    return plain | others


GOOD = {"promoted": True, "decision": "edge", "gates": {"trades": "pass", "expectancy": "pass"}}
ROWS = [
    row(0.05, 0.35, **GOOD),
    row(-0.10, 0.15, half_low=None, half_high=None),
    row(None, None, sd_r=None, n_trades=0.0, half_trades=0.0, decision="undecided", gates={"trades": "fail"}),
    row(0.25, 0.40, **GOOD | {"n_trades": 800.0, "half_low": -0.1}),
]
NAMES = ["a", "b", "c", "d"]
TRUTHS = {"a": (0.2, 50_010), "b": (0.15, 50_500), "c": (0.1, 50_001), "d": (0.2, 51_000), "other": (9.0, 1)}


def found() -> summary.Summary:
    return summary.of(ROWS, TRUTHS, NAMES)


def test_counts_are_of_the_worlds() -> None:
    own = found()
    assert (own.edge, own.scale, own.runs, own.trades) == ("planted", 1.5, 4, 400.0)
    assert own.promoted == Share(2, 4)
    assert own.decided == Share(3, 4)
    assert own.failing == {"expectancy": 1, "trades": 1}
    assert own.fresh_trades == 50_001
    assert own.true_r == pytest.approx(0.1625)
    assert own.spread_r == pytest.approx(math.sqrt((0.0375**2 * 2 + 0.0125**2 + 0.0625**2) / 3))


def test_an_interval_holds_the_truth_with_its_ends_and_none_holds_nothing() -> None:
    assert found().coverage == Share(2, 4)  # a inside, b at its upper end, c has none, d below it


def test_power_is_what_was_seen_beside_what_the_power_line_says() -> None:
    z = norm.isf(0.025)
    own = found()
    by_hand = [0.2 * 20 / 2 - z, 0.15 * 20 / 2 - z, 0.2 * math.sqrt(800) / 2 - z]  # nothing is foretold of c
    assert own.whole.foretold == pytest.approx(norm.cdf(by_hand).mean())
    assert (own.whole.seen, own.whole.trades) == (Share(2, 4), 400.0)
    by_hand = [true * 10 / 2 - z for true in (0.2, 0.15, 0.2)]
    assert own.half.foretold == pytest.approx(norm.cdf(by_hand).mean())
    assert (own.half.seen, own.half.trades) == (Share(1, 4), 75.0)


@pytest.mark.parametrize(("count", "n"), [(0, 200), (4, 200), (160, 200), (200, 200)])
def test_shares_have_exact_intervals(count: int, n: int) -> None:
    low, high = Share(count, n).interval
    assert low == pytest.approx(beta.ppf(0.025, count, n - count + 1) if count else 0)
    assert high == pytest.approx(beta.ppf(0.975, count + 1, n - count) if count < n else 1)
    assert Share(count, n).value == count / n


def test_as_json() -> None:
    def strict(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    told = json.loads(json.dumps(found().as_dict()), parse_constant=strict)
    assert told["synthetic"] is True
    assert (told["runs"], told["promoted"], told["coverage"]) == (4, 2, 0.5)
    assert (told["promoted_share"], told["decided_share"], told["power_whole_share"]) == (0.5, 0.75, 0.5)
    assert told["promoted_low"] < 0.5 < told["promoted_high"]
    assert told["failing"] == {"expectancy": 1, "trades": 1}
    assert set(vars(found())) - set(told) == {"decided", "whole", "half"}


def test_what_is_not_known_is_null() -> None:
    alone = [row(None, None, sd_r=None, n_trades=0.0, half_trades=0.0)]
    own = summary.of(alone, TRUTHS, ["a"])
    assert math.isnan(own.spread_r)
    assert math.isnan(own.whole.foretold)
    told = json.loads(json.dumps(own.as_dict(), allow_nan=False))
    assert told["spread_r"] is told["power_whole_foretold"] is told["power_half_foretold"] is None
    assert told["coverage"] == 0
    same = [row(0.1, 0.2, sd_r=0.0)]  # trades that are all alike foretell nothing either
    assert math.isnan(summary.of(same, TRUTHS, ["a"]).whole.foretold)
