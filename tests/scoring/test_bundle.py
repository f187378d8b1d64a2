"""Bundles: the same bytes for the same content, and everything live scoring needs."""

import dataclasses
import hashlib
import subprocess
import sys

import numpy as np
import pytest

from mia_ml.confluence import decision
from mia_ml.core import calendar
from mia_ml.core.errors import DataError
from mia_ml.features.stream import Engine
from mia_ml.scoring import arrays, bundle, golden, manifest
from mia_ml.scoring.filter import Rule
from mia_ml.scoring.scorer import Scorer
from tests import small_world
from tests.scoring import damage, small


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_content_gives_the_same_bytes(world, written, tmp_path):
    bundle.write(tmp_path / "again", small.content(world.ensemble, rows_=world.rows), world.golden())
    assert contents(tmp_path / "again") == contents(written)


def test_what_was_loaded_writes_the_same_bytes(written, tmp_path):
    loaded = bundle.load(written)
    bundle.write(tmp_path / "again", loaded.content, loaded.golden)
    assert contents(tmp_path / "again") == contents(written)


def test_a_loaded_bundle_decides_as_what_was_written(world, written):
    content, loaded = small.content(world.ensemble), bundle.load(written).content
    wanted = content.scorer().decide(world.rows)
    assert loaded.scorer().decide(world.rows).tobytes() == wanted.tobytes()
    assert {decision.SIGNAL, decision.FILTERED} <= set(wanted["action"])
    assert loaded.engine_params().tobytes() == small_world.engine_params().tobytes()
    assert loaded.execution_settings() == content.execution_settings()
    assert loaded.grace_ns == small_world.GRACE_NS
    assert loaded.blackouts().shape == (0, 2)


def test_terms_keep_the_order_in_which_they_are_added(written):
    assert bundle.load(written).content.formula().terms == small_world.shipped_formula().terms


def test_a_bundle_verifies_and_says_what_was_checked(written):
    loaded = bundle.load(written)
    said = bundle.verify(loaded)
    assert "\n" not in said
    assert f"{loaded.answers.rows:,} golden rows" in said
    assert "256 model inputs byte for byte, by the code that wrote it" in said
    assert loaded.answers.filtered > 0


def test_a_bundle_without_models_is_the_formula_alone(world, tmp_path):
    content = small.content(None)
    written = bundle.write(tmp_path / "bundle", content, dataclasses.replace(world.golden(), inputs=np.zeros((0, 0))))
    assert written.content.filter() is None
    assert bundle.verify(written)
    assert (
        written.content.scorer().decide(world.rows).tobytes() == Scorer(content.formula()).decide(world.rows).tobytes()
    )


def test_a_bundle_of_a_files_own_bars(tmp_path):
    rng = np.random.default_rng(2)
    loaded = calendar.load("cme_globex", 2024, 2024)
    day = loaded.sessions[40:42]
    bars = np.zeros(300, golden.NATIVE)
    bars["ts_event"] = np.concatenate([s["open_ns"] + 300_000_000_000 * np.arange(1, 151) for s in day])
    close = 5000 + np.cumsum(rng.normal(0, 0.5, 300)).round(2)
    for name in ("open", "high", "low", "close"):
        bars[name] = close
    bars["volume"] = rng.integers(1, 100, 300)
    tape = golden.intake.tape()._replace(bars=bars)
    terms = {"vwap_trend_globex": 0.5, "dow_trend_regime": 0.5}
    confluence = dict(small.content(None).confluence) | {"terms": terms}
    content = small.content(None, native=True, confluence=confluence)
    contracts = np.ones(loaded.sessions.size, np.int64)
    written = bundle.write(tmp_path / "bundle", content, golden.record([tape], loaded.sessions, contracts))
    assert bundle.verify(written)
    assert written.answers.rows == 300


