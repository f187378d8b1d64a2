"""A newcomer in the middle of a day decides what research decides, whatever has come, waits or comes meanwhile."""

import asyncio

import msgspec
import pytest

from mia_ml.core.errors import DataError
from serving.day import decisions, swap
from serving.day.history import Snapshots
from serving.day.rail import CHAMPION, SHADOW, STANDBY, Contender
from serving.intake import wire
from serving.intake.journal import about
from tests.scoring import small
from tests.serving import live_world

pytestmark = pytest.mark.anyio
HALF = 5000


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def others(faulty):
    """One whose features are the champion's, and one whose are not; and what research gives of each."""
    features = {**faulty.content.features, "order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
    found = {"same": small.content(None), "other": small.content(None, features=features)}
    days = [day.day for day in faulty.days]
    return {name: (content, live_world.research(content, faulty.tables, days).lines) for name, content in found.items()}


def newcomer(content, role=STANDBY, version="mia-ml/2"):
    return Contender(version, "1" * 64, role, "", content, content.scorer())


def lines(state, version):
    kept = [decisions._KEPT.decode(line) for line in live_world.on_disk(state)]
    return [bytes(line.decision) for line in kept if line.version == version]


def feed(desk, events, size=100):
    for k in range(0, len(events), size):
        desk.take("ws", events[k : k + size], 0)


def snapshots(desk):
    return Snapshots(desk.core.state / "engine")


@pytest.mark.parametrize("which", ["same", "other"])
async def test_it_takes_over_between_two_bars_and_gives_back(faulty, others, tmp_path, which):
    content, wanted = others[which]
    desk = faulty.desk(tmp_path)
    feed(desk, faulty.events[:HALF])
    fresh, before = newcomer(content), desk.core.fleet.champion
    await swap.join(desk, snapshots(desk), fresh)
    assert len(desk.core.fleet.rails) == {"same": 1, "other": 2}[which]
    feed(desk, faulty.events[HALF : HALF + 2000])
    at = len(lines(tmp_path, "mia-ml/1"))
    assert lines(tmp_path, "mia-ml/2") == []
    swap.take_over(desk, fresh)
    assert (before.role, fresh.role, desk.core.fleet.champion) == (STANDBY, CHAMPION, fresh)
    feed(desk, faulty.events[HALF + 2000 : HALF + 4000])
    back = at + len(lines(tmp_path, "mia-ml/2"))
    swap.take_over(desk, before)
    feed(desk, [*faulty.events[HALF + 4000 :], faulty.end])
    assert 0 < at < back < len(wanted)
    assert lines(tmp_path, "mia-ml/2") == wanted[at:back]
    assert lines(tmp_path, "mia-ml/1") == faulty.lines[:at] + faulty.lines[back:]
    roles = [(role.version, role.role) for role in about(tmp_path / "days" / str(faulty.days[0].day)).roles]
    assert roles == [
        ("mia-ml/1", CHAMPION),
        ("mia-ml/2", STANDBY),
        ("mia-ml/1", STANDBY),
        ("mia-ml/2", CHAMPION),
        ("mia-ml/2", STANDBY),
        ("mia-ml/1", CHAMPION),
    ]
    assert live_world.difference(desk) == ""
    desk.close()
    again = live_world.reopened(  # a restart with both knows who was who
        faulty.desk(tmp_path, versions={"mia-ml/1": (faulty.content, CHAMPION), "mia-ml/2": (content, STANDBY)})
    )
    assert again.journal.number == len(wanted)


async def test_to_take_over_from_oneself_changes_nothing(faulty, tmp_path):
    desk = faulty.desk(tmp_path)
    feed(desk, faulty.events[:100])
    roles = list(desk.day.arrivals.log.about.roles)
    swap.take_over(desk, desk.core.fleet.champion)
    assert desk.day.arrivals.log.about.roles == roles


class Slow(Snapshots):
    """What happens while a newcomer catches up happens in `meanwhile`, on the loop."""

    def __init__(self, folder, meanwhile):
        super().__init__(folder)
        self._meanwhile, self._loop = meanwhile, asyncio.get_running_loop()

    def engine_before(self, *given):
        built = super().engine_before(*given)
        if self._meanwhile:
            asyncio.run_coroutine_threadsafe(self._run(self._meanwhile.pop(0)), self._loop).result()
        return built

    async def _run(self, what):
        what()


def lanes(faulty):
    """The events with prices of one feed and indices of another, as they come; the latter a little early."""
    count = {"prices": 0, "indices": 0}
    for e in faulty.events:
        lane = "prices" if type(e) in (wire.Trade, wire.Book) else "indices"
        count[lane] += 1
        yield lane, msgspec.structs.replace(e, position=count[lane])


async def test_what_comes_meanwhile_and_what_waits_for_a_price_is_not_lost(faulty, others, tmp_path):
    """Rows of an index run 40 events ahead of the prices, so at each moment some wait; late events come all along."""
    content, wanted = others["other"]
    desk = faulty.desk(tmp_path)
    found = list(lanes(faulty))
    indices = [(k, e) for k, (lane, e) in enumerate(found) if lane == "indices"]
    ahead = sorted(
        [(k, 1, lane, e) for k, (lane, e) in enumerate(found) if lane == "prices"]
        + [(k - 300, 0, "indices", e) for k, e in indices],
        key=lambda each: each[:2],
    )

    def bring(part):
        for _, _, lane, e in part:
            desk.take(lane, [e], 0)

    k = next(k for k in range(HALF, len(ahead)) if ahead[k][2] == "indices") + 1
    bring(ahead[:k])
    assert desk.day.arrivals.merge.numbers().size > 0
    fresh = newcomer(content, SHADOW)
    late = []

    def meanwhile():
        bring(ahead[k : k + 1500])
        late.append(len(lines(tmp_path, "mia-ml/1")))

    await swap.join(desk, Slow(desk.core.state / "engine", [meanwhile]), fresh)
    bring(ahead[k + 1500 :])
    desk.take("prices", [faulty.end], 0)
    assert 0 < late[0] < len(wanted)
    assert lines(tmp_path, "mia-ml/2") == wanted[late[0] :]
    assert lines(tmp_path, "mia-ml/1") == faulty.lines


async def test_a_day_that_turns_meanwhile_makes_it_catch_up_with_the_next(rolling, tmp_path):
    features = {**rolling.content.features, "order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
    content = small.content(None, features=features)
    wanted = live_world.research(content, rolling.tables, [rolling.days[1].day]).lines
    desk = rolling.desk(tmp_path)
    first = len(live_world.events_of(rolling.days[0]))
    feed(desk, rolling.events[: first - 500])
    turns = [lambda: feed(desk, rolling.events[first - 500 : first + 500])]
    await swap.join(desk, Slow(desk.core.state / "engine", turns), newcomer(content, SHADOW))
    at = len(lines(tmp_path, "mia-ml/1")) - len(rolling.lines) // 2
    assert 0 < at < len(wanted)
    feed(desk, [*rolling.events[first + 500 :], rolling.end])
    assert lines(tmp_path, "mia-ml/2") == wanted[at:]


async def test_between_two_days_it_is_there_from_the_next_on(faulty, others, tmp_path):
    content, wanted = others["other"]
    desk = faulty.desk(tmp_path)
    await swap.join(desk, snapshots(desk), newcomer(content, SHADOW))
    feed(desk, [*faulty.events, faulty.end])
    assert lines(tmp_path, "mia-ml/2") == wanted


async def test_who_cannot_share_the_tape_is_refused_in_one_line_and_nothing_changes(faulty, tmp_path):
    desk = faulty.desk(tmp_path)
    feed(desk, faulty.events[:100])
    stranger = small.content(None, features={**faulty.content.features, "grace_ms": 500})
    with pytest.raises(DataError, match="mia-ml/2 has grace_ms 500, mia-ml/1 has 250: they cannot share") as one:
        await swap.join(desk, snapshots(desk), newcomer(stranger))
    assert "\n" not in str(one.value)
    assert [each.version for each in desk.core.fleet] == ["mia-ml/1"]


async def test_who_left_and_comes_back_on_the_same_day_was_not_there_in_between(faulty, others, tmp_path):
    content, _ = others["same"]
    desk = faulty.desk(tmp_path)
    feed(desk, faulty.events[:2000])
    shadow = newcomer(content, SHADOW)
    await swap.join(desk, snapshots(desk), shadow)
    feed(desk, faulty.events[2000:4000])
    swap.give(desk, shadow, STANDBY)
    desk.core.fleet.remove(shadow)
    feed(desk, faulty.events[4000:6000])
    await swap.join(desk, snapshots(desk), newcomer(content, SHADOW))
    feed(desk, faulty.events[6000:8000])
    told = live_world.on_disk(tmp_path)
    desk.close()
    versions = {"mia-ml/1": (faulty.content, CHAMPION), "mia-ml/2": (content, SHADOW)}
    live_world.reopened(faulty.desk(tmp_path, versions=versions))
    assert live_world.on_disk(tmp_path) == told
