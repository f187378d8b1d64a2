"""Engines and scorers that single events go through."""

import functools
from pathlib import Path

import numpy as np

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.core import calendar
from mia_ml.features import live, params
from mia_ml.features.levels import OPTION
from mia_ml.features.stream import Engine, contract_id
from mia_ml.scoring.scorer import Scorer
from mia_ml.single.road import Road, Source
from tests.scoring import small

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
TODAY = calendar.load("cme_globex", 2023, 2024).at(20240312)
SIDES = [f"{side}_{what}_{k:02d}" for what in ("px", "sz") for side in ("bid", "ask") for k in range(5)]
FIGURES = ("underlying_px", "call_wall", "put_wall", "zero_gamma", "net_gex", "call_volume", "put_volume")
FIELDS = {
    live.TRADE: [("price", "f8"), ("size", "i8"), ("side", "i8")],
    live.BOOK: [(name, "f8" if "px" in name else "i8") for name in SIDES],
    live.OPTIONS: [(name, "f8") for name in FIGURES],
    live.VIX_VALUE: [("value", "f8")],
}
TABLES = {live.TRADE: "trades", live.BOOK: "book", live.OPTIONS: "options", live.VIX_VALUE: "vix"}


@functools.cache
def shipped():
    return settings.load(PARAMS)


def engine(own=None):
    """For ES, on minutes, before its first day; as shipped, or with parameters of its own."""
    chosen = shipped()
    built = params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick=0.25, native=False)
    sessions = calendar.load("cme_globex", 2023, 2024).sessions
    return Engine(built if own is None else own, sessions, np.full(sessions.size, contract_id("ESM4")))


def scorer(filter=None):
    chosen = shipped()
    return Scorer(formula.build(chosen.confluence.model_dump(), chosen.context.model_dump()), filter)


def event():
    return np.zeros(1, live.EVENT)


def eager(world=None):
    """A scorer whose score crosses every few bars; with the models of a world, if any."""
    made = scorer() if world is None else small.content(world.ensemble, rows_=world.rows).scorer()
    made.formula.record["threshold"] = 0.1
    return made


def slot(kind):
    return np.zeros(1, [("ts_event", "i8"), *FIELDS[kind]])


class Roads:
    """An event of any kind through the one call. queue: of rows that wait for a price."""

    def __init__(self, engine, scorer, queue=None):
        self.slots = {kind: slot(kind) for kind in FIELDS}
        self.event = event()
        self.roads = {
            kind: Road(engine, scorer, self.event, Source(TABLES[kind], slot, None, TODAY), queue)
            for kind, slot in self.slots.items()
        }
        self.other = Road(engine, scorer, self.event)

    def take(self, event):
        road = self._placed(event)
        closed = road.take()
        return road.rows(closed), road.decisions(closed)

    def wait(self, event):
        return self._placed(event).wait()

    def _placed(self, event):
        kind = int(event["kind"][0])
        if kind not in self.slots:
            self.event[:] = event
            return self.other
        slot, e = self.slots[kind], event[0]
        slot["ts_event"] = e["ts"]
        if kind == live.TRADE:
            slot["price"], slot["size"], slot["side"] = e["price"], e["size"], e["side"]
        elif kind == live.BOOK:
            slot["bid_px_00"], slot["ask_px_00"] = e["bid"], e["ask"]
            for name, size in zip(SIDES[10:], e["sizes"], strict=True):
                slot[name] = size
        elif kind == live.OPTIONS:
            for name in OPTION.names[1:]:
                slot[name] = e["options"][name]
        else:
            slot["value"] = e["vix"]["value"]
        return self.roads[kind]
