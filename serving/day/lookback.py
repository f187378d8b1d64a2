"""A day that is over, looked at by a process of its own, which takes its memory away when it ends.

One JSON object comes in, a line: `day`, `versions` (the folder of each one's bundle), `state`, `tables`, and `rules` of
the screening. One goes out: `difference`, empty when there is none, or `failed`, why it could not be said. What the
service has written is only read.
"""

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NICE = 10


def look(day: int, versions: Mapping[str, str], state: Path, tables: Path, rules: Mapping[str, Any]) -> str:
    """What `parity.difference` says of a day, or why it cannot be looked at by those who decided."""
    import numpy as np

    from mia_ml.core.errors import DataError, MiaError
    from mia_ml.core.moments import iso
    from mia_ml.store.rules import Rules
    from serving.day import parity
    from serving.day.days import DAYS, DECISIONS, ENGINE
    from serving.day.decisions import Sent
    from serving.day.fleet import Fleet
    from serving.day.history import Market, Snapshots
    from serving.day.rail import CHAMPION, SHADOW
    from serving.versions import chosen
    from serving.versions.chosen import Chosen

    sent = Sent(state / DECISIONS)
    try:
        seals = {line.version: line.seal for line in sent.of_day(day)}
        for version in versions.keys() - seals.keys():
            raise DataError(f"{sent.path(day)}: no decision of {version}")
        known = [Chosen(version, folder, seals[version]) for version, folder in versions.items()]
        # who was what, and when, is on the record of the day: one must be the champion of a fleet, whoever it is
        fleet = [chosen.load(one, SHADOW if k else CHAMPION) for k, one in enumerate(known)]
    except MiaError as error:
        return f"cannot be looked at: {error}"
    market = Market(fleet[0].content, tables, state / DAYS, int(np.datetime64(iso(day), "ns").astype(np.int64)))
    again = Fleet(market, Snapshots(state / ENGINE, writes=False), fleet, lambda what, n: None)
    return parity.difference(again, day, Rules(**rules), sent)


def _give_way() -> None:
    """Run when nobody else wants to: one who is only nice still takes whole slices of time, of milliseconds."""
    with contextlib.suppress(OSError):  # where it may not
        os.nice(NICE)
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    _give_way()
    asked = json.loads(sys.stdin.readline())
    try:
        folders = {name: Path(asked[name]) for name in ("state", "tables")}
        answer = {"difference": look(asked["day"], asked["versions"], rules=asked["rules"], **folders)}
    except Exception as error:  # whoever asks says it, in a line
        answer = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
