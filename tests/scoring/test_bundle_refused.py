"""Bundles that are damaged, edited or impossible: nothing of them is believed, and why is said in one line."""

import struct

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.scoring import arrays, bundle, manifest
from tests.scoring import damage


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
    damage.change(copy, lambda v: v["confluence"]["threshold"].update(base=0.26), sealed=False)
    refused(copy, "its seal does not fit")


def test_too_large_a_file_is_not_read(copy, monkeypatch):
    monkeypatch.setitem(bundle.MOST_BYTES, manifest.ARRAYS, 100)
    refused(copy, "arrays.safetensors: ")


@pytest.mark.parametrize("name", [manifest.ARRAYS, manifest.GOLDEN])
@pytest.mark.parametrize("length", [1 << 62, (1 << 64) - 1, 1 << 21])
def test_an_oversized_header_is_refused(copy, name, length):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(struct.pack("<Q", length) + data[8:])
    damage.change(copy, lambda v: None)
    refused(copy, "announce a header")


@pytest.mark.parametrize("name", [manifest.ARRAYS, manifest.GOLDEN])
def test_truncated_arrays_with_a_fitting_sha256_are_refused(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-9])
    damage.change(copy, lambda v: None)
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
    damage.change(copy, make)
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
    damage.change(copy, lambda v: None)
    refused(copy, text)
