"""What every section of the settings is: frozen, typed, closed to unknown keys."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

import pydantic
from pydantic import ConfigDict, Field

from mia_ml.core.errors import ConfigError, refuse_unknown

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(pydantic.BaseModel):
    """A group of settings. A number must be written as a number, a name as text: nothing is converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def read(kind: type[Section], values: Mapping[str, Any], where: str) -> Any:
    """`values` as a section of that kind. Raises ConfigError, which begins with `where`, on the first thing wrong."""
    try:
        return kind.model_validate(dict(values))
    except pydantic.ValidationError as error:
        raise ConfigError(f"{where}: {_one_line(kind, error.errors()[0])}") from None


def _one_line(kind: type[Section], problem: Any) -> str:
    where, fields = _walk(kind, [str(step) for step in problem["loc"]])
    name = ".".join(where)
    match problem["type"]:
        case "extra_forbidden":
            section = f" in {'.'.join(where[:-1])}" if where[:-1] else ""
            return refuse_unknown("setting", where[-1], sorted(fields)) + section
        case "missing":
            return f"setting '{name}' is missing"
        case "union_tag_not_found":
            return f"setting '{name}.kind' is missing"
        case "union_tag_invalid":
            known = problem["ctx"]["expected_tags"].replace("'", "").split(", ")
            return refuse_unknown(name, problem["ctx"]["tag"], known)
        case "value_error":
            return ": ".join(filter(None, (name, problem["msg"].removeprefix("Value error, "))))
        case "string_pattern_mismatch":
            return f"{name} is {problem['input']!r}: it must match {problem['ctx']['pattern']}"
    wanted = problem["msg"].removeprefix("Input should be ")
    return f"{name} is {problem['input']!r}: it must be {wanted}"


def _walk(kind: type[Section], location: list[str]) -> tuple[list[str], set[str]]:
    """The dotted path of a location, without the tags of unions, and the names known where it ends."""
    kinds, path, keyed = [kind], [], False
    for step in location[:-1]:
        tagged = [k for k in kinds if step in _tags(k)]
        if tagged:
            kinds = tagged
            continue
        path.append(step)
        if keyed:  # the step is a key of a mapping to sections, which are already `kinds`
            keyed = False
            continue
        annotations = [k.model_fields[step].annotation for k in kinds if step in k.model_fields]
        kinds = [section for annotation in annotations for section in _sections(annotation)]
        keyed = any(get_origin(annotation) is dict for annotation in annotations)
    return path + location[-1:], {name for k in kinds for name in k.model_fields}


def _sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)


def _tags(kind: type[Section]) -> tuple[str, ...]:
    """The kinds that choose this section among the kinds of a union."""
    field = kind.model_fields.get("kind")
    return tuple(str(tag) for tag in get_args(field.annotation)) if field else ()
