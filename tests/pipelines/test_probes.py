"""What the judge runs beside the judged policy; above all, which price a decision is held against."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mia_ml.core.moments import MINUTE, NS
from mia_ml.evaluation.ground import Ground, Window
from mia_ml.features import engine
from mia_ml.labels.records import LABEL
from mia_ml.metrics.bootstrap import Resampling
from pipelines import probes
from tests.evaluation import grounds, worlds

CHOSEN = worlds.SHIPPED
HOW = Resampling(100, 1.0, 0.95, 0)
N = 40  # decisions a day
NAME = "order_book_imbalance"


def priced(seed: int, day: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decisions on the minute; prints 1 ns before, exactly at and 1 ns after each of them, all at other prices.

    What a decision can know last is the print before it; 60 s on, the print of that very moment counts.
    """
    rng = np.random.default_rng(seed)
    ts = day * 24 * 60 * MINUTE + MINUTE * np.arange(1, N + 1)
    price_ts = np.sort(np.concatenate([ts - 1, ts, ts + 1]))
    return ts, price_ts, rng.permutation(price_ts.size).astype(np.float64)


def informed(monkeypatch: pytest.MonkeyPatch, native: bool, knows: Any, shift_ns: int = 0) -> dict[int, float]:
    """IC by horizon of a component that `knows` a day's decisions, print times and prices."""
    rows = np.zeros(3 * N, engine.ROW)
    for name in engine.COMPONENTS:
        rows[name] = np.nan
    files: dict[int, dict[str, np.ndarray]] = {}
    for day in range(3):
        ts, price_ts, price = priced(day, day)
        own = slice(day * N, (day + 1) * N)
        rows["ts"][own], rows["day"][own] = ts, day + 1
        rows[NAME][own] = knows(ts, price_ts, price)
        files[day + 1] = {"ts_event": price_ts + shift_ns, "close" if native else "price": price}
    section = CHOSEN.confluence.model_dump()
    labels = np.zeros((rows.size, 2), LABEL)
    windows = [Window("w", section, None, (0, N), (N, rows.size))]
    ground = Ground(rows, labels, windows, np.array([2, 3]), worlds.CONTEXT, 1e5)
    monkeypatch.setattr(probes, "prices", lambda day, table, grace_ns: files[day.day])
    days: Any = SimpleNamespace(days=[SimpleNamespace(day=day) for day in files])
    found = probes.informed(CHOSEN, ground, days, native, HOW)
    assert {one.component for one in found} == {NAME}
    return {one.horizon_s: one.ic.value for one in found}


def move(first: int, second: int) -> Any:
    """From the print `first` ns after the decision to the one `second` ns after its minute's end."""

    def knows(ts: np.ndarray, price_ts: np.ndarray, price: np.ndarray) -> np.ndarray:
        at = dict(zip(price_ts.tolist(), price.tolist(), strict=True))
        return np.array([at.get(t + MINUTE + second, np.nan) - at[t + first] for t in ts.tolist()])

    return knows


def test_a_move_is_from_the_price_before_the_decision_to_that_of_the_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    assert informed(monkeypatch, False, move(-1, 0))[60] == pytest.approx(1)
    for first, second in ((0, 0), (1, 0), (-1, 1), (-1, -1)):
        assert informed(monkeypatch, False, move(first, second))[60] < 0.95


def test_the_close_of_a_bar_is_a_price_just_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars that end 1 ns before, at and 1 ns after a decision: the one that ends with it is known to it."""
    assert informed(monkeypatch, True, move(0, 1))[60] == pytest.approx(1)
    assert informed(monkeypatch, True, move(-1, 0))[60] < 0.95


def test_horizons_are_those_of_the_page_and_a_move_does_not_leave_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    found = informed(monkeypatch, False, move(-1, 0))
    assert tuple(found) == probes.HORIZONS_S
    assert np.isnan(found[6000])  # of 40 minutes


def test_steps_are_those_of_every_configured_ladder() -> None:
    found = probes.steps_of(CHOSEN)
    assert list(found) == list(CHOSEN.ladder)
    for name, steps in found.items():
        configured = CHOSEN.ladder[name]
        assert [step.name for step in steps] == [configured.start.name, *configured.steps]


def test_the_common_matrix_holds_steps_probes_and_winners() -> None:
    chosen = CHOSEN.model_copy(update={"judge": CHOSEN.judge.model_copy(update={"probes": 5})})
    ground = grounds.made(2, n_days=30, minutes=60, n_windows=2)
    steps = probes.steps_of(chosen)["plan"][:3]
    found = probes.common_matrix(chosen, ground, steps)
    names = {*found.names, *found.idle}
    assert {step.name for step in steps} | {f"probe_{k}" for k in range(1, 6)} <= names
    assert {one.kind for one in found.configurations} <= {"ladder", "probe", "winner"}
    again = probes.common_matrix(chosen, ground, steps, threads=1)
    assert again.pnl_usd.tobytes() == found.pnl_usd.tobytes()


def test_without_a_filter_there_is_nothing_to_calibrate() -> None:
    assert probes.calibration(grounds.made(2, n_days=10, minutes=30)) == ()


def test_bins_hold_as_many_and_rise(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    p = rng.random(105)
    won = (rng.random(105) < p).astype(float)
    monkeypatch.setattr(
        probes, "_asked", lambda ground, window: [(p[:50], won[:50])] if window == 0 else [(p[50:], won[50:])]
    )
    found = probes.calibration(SimpleNamespace(windows=[0, 1]))  # type: ignore[arg-type]
    assert [one.n for one in found] == [21] * 5
    order = np.argsort(p)
    for k, one in enumerate(found):
        own = order[21 * k : 21 * (k + 1)]
        assert (one.predicted, one.observed) == (pytest.approx(p[own].mean()), pytest.approx(won[own].mean()))
    few = probes.LEAST_IN_BIN - 1
    monkeypatch.setattr(probes, "_asked", lambda ground, window: [(p[:few], won[:few])])
    assert probes.calibration(SimpleNamespace(windows=[0])) == ()  # type: ignore[arg-type]


def test_stale_prices_are_those_of_the_feed() -> None:
    assert probes.STALE_NS[False] == 600 * NS
    assert probes.STALE_NS[True] == 6 * 3600 * NS