def test_loading_needs_numpy_and_safetensors_only(written):
    heavy = {"pandas", "sklearn", "xgboost", "mlflow", "pyarrow", "polars", "pydantic", "optuna", "dvc"}
    code = (
        "import sys; from pathlib import Path; from mia_ml.scoring import bundle\n"
        "loaded = bundle.load(Path(sys.argv[1])); loaded.content.scorer(); bundle.verify(loaded)\n"
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(written)], check=True)


def test_the_golden_tape_stays_small(written):
    sizes = {path.name: path.stat().st_size for path in written.iterdir()}
    assert sizes[manifest.GOLDEN] < 2 << 20
    assert sizes[manifest.NAME] < 16 << 10


def test_thinning_keeps_order_and_ends_of_nothing(world):
    tape = world.tapes()[0]
    thin = golden.thin(tape, 100)
    assert 50 < thin.trade_ts.size <= 100
    assert 50 < thin.book_ts.size <= 100
    assert set(thin.trade_ts) <= set(tape.trade_ts)
    assert thin.options.tobytes() == tape.options.tobytes()
    assert golden.thin(golden.intake.tape()).trade_ts.size == 0


def test_an_empty_golden_tape_is_refused():
    with pytest.raises(DataError, match="a golden tape without events"):
        golden.record([], np.zeros(0, golden.SESSION), np.zeros(0, np.int64))


def test_an_earlier_bundle_is_replaced_whole(world, copy):
    other = small.content(world.ensemble, Rule("fixed", 0.7))
    bundle.write(copy, other, world.golden())
    assert bundle.load(copy).content.rule == Rule("fixed", 0.7)
    assert [path.name for path in copy.parent.iterdir()] == ["bundle"]


def test_a_folder_of_something_else_is_not_overwritten(world, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds 'notes[.]txt', which is no file of a bundle"):
        bundle.write(tmp_path, small.content(world.ensemble), world.golden())
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_other_decisions_do_not_verify(copy):
    damage.change(copy, lambda v: v["confluence"]["threshold"].update(base=0.26))
    with pytest.raises(DataError, match="the golden tape gives other decisions here"):
        bundle.verify(bundle.load(copy))


def test_other_features_do_not_verify(copy):
    damage.change(copy, lambda v: v["features"]["vwap_trend"].update(width_sd=2.5))
    with pytest.raises(DataError, match="the golden tape gives other feature rows here"):
        bundle.verify(bundle.load(copy))


def test_other_models_do_not_verify(copy):
    path = copy / manifest.ARRAYS
    held = arrays.from_bytes(path.read_bytes(), "arrays")
    held["member_bias"][-1] += 1e-12
    path.write_bytes(arrays.to_bytes(held))
    damage.change(copy, lambda v: None)
    with pytest.raises(DataError, match=r"the golden tape gives other (decisions|probabilities) here"):
        bundle.verify(bundle.load(copy))


def test_other_code_that_decides_the_same_verifies_and_is_named(copy):
    damage.change(copy, lambda v: v.update(code_fingerprint="ab" * 32))
    assert "other code" in bundle.verify(bundle.load(copy))


def test_the_golden_tape_replays_in_any_portions(world, written):
    loaded = bundle.load(written)
    scorer = loaded.content.scorer()
    engine = Engine(loaded.content.engine_params(), loaded.golden.sessions, loaded.golden.contracts)
    rest, decisions = loaded.golden.events, []
    for until in [*loaded.golden.events.trade_ts[::1000], loaded.golden.sessions["close_ns"][-1]]:
        part, rest = golden.intake.split(rest, int(until))
        decisions.append(scorer.decide(engine.run(part)))
        scorer.restore(scorer.snapshot())
        engine.restore(engine.snapshot())
    decisions.append(scorer.decide(engine.clock(int(loaded.golden.sessions["close_ns"][-1]))))
    assert hashlib.sha256(np.concatenate(decisions).tobytes()).hexdigest() == loaded.answers.decisions_sha256
