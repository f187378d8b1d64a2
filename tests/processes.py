"""Processes of their own for tests, quickly: forked from a server that has imported what they need."""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "cmaes",
        "psycopg",
        "tests.tuning.workers",
        "tests.ledger.writers",
        "tests.pipelines.counted",
        "tests.registry.shelf",
    ]
)
