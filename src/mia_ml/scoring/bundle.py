"""The bundle: one folder with everything that live scoring needs, and nothing that can run.

    manifest.json        settings, models and their inputs, provenance, the sha256 of everything
    arrays.safetensors   the models
    golden.safetensors   a stretch of events and model inputs; the manifest has the sha256 of what they gave

Loading needs numpy, safetensors and this package. The same content gives the same bytes.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mia_ml.core.errors import DataError, MiaError
from mia_ml.models import ensemble
from mia_ml.scoring import arrays, fingerprint, manifest
from mia_ml.scoring.content import SECTIONS, Content
from mia_ml.scoring.golden import Answers, Golden, replay
from mia_ml.scoring.manifest import ARRAYS, GOLDEN, NAME

MOST_BYTES = {NAME: 1 << 20, ARRAYS: 1 << 28, GOLDEN: 1 << 22}
"""The largest files that are read: 1 MiB, 256 MiB, 4 MiB."""
MOST_TOLD = 500
"""Characters of a refusal: a damaged file may put a megabyte where a name is expected."""


@dataclass(frozen=True)
class Bundle:
    """folder: where it was read. answers: what the golden tape gave where it was written. seal: the sha256 that stands
    for all of it."""

    folder: Path
    content: Content
    golden: Golden
    answers: Answers
    seal: str


def write(folder: Path, content: Content, golden: Golden) -> Bundle:
    """Replay the golden tape and write the folder, whole or not at all; an earlier bundle there is replaced.

    Raises DataError when the folder holds something else, when the content does not hold together, or when a file
    would be larger than `load` reads.
    """
    content.check()
    try:
        _refuse_foreign(folder)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from None
    answers = replay(golden, content.engine_params(), content.scorer())
    stored, described = ({}, None) if content.ensemble is None else content.ensemble.to_arrays()
    files = {ARRAYS: arrays.to_bytes(stored), GOLDEN: arrays.to_bytes(golden.to_arrays())}
    files[NAME] = manifest.write(content, described, answers, files)
    for name, data in files.items():
        _refuse_large(name, len(data))
    _put(folder, files)
    return load(folder)


def load(folder: Path) -> Bundle:
    """Read and check a folder. Raises DataError, one line naming folder and file, on what `write` did not write."""
    try:
        if not folder.exists():
            raise DataError("no such folder")
        if not folder.is_dir():
            raise DataError("a file where the folder of a bundle is needed")
        _refuse_foreign(folder)
        return _parse(folder, {name: _read(folder / name) for name in MOST_BYTES})
    except MiaError as error:
        raise DataError(_one_line(folder, str(error))) from None
    except OSError as error:
        name = Path(error.filename or folder).name
        raise DataError(_one_line(folder, f"{name}: cannot be read ({error.strerror})")) from None


def verify(bundle: Bundle) -> str:
    """Replay the golden tape; what was checked, in words. Raises DataError when it gives other bytes than it gave."""
    try:
        found = replay(bundle.golden, bundle.content.engine_params(), bundle.content.scorer())
    except MiaError as error:
        raise DataError(_one_line(bundle.folder, f"{GOLDEN}: it cannot be replayed: {error}")) from None
    gave, here = bundle.answers, fingerprint.code_fingerprint()
    same_code = here == bundle.content.code_fingerprint
    whose = f"{bundle.folder}: {GOLDEN}: bundle {bundle.seal[:12]}: the golden tape gives"
    for name, what in (("rows", "feature rows"), ("decisions", "decisions"), ("probabilities", "probabilities")):
        if getattr(found, f"{name}_sha256") != getattr(gave, f"{name}_sha256"):
            cause = "on other bits of this machine" if same_code else f"by other code ({here[:12]})"
            raise DataError(f"{whose} other {what} here, {cause}; retrain it")
    counts, told = ([a.rows, a.crossings, a.filtered] for a in (found, gave))
    if counts != told:
        raise DataError(f"{whose} {counts} rows, crossings and filtered ones, the manifest says {told}; retrain it")
    code = "the code that wrote it" if same_code else f"other code ({here[:12]}), which decides the same"
    return (
        f"bundle {bundle.seal[:12]}, 3 files by sha256, {found.rows:,} golden rows with {found.crossings} crossings "
        f"({found.filtered} filtered) and {len(bundle.golden.inputs)} model inputs byte for byte, by {code}"
    )


def _parse(folder: Path, files: dict[str, bytes]) -> Bundle:
    with _about(NAME):
        found = manifest.read(files[NAME])
    for name, wanted in found.sha256.items():
        if manifest.sha256(files[name]) != wanted:
            raise DataError(f"{name}: damaged (its sha256 is not the manifest's); fetch the bundle again")
    values, stored = found.values, arrays.from_bytes(files[ARRAYS], ARRAYS)
    if found.models is None and stored:
        raise DataError(f"{ARRAYS}: holds {', '.join(stored)}, the manifest knows no models")
    with _about(ARRAYS):
        trained = None if found.models is None else ensemble.from_arrays(stored, found.models)
    content = Content(
        instrument=values["instrument"]["root"],
        calendar=values["instrument"]["calendar"],
        native=values["native_bars"],
        **{name: values[name] for name in SECTIONS},
        ensemble=trained,
        rule=found.rule,
        ranges=found.ranges,
        training=found.training,
        synthetic=values["synthetic"],
        data_fingerprint=values["data_fingerprint"],
        code_fingerprint=values["code_fingerprint"],
    )
    with _about(NAME):
        content.check()
    inputs = 0 if trained is None else len(trained.inputs)
    golden = Golden.from_arrays(arrays.from_bytes(files[GOLDEN], GOLDEN), inputs, GOLDEN)
    return Bundle(folder, content, golden, found.answers, found.seal)


@contextmanager
def _about(name: str) -> Iterator[None]:
    """A refusal of what stands in a file names the file."""
    try:
        yield
    except MiaError as error:
        text = str(error)
        raise DataError(text if text.startswith(name) else f"{name}: {text}") from None


def _one_line(folder: Path, text: str) -> str:
    """With what came out of a file made harmless to a terminal and a log."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return f"{folder}: " + (shown if len(shown) <= MOST_TOLD else f"{shown[: MOST_TOLD - 100]} ... {shown[-100:]}")


