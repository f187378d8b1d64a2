"""What the live figures stand on: a simulated market, a version with 600 trees, and a day as messages of a feed.

The version has the shipped features and formula; its threshold is put where the formula crosses it most often, and it
filters by 300 trees of depth 8, 300 of depth 5 and a logistic regression on 20 inputs, as `benchmarks.ensemble` has
them. Only bars that cross reach the trees.
"""

import atexit
import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ensemble import MISSING, TRAINING_ROWS, WEIGHTS
from benchmarks.market import PARAMS
from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.core.tables import Columns
from mia_ml.datasets import build, days
from mia_ml.datasets.days import Day
from mia_ml.features import params
from mia_ml.models import fit
from mia_ml.models.ensemble import SIGNAL_INPUTS, Ensemble
from mia_ml.models.export import export
from mia_ml.models.fitted import Fitted, Sigmoid
from mia_ml.scoring import bundle, golden, ranges
from mia_ml.scoring.content import Content, Training
from mia_ml.scoring.filter import Rule
from mia_ml.scoring.fingerprint import code_fingerprint
from mia_ml.scoring.scorer import Scorer
from mia_ml.sources import simulator
from mia_ml.store import parquet
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules
from serving.intake import events as records
from serving.intake import wire
from serving.intake.rows import Rows

CALENDAR = "cme_globex"
FEATURES = (
    *("order_book_imbalance", "tick_momentum", "aggression_bias", "volume_confirmation", "rvol", "delta"),
    *("delta_divergence", "smart_money_index", "gamma_levels", "options_flow_bias", "vwap_trend_globex"),
    *("dow_trend_regime", "battle_navale_5", "mtf_confluence", "atr_5m", "volatility_ratio", "vix", "minute_of_day"),
)
INPUTS = (*FEATURES, *SIGNAL_INPUTS)
BEFORE = 2
"""Days that the service finds in its tables."""
MOST_LATER = 20
_RANK = {"vix": 1, "options": 2, "trades": 3, "book": 4}
_LEVELS = range(5)


class LiveWorld:
    """Days of a market below a folder that goes with it: the first `BEFORE` in `tables`, each later one by itself.

    bundle: a folder with the version. rows: of the days before, ROW. trees: of each of the two tree members.
    """

    def __init__(self, intensity: float, later: int, trees: int = 300) -> None:
        self.world = simulator.World(seed=7, start="2024-03-19", days=BEFORE + later, intensity=intensity)
        self._folder = tempfile.TemporaryDirectory(prefix="mia-benchmark-live-")
        self.root = Path(self._folder.name)
        self.tables = self.root / "tables"
        self.bundle = self.root / "bundle"
        ingest(simulator.read(self.world, 0, BEFORE), self.tables, Rules(unique_sequence=True))
        plan = days.plan(self.tables, self.world.root, CALENDAR, native=False)
        self.rows = rows_of(plan)
        self.content = content(self.rows, trees)
        tapes = [days.tape_of(day, self.content.grace_ns) for day in plan.days]
        self.golden = golden.record(tapes, plan.sessions, plan.contracts, inputs(self.rows))
        bundle.write(self.bundle, self.content, self.golden)

    def close(self) -> None:
        self._folder.cleanup()

    def days(self) -> Iterator[Day]:
        """The later days, each written when it is its turn."""
        for position in range(BEFORE, self.world.days):
            folder = self.root / f"later-{position}"
            if not folder.is_dir():
                ingest(simulator.read(self.world, position, position + 1), folder, Rules(unique_sequence=True))
            yield days.plan(folder, self.world.root, CALENDAR, native=False).days[-1]


@functools.cache
def shared() -> LiveWorld:
    """The one that the live figures share: a tenth of the intensity of ES, 270 events a minute."""
    world = LiveWorld(0.1, MOST_LATER)
    atexit.register(world.close)
    return world


def rows_of(plan: days.Days) -> np.ndarray:
    chosen = settings.load(PARAMS)
    built = params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick=0.25, native=False)
    return np.concatenate([rows for _, rows in build.rows(built, plan, chosen.features.grace_ms * 1_000_000)])


def inputs(rows: np.ndarray) -> np.ndarray:
    """What the models see of every row as if it crossed, float64 [n, inputs]."""
    rng = np.random.default_rng(20240319)
    side, exceedance = rng.choice([-1.0, 1.0], rows.size), 1 + rng.exponential(0.3, rows.size)
    return np.column_stack([*(rows[name] for name in FEATURES), side, exceedance]).astype(np.float64)


def trained(rows: np.ndarray, trees: int = 300) -> Ensemble:
    """Learnt from TRAINING_ROWS drawn from rows, each value moved a little, so that the trees are full."""
    rng = np.random.default_rng(20240320)
    X = inputs(rows)[rng.integers(0, rows.size, TRAINING_ROWS)]
    X *= 1 + 0.1 * rng.normal(size=X.shape)
    filled = np.nan_to_num((X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0))
    log_odds = 0.3 * filled @ rng.normal(size=len(INPUTS)) + 0.5 * filled[:, 0] * filled[:, 1]
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    X[rng.random(X.shape) < MISSING] = np.nan
    kinds = (fit.Forest(trees=trees, depth=8), fit.Boosted(trees=trees, depth=5), fit.Logistic())
    found = [fit.fit(kind, INPUTS, X, y, np.ones(y.size), 1) for kind in kinds]
    members = [Fitted(each.kind, INPUTS, each.estimator, Sigmoid(-4.0, 2.0)) for each in found]
    return export(members, WEIGHTS)


