import numpy as np
import pytest

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import signals
from mia_ml.backtest.simulator import Simulator
from mia_ml.core.errors import ConfigError, DataError
from tests.backtest.market import DAYS, ES, bars, prints, run, signal

BUY = signal((0, 1, 2.0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stop": 0.0}, "execution.stop = 0.0 must be above 0"),
        ({"take_profit": float("nan")}, "execution.take_profit = nan"),
        ({"latency_ms": -1}, "execution.latency_ms = -1 must not be below 0"),
        ({"risk_fraction": 5.0}, r"execution.risk_fraction = 5.0 is a share"),
        ({"timeout_bar_min": 0}, "a tape of trades has none"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        run(prints((1, 5000.0)), BUY, **settings)


@pytest.mark.parametrize(
    ("tape", "message"),
    [
        (prints((1, 5000.0), (3, 5000.0), (2, 5000.0)), "trades: row 2: .* runs backwards"),
        (prints((1, 5000.0), (2, np.nan)), "trades: row 1: price nan is no price"),
        (
            prints((1, 5000.0), (86_400 * 30, 5000.0)),
            "trades: row 1: .* lies outside the trading days 20240102",
        ),
        (bars((60, 5000.0, 4999.0, 5000.0, 5000.0)), "bars: row 0: open 5000.0, high 4999.0"),
        ({"ts_event": np.zeros(1, np.int64), "open": np.ones(1)}, "bars: column high is missing"),
    ],
)
def test_impossible_tapes(tape, message):
    with pytest.raises(DataError, match=message):
        run(tape, signal())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("side", 0, r"signals: row 0: side 0 must be \+1 or -1"),
        ("day", 20240104, "signals: row 0: day 20240104, but .* belongs to 20240103"),
        ("ts_ns", 0, "signals: row 0: 1970-.* lies outside"),
    ],
)
def test_impossible_signals(field, value, message):
    wrong = BUY.copy()
    wrong[field] = value
    with pytest.raises(DataError, match=message):
        run(prints((1, 5000.0)), wrong)


def test_events_and_signals_must_come_in_time_order():
    live = Simulator(Execution(), ES, DAYS)
    live.advance(prints((1, 5000.0)))
    with pytest.raises(DataError, match=r"signals: row 0: .* comes before an event already fed"):
        live.advance(prints(), signal((1, 1, 2.0)))
    live.advance(prints(), signal((3, 1, 2.0)))
    with pytest.raises(DataError, match=r"trades: row 0: .* comes before a signal already fed"):
        live.advance(prints((2, 5000.0)))
    with pytest.raises(DataError, match=r"signals: row 0: .* runs backwards"):
        live.advance(prints(), signal((2, 1, 2.0)))
    with pytest.raises(DataError, match=r"trades: row 0: .* runs backwards"):
        live.advance(prints((0, 5000.0)))
    assert live.advance(prints((3, 5000.0))).outcomes.size == 0


def test_sessions_blackouts_and_snapshots_are_checked():
    with pytest.raises(DataError, match="no trading days given"):
        Simulator(Execution(), ES, DAYS[:0])
    with pytest.raises(DataError, match="trading days are missing"):
        Simulator(Execution(), ES, DAYS[[0, 2]])
    with pytest.raises(DataError, match="blackouts: intervals overlap"):
        Simulator(Execution(), ES, DAYS, blackouts=np.array([[10, 20], [15, 30]]))
    with pytest.raises(DataError, match="blackouts: shape"):
        Simulator(Execution(), ES, DAYS, blackouts=np.array([1, 2]))
    with pytest.raises(DataError, match="execution snapshot: 3 bytes"):
        Simulator(Execution(), ES, DAYS).restore(b"abc")
    with pytest.raises(DataError, match="have lengths"):
        signals(np.zeros(2), np.zeros(2), np.zeros(1), np.zeros(2))
    with pytest.raises(DataError, match="is not SIGNAL"):
        run(prints((1, 5000.0)), np.zeros(1))
