"""A bundle's manifest: everything but the arrays, as JSON, and the sha256 of everything including itself.

`seal` is the sha256 of the manifest without its seal. What an accident, or an editor, changes is noticed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mia_ml.core.errors import DataError, refuse_unknown
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.scoring import plain
from mia_ml.scoring.content import SECTIONS, Content, Training
from mia_ml.scoring.filter import Rule, unit_of
from mia_ml.scoring.golden import Answers
from mia_ml.scoring.ranges import Ranges

FORMAT = 2
NAME = "manifest.json"
ARRAYS, GOLDEN = "arrays.safetensors", "golden.safetensors"
DTYPE = "float64"
"""Of every model input."""

_NONE = type(None)
_KINDS: dict[str, plain.Kind] = {
    "format": int,
    "instrument": dict,
    "native_bars": bool,
    "inputs": list,
    "members": list,
    "combination": (str, _NONE),
    "rule": (dict, _NONE),
    **dict.fromkeys(SECTIONS, dict),
    "ranges": dict,
    "training": dict,
    "synthetic": bool,
    "data_fingerprint": str,
    "code_fingerprint": str,
    "files": dict,
    "golden": dict,
    "seal": str,
}
_TRAINING: dict[str, plain.Kind] = dict.fromkeys(Training.__dataclass_fields__, int)
_ANSWERS: dict[str, plain.Kind] = {
    name: str if name.endswith("_sha256") else int for name in Answers.__dataclass_fields__
}
_HEX = set("0123456789abcdef")


@dataclass(frozen=True)
class Manifest:
    """values: the JSON object. models: the description `models.ensemble.from_arrays` takes, None without models."""

    values: dict[str, Any]
    models: dict[str, Any] | None
    rule: Rule | None
    ranges: Ranges
    training: Training
    answers: Answers
    sha256: dict[str, str]

    @property
    def seal(self) -> str:
        """The bundle's identity: it changes when anything in the bundle does."""
        return str(self.values["seal"])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(content: Content, models: Mapping[str, Any] | None, answers: Answers, files: Mapping[str, bytes]) -> bytes:
    """The manifest's bytes. models: the description that `Ensemble.to_arrays` gives. files: the other files."""
    traded = content.traded()
    described = models or {"inputs": [], "members": [], "combination": None}
    values: dict[str, Any] = {
        "format": FORMAT,
        "instrument": {
            "root": traded.root,
            "calendar": content.calendar,
            "tick_points": traded.tick,
            "tick_usd": traded.tick_value,
        },
        "native_bars": content.native,
        "inputs": [{"name": name, "dtype": DTYPE, "unit": unit_of(name)} for name in described["inputs"]],
        "members": described["members"],
        "combination": described["combination"],
        "rule": None if content.rule is None else asdict(content.rule),
        **{name: getattr(content, name) for name in SECTIONS},
        "ranges": {name: content.ranges[name] for name in content.ranged()},
        "training": asdict(content.training),
        "synthetic": content.synthetic,
        "data_fingerprint": content.data_fingerprint,
        "code_fingerprint": content.code_fingerprint,
        "files": {name: sha256(data) for name, data in sorted(files.items())},
        "golden": asdict(answers),
    }
    return plain.to_json(values | {"seal": _seal(values)}, NAME)


def _seal(values: Mapping[str, Any]) -> str:
    return sha256(plain.to_json({name: value for name, value in values.items() if name != "seal"}, NAME))


def read(data: bytes) -> Manifest:
    """Raises DataError or ConfigError on anything that `write` would not have written."""
    values = plain.from_json(data, NAME)
    if values.get("format") != FORMAT:
        raise DataError(f"{NAME}: format {values.get('format')!r}: this version reads format {FORMAT}; retrain it")
    plain.take(values, NAME, **_KINDS)
    _check_instrument(values["instrument"])
    if list(values["files"]) != [ARRAYS, GOLDEN]:
        raise DataError(f"{NAME}: files are {', '.join(values['files'])}: they must be {ARRAYS}, {GOLDEN}")
    for name in ("data_fingerprint", "code_fingerprint"):
        if not (len(values[name]) == 64 and set(values[name]) <= _HEX):
            raise DataError(f"{NAME}: {name} is '{values[name]}': a sha256 in hex is needed")
    described = {name: values[name] for name in ("members", "combination")}
    described["inputs"] = [_input(entry) for entry in values["inputs"]]
    rule = None
    if values["rule"] is not None:
        rule = Rule(*plain.take(values["rule"], f"{NAME}: rule", kind=str, value=(float, int)))
    ranges = {name: _range(name, span) for name, span in values["ranges"].items()}
    training = Training(*plain.take(values["training"], f"{NAME}: training", **_TRAINING))
    answers = Answers(*plain.take(values["golden"], f"{NAME}: golden", **_ANSWERS))
    if _seal(values) != values["seal"]:
        raise DataError(f"{NAME}: changed after it was written (its seal does not fit); fetch the bundle again")
    if plain.to_json(values, NAME) != data:
        raise DataError(f"{NAME}: the same values in other bytes than are written; fetch the bundle again")
    return Manifest(values, None if rule is None else described, rule, ranges, training, answers, values["files"])


def _check_instrument(section: Mapping[str, Any]) -> None:
    where = f"{NAME}: instrument"
    kinds = {"root": str, "calendar": str, "tick_points": float, "tick_usd": float}
    root, calendar, tick, usd = plain.take(section, where, **kinds)
    calendars = sorted({traded.calendar for traded in INSTRUMENTS.values()})
    if calendar not in calendars:
        raise DataError(f"{where}: {refuse_unknown('calendar', calendar, calendars)}")
    if root not in INSTRUMENTS:
        raise DataError(f"{where}: {refuse_unknown('instrument', root, list(INSTRUMENTS))}")
    traded = INSTRUMENTS[root]
    if (tick, usd) != (traded.tick, traded.tick_value):
        raise DataError(
            f"{where}: a tick of {root} is {tick} points and {usd} USD in the bundle, {traded.tick} and "
            f"{traded.tick_value} here"
        )


def _range(name: str, span: Any) -> tuple[float, float] | None:
    if span is None:
        return None
    if not (isinstance(span, list) and [type(end) for end in span] == [float, float]):
        raise DataError(f"{NAME}: ranges: {name} is {span!r}: two numbers or null are needed")
    return span[0], span[1]


def _input(entry: Any) -> str:
    where = f"{NAME}: inputs"
    if not isinstance(entry, dict):
        raise DataError(f"{where}: {entry!r} where name, dtype and unit are needed")
    name, dtype, unit = plain.take(entry, where, name=str, dtype=str, unit=str)
    here = unit_of(name)
    if (dtype, unit) != (DTYPE, here):
        raise DataError(f"{where}: '{name}' is {dtype} in '{unit}' in the bundle, {DTYPE} in '{here}' here")
    return str(name)
