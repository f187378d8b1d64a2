"""What a panel is made of, and what it refuses to be made of."""

import numpy as np
import pytest

from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import MINUTE
from mia_ml.evaluation.panel import DAY_START, NO_STEPS, Panel
from mia_ml.features import engine
from mia_ml.labels.records import LABEL
from tests.evaluation import worlds

FIRST, SECOND = worlds.COMPONENTS[:2]


def two_days():
    """Three rows on one day, two on the next; buying earns 1 R on the row after, selling is never traded."""
    rows = np.zeros(5, engine.ROW)
    rows["ts"] = MINUTE * np.array([1, 2, 3, 1001, 1002])
    rows["day"] = [20240103] * 3 + [20240104] * 2
    rows["days_to_expiry"] = [2, 3, 6, 11, 30]
    rows["session"] = [0, 1, 2, 3, 5]
    rows["volatility_regime"] = [0, 1, 2, 3, 0]
    rows[FIRST] = [0.1, 0.2, 0.3, 0.4, 0.5]
    rows[SECOND] = [0.1, np.nan, 0.3, 0.4, 0.5]
    labels = np.zeros((5, 2), LABEL)
    labels["signal_ns"] = labels["free_ns"] = rows["ts"][:, None]
    labels["side"] = [1, -1]
    labels["fate"] = [Fate.TRADED, Fate.NO_BARRIER]
    labels["exit_reason"][:, 0] = Exit.STOP
    labels["exit_ns"][:, 0] = labels["free_ns"][:, 0] = rows["ts"] + MINUTE
    labels["net_r"], labels["net_usd"] = 1.0, 50.0
    return rows, labels


def build(rows, labels, components=(FIRST, SECOND), context=worlds.CONTEXT):
    return Panel.build(rows, labels, components, context)


def test_components_lie_in_lines_and_gaps_are_known():
    panel = build(*two_days())
    assert panel.matrix[0].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert panel.matrix.flags.c_contiguous
    assert panel.steps[0].tolist() == [6553, 13107, 19660, 26214, 32767]
    assert panel.steps[1, 1] == NO_STEPS
    assert np.nanmax(np.abs(panel.steps[0] * panel.step - panel.matrix[0])) <= panel.step / 2
    assert panel.gaps.tolist() == [[0], [1]]


def test_contexts_are_coded_and_days_marked():
    panel = build(*two_days())
    # (session x 4 + part of the cycle) x 4 + regime
    assert (panel.context % DAY_START).tolist() == [0, 21, 42, 63, 92]
    assert (panel.context >= DAY_START).tolist() == [True, False, False, True, False]
    assert panel.days.tolist() == [20240103, 20240104]
    assert panel.day_start.tolist() == [0, 3, 5]


def test_days_of_a_range_are_those_it_touches():
    panel = build(*two_days())
    assert [panel.days_of(*span) for span in [(0, 5), (0, 3), (2, 4), (3, 5), (4, 4)]] == [
        (0, 2), (0, 1), (0, 2), (1, 2), (0, 0),
    ]  # fmt: skip


def test_a_trade_ends_on_the_day_of_the_bar_that_holds_its_exit():
    rows, labels = two_days()
    labels["exit_ns"][2, 0] = rows["ts"][3] - 1  # a print in the next day's first minute
    labels["exit_ns"][4, 0] = rows["ts"][4] + 9 * MINUTE  # after the last row
    panel = build(rows, labels)
    assert panel.earned["exit_day"][:, 0].tolist() == [0, 0, 1, 1, 1]
    labels["exit_ns"][2, 0] = rows["ts"][2] + 5 * MINUTE  # flat after the day's last row: no row holds it
    labels["exit_reason"][2, 0] = Exit.SESSION_END
    assert build(rows, labels).earned["exit_day"][2, 0] == 0


def test_rows_that_a_decision_blocks_end_where_it_is_free():
    panel = build(*two_days())
    assert panel.moment["free_row"].tolist() == [[1, 0], [2, 1], [3, 2], [4, 3], [5, 4]]
    assert panel.traded.tolist() == [[True, False]] * 5


def test_no_rows_make_an_empty_panel():
    rows, labels = two_days()
    panel = build(rows[:0], labels[:0])
    assert panel.days_of(*panel.checked(0, 0)) == (0, 0)


def test_an_unknown_component_is_refused_with_the_nearest():
    rows, labels = two_days()
    with pytest.raises(ConfigError, match="panel: unknown component 'tick_momentun': did you mean 'tick_momentum"):
        build(rows, labels, ("tick_momentun",))


def test_rows_out_of_order_are_refused():
    rows, labels = two_days()
    with pytest.raises(DataError, match=r"row 1: .* comes before row 0: sort rows"):
        build(rows[::-1], labels[::-1])
    rows["day"][4] = 20240103
    with pytest.raises(DataError, match=r"row 4: .*day 20240103 comes before row 3"):
        build(rows, labels)


def test_foreign_labels_are_refused():
    rows, labels = two_days()
    with pytest.raises(DataError, match=r"labels V\(4, 2\) for 5 rows"):
        build(rows, labels[:4])
    with pytest.raises(DataError, match=r"labels of row 0 are of .* and sides \[-1, 1\]"):
        build(rows, labels[:, ::-1])
    with pytest.raises(DataError, match="labels of row 0"):
        build(rows, np.roll(labels, 1, axis=0))


@pytest.mark.parametrize(("field", "value"), [("session", 6), ("session", np.nan), ("volatility_regime", -1)])
def test_a_row_without_context_is_refused(field, value):
    rows, labels = two_days()
    rows[field][2] = value
    with pytest.raises(DataError, match=f"row 2: {field} {float(value)} is none of"):
        build(rows, labels)
