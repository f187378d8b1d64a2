"""The three rules, none of which knows a leak by name.

    future   a value dated at or before a moment is the same, byte for byte, whatever came after that moment
    fill     not before it is due, at a price no better than one that printed at that very moment
    life     no life that was trained on shares a moment with one that was tested, nor comes closer than allowed

A finding says which rule, of what, the first moment, and by how much.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mia_ml.canaries.claims import Claims, Fold
from mia_ml.core.moments import NS, utc
from mia_ml.splits import lives

FILLS = "fills"
NEAR = 1e-6  # points; barriers are multiples of a tick away from an entry
ABSENT = "absent"

Dated = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""By name: int64 known_ns and float64 value, in time."""


@dataclass(frozen=True)
class Finding:
    """rule: future, fill or life. what: the value, fills or fold. at_ns: the first moment. detail: by how much."""

    rule: str
    what: str
    at_ns: int
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what} at {utc(self.at_ns)}: {self.detail}"


def names(claims: Claims) -> set[str]:
    """Of all that can be dated."""
    return {*claims.values, *([FILLS] if claims.fills.size else [])}


def dated(claims: Claims, moment: int) -> Dated:
    """What is dated at or before a moment, by name and in time; a fill is known just after it."""
    told = {name: (value["known_ns"], value["value"]) for name, value in claims.values.items()}
    if claims.fills.size:
        told[FILLS] = (claims.fills["filled_ns"] + 1, claims.fills["price"])
    kept = {}
    for name, (known_ns, value) in told.items():
        by_then = known_ns <= moment
        if by_then.any():
            order = np.argsort(known_ns[by_then], kind="stable")
            kept[name] = known_ns[by_then][order], value[by_then][order]
    return kept


def future(before: Dated, again: Dated, moment: int) -> list[Finding]:
    """Where what was `dated` up to a moment is not what it is when that moment has another future."""
    found = []
    nothing = np.zeros(0, np.int64), np.zeros(0)
    for name in sorted(before.keys() | again.keys()):
        (ts, value), (other_ts, other) = before.get(name, nothing), again.get(name, nothing)
        n = min(ts.size, other_ts.size)
        same = (ts[:n] == other_ts[:n]) & _same(value[:n], other[:n])
        at = n if same.all() else int(np.argmin(same))
        if at < max(ts.size, other_ts.size):
            when = min(int(each[at]) for each in (ts, other_ts) if at < each.size)
            told, instead = (_text(each, at, when) for each in ((ts, value), (other_ts, other)))
            found.append(
                Finding("future", name, when, f"{told}, but {instead} in another future from {utc(moment)} on")
            )
    return found


def _same(value: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (value.view(np.int64) == other.view(np.int64)) | (np.isnan(value) & np.isnan(other))


def _text(series: tuple[np.ndarray, np.ndarray], at: int, when: int) -> str:
    ts, value = series
    return f"{value[at]:.6g}" if at < ts.size and ts[at] == when else ABSENT


def fill(fills: np.ndarray, print_ns: np.ndarray, price: np.ndarray) -> list[Finding]:
    """Fills against the prints of the tape, int64 and float64 [n] in time."""
    first, last = (np.searchsorted(print_ns, fills["filled_ns"], side) for side in ("left", "right"))
    found = []
    for k in np.argsort(fills["filled_ns"], kind="stable"):
        one, there = fills[k], price[first[k] : last[k]]
        if early_ns := max(0, int(one["due_ns"] - one["filled_ns"])):
            why = f"{early_ns / NS:.3f} s before it could have been"
        elif not there.size:
            why = "when nothing printed"
        elif (gain := float((one["side"] * (there - one["price"])).min())) > NEAR:
            why = f"{gain:g} points better than any print of that moment"
        else:
            continue
        action = "bought" if one["side"] > 0 else "sold"
        found.append(Finding("fill", FILLS, int(one["filled_ns"]), f"{action} at {one['price']:g} {why}"))
    return found


def fill_in_bars(
    fills: np.ndarray, open_ns: np.ndarray, close_ns: np.ndarray, low: np.ndarray, high: np.ndarray
) -> list[Finding]:
    """Fills against the bars of a file: in one that holds the moment and opened when it was due, within its range.

    A limit that the open jumps over fills at its own level, outside of the range but worse than it.
    """
    found = []
    for k in np.argsort(fills["filled_ns"], kind="stable"):
        one = fills[k]
        due = (open_ns <= one["filled_ns"]) & (one["filled_ns"] <= close_ns) & (open_ns >= one["due_ns"])
        best = low if one["side"] > 0 else high
        if not (due & (one["side"] * (best - one["price"]) <= NEAR)).any():
            why = "better than its bar" if due.any() else "in a bar that had opened before it was due"
            action = "bought" if one["side"] > 0 else "sold"
            found.append(Finding("fill", FILLS, int(one["filled_ns"]), f"{action} at {one['price']:g} {why}"))
    return found


def life(fold: Fold) -> list[Finding]:
    """Training lives that share a moment with a test life, or lie too close to one."""
    opening_ns = int(fold.test_t0_ns.min()) if fold.test_t0_ns.size else lives.LATEST
    shared = lives.overlapping(fold.t0_ns, fold.t1_ns, fold.test_t0_ns, fold.test_t1_ns)
    behind = lives.following(fold.t0_ns, fold.test_t0_ns, fold.test_t1_ns, fold.after_ns)
    before = (fold.t0_ns < opening_ns) & (fold.t1_ns >= opening_ns - fold.before_ns)
    found = []
    for why, wrong in (
        ("share a moment with a test life", shared),
        (f"start within {fold.after_ns / NS:.0f} s of the end of a test life", behind & ~shared),
        (f"end within {fold.before_ns / NS:.0f} s of the test's opening", before & ~shared),
    ):
        if wrong.any():
            detail = f"{wrong.sum()} of {wrong.size} lives trained on {why}"
            found.append(Finding("life", fold.name, int(fold.t0_ns[wrong].min()), detail))
    return found
