import dataclasses
from typing import Any

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.ledger.configuration import Configuration, Outcome

ONE = Configuration("inner", "ES", 20240102, 20240131, "policy", "study/0", {"params": {"x": 0.1}, "data": "ab"})


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "outer"},
        {"instrument": "NQ"},
        {"first_day": 20240103},
        {"last_day": 20240201},
        {"kind": "filter"},
        {"content": {"params": {"x": 0.1 + 2e-17}, "data": "ab"}},
        {"content": {"params": {"x": 0.1}, "data": "ac"}},
    ],
)
def test_whatever_makes_another_is_another(changes: dict[str, Any]) -> None:
    assert dataclasses.replace(ONE, **changes).key != ONE.key


def test_a_name_and_an_order_make_no_other() -> None:
    other = dataclasses.replace(ONE, name="another", content={"data": "ab", "params": {"x": 0.1}})
    assert other.key == ONE.key


def test_the_key_is_the_same_on_every_machine() -> None:
    assert ONE.key == "79910c63b632bf44049647da163a68c17cbcad03776405155d2e575820520cb2"


def test_days_in_disorder_are_refused() -> None:
    with pytest.raises(DataError, match=r"study/0: its days 20240201\.\.20240131 are in disorder"):
        dataclasses.replace(ONE, first_day=20240201)


@pytest.mark.parametrize(
    ("days", "pnl_usd", "told"),
    [
        ([20240102], [1.0, 2.0], r"\(1,\) days, \(2,\) values"),
        ([], [], "a P&L for each day"),
        ([20240103, 20240102], [1.0, 2.0], "days that rise"),
        ([20240102, 20240102], [1.0, 2.0], "days that rise"),
        ([20240102, 20240103], [1.0, np.nan], "a P&L that is finite"),
    ],
)
def test_an_outcome_is_a_finite_figure_a_day(days: list[int], pnl_usd: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        Outcome(np.array(days), np.array(pnl_usd), 0.1, 0.0, 3.0, 0.1)
