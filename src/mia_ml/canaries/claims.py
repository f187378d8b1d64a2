"""What a piece of research says it did, with dates: the form in which everything comes before the instrument.

    value   at `known_ns` this was the value, the threshold, the weight that was used
    fill    at `filled_ns` this price was paid or received; it was not possible before `due_ns`
    fold    from these lives a model learnt, on those it was tested

Research is honest about when it used something; whether it could have known is what the instrument finds out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mia_ml.backtest.records import Exit

VALUE = np.dtype([("known_ns", "i8"), ("value", "f8")], align=True)
FILL = np.dtype(
    [
        ("due_ns", "i8"),  # decision + latency; for an exit the entry
        ("filled_ns", "i8"),
        ("side", "i8"),  # +1 bought, -1 sold
        ("price", "f8"),  # points
    ],
    align=True,
)
NO_FILLS = np.zeros(0, FILL)


@dataclass(frozen=True, eq=False)
class Fold:
    """Lives, int64 ns, closed intervals: of the training events [n], of the test events [m].

    before_ns, after_ns: what must lie between a life trained on and a test that follows, and between a test and the
    start of a training event behind it. The latter is at least how far back the features of a row look.
    """

    name: str
    t0_ns: np.ndarray
    t1_ns: np.ndarray
    test_t0_ns: np.ndarray
    test_t1_ns: np.ndarray
    before_ns: int = 0
    after_ns: int = 0


@dataclass(frozen=True, eq=False)
class Claims:
    """values: VALUE records by name, in any order. fills: FILL records."""

    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    fills: np.ndarray = field(default_factory=lambda: NO_FILLS)
    folds: Sequence[Fold] = ()


def values(known_ns: np.ndarray | int, **named: np.ndarray | float) -> Claims:
    """Values used at the same moments, each under its name.

    >>> values(5, threshold=0.3).values["threshold"].tolist()
    [(5, 0.3)]
    """
    moments = np.atleast_1d(np.asarray(known_ns, np.int64))
    told = {}
    for name, value in named.items():
        told[name] = np.zeros(moments.size, VALUE)
        told[name]["known_ns"], told[name]["value"] = moments, value
    return Claims(told)


def fills(due_ns: np.ndarray, filled_ns: np.ndarray, side: np.ndarray | int, price: np.ndarray) -> np.ndarray:
    """FILL records from columns."""
    out = np.zeros(len(filled_ns), FILL)
    out["due_ns"], out["filled_ns"], out["side"], out["price"] = due_ns, filled_ns, side, price
    return out


def fills_of(trades: np.ndarray, latency_ns: int) -> np.ndarray:
    """FILL records of TRADE records: their entries, and the exits that met a price of their own moment.

    A position that a day's or the tape's end leaves open closes at the last price known, which is no fill.
    """
    entries = fills(trades["signal_ns"] + latency_ns, trades["entry_ns"], trades["side"], trades["entry_price"])
    left = trades[~np.isin(trades["exit_reason"], (Exit.SESSION_END, Exit.TAPE_END))]
    exits = fills(left["entry_ns"], left["exit_ns"], -left["side"], left["exit_price"])
    return np.concatenate([entries, exits])
