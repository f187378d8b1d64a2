"""`mia replay --bundle` and `mia verify-bundle` as a user meets them: exit codes, and one line where they refuse."""

import shutil

import polars as pl
import pytest

from mia_ml.registry import fetch
from mia_ml.scoring import bundle, manifest
from tests import small_world
from tests.scoring import damages, small


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return small.world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "bundle"
    bundle.write(path, small.content(world.ensemble), world.golden())
    return path


def test_a_sound_bundle_is_one_line(mia, folder):
    code, out, err = mia("verify-bundle", folder)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert out.startswith(f"{folder}: OK: bundle ")
    assert "3 files by sha256" in out


def test_a_damaged_bundle_is_one_line_and_exit_code_1(mia, folder, tmp_path):
    damaged = shutil.copytree(folder, tmp_path / "bundle")
    data = bytearray((damaged / manifest.ARRAYS).read_bytes())
    data[-1] ^= 1
    (damaged / manifest.ARRAYS).write_bytes(data)
    code, out, err = mia("verify-bundle", damaged)
    assert (code, out) == (1, "")
    assert (
        err
        == f"mia: {damaged}: arrays.safetensors: damaged (its sha256 is not the manifest's); fetch the bundle again\n"
    )
    code, out, err = mia("replay", "--tables", tmp_path, "--out", tmp_path / "rows.parquet", "--bundle", damaged)
    assert (code, err.count("\n")) == (1, 1)


def test_no_bundle_at_all_is_one_line(mia, world, tmp_path):
    code, _, err = mia("verify-bundle", tmp_path / "none")
    assert (code, err) == (1, f"mia: {tmp_path / 'none'}: no such folder\n")
    code, _, err = mia("replay", "--tables", world.tables, "--out", tmp_path / "rows.parquet", "--bundle", "none")
    assert (code, err) == (1, "mia: none: no such folder; give a bundle's folder or models:/NAME@ALIAS\n")


@pytest.fixture(scope="module")
def decided(world):
    return small.content(world.ensemble).scorer().decide(world.rows)


@pytest.mark.parametrize("chunks", ["whole", "random"])
def test_replay_decides_with_the_bundle_and_needs_no_settings(
    mia, monkeypatch, world, folder, decided, tmp_path, chunks
):
    monkeypatch.chdir(tmp_path)
    code, out, _ = mia(
        "replay", "--tables", world.tables, "--out", "rows.parquet", "--bundle", folder, "--chunks", chunks
    )
    assert (code, out) == (0, f"{decided.size:,} rows of 3 trading days in rows.parquet\n")
    frame = pl.read_parquet(tmp_path / "rows.parquet")
    for name in ("action", "probability", "pass_mark"):
        assert frame[name].to_numpy().tobytes() == decided[name].tobytes(), name


def test_a_registered_bundle_is_fetched_first(mia, monkeypatch, world, folder, decided, tmp_path):
    asked = []

    def fetched(uri, tracking_uri, into):
        asked.append((uri, tracking_uri))
        return shutil.copytree(folder, into / "bundle")

    monkeypatch.setattr(fetch, "fetch", fetched)
    monkeypatch.chdir(tmp_path)
    address = "models:/mia@candidate"
    code, _, err = mia(
        "replay",
        "--tables",
        world.tables,
        "--out",
        "rows.parquet",
        "--bundle",
        address,
        "--params",
        small_world.SHIPPED,
    )
    assert code == 0, err
    assert [uri for uri, _ in asked] == [address]
    assert pl.read_parquet(tmp_path / "rows.parquet")["action"].to_numpy().tobytes() == decided["action"].tobytes()


def test_bars_do_not_pass_for_ticks(mia, folder, tmp_path):
    path = tmp_path / "tables" / "bars" / "ESH4" / "2024-03-04.parquet"
    path.parent.mkdir(parents=True)
    names = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "n_trades")
    pl.DataFrame({"ts_event": [1_709_568_000_000_000_000], **{name: [5000.0] for name in names}}).write_parquet(path)
    code, _, err = mia(
        "replay", "--tables", tmp_path / "tables", "--out", tmp_path / "rows.parquet", "--bundle", folder
    )
    assert code == 1
    assert "the bundle's features stand on ticks, these tables hold the bars of a file" in err


@pytest.mark.parametrize("kind", ["threshold edited", "pickle for arrays, sealed", "link to a device", "key twice"])
def test_a_damaged_bundle_ends_the_command_in_one_line(mia, folder, tmp_path, kind):
    damaged = shutil.copytree(folder, tmp_path / "bundle")
    apply, told = damages.LOAD[kind]
    apply(damaged)
    code, out, err = mia("verify-bundle", damaged)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"mia: {damaged}: ")
    assert told in err
    assert not (tmp_path / "marker").exists()


def test_a_bundle_edited_and_sealed_again_ends_the_command_in_one_line(mia, folder, tmp_path):
    damaged = shutil.copytree(folder, tmp_path / "bundle")
    damages.TAPE["threshold edited"][0](damaged)
    code, out, err = mia("verify-bundle", damaged)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"mia: {damaged}: golden.safetensors: bundle ")
    assert "the golden tape gives other decisions here" in err
