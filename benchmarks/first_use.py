"""A process that imports the engine, runs two small days as batch and live, and prints seconds and specialisations."""

import itertools
import json
import sys
import time
from pathlib import Path


def main(root: str) -> None:
    start = time.perf_counter()
    from mia_ml import settings
    from mia_ml.datasets import build, days
    from mia_ml.features import engine, live, params, tape
    from mia_ml.features.stream import Engine
    from serving.intake import event_order as feed

    chosen = settings.load(Path(__file__).resolve().parents[1] / "params.yaml")
    built = params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick=0.25, native=False)
    plan = days.plan(Path(root), "ES", "cme_globex", native=False)
    ready = time.perf_counter()
    for _ in build.rows(built, plan):
        pass
    events = days.tape_of(plan.days[0], 0)
    Engine(built, plan.sessions, plan.contracts).run(events)
    stream = Engine(built, plan.sessions, plan.contracts)
    for event, ts in itertools.islice(feed.single_events(events), 100):
        stream.push(event, ts)
    done = time.perf_counter()
    doors = (engine.open_day, engine.run, engine.bars_of, engine.rows_of, engine.close_bars, live.push, tape.advance)
    most = max(len(door.signatures) for door in doors)
    print(json.dumps({"import_s": ready - start, "first_run_s": done - ready, "specialisations": most}))


if __name__ == "__main__":
    main(sys.argv[1])
