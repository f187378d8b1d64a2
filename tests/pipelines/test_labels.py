"""labels: a file beside each file of rows, and every label counted."""

import json
from collections import Counter

import numpy as np

from mia_ml.backtest.records import Exit, Fate
from mia_ml.features import engine
from mia_ml.labels.records import LABEL, SIDES, usable
from mia_ml.store import records
from pipelines import LABELS, METRICS, ROWS
from tests.pipelines.learning_world import World


def test_each_day_of_rows_has_its_labels_row_by_row(world: World) -> None:
    rows, labels = (sorted((world.root / folder).glob("*.parquet")) for folder in (ROWS, LABELS))
    assert [path.name for path in labels] == [path.name for path in rows]
    for of_rows, of_labels in zip(rows, labels, strict=True):
        row, pair = records.read(of_rows, engine.ROW), records.read(of_labels, LABEL).reshape(-1, 2)
        assert (pair["signal_ns"] == row["ts"][:, None]).all()
        assert (pair["day"] == row["day"][:, None]).all()
        assert (pair["side"] == SIDES).all()


def test_every_label_is_counted(world: World) -> None:
    labels = world.sample.labels
    told = json.loads((world.root / METRICS / "labels.json").read_text())
    assert told["rows"] == labels.shape[0] == world.sample.rows.size
    assert told["fates"] == Counter(Fate(fate).name.lower() for fate in labels["fate"].ravel())
    assert told["exits"] == Counter(Exit(why).name.lower() for why in labels["exit_reason"].ravel() if why)
    assert sum(told["fates"].values()) == labels.size
    for column, side in enumerate(("buy", "sell")):
        traded = labels[:, column][labels["fate"][:, column] == Fate.TRADED]
        assert told[f"base_rate_{side}"] == np.mean(traded["net_ticks"] > 0)


def test_a_label_lives_from_its_decision_and_pays_its_costs(world: World) -> None:
    labels = world.sample.labels
    assert (labels["end_ns"] >= labels["signal_ns"])[usable(labels)].all()
    traded = labels[usable(labels)]
    assert (traded["exit_ns"] <= traded["end_ns"]).all()
    costs = world.chosen.costs
    assert np.isclose(traded["cost_ticks"], 2 * costs.slippage_ticks + costs.commission_ticks).all()
