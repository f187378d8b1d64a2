"""Settings reach the rooms under the names the rooms use, and a refusal is one line."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from statsmodels.stats import power

import pipelines
from mia_ml import settings
from mia_ml.backtest.execution import Execution
from mia_ml.core.errors import ConfigError
from mia_ml.settings import sections
from mia_ml.store.audit import Limits
from mia_ml.store.rules import Rules
from pipelines import check

REPOSITORY = Path(__file__).resolve().parents[2]


def names(room_type: type) -> set[str]:
    return {field.name for field in dataclasses.fields(room_type)}


def test_settings_have_the_names_of_the_rooms() -> None:
    execution = set(sections.Execution.model_fields) - {"blackout"} | set(sections.Costs.model_fields)
    assert execution == names(Execution)
    assert set(sections.Ingest.model_fields) == names(Rules) - {"unique_sequence"}
    assert set(sections.Audit.model_fields) == names(Limits)


def test_defaults_of_the_rooms_are_the_defaults_of_conf() -> None:
    composed = yaml.safe_load((REPOSITORY / "conf" / "execution" / "default.yaml").read_text())
    composed |= yaml.safe_load((REPOSITORY / "conf" / "costs" / "ES.yaml").read_text())
    composed.pop("blackout")
    assert Execution(**composed) == Execution()
    assert Limits(**yaml.safe_load((REPOSITORY / "conf" / "audit" / "default.yaml").read_text())) == Limits()
    assert Rules(**yaml.safe_load((REPOSITORY / "conf" / "ingest" / "default.yaml").read_text())) == Rules()


def test_a_refusal_is_one_line_and_exit_code_1() -> None:
    def refuse() -> None:
        raise ConfigError("costs.slippage_ticks is -1: it must be at least 0")

    with pytest.raises(SystemExit) as stopped:
        pipelines.run(refuse)
    assert stopped.value.code == "mia: costs.slippage_ticks is -1: it must be at least 0"


def defaults(folder: Path) -> dict[str, Any]:
    """The settings of conf/, with files that exist from `folder`."""
    composed = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    (folder / "feed").touch()
    composed["source"] |= {"path": "feed", "vix_path": "feed"}
    return composed


@pytest.mark.parametrize(
    ("section", "key", "value", "refusal"),
    [
        ("source", "path", "nowhere.dbn", "source.path: nowhere.dbn: no such file or folder"),
        ("source", "vix_path", "nowhere.csv", "source.vix_path: nowhere.csv: no such file or folder"),
        ("confluence", "terms", {"dow_trend_regim": 1.0}, "did you mean 'dow_trend_regime'?"),
        ("features", "atr_bars", 100_000, "features.atr_bars is 100000: it must lie between"),
        ("execution", "take_profit", float("inf"), "execution.take_profit = inf must be above 0"),
    ],
)
def test_check_refuses_what_a_later_stage_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, key: str, value: Any, refusal: str
) -> None:
    composed = defaults(tmp_path)
    composed[section][key] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(composed))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as refused:
        check.main()
    assert refusal in str(refused.value)
    assert not (tmp_path / check.LAST).exists()


def test_check_says_what_differs_from_the_last_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump(defaults(tmp_path)))
    monkeypatch.chdir(tmp_path)
    check.main()
    first = capsys.readouterr().out
    assert first == "".join(f"{line}\n" for line in check.outlook(settings.load(params)))
    values = yaml.safe_load(params.read_text())
    values["workers"] = 7
    params.write_text(yaml.safe_dump(values))
    check.main()
    said = capsys.readouterr().out
    assert "differ from the last run" in said
    assert said.endswith(f"  workers: 0 -> 7\n{first}")
    check.main()
    assert capsys.readouterr().out == ""


def test_check_says_what_it_takes_to_see_what_is_promised(tmp_path: Path) -> None:
    composed = defaults(tmp_path)

    def outlook() -> list[str]:
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(composed, sort_keys=False))
        return check.outlook(settings.load(tmp_path / "params.yaml"))

    head, *lines = outlook()
    assert head.startswith("mia: to see a promised gain at 95 % confidence and 80 % power, from 57 % wins at 10 trades")
    (book,) = [line for line in lines if "(book)" in line]
    trades = math.ceil(power.normal_sample_size_one_tail(0.03, 0.8, 0.025, *_spreads(0.57, 0.60)))
    days = math.ceil(trades / 10 * 21)
    assert book == (
        f"  +3 points of win rate (book): {trades:,} trades in each of two runs, {days:,} trading days "
        f"({days / 252:.1f} years)"
    )
    assert len(lines) == len({step["promise"][0] for step in composed["ladder"]["plan"]["steps"].values()})
    composed["gates"].pop("plan")
    assert outlook() == []
    composed = defaults(tmp_path) | {"ladder": {}}
    assert outlook() == []
    composed = defaults(tmp_path) | {"validation": {"kind": "none"}}
    assert outlook() == []


def _spreads(p: float, q: float) -> tuple[float, float]:
    mean = (p + q) / 2
    return math.sqrt(2 * mean * (1 - mean)), math.sqrt(p * (1 - p) + q * (1 - q))


def test_figures_that_are_not_finite_become_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pipelines.write_metrics("backtest", {"win_rate": float("nan"), "n_trades": 0.0})
    written = (tmp_path / pipelines.METRICS / "backtest.json").read_text()
    assert json.loads(written, parse_constant=pytest.fail) == {"win_rate": None, "n_trades": 0.0}


def test_plots_are_read_as_written(tmp_path: Path) -> None:
    pipelines.write_plot(tmp_path / "p.csv", day=["2024-01-02"], equity_usd=[100_000.5])
    assert pipelines.read_plot(tmp_path / "p.csv") == {"day": ["2024-01-02"], "equity_usd": ["100000.5"]}
