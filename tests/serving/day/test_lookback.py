"""A day that is over, looked at by a process of its own: what it says, and that it leaves no trace."""

import io
import json
import os
import shutil
import subprocess
import sys

import pytest

from mia_ml.scoring import bundle
from serving.day import lookback
from serving.day.rail import SHADOW
from tests.scoring import small

CHAMPION, OTHER = "mia-ml/1", "mia-ml/2"
RULES: dict = {}


@pytest.fixture(scope="module")
def lived(faulty, tmp_path_factory):
    """The state that a service leaves, and the folders of the bundles that decided."""
    root = tmp_path_factory.mktemp("lived")
    golden = small.World(faulty.tables, small.rows(faulty.tables), faulty.content.ensemble).golden()
    features = {**faulty.content.features, "order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
    contents = {CHAMPION: faulty.content, OTHER: small.content(faulty.content.ensemble, features=features)}
    made = {version: bundle.write(root / version, content, golden) for version, content in contents.items()}
    versions = {CHAMPION: (faulty.content, "champion"), OTHER: (contents[OTHER], SHADOW)}
    desk = faulty.desk(root / "live", versions=versions)
    for contender in desk.core.fleet:
        contender.seal = made[contender.version].seal
    events = [*faulty.events, faulty.end]
    for k in range(0, len(events), 500):
        desk.take("ws", events[k : k + 500], 0)
    desk.close()
    return root / "live", {version: str(own.folder) for version, own in made.items()}


@pytest.fixture
def copied(lived, tmp_path):
    """The same, to be spoilt."""
    state, bundles = lived
    shutil.copytree(state, tmp_path / "live")
    spoilt = {version: str(tmp_path / version) for version in bundles}
    for version, folder in bundles.items():
        shutil.copytree(folder, spoilt[version])
    return tmp_path / "live", spoilt


def look(faulty, state, bundles):
    return lookback.look(faulty.days[-1].day, bundles, state, faulty.before, RULES)


def asked(faulty, state, bundles):
    """By its process."""
    question = {"day": faulty.days[-1].day, "versions": bundles, "rules": RULES}
    question |= {"state": str(state), "tables": str(faulty.before)}
    command = [sys.executable, "-m", "serving.day.lookback"]
    done = subprocess.run(command, input=json.dumps(question) + "\n", capture_output=True, text=True, check=True)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def change(faulty, state, old, new, nth=900):
    """Other bytes in a line of the journal."""
    path = state / "decisions" / f"{faulty.days[-1].day}.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    assert old in lines[nth]
    lines[nth] = lines[nth].replace(old, new)
    path.write_bytes(b"".join(lines))


def on_disk(state):
    """Every file, its bytes, and when it was written."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in state.rglob("*") if path.is_file()}


def test_an_honest_day_has_no_difference_and_the_running_service_finds_its_files_as_they_were(faulty, copied):
    state, bundles = copied
    (state / "decisions" / "20240313.jsonl").write_bytes(b'{"number":')  # a line that is being written
    (state / "days" / "20240313").mkdir()
    (state / "days" / "20240313" / "trades.log").write_bytes(b"half a record")
    before = on_disk(state)
    assert asked(faulty, state, bundles) == {"difference": ""}
    assert on_disk(state) == before


def test_one_byte_of_the_journal_is_a_difference(faulty, copied):
    state, bundles = copied
    change(faulty, state, b'"threshold":0', b'"threshold":1')
    found = asked(faulty, state, bundles)
    assert found["difference"].startswith("decision 901 of mia-ml/1 at 2024-03-12")


def test_the_days_before_are_run_again_where_no_snapshot_is_and_none_is_left(faulty, copied):
    state, bundles = copied
    for path in (state / "engine").iterdir():
        path.unlink()
    assert look(faulty, state, bundles) == ""
    assert list((state / "engine").iterdir()) == []


def test_whoever_is_asked_about_is_looked_at_in_any_order(faulty, copied):
    state, bundles = copied
    assert look(faulty, state, dict(reversed(bundles.items()))) == ""
    change(faulty, state, b'"threshold":0', b'"threshold":1', nth=901)
    assert look(faulty, state, {CHAMPION: bundles[CHAMPION]}) == ""
    assert look(faulty, state, {OTHER: bundles[OTHER]}).startswith("decision 902 of mia-ml/2")


def test_a_version_that_cannot_be_loaded_as_it_was_is_said(faulty, copied):
    state, bundles = copied
    other = look(faulty, state, bundles | {CHAMPION: bundles[OTHER]})
    assert other.startswith(f"cannot be looked at: {bundles[OTHER]}: bundle ")
    assert "was registered" in other
    shutil.rmtree(bundles[CHAMPION])
    assert look(faulty, state, bundles) == f"cannot be looked at: {bundles[CHAMPION]}: no such folder"


def test_a_journal_that_does_not_know_a_version_and_one_that_is_none_are_said(faulty, copied):
    state, bundles = copied
    path = state / "decisions" / f"{faulty.days[-1].day}.jsonl"
    unknown = look(faulty, state, bundles | {"mia-ml/3": bundles[OTHER]})
    assert unknown == f"cannot be looked at: {path}: no decision of mia-ml/3"
    change(faulty, state, b'{"number"', b'["number"')
    assert look(faulty, state, bundles).startswith(f"cannot be looked at: {path} line 901: ")


@pytest.mark.parametrize("may", [True, False])
def test_it_is_nice_and_what_it_did_not_expect_is_said_in_a_line(monkeypatch, capsys, may):
    niced, idle = [], []

    def nice(by):
        niced.append(by)
        if not may:
            raise PermissionError

    def schedule(process, policy, parameters):
        idle.append(policy == os.SCHED_IDLE)
        if not may:
            raise PermissionError

    def fail(*given, **more):
        raise FileNotFoundError(2, "No such file\nor directory", "a.state")

    monkeypatch.setattr(os, "nice", nice)
    monkeypatch.setattr(os, "sched_setscheduler", schedule)
    monkeypatch.setattr(lookback, "look", fail)
    question = {"day": 20240312, "versions": {}, "rules": {}, "state": "live", "tables": "tables"}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(question)))
    lookback.main()
    assert (niced, idle) == ([lookback.NICE], [True])
    said = capsys.readouterr().out
    assert json.loads(said) == {"failed": "FileNotFoundError: [Errno 2] No such file or directory: 'a.state'"}
