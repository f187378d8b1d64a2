"""A world refuses nonsense in one line that names the setting and its value."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError
from mia_ml.sources.simulator import Faults, World, contracts, rhythm
from mia_ml.sources.simulator.world import COMPONENTS


@given(
    st.sampled_from(
        [
            "start_index",
            "carry_rate",
            "vix_mean",
            "vix_persistence",
            "vix_volatility",
            "realised",
            "jump_factor",
            "large_orders",
        ]
    ),
    st.one_of(st.floats(max_value=-0.06), st.floats(min_value=100_001.0), st.just(float("nan"))),
)
@settings(max_examples=60)
def test_a_number_outside_its_range_is_refused_by_name_and_value(name, value):
    with pytest.raises(ConfigError) as refused:
        World(**{name: value})
    text = str(refused.value)
    assert name in text
    assert str(value) in text
    assert "\n" not in text


@given(st.dictionaries(st.sampled_from(sorted(COMPONENTS)), st.floats(-2.0, 2.0), max_size=4))
@settings(max_examples=40)
def test_edge_and_strength_must_agree(strength):
    edge = "planted" if any(strength.values()) else "none"
    other = "none" if edge == "planted" else "planted"
    assert World(edge=edge, strength=strength).strength == strength
    with pytest.raises(ConfigError, match=f"edge is '{other}' but strength is"):
        World(edge=other, strength=strength)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"intensity": "dmeo"}, "unknown intensity 'dmeo': did you mean 'demo'"),
        ({"intensity": 0.0}, "intensity is 0.0: it must lie between 0.001 and 5.0"),
        ({"root": "SPY"}, "unknown root 'SPY'"),
        ({"edge": "some"}, "unknown edge 'some'"),
        ({"edge": "planted", "strength": {"vwap": 0.1}}, "unknown component in strength 'vwap'"),
        ({"edge": "planted", "strength": {"vwap_trend": 9.0}}, "strength.vwap_trend is 9.0"),
        ({"missing": {"trades": 0.1}}, "unknown table in missing 'trades'"),
        ({"missing": {"vix": 1.5}}, "missing.vix is 1.5"),
        ({"start": "2024-13-01"}, "start: '2024-13-01' is not a date"),
        ({"start": "1890-01-01"}, "start is 1890-01-01"),
        ({"days": 0}, "days is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
    ],
)
def test_nonsense_is_named(setting, message):
    with pytest.raises(ConfigError) as refused:
        World(**setting)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["gaps_per_day", "duplicates", "outliers", "crossed", "late"])
def test_a_fault_rate_outside_its_range_is_refused(name):
    with pytest.raises(ConfigError, match=f"faults.{name} is -0.1"):
        Faults(**{name: -0.1})


def test_front_contract_over_two_years():
    sessions = contracts.sessions(World(start="2023-01-03", days=500))
    front = [contracts.symbol("ES", contracts.expiries_ahead(int(day))[0]) for day in sessions["day"]]
    order = list(dict.fromkeys(front))
    assert order == ["ESH3", "ESM3", "ESU3", "ESZ3", "ESH4", "ESM4", "ESU4", "ESZ4"]
    changes = [int(sessions["day"][i]) for i in range(1, 500) if front[i] != front[i - 1]]
    assert changes[:4] == [20230310, 20230609, 20230908, 20231208]


def test_a_regular_day_has_mean_activity_one_and_all_its_variance():
    session = contracts.sessions(World(start="2024-01-03", days=1))[0]
    assert rhythm.activity(session).mean() == pytest.approx(1.0)
    assert rhythm.variance(session).sum() == pytest.approx(1.0)


def test_activity_is_u_shaped_in_the_cash_session_and_low_overnight():
    session = contracts.sessions(World(start="2024-01-03", days=1))[0]
    activity = rhythm.activity(session)
    opens = int((session["rth_open_ns"] - session["open_ns"]) // 60_000_000_000)
    opening, noon, closing = activity[opens], activity[opens + 180 : opens + 210].mean(), activity[opens + 389]
    assert opening > 3 * noon
    assert closing > 1.8 * noon
    assert noon > 3 * np.median(activity[:opens])
    assert activity[opens - 1] < 0.2 * opening
