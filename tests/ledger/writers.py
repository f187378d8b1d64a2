"""Processes that write to one ledger at once."""

import threading
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from mia_ml.ledger import ledger
from mia_ml.ledger.configuration import Configuration
from mia_ml.ledger.ledger import Ledger
from mia_ml.ledger.looks import Look
from tests.processes import PROCESSES

WHEN = "2026-11-26T12:00:00.000+00:00"
START_S = 60
JANUARY = (20240102, 20240131)


def trial(number: int, **changes: Any) -> Configuration:
    given = {"scope": "inner", "instrument": "ES", "kind": "policy", "name": f"study/{number}", **changes}
    days = dict(zip(("first_day", "last_day"), JANUARY, strict=True))
    return Configuration(**{**days, "content": {"number": number}, **given})


def look(kept: Ledger, token: str, first_day: int, last_day: int, *instruments: str) -> Look:
    return kept.look(
        token,
        who="ana",
        when_utc=WHEN,
        why=token,
        first_day=first_day,
        last_day=last_day,
        instruments=instruments,
        files=3,
        bundle="ab",
    )


def launch_many(begin: Barrier, where: str, project: str, first: int, count: int, threads: int) -> None:
    """Of three trials one is abandoned, of the others those with even numbers fail."""
    begin.wait(START_S)
    with ledger.open(where, Path(project)) as kept:

        def launch(numbers: range) -> None:
            for number in numbers:
                launched = kept.launch(trial(number), WHEN)
                if number % 3:
                    kept.end(launched, "complete" if number % 2 else "failed", WHEN, float(number))

        shares = [range(first + k, first + count, threads) for k in range(threads)]
        running = [threading.Thread(target=launch, args=(share,)) for share in shares]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()


def look_often(begin: Barrier, where: str, project: str, who: str, count: int) -> None:
    begin.wait(START_S)
    with ledger.open(where, Path(project)) as kept:
        for number in range(count):
            look(kept, f"{who} {number}", *JANUARY, "ES")


def open_each(begin: Barrier, places: list[str], project: str) -> None:
    for where in places:
        begin.wait(START_S)
        ledger.open(where, Path(project)).close()


def all_at_once(target: Callable[..., None], arguments: list[tuple[Any, ...]]) -> None:
    barrier = PROCESSES.Barrier(len(arguments))
    processes = [PROCESSES.Process(target=target, args=(barrier, *given)) for given in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
