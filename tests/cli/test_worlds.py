"""`mia worlds` as a user meets it."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.worlds import campaign
from tests.pipelines.worlds import small

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = [word for setting in small.TINY for word in ("-S", setting)]


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)


@pytest.fixture
def kept(project: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Arguments for worlds that are finished already."""

    def refuse(*given: Any) -> None:
        raise AssertionError("what is finished was begun again")

    folder = small.finished(tmp_path_factory).campaign.folder.parent
    monkeypatch.setattr(small.Here, "submit", refuse)
    monkeypatch.setattr(campaign, "ProcessPoolExecutor", small.Here)
    return ["--runs", 2, "--fresh-trades", small.FRESH_TRADES, "--out", folder, *SETTINGS]


def strict(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def test_as_json(mia, kept):
    for edge, scale in (("none", 0.0), ("planted", 1.0)):
        code, out, err = mia("worlds", "--edge", edge, *kept, "--json")
        assert (code, err) == (0, "")
        (line,) = out.splitlines()
        told = json.loads(line, parse_constant=strict)
        assert {"runs", "promoted", "coverage"} <= set(told)
        assert (told["runs"], told["edge"], told["scale"], told["synthetic"]) == (2, edge, scale, True)
        assert (told["promoted"], told["decided_share"]) == (0, 0)
        assert told["fresh_trades"] >= small.FRESH_TRADES


def test_one_object_a_scale(mia, kept):
    code, out, _ = mia("worlds", "--edge", "planted", "--scale", 1, "--scale", 1.0, *kept, "--json")
    first, second = out.splitlines()
    assert (code, first) == (0, second)


def test_as_text(mia, kept):
    code, out, err = mia("worlds", "--edge", "none", *kept)
    assert (code, err) == (0, "")
    first, about, *lines = out.splitlines()
    assert first.startswith("SYNTHETIC worlds, kept in ")
    assert about.startswith("no edge: 2 worlds of ")
    assert "  promoted by the desk's gates   0 of 2 (0.0 %, 0.0 to 84.2)" in lines
    starts = {len(line) - len(line[2:].split("  ", 1)[1].lstrip()) for line in lines}
    assert len(starts) == 1, "what is said begins in one column"
    assert "planted x 1: 2 worlds of " in mia("worlds", "--edge", "planted", *kept)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--edge", "plantd", "--runs", 1], "unknown edge 'plantd': did you mean 'planted'?"),
        (["--edge", "none", "--runs", 2, "--first-seed", 999_999], "seeds of worlds lie below 1,000,000"),
        (["--edge", "none", "--runs", 1, "--scale", 2], "--scale 2 with --edge none: nothing is planted"),
        (["--edge", "planted", "--runs", 1, "--scale", 9], "it must lie between -2.0 and 2.0"),
        (["--edge", "planted", "--runs", 1, "--scale", "nan"], "strength.order_book_imbalance is nan"),
        (["--edge", "planted", "--runs", 1, "--scale", 0], "name a component other than 0"),
        (["--edge", "none", "--runs", 1, "-S", "judge.twinz=3"], "conf: Could not override 'judge.twinz'"),
        (["--edge", "none", "--runs", 1, "-S", "judge.twins"], "conf: Error parsing override 'judge.twins'"),
        (["--edge", "none", "--runs", 1, "-S", "judge.twins=${nope}"], "conf: Interpolation key 'nope' not found"),
        (["--edge", "none", "--runs", 1, "-S", "judge.twins=20"], "mia: conf: judge.twins is 20: "),
        (["--edge", "none", "--runs", 1, "-S", "experiment=es_hour", "-S", "source.path=x"], "mia: conf: worlds are "),
    ],
)
def test_what_cannot_work_is_one_line(mia, project, tmp_path, arguments, said):
    code, out, err = mia("worlds", *arguments, "--out", tmp_path / "worlds")
    assert (code, out) == (1, "")
    assert err.startswith("mia: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "worlds").exists()


@pytest.mark.parametrize("arguments", [["--edge", "none", "--runs", 0], ["--edge", "none"], ["--runs", "three"]])
def test_wrong_usage(mia, project, arguments):
    code, out, err = mia("worlds", *arguments)
    assert (code, out) == (2, "")
    assert "--runs" in err or "--edge" in err


def test_outside_of_the_project(mia, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = mia("worlds", "--edge", "none", "--runs", 1)
    assert (code, out) == (1, "")
    assert err == "mia: conf: no such folder here: call it in the folder of the project\n"
    assert not list(tmp_path.iterdir())
