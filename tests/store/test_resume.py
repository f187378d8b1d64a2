"""An ingest that was killed goes on where it was: finished files are not read again, bytes and report are the same."""

import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from mia_ml.core import calendar
from mia_ml.core.errors import TableError
from mia_ml.core.tables import FileDone
from mia_ml.sources import bars, databento, sierra, simulator, tables, vix
from mia_ml.sources.bar_mapping import REQUIRED, BarMapping
from mia_ml.store.ingest import Readers, ingest
from mia_ml.store.rules import Rules

SESSIONS = calendar.load("cme_globex", 2023, 2024).between(20231226, 20231229)
OPENS = [int(day["open_ns"]) // 10**9 for day in SESSIONS]
MAPPING = BarMapping({name: name for name in REQUIRED}, time_format="epoch_s")


def bar_file(path: Path, days: list[int], shift: int = 0) -> None:
    """Ten minutes of bars on each day; the third bar of a file has its high below its low."""
    rows = [f"{OPENS[day] + 60 * minute + shift},4800,4801,4799,4800.5,7" for day in days for minute in range(1, 11)]
    rows[2] = rows[2].replace("4801", "4000")
    path.write_text("\n".join([",".join(REQUIRED), *rows]) + "\n")


def feed(folder: Path) -> Path:
    """a and b share a day, c has two, d is no bar file, e is a again, f follows."""
    folder.mkdir()
    bar_file(folder / "a.csv", [0])
    bar_file(folder / "b.csv", [0], shift=30)
    bar_file(folder / "c.csv", [1, 2])
    (folder / "d.csv").write_text("nothing\n")
    shutil.copy(folder / "a.csv", folder / "e.csv")
    bar_file(folder / "f.csv", [3])
    return folder


def readers(folder: Path, **options) -> Readers:
    return Readers((partial(bars.read, [folder], MAPPING, "ESH4", **options),))


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def read_again(monkeypatch):
    """The names of the files that were opened, in order."""
    opened: list[str] = []
    original = bars._text

    def watched(file, *arguments):
        opened.append(Path(file).name)
        return original(file, *arguments)

    monkeypatch.setattr(bars, "_text", watched)
    return opened


def stop_at(name: str):
    def progress(file: str, rows: int) -> None:
        if Path(file).name == name:
            raise KeyboardInterrupt

    return progress


def stopped(folder: Path, root: Path, name: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        ingest(readers(folder), root, Rules(), stop_at(name))


KILLED = """
import importlib.util, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("feed", sys.argv[1])
feed = importlib.util.module_from_spec(spec)
spec.loader.exec_module(feed)

def wait(file, rows):
    if Path(file).name == sys.argv[4]:
        print("now", flush=True)
        time.sleep(60)

feed.ingest(feed.readers(Path(sys.argv[2])), Path(sys.argv[3]), feed.Rules(), wait)
"""


def test_what_a_killed_run_had_finished_is_not_read_again(tmp_path, read_again):
    folder = feed(tmp_path / "in")
    expected = ingest(readers(folder), tmp_path / "whole", Rules())
    assert (expected.resumed, expected.resumption) == (0, "")
    assert len(expected.errors) == 2
    assert expected.quarantined == 4
    assert expected.warnings
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, __file__, str(folder), str(out), "c.csv"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"now\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    left = [name for name in everything(out) if name.endswith(".parquet") and "/bars/" in name]
    assert len(left) == 3, "a, b and the first day of c were staged"
    read_again.clear()
    report = ingest(readers(folder), out, Rules())
    assert read_again == ["c.csv", "d.csv", "e.csv", "f.csv"]
    assert report.resumption == "resumed: 2 of 5 files were read before"
    assert report.as_json() == expected.as_json()
    assert everything(out) == everything(tmp_path / "whole")


def test_a_run_stopped_at_any_write_is_completed(tmp_path, monkeypatch):
    folder = feed(tmp_path / "in")
    expected = ingest(readers(folder), tmp_path / "whole", Rules())
    whole, replace = everything(tmp_path / "whole"), os.replace
    stops, resumed = 0, []
    while True:
        left = stops

        def dying(source, target):
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            replace(source, target)

        out = tmp_path / str(stops)
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dying)
            try:
                ingest(readers(folder), out, Rules())
                break
            except KeyboardInterrupt:
                pass
        report = ingest(readers(folder), out, Rules())
        resumed.append(report.resumed)
        assert report.as_json() == expected.as_json()
        assert everything(out) == whole
        stops += 1
    assert max(resumed) == 4, "all but the file that is no bar file and the repeated one"
    assert resumed[0] == 0


def test_a_changed_file_is_read_again_the_others_are_not(tmp_path, read_again):
    folder, out = feed(tmp_path / "in"), tmp_path / "out"
    stopped(folder, out, "f.csv")
    bar_file(folder / "b.csv", [0], shift=31)
    (folder / "c.csv").rename(folder / "c2.csv")
    expected = ingest(readers(folder), tmp_path / "whole", Rules())
    read_again.clear()
    report = ingest(readers(folder), out, Rules())
    assert read_again == ["b.csv", "c2.csv", "d.csv", "e.csv", "f.csv"]
    assert report.as_json() == expected.as_json()
    assert everything(out) == everything(tmp_path / "whole")


def test_other_rules_or_options_read_everything_again(tmp_path, read_again):
    folder = feed(tmp_path / "in")
    other = Readers((partial(bars.read, [folder], MAPPING, "ESM4"),))
    for again, rules in ((readers(folder), Rules(jump_atrs=3.0)), (other, Rules())):
        out = tmp_path / "out"
        stopped(folder, out, "f.csv")
        read_again.clear()
        assert ingest(again, out, rules).resumed == 0
        assert len(read_again) == 6
        shutil.rmtree(out)


@pytest.mark.parametrize("damage", ["record", "emptied record", "part", "no part", "no refused rows"])
def test_a_damaged_staging_is_not_trusted(tmp_path, read_again, damage):
    folder, out = feed(tmp_path / "in"), tmp_path / "out"
    expected = ingest(readers(folder), tmp_path / "whole", Rules())
    stopped(folder, out, "c.csv")
    record = next(path for path in (out / "_staging").rglob("done.json") if "a.csv" in path.read_text())
    part = next(record.parent.rglob("2023*.parquet"))
    match damage:
        case "record":
            record.write_text(record.read_text()[:-9])
        case "emptied record":
            record.write_text('{"account": {}, "parts": []}')
        case "part":
            part.write_bytes(part.read_bytes()[:-1])
        case "no part":
            part.unlink()
        case "no refused rows":
            (record.parent / "refused.parquet").unlink()
    read_again.clear()
    report = ingest(readers(folder), out, Rules())
    assert read_again == ["a.csv", "c.csv", "d.csv", "e.csv", "f.csv"]
    assert report.as_json() == expected.as_json()
    assert everything(out) == everything(tmp_path / "whole")


def test_what_is_always_read_decides_over_what_follows(tmp_path):
    """As a definition file names the contracts of the files after it."""
    definitions, folder, out = tmp_path / "definitions", tmp_path / "in", tmp_path / "out"
    feed(folder)

    def read(skip):
        yield FileDone(str(definitions), 1)
        yield from bars.read([folder], MAPPING, definitions.read_text(), skip=skip)

    def run(progress=None):
        return ingest(Readers((partial(read),)), out, Rules(), progress)

    definitions.write_text("ESH4")
    for name, resumed in (("ESH4", 3), ("ESM4", 0)):
        with pytest.raises(KeyboardInterrupt):
            run(stop_at("f.csv"))
        definitions.write_text(name)
        assert run().resumed == resumed
        assert (out / "bars" / name).is_dir()
        shutil.rmtree(out)


def test_a_refused_ingest_leaves_no_staging(tmp_path):
    folder, out = feed(tmp_path / "in"), tmp_path / "out"
    ingest(readers(folder), out, Rules())
    (folder / "a.csv").unlink()
    (folder / "e.csv").unlink()
    with pytest.raises(TableError, match=r"was written from a\.csv"):
        ingest(readers(folder), out, Rules())
    assert not (out / "_staging").exists()


def test_simulated_days_are_taken_over(tmp_path):
    world = simulator.World(seed=5, days=3, intensity=0.002)
    rules = Rules(unique_sequence=True)
    expected = ingest(simulator.read(world), tmp_path / "whole", rules)
    days: list[str] = []

    def third(file: str, rows: int) -> None:
        if file not in days:
            days.append(file)
        if len(days) == 3:
            raise KeyboardInterrupt

    readers = Readers((partial(simulator.read, world),))
    with pytest.raises(KeyboardInterrupt):
        ingest(readers, tmp_path / "out", rules, third)
    read: list[str] = []
    report = ingest(readers, tmp_path / "out", rules, lambda file, rows: read.append(file))
    assert set(read) == {days[2]}
    assert (report.resumed, report.as_json()) == (2, expected.as_json())
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_every_source_asks_by_the_names_it_gives(tmp_path):
    csv = feed(tmp_path / "bars")
    with_zip = tmp_path / "zipped"
    with_zip.mkdir()
    shutil.make_archive(str(with_zip / "all"), "zip", csv)
    table = tmp_path / "vix" / "VIX" / "2023-12-26.parquet"
    table.parent.mkdir(parents=True)
    table.write_bytes(b"")
    (tmp_path / "ESH4.txt").write_text("nothing\n")
    reads = (
        partial(bars.read, [csv, csv / "a.csv"], MAPPING, "ESH4"),
        partial(bars.read, [with_zip], MAPPING, "ESH4"),
        partial(tables.read, [tmp_path / "vix", table]),
        partial(sierra.read, [tmp_path / "ESH4.txt"]),
        partial(vix.read, [csv / "a.csv"]),
        partial(simulator.read, simulator.World(days=2, intensity=0.002)),
    )
    for read in reads:
        asked: list[str] = []
        assert list(read(skip=lambda file: not asked.append(file))) == []  # noqa: B023
        assert asked == [item.file for item in read() if isinstance(item, FileDone)]


def test_databento_asks_before_a_file_of_market_data(shared_data):
    path = shared_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    asked: list[str] = []
    assert list(databento.read([path], skip=lambda file: not asked.append(file))) == []
    assert asked == [str(path)]
