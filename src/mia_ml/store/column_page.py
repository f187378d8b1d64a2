"""The audit of feature columns as a Markdown page."""

from collections.abc import Iterable, Mapping
from typing import Any

INTRODUCTION = """# Components

nan: share of rows. The rest is of the rows that are not: the share that is not 0 (fires), mean, standard deviation, the
share at -1 or +1 (saturated).
"""
WORDS = ("column", "session")
FORMS = {"rows": ",", "nan": ".1%", "fires": ".1%", "mean": ".3f", "sd": ".3f", "saturated": ".1%"}


def text(entries: Iterable[Mapping[str, Any]]) -> str:
    """What is odd first, then the table.

    >>> entry = {"column": "x", "session": "all", "rows": 1380, "nan": 0.25, "fires": 1.0, "mean": 0.5, "sd": 0.125}
    >>> print(text([entry | {"saturated": 0.0, "findings": ["stale on 1 of 2 days: 20231226"]}])[len(INTRODUCTION) :])
    <BLANKLINE>
    - x: stale on 1 of 2 days: 20231226
    <BLANKLINE>
    | column | session | rows | nan | fires | mean | sd | saturated |
    |---|---|---:|---:|---:|---:|---:|---:|
    | x | all | 1,380 | 25.0% | 100.0% | 0.500 | 0.125 | 0.0% |
    <BLANKLINE>
    """
    entries = list(entries)
    odd = [f"- {entry['column']}: {'; '.join(entry['findings'])}" for entry in entries if entry.get("findings")]
    table = [_line([*WORDS, *FORMS]), "|" + "---|" * len(WORDS) + "---:|" * len(FORMS), *map(_cells, entries)]
    return "\n".join([INTRODUCTION, *odd, "", *table, ""])


def _cells(entry: Mapping[str, Any]) -> str:
    figures = ("" if entry[name] is None else format(entry[name], form) for name, form in FORMS.items())
    return _line([*(entry[name] for name in WORDS), *figures])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
