"""Damaged and mismatched bundles: each refused in one line that names folder and file, and nothing ever unpickled."""

import json
import os
import pickle
import shutil
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import DataError
from mia_ml.scoring import bundle, manifest
from tests.scoring import damage, small
from tests.scoring.damages import LOAD, TAPE

really_loads = pickle.loads


@pytest.fixture(scope="module")
def written(world, tmp_path_factory):
    """A sound bundle, loaded and verified once: so the kernels are there, whose cache is numba's and has pickles."""
    folder = tmp_path_factory.mktemp("written") / "bundle"
    bundle.verify(bundle.write(folder, small.content(world.ensemble, rows_=world.rows), world.golden()))
    return folder


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "bundle")


@pytest.fixture(autouse=True)
def nothing_is_unpickled(written, monkeypatch, tmp_path):
    """Unpickling is an error, nor has it left its marker."""

    def refuse(*_):
        raise AssertionError("something was unpickled")

    with monkeypatch.context() as patched:
        for name in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler"):
            patched.setattr(pickle, name, refuse)
        yield
    assert not (tmp_path / "marker").exists()


@pytest.fixture(autouse=True)
def no_longer_than_a_breath():
    """A tree or a header that never ends must not hold the tests up, and a pipe not wait for a writer."""

    def give_up(*_):
        raise TimeoutError("still not loaded")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def line(folder, refused):
    """Its text, which is one short line without control characters that names the folder and one of its files."""
    text = str(refused.value)
    assert text.isprintable()
    assert len(text) < 700 + len(str(folder))
    assert text.startswith(f"{folder}: ")
    return text.removeprefix(f"{folder}: ")


@pytest.mark.parametrize("kind", LOAD)
def test_a_damaged_bundle_is_refused_at_load(copy, kind):
    apply, told = LOAD[kind]
    apply(copy)
    with pytest.raises(DataError) as refused:
        bundle.load(copy)
    text = line(copy, refused)
    assert told in text
    assert any(name in text for name in damage.FILES) or kind in ("pickle beside the files", "file for the folder")


@pytest.mark.parametrize("kind", TAPE)
def test_a_bundle_that_is_sound_in_itself_does_not_pass_the_golden_tape(copy, kind):
    apply, told = TAPE[kind]
    apply(copy)
    loaded = bundle.load(copy)
    with pytest.raises(DataError) as refused:
        bundle.verify(loaded)
    text = line(copy, refused)
    assert text.startswith(f"{manifest.GOLDEN}: bundle {loaded.seal[:12]}: the golden tape gives ")
    assert told in text


@pytest.mark.parametrize("file", damage.FILES)
def test_a_file_that_may_not_be_read_is_refused(copy, monkeypatch, file):
    (copy / file).chmod(0)
    really = os.open

    def as_a_user(path, *rest):  # tests may run as one who may read everything
        if os.path.basename(path) == file:
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *rest)

    monkeypatch.setattr(os, "open", as_a_user)
    with pytest.raises(DataError) as refused:
        bundle.load(copy)
    assert line(copy, refused) == f"{file}: cannot be read (Permission denied)"


def test_a_planted_pickle_would_be_noticed(copy):
    really_loads(damage.planted(copy)).close()
    (copy.parent / "marker").unlink()


def test_a_file_that_grows_while_it_is_read_is_refused(copy, monkeypatch):
    really = os.fstat

    def small_still(descriptor):
        found = list(really(descriptor))
        found[6] = 1
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", small_still)
    monkeypatch.setitem(bundle.MOST_BYTES, manifest.ARRAYS, 100)
    with pytest.raises(DataError, match=r"arrays[.]safetensors: 101 bytes: at most 100 are read"):
        bundle.load(copy)


RARELY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)


@st.composite
def spoilt(draw, data):
    """The bytes with up to four flipped, cut off, doubled or put in."""
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(out) - 1, 0)) | st.integers(0, min(2000, max(len(out) - 1, 0))))
        kind = draw(st.sampled_from(["flip", "cut", "twice", "put"]))
        if kind == "flip" and out:
            out[at] ^= draw(st.integers(1, 255))
        elif kind == "cut":
            del out[at:]
        elif kind == "twice":
            out[at:at] = out[at : at + draw(st.integers(1, 64))]
        else:
            out[at:at] = draw(st.binary(min_size=1, max_size=9))
    return bytes(out)


@pytest.mark.parametrize("file", damage.FILES)
@RARELY
@given(data=st.data())
def test_other_bytes_are_never_believed(written, copy, file, data):
    sound = (written / file).read_bytes()
    bad = data.draw(spoilt(sound))
    (copy / file).write_bytes(bad)
    if bad == sound:
        assert bundle.load(copy).seal == bundle.load(written).seal
    else:
        with pytest.raises(DataError) as refused:
            bundle.load(copy)
        assert file in line(copy, refused)


def hurts_nobody(folder):
    """Loading and the golden tape pass it, or refuse it in one line; whatever else they raise is the test's failure."""
    said = ""
    try:
        bundle.verify(bundle.load(folder))
    except DataError as error:
        said = str(error)
    assert not said or (said.isprintable() and said.startswith(f"{folder}: "))


@pytest.mark.parametrize("file", [manifest.ARRAYS, manifest.GOLDEN])
@RARELY
@given(data=st.data())
def test_other_bytes_under_a_fitting_seal_hurt_nobody(written, copy, file, data):
    shutil.copy(written / manifest.NAME, copy)
    (copy / file).write_bytes(data.draw(spoilt((written / file).read_bytes())))
    damage.reseal(copy)
    hurts_nobody(copy)


def places(value, at=()):
    """Every path of keys into nested plain values, but the seal."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        if key != "seal":
            yield (*at, key)
            yield from places(inner, (*at, key))


ODD = st.sampled_from([None, True, [], {}, "", "x", "99:99", [1.0, 0.5], "2024/2025"]) | st.one_of(
    st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)


@settings(RARELY, max_examples=100)
@given(data=st.data(), odd=ODD)
def test_odd_values_under_a_fitting_seal_hurt_nobody(written, copy, data, odd):
    values = json.loads((written / manifest.NAME).read_text())
    place = data.draw(st.sampled_from(list(places(values))))
    shutil.copy(written / manifest.NAME, copy)
    damage.said(*place, to=odd, sealed=place[0] != "files")(copy)
    hurts_nobody(copy)
