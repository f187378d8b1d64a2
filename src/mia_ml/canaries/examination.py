"""The instrument: research is done again on histories that agree with the real one up to a moment and no further.

Moments are drawn just before rows of every table became known, and from those at which the research itself says it knew
something. Nothing here knows what it looks for.
"""

from collections.abc import Callable, Mapping

import numpy as np

from mia_ml.canaries import rules
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.canaries.rules import Finding
from mia_ml.core.moments import MINUTE, utc
from mia_ml.splits import lives

Procedure = Callable[[History], Claims]
"""A piece of research, clean or leaking. It must do the same when it is called again."""

OWN = (0.02, 0.5)
"""Which of its own moments a procedure is asked at, as shares of them."""
RARE = 300
"""A name used at fewer moments is asked at its own; one used all the time meets the others anyway. So are fills, which
may lie inside a bar."""


def moments(history: History, seed: int, each: int) -> list[int]:
    """`each` moments a table at which one of its rows is about to become known, and twice as many whole minutes."""
    rng = np.random.default_rng(seed)
    tape = history.tape
    minutes = np.arange(tape.trade_ts[0] // MINUTE, tape.trade_ts[-1] // MINUTE) * MINUTE
    tables = (
        minutes,
        minutes,
        tape.trade_ts,
        tape.options["ts_event"],
        tape.vix["ts_event"],
        history.volumes["known_ns"],
    )
    later = [ts[ts > warm_ns(history)] for ts in tables]
    drawn = [rng.choice(ts, each) for ts in later if ts.size]
    return sorted({int(moment) for moment in np.concatenate(drawn)})


def warm_ns(history: History) -> int:
    """When a tenth of the prints has come: before that too little is known to ask for any research."""
    return int(history.tape.trade_ts[history.tape.trade_ts.size // 10])


def own_moments(claims: Claims, from_ns: int) -> set[int]:
    found = set()
    for name, (known_ns, _) in rules.dated(claims, lives.LATEST).items():
        distinct = np.unique(known_ns[known_ns > from_ns])
        if distinct.size and (distinct.size < RARE or name == rules.FILLS):
            found |= {int(distinct[int(share * (distinct.size - 1))]) for share in OWN}
    return found


def examine(
    procedures: Mapping[str, Procedure], history: History, seed: int = 0, each: int = 2
) -> dict[str, tuple[Finding, ...]]:
    """What each procedure is found to have done wrong, the first of its kind for every name it used."""
    claims = {name: procedure(history) for name, procedure in procedures.items()}
    found = {name: _at_once(told, history) for name, told in claims.items()}
    shared = set(moments(history, seed, each))
    own = {name: own_moments(told, warm_ns(history)) for name, told in claims.items()}
    for moment in sorted(shared.union(*own.values())):
        for other in (history.until(moment), history.otherwise(moment)):
            for name, told in claims.items():
                caught = {finding.what for finding in found[name] if finding.rule == "future"}
                if moment in shared | own[name] and not caught >= rules.names(told):
                    again = _in_another_future(procedures[name], told, other, moment)
                    found[name] += [finding for finding in again if finding.what not in caught]
    return {name: _first(findings) for name, findings in found.items()}


def _in_another_future(procedure: Procedure, told: Claims, other: History, moment: int) -> list[Finding]:
    by_then = rules.dated(told, moment)
    try:
        again = procedure(other)
    except Exception as error:  # whatever it is: what was said by then cannot be said without what came later
        why = f"not to be had in another future from {utc(moment)} on: {type(error).__name__}: {error}"
        return [Finding("future", name, int(ts[0]), why) for name, (ts, _) in by_then.items()]
    return rules.future(by_then, rules.dated(again, moment), moment)


def _at_once(claims: Claims, history: History) -> list[Finding]:
    """What shows without another future."""
    found = rules.fill(claims.fills, history.tape.trade_ts, history.tape.price)
    return found + [finding for fold in claims.folds for finding in rules.life(fold)]


def _first(findings: list[Finding]) -> tuple[Finding, ...]:
    first: dict[tuple[str, str], Finding] = {}
    for finding in sorted(findings, key=lambda each: each.at_ns):
        first.setdefault((finding.rule, finding.what), finding)
    return tuple(first.values())
