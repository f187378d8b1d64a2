"""Side-by-side figures in one run: python benchmarks/run.py [--only NAME...] [--json]

Needs the extra `bench` (pandas; polars is there). `live_socket_*` feeds for a minute; --socket-seconds 600 is the full
figure. Everything is measured on simulated days at full ES intensity, with
the peers computing the same numbers from the same rows, which is checked before any clock runs.
"""

import argparse
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import (
    ensemble,
    from_parquet,
    in_memory,
    live,
    live_desk,
    live_socket,
    live_start,
    live_world,
    objective,
    peers,
    start_up,
    study,
)
from benchmarks.figures import Figure
from benchmarks.market import FullDay, Market
from mia_ml.core.errors import MiaError, refuse_unknown

FEW_DAYS, MANY_DAYS = 3, 9

SOCKET_SECONDS = ContextVar("SOCKET_SECONDS", default=live_socket.SECONDS)
"""How long `live_socket_*` feeds at 5,000 events a second."""

Benchmark = Callable[[Market, Callable[[], FullDay]], Iterator[Figure]]

BENCHMARKS: tuple[tuple[tuple[str, ...], Benchmark], ...] = (
    (("features_events_per_s", "features_trades_per_s"), lambda market, day: in_memory.throughput(day())),
    (("features_vs_pandas",), lambda market, day: in_memory.against_pandas(day())),
    (("features_vs_polars",), lambda market, day: in_memory.against_polars(day())),
    (
        ("features_from_parquet_s", "features_from_parquet_vs_polars"),
        lambda market, day: from_parquet.one_day(market, day()),
    ),
    (
        ("live_event_p50_us", "live_event_p99_us", "live_event_after_idle_p50_us", "live_event_after_idle_p99_us"),
        lambda market, day: live.latency(day()),
    ),
    (
        (
            *("live_desk_taken_p50_us", "live_desk_taken_p99_us", "live_desk_event_p50_us", "live_desk_event_p99_us"),
            *("live_desk_event_after_idle_p50_us", "live_desk_event_after_idle_p99_us"),
        ),
        lambda market, day: live_desk.events(day(), live_world.shared()),
    ),
    (
        (
            *(
                "live_desk_close_p50_us",
                "live_desk_close_p99_us",
                "live_desk_decided_p50_us",
                "live_desk_decided_p99_us",
            ),
            *("live_desk_close_after_idle_p50_us", "live_desk_close_after_idle_p99_us"),
        ),
        lambda market, day: live_desk.closes(live_world.shared()),
    ),
    (live_socket.NAMES, lambda market, day: live_socket.sockets(live_world.shared(), SOCKET_SECONDS.get())),
    (("live_catch_up_events_per_s",), lambda market, day: live_start.catching_up(day(), live_world.shared())),
    (("live_start_s",), lambda market, day: live_start.start(live_world.shared())),
    (("live_rollback_s",), lambda market, day: live_start.rollback(live_world.shared())),
    (("features_from_parquet_2_threads_s",), lambda market, day: from_parquet.many_days(market)),
    (
        (f"features_rss_mb_{FEW_DAYS}_days", f"features_rss_mb_{MANY_DAYS}_days"),
        lambda market, day: from_parquet.memory(market, FEW_DAYS, MANY_DAYS),
    ),
    (("start_cold_s", "start_cached_s", "specialisations"), lambda market, day: start_up.start_up()),
    (("objective_ms",), lambda market, day: objective.speed()),
    (("objective_vs_vectorbt",), lambda market, day: objective.against("vectorbt", "objective_vs_vectorbt", 50)),
    (
        ("objective_vs_backtesting_py",),
        lambda market, day: objective.against("backtesting", "objective_vs_backtesting_py", 1000),
    ),
    (("study_1000_trials_s", "study_1000_trials_counted_s", "ledger_trial_us"), lambda market, day: study.speed()),
    (
        ("ensemble_row_p50_us", "ensemble_row_p99_us", "ensemble_row_idle_p50_us", "ensemble_row_idle_p99_us"),
        lambda market, day: ensemble.latency(),
    ),
    (("ensemble_vs_onnxruntime",), lambda market, day: ensemble.against_onnxruntime()),
    (("ensemble_vs_pyfunc",), lambda market, day: ensemble.against_pyfunc()),
    (("ensemble_batch_vs_library",), lambda market, day: ensemble.against_libraries()),
)
NAMES = tuple(name for names, _ in BENCHMARKS for name in names)


def measured(wanted: tuple[str, ...]) -> Iterator[Figure]:
    """The figures asked for, in the order of `BENCHMARKS`."""
    with Market() as market:
        day = functools.cache(lambda: FullDay(market))
        for names, benchmark in BENCHMARKS:
            if set(names) & set(wanted):
                print(f"  measuring {', '.join(names)}", file=sys.stderr, flush=True)
                yield from (figure for figure in benchmark(market, day) if figure.name in wanted)


def as_json(figures: list[Figure]) -> str:
    head: dict[str, object] = {
        "cores": os.cpu_count(),
        "tape": "synthetic: mia-ml simulator at full ES intensity",
        "peer_columns": list(peers.EXPRESSED),
        "missed": [figure.name for figure in figures if figure.met is False],
    }
    return json.dumps({figure.name: figure.value for figure in figures} | head, indent=2)


def as_text(figures: list[Figure]) -> str:
    head = ("figure", "target", "measured", "unit", "ratio", "")
    table = [head, *(_line(figure) for figure in figures)]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(w) if k in (0, 3, 5) else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    return "\n".join(
        [
            f"{os.cpu_count()} cores; synthetic tape: the built-in simulator at full ES intensity",
            *(line.rstrip() for line in lines),
            "ratio: above 1 is better than the target. pandas and polars compute " + ", ".join(peers.EXPRESSED) + ".",
        ]
    )


def _line(figure: Figure) -> tuple[str, ...]:
    target = "" if figure.target is None else ("<= ", ">= ")[figure.at_least] + _number(figure.target)
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}" + ("" if figure.met else " missed")
    return figure.name, target, _number(figure.value), figure.unit, ratio, figure.note


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Side-by-side figures: mia-ml, pandas and polars, in one run.")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=list(NAMES), help="figures: " + ", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "--socket-seconds", type=float, metavar="S", default=live_socket.SECONDS, help="how long live_socket_* feeds"
    )
    chosen = parser.parse_args()
    SOCKET_SECONDS.set(chosen.socket_seconds)
    for name in chosen.only:
        if name not in NAMES:
            print(f"mia: {refuse_unknown('figure', name, NAMES)}", file=sys.stderr)
            return 2
    try:
        figures = list(measured(tuple(chosen.only)))
    except MiaError as refusal:
        print(f"mia: {refusal}", file=sys.stderr)
        return 1
    print(as_json(figures) if chosen.json else as_text(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
