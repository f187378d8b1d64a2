"""Bundles: the same bytes for the same content, everything live scoring needs, and nothing damaged is believed."""

import dataclasses
import hashlib
import shutil
import struct
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


@pytest.fixture(scope="module")
def written(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "bundle"
    bundle.write(folder, small.content(world.ensemble, rows_=world.rows), world.golden())
    return folder


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "bundle")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def change(folder, edit, sealed=True):
    """Edit the manifest's values, with the seal and the sha256 of the files made to fit again, as no accident does."""
    values = damage.read(folder)
    edit(values)
    if sealed:
        damage.reseal(folder, values)
    else:
        (folder / manifest.NAME).write_bytes(damage.as_json(values))


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


def refused(folder, text):
    with pytest.raises(DataError) as caught:
        bundle.load(folder)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [manifest.NAME, manifest.ARRAYS, manifest.GOLDEN])
def test_a_missing_file_is_refused(copy, name):
    (copy / name).unlink()
    refused(copy, f"{name}: no such file")


@pytest.mark.parametrize("name", [manifest.NAME, manifest.ARRAYS, manifest.GOLDEN])
@pytest.mark.parametrize("kind", ["truncated", "empty", "flipped"])
def test_damaged_bytes_are_refused(copy, name, kind):
    data = bytearray((copy / name).read_bytes())
    if kind == "flipped":
        data[len(data) // 2] ^= 1
    (copy / name).write_bytes({"truncated": data[: len(data) // 2], "empty": b"", "flipped": data}[kind])
    refused(copy, name)


def test_extra_files_are_refused(copy):
    (copy / "model.pkl").write_bytes(b"x")
    refused(copy, "holds 'model.pkl', which is no file of a bundle")


def test_a_missing_folder_is_refused(tmp_path):
    refused(tmp_path / "none", "no such folder")


def test_any_edit_of_the_manifest_breaks_its_seal(copy):
    change(copy, lambda v: v["confluence"]["threshold"].update(base=0.26), sealed=False)
    refused(copy, "its seal does not fit")


def test_too_large_a_file_is_not_read(copy, monkeypatch):
    monkeypatch.setitem(bundle.MOST_BYTES, manifest.ARRAYS, 100)
    refused(copy, "arrays.safetensors: ")


@pytest.mark.parametrize("name", [manifest.ARRAYS, manifest.GOLDEN])
@pytest.mark.parametrize("length", [1 << 62, (1 << 64) - 1, 1 << 21])
def test_an_oversized_header_is_refused(copy, name, length):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(struct.pack("<Q", length) + data[8:])
    change(copy, lambda v: None)
    refused(copy, "announce a header")


@pytest.mark.parametrize("name", [manifest.ARRAYS, manifest.GOLDEN])
def test_truncated_arrays_with_a_fitting_sha256_are_refused(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-9])
    change(copy, lambda v: None)
    refused(copy, f"{name}: not a readable safetensors file")


def edit_input(**changes):
    return lambda v: v["inputs"][0].update(changes)


EDITS = {
    "format": (lambda v: v.update(format=1), "format 1: this version reads format 2; retrain it"),
    "no format": (lambda v: v.pop("format"), "format None"),
    "unknown key": (lambda v: v.update(extra=1), "unknown key 'extra'"),
    "missing key": (lambda v: v.pop("costs"), "'costs' is missing"),
    "escaping name": (
        lambda v: v["files"].update({"../../etc/passwd": "0" * 64}),
        "they must be arrays.safetensors, golden.safetensors",
    ),
    "unknown feature": (edit_input(name="order_book_inbalance"), "did you mean 'order_book_imbalance'?"),
    "dtype": (edit_input(dtype="float32"), "'order_book_imbalance' is float32 in '1' in the bundle"),
    "unit": (edit_input(unit="ticks"), "'order_book_imbalance' is float64 in 'ticks' in the bundle"),
    "inputs twice": (lambda v: v["inputs"].__setitem__(1, v["inputs"][0]), "different names"),
    "inputs fewer": (lambda v: v["inputs"].pop(0), "not a sound ensemble"),
    "inputs swapped": (lambda v: v["inputs"].reverse(), "then side and exceedance, are needed"),
    "instrument": (lambda v: v["instrument"].update(root="EZ"), "unknown instrument 'EZ'"),
    "calendar": (lambda v: v["instrument"].update(calendar="cme_globe"), "did you mean 'cme_globex'?"),
    "tick": (lambda v: v["instrument"].update(tick_points=0.5), "a tick of ES is 0.5 points"),
    "NaN threshold": (lambda v: v["confluence"]["threshold"].update(base=np.nan), "confluence.threshold.base is nan"),
    "infinite weight": (lambda v: v["confluence"]["terms"].update(gamma_levels=np.inf), "gamma_levels is inf"),
    "no threshold": (lambda v: v["confluence"].pop("threshold"), "'threshold' is missing"),
    "threshold 0": (lambda v: v["confluence"]["threshold"].update(base=0), "each must be above 0"),
    "threshold as text": (lambda v: v["confluence"]["threshold"].update(base="x"), "threshold.base is 'x': a number"),
    "unknown component": (lambda v: v["confluence"]["terms"].update(vwap=1.0), "unknown component 'vwap'"),
    "window": (lambda v: v["features"].update(atr_bars=10**6), "features.atr_bars is 1000000"),
    "feature setting": (lambda v: v["features"].pop("grace_ms"), "'grace_ms' is missing"),
    "execution": (lambda v: v["execution"].update(stop=-1.0), "execution.stop = -1.0 must be above 0"),
    "costs": (lambda v: v["costs"].update(slippage=1.0), "slippage"),
    "rule": (lambda v: v["rule"].update(kind="odd"), "unknown pass rule 'odd'"),
    "margin": (lambda v: v["rule"].update(value=7), "must lie between -1 and 1"),
    "no rule": (lambda v: v.update(rule=None), "the manifest knows no models"),
    "weights": (lambda v: v["members"].pop(), "not a sound ensemble"),
    "golden": (lambda v: v["golden"].pop("rows"), "'rows' is missing"),
    "training": (lambda v: v["training"].update(seed="x"), "seed is 'x': int is needed"),
    "fingerprint": (lambda v: v.update(data_fingerprint="abc"), "a sha256 in hex is needed"),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_impossible_manifest_is_refused_even_when_sealed(copy, edit):
    make, text = EDITS[edit]
    change(copy, make)
    refused(copy, text)


def test_a_key_said_twice_is_refused(copy):
    path = copy / manifest.NAME
    path.write_text(path.read_text().replace('"format": 2,', '"format": 2,\n "format": 2,', 1))
    refused(copy, "'format' stands twice")


@pytest.mark.parametrize("text", ["", "[]", "{", "nul", '{"format": 1}', "[" * 100_000])
def test_what_is_no_manifest_is_refused(copy, text):
    (copy / manifest.NAME).write_text(text)
    refused(copy, "manifest.json")


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("price", None, "no array 'price'"),
        ("price", np.zeros(3), "have lengths"),
        ("side", np.zeros(3), "array 'side' is float64"),
        ("inputs", np.zeros((3, 2)), "array 'inputs' is float64 (3, 2)"),
        ("sessions", np.zeros((2, 3), np.int64), "array 'sessions'"),
        ("surprise", np.zeros(1), "unknown array 'surprise'"),
        ("trade_ts", "backwards", "trade_ts runs backwards"),
    ],
)
def test_an_impossible_golden_tape_is_refused_even_when_sealed(copy, name, values, text):
    path = copy / manifest.GOLDEN
    held = arrays.from_bytes(path.read_bytes(), "golden")
    if values is None:
        del held[name]
    else:
        held[name] = held[name][::-1].copy() if isinstance(values, str) else values
    path.write_bytes(arrays.to_bytes(held))
    change(copy, lambda v: None)
    refused(copy, text)


def test_other_decisions_do_not_verify(copy):
    change(copy, lambda v: v["confluence"]["threshold"].update(base=0.26))
    with pytest.raises(DataError, match="the golden tape gives other decisions here"):
        bundle.verify(bundle.load(copy))


def test_other_features_do_not_verify(copy):
    change(copy, lambda v: v["features"]["vwap_trend"].update(width_sd=2.5))
    with pytest.raises(DataError, match="the golden tape gives other feature rows here"):
        bundle.verify(bundle.load(copy))


def test_other_models_do_not_verify(copy):
    path = copy / manifest.ARRAYS
    held = arrays.from_bytes(path.read_bytes(), "arrays")
    held["member_bias"][-1] += 1e-12
    path.write_bytes(arrays.to_bytes(held))
    change(copy, lambda v: None)
    with pytest.raises(DataError, match=r"the golden tape gives other (decisions|probabilities) here"):
        bundle.verify(bundle.load(copy))


def test_other_code_that_decides_the_same_verifies_and_is_named(copy):
    change(copy, lambda v: v.update(code_fingerprint="ab" * 32))
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
