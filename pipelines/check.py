"""Before anything runs: are the settings sound, and what differs from the last run?

DVC composes the settings anew at every `dvc exp run`: a run without `-S` silently returns to the defaults. So this
says what changed. It is always run, in front of every other stage.
"""

from pathlib import Path
from typing import Any

import yaml

from mia_ml import settings
from pipelines import run

LAST = Path("reports/last_params.yaml")


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """
    >>> flat({"costs": {"slippage_ticks": 1.0}, "workers": 0})
    {'costs.slippage_ticks': 1.0, 'workers': 0}
    """
    out: dict[str, Any] = {}
    for key, value in values.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return out


def differences(last: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """
    >>> differences({"a": {"x": 1, "y": 2}}, {"a": {"x": 3, "z": 2}})
    ['a.x: 1 -> 3', 'a.y: 2 -> (gone)', 'a.z: (new) -> 2']
    """
    before, after = flat(last), flat(now)
    names = sorted(before.keys() | after.keys())
    pairs = ((name, before.get(name, "(new)"), after.get(name, "(gone)")) for name in names)
    return [f"{name}: {old} -> {new}" for name, old, new in pairs if old != new]


def main() -> None:
    settings.load()
    now = yaml.safe_load(settings.PARAMS.read_text())
    if LAST.is_file():
        changed = differences(yaml.safe_load(LAST.read_text()), now)
        if changed:
            print("mia: these settings differ from the last run; what -S does not name is back at its default")
        for line in changed:
            print(f"  {line}")
    LAST.parent.mkdir(parents=True, exist_ok=True)
    LAST.write_text(yaml.safe_dump(now))


if __name__ == "__main__":
    run(main)