def content(rows: np.ndarray, trees: int = 300) -> Content:
    chosen = settings.load(PARAMS)
    names = ("features", "context", "confluence", "execution", "costs")
    sections: dict[str, Any] = {name: getattr(chosen, name).model_dump() for name in names}
    sections["confluence"] = _crossing_most(sections["confluence"], sections["context"], rows)
    terms = formula.build(sections["confluence"], sections["context"]).terms
    return Content(
        instrument="ES",
        calendar=CALENDAR,
        native=False,
        ensemble=trained(rows, trees),
        rule=Rule("break_even", 0.03),
        ranges=ranges.of(rows, ranges.features_behind(terms, INPUTS)),
        training=Training(int(rows["day"][0]), int(rows["day"][-1]), 1, 1),
        synthetic=True,
        data_fingerprint="0" * 64,
        code_fingerprint=code_fingerprint(),
        **sections,
    )


def _crossing_most(confluence: dict[str, Any], context: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """A confluence section with the threshold, of some, that these rows cross most often."""
    scores = np.abs(Scorer(formula.build(confluence, context)).decide(rows)["score"])

    def at(share: float) -> dict[str, Any]:
        base = float(np.nanquantile(scores, share)) if np.isfinite(scores).any() else 0.25
        return {**confluence, "threshold": {**confluence["threshold"], "base": base}}

    def crossings(section: dict[str, Any]) -> int:
        return int(np.count_nonzero(Scorer(formula.build(section, context)).decide(rows)["crossing"]))

    return max((at(share) for share in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)), key=crossings)


def tables_of(day: Day) -> dict[str, Columns]:
    """Every column of a day's tables: `datasets.days.tables_of` leaves out what the engine does not read."""
    found = {table: parquet.read_file(path, table) for table, path in day.prices.items()}
    for table, paths in day.indices.items():
        parts = [parquet.read_file(path, table) for path in paths]
        if not parts:
            continue
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        inside = (columns["ts_event"] > day.after_ns) & (columns["ts_event"] <= day.close_ns)
        found[table] = {name: column[inside] for name, column in columns.items()}
    return found


def order_of(tables: dict[str, Columns]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Event order of a day's tables: their names, then which table (its place among them) and which row, int64 [n]."""
    names = sorted(tables, key=_RANK.__getitem__)
    times = [tables[name]["ts_event"] for name in names]
    which = np.concatenate([np.full(ts.size, k) for k, ts in enumerate(times)])
    row = np.concatenate([np.arange(ts.size) for ts in times])
    order = np.lexsort((which, np.concatenate(times)))
    return names, which[order], row[order]


def events_of(day: Day, first: int = 1, span: slice = slice(None)) -> Iterator[wire.Event]:
    """A day of clean tables as a feed would tell it, positions from `first` on; of it those in `span`."""
    tables = tables_of(day)
    names, which, row = order_of(tables)
    positions = range(first, first + which.size)[span]
    which, row = which[span], row[span]
    plain, begin = [], np.zeros(len(names), np.int64)
    for k, name in enumerate(names):
        own = row[which == k]
        begin[k] = own[0] if own.size else 0
        part = {column: values[begin[k] : begin[k] + own.size] for column, values in tables[name].items()}
        plain.append({column: values.tolist() for column, values in part.items()})
    symbol = [day.contract if table in day.prices else days.INDEX[table] for table in names]
    row -= begin[which]
    for k, i, position in zip(which.tolist(), row.tolist(), positions, strict=True):
        yield _event(names[k], plain[k], i, position, symbol[k])


def portions_of(day: Day, span: slice = slice(None), most: int = 1 << 16) -> Iterator[list[Rows]]:
    """The same events as rows, in portions of so many."""
    tables = tables_of(day)
    names, which, row = order_of(tables)
    positions = np.arange(1, which.size + 1)[span]
    which, row = which[span], row[span]
    for begin in range(0, which.size, most):
        part = slice(begin, begin + most)
        found = []
        for k, name in enumerate(names):
            own = which[part] == k
            if own.any():
                columns = {column: values[row[part][own]] for column, values in tables[name].items()}
                symbol = day.contract if name in day.prices else days.INDEX[name]
                columns.pop("ts_recv", None)
                found.append(Rows(name, symbol, records.records(name, columns, positions[part][own], 0)))
        yield found


def _event(table: str, columns: dict[str, list[Any]], i: int, position: int, symbol: str) -> wire.Event:
    about: dict[str, Any] = {"position": position, "symbol": symbol, "ts_event": columns["ts_event"][i]}
    if table == "trades":
        return wire.Trade(**about, price=columns["price"][i], size=columns["size"][i], side=columns["side"][i])
    if table == "book":
        levels: dict[str, Any] = {
            name: [columns[f"{name}_{level:02d}"][i] for level in _LEVELS]
            for name in ("bid_px", "ask_px", "bid_sz", "ask_sz")
        }
        return wire.Book(**about, **levels)
    kind: type[wire.Vix] | type[wire.Options] = wire.Vix if table == "vix" else wire.Options
    values: dict[str, Any] = {
        name: columns[name][i] for name in kind.__struct_fields__ if name in columns and name not in about
    }
    given: dict[str, Any] = {name: None if value != value else value for name, value in values.items()}
    return kind(**about, **given)
