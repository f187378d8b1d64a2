"""What a researcher has at hand, as of the end of it or of any moment before: events, and what the platform made of
them."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import SIGNAL, signals
from mia_ml.backtest.simulator import simulate
from mia_ml.canaries import futures
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.core.tables import Columns
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from mia_ml.labels.barriers import Walker
from mia_ml.labels.records import LABEL, usable

EXECUTION = Execution()
INSTRUMENT = INSTRUMENTS["ES"]
DECIDES_EVERY_MIN = 5

VOLUME = np.dtype(
    [("known_ns", "i8"), ("day", "i8"), ("contract", "i8"), ("volume", "f8")],
    align=True,
)
"""What a contract traded on a day, known from its close on. contract: as in `features.stream.contract_id`."""


@dataclass(frozen=True, eq=False)
class History:
    """Trading days in a row.

    params: of the engine. sessions: SESSION records. contracts: int64 [sessions], in front on each day. tape: of the
    front contracts. volumes: VOLUME records of all contracts. opening_ns: where a test window opens; lives cross it.
    reached_ns: the moment that has come.
    """

    params: np.ndarray
    sessions: np.ndarray
    contracts: np.ndarray
    tape: Tape
    volumes: np.ndarray
    opening_ns: int
    reached_ns: int

    def until(self, moment: int) -> "History":
        """As it was known at a moment."""
        known = self.volumes[self.volumes["known_ns"] < moment]
        return replace(self, tape=futures.until(self.tape, moment), volumes=known, reached_ns=moment)

    def otherwise(self, moment: int) -> "History":
        """As it could have gone on from a moment."""
        volumes, later = self.volumes.copy(), self.volumes["known_ns"] >= moment
        volumes["volume"][later] = volumes["volume"][later][::-1]
        return replace(self, tape=futures.otherwise(self.tape, moment), volumes=volumes)

    @property
    def latency_ns(self) -> int:
        return EXECUTION.latency_ms * 1_000_000

    @cached_property
    def rows(self) -> np.ndarray:
        """ROW records, the engine's, on each day from its first price on: before it nothing has been decided."""
        rows = Engine(self.params, self.sessions, self.contracts).run(self.tape, self.reached_ns)
        return rows[np.isfinite(rows["close"]) | np.isfinite(rows["mid"])]

    @cached_property
    def decisions(self) -> np.ndarray:
        """The ROW records every five minutes that have barriers and a trend: candidates for a trade."""
        rows = self.rows
        ready = np.isfinite(rows["atr_5m"]) & np.isfinite(rows["vwap_trend_globex"])
        return rows[ready & (rows["minute_of_day"] % DECIDES_EVERY_MIN == 0)]

    @cached_property
    def labels(self) -> np.ndarray:
        """LABEL records of buying at `decisions`."""
        decided, found = self.decisions, []
        walker = Walker(EXECUTION, INSTRUMENT, self.sessions)
        for of_contract, tape in self._contract_stretches(decided["ts"]):
            part = decided[of_contract]
            found.append(walker.advance(tape, part["ts"].copy(), part["day"].copy(), _barrier(part)))
            found.append(walker.finish())
        return np.concatenate([np.zeros((0, 2), LABEL), *found])[:, 0]

    def learnable(self, before_ns: int) -> np.ndarray:
        """Mask of the `labels` that ended before a moment with an outcome to learn from."""
        return usable(self.labels) & (self.labels["end_ns"] < before_ns)

    def trades(self, wanted: np.ndarray) -> np.ndarray:
        """TRADE records of buying where `wanted`, a mask of `decisions`, says so: the simulator's."""
        chosen, found = self.decisions[wanted], []
        bought = signals(chosen["ts"], chosen["day"], np.ones(chosen.size, np.int64), _barrier(chosen))
        for of_contract, tape in self._contract_stretches(bought["ts_ns"]):
            own = bought[of_contract] if bought.size else np.zeros(0, SIGNAL)
            found.append(simulate(EXECUTION, INSTRUMENT, self.sessions, tape, own).trades)
        return np.concatenate(found)

    def _contract_stretches(self, ts_ns: np.ndarray) -> list[tuple[slice, Columns]]:
        """For each contract which of the moments are its, and its prints."""
        changes = np.flatnonzero(np.diff(self.contracts)) + 1
        edges_ns = [self.sessions["close_ns"][at - 1] for at in changes]
        of_moments = np.split(np.arange(ts_ns.size), np.searchsorted(ts_ns, edges_ns, side="right"))
        of_prints = np.split(np.arange(self.tape.trade_ts.size), np.searchsorted(self.tape.trade_ts, edges_ns, "right"))
        slices = ((_slice(own), _slice(prints)) for own, prints in zip(of_moments, of_prints, strict=True))
        return [(own, {"ts_event": self.tape.trade_ts[at], "price": self.tape.price[at]}) for own, at in slices]


def _slice(positions: np.ndarray) -> slice:
    return slice(int(positions[0]), int(positions[-1]) + 1) if positions.size else slice(0)


def _barrier(rows: np.ndarray) -> np.ndarray:
    return np.fmax(rows["atr_5m"], rows["atr_5m_usual"])