def _refuse_foreign(folder: Path) -> None:
    """Nothing but a bundle's files: what else stands there would be lost, or is not what the manifest vouches for."""
    if folder.exists():
        foreign = sorted(path.name for path in folder.iterdir() if path.name not in MOST_BYTES or path.is_dir())
        if foreign:
            raise DataError(f"it holds '{foreign[0]}', which is no file of a bundle; give another folder")


def _refuse_large(name: str, size: int) -> None:
    if size > MOST_BYTES[name]:
        raise DataError(f"{name}: {size:,} bytes: at most {MOST_BYTES[name]:,} are read")


def _read(path: Path) -> bytes:
    """The bytes of a plain file that stands in the folder itself."""
    if path.is_symlink():
        raise DataError(f"{path.name}: a link to {path.readlink()}: put the file itself there")
    if not path.exists():
        raise DataError(f"{path.name}: no such file; a bundle has {', '.join(MOST_BYTES)}")
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise DataError(f"{path.name}: no plain file")
        _refuse_large(path.name, found.st_size)
        data = file.read(MOST_BYTES[path.name] + 1)
    _refuse_large(path.name, len(data))  # it may have grown in between
    return data


def _put(folder: Path, files: dict[str, bytes]) -> None:
    """Beside it first, then under its name: a killed writer leaves the earlier bundle or none, never a mixture."""
    beside, before = (folder.with_name(f".{folder.name}.{part}") for part in ("part", "before"))
    for left in (beside, before):
        shutil.rmtree(left, ignore_errors=True)
    beside.mkdir(parents=True)
    for name, data in files.items():
        (beside / name).write_bytes(data)
    if folder.exists():
        folder.rename(before)
    beside.rename(folder)
    shutil.rmtree(before, ignore_errors=True)
