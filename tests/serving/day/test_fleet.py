"""Versions at work: who shares an engine, who comes and goes, and what a newcomer has seen."""

import pytest

from mia_ml.core.errors import DataError
from serving.day.fleet import Fleet
from serving.day.history import Market, Snapshots
from serving.day.rail import CHAMPION, SHADOW, STANDBY, Contender, Rail
from tests.scoring import small


@pytest.fixture(scope="module")
def other(rolling):
    features = {**rolling.content.features, "order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
    return small.content(None, features=features)


def contender(version, role, content):
    return Contender(version, "0" * 64, role, "", content, content.scorer())


class Shown:
    def __init__(self):
        self.days = []

    def __call__(self, what, n):
        self.days.append(what)


@pytest.fixture
def fleet(rolling, other, tmp_path):
    """A champion, a shadow on its rail and one on another."""
    market = Market(rolling.content, rolling.before, tmp_path / "days", rolling.days[0].open_ns)
    at_work = [
        contender("mia-ml/4", STANDBY, rolling.content),
        contender("mia-ml/2", SHADOW, rolling.content),
        contender("mia-ml/3", SHADOW, other),
        contender("mia-ml/1", CHAMPION, rolling.content),
    ]
    return Fleet(market, Snapshots(tmp_path / "engine"), at_work, Shown())


def by_name(fleet, name):
    return next(each for each in fleet if each.version == name)


def test_the_champion_is_first_and_who_only_stands_by_last(fleet):
    assert [each.version for each in fleet] == ["mia-ml/1", "mia-ml/2", "mia-ml/3", "mia-ml/4"]
    assert fleet.champion.version == "mia-ml/1"


def test_versions_with_the_same_features_share_an_engine(rolling, fleet):
    fleet.ready_for(rolling.days[0].day)
    shared = [[each.version for each in rail.contenders] for rail in fleet.rails]
    assert shared == [["mia-ml/1", "mia-ml/2", "mia-ml/4"], ["mia-ml/3"]]
    assert fleet.rails[0].key != fleet.rails[1].key
    assert fleet.rail_of(by_name(fleet, "mia-ml/2")) is fleet.rails[0]


def test_engines_go_on_from_day_to_day_and_are_made_again_when_they_have_not_seen_one(rolling, fleet):
    fleet.ready_for(rolling.days[0].day)
    first = fleet.rails[0].engine
    fleet.ready_for(rolling.days[0].day)
    assert fleet.rails[0].engine is first
    fleet.finished(rolling.days[0].day)  # of which nothing is known: no log, no table
    fleet.ready_for(rolling.days[1].day)
    assert fleet.rails[0].engine is not first


def test_a_newcomer_has_decided_on_the_rows_of_the_day_before_it_speaks(rolling, fleet):
    fleet.ready_for(rolling.days[0].day)
    rail = fleet.rails[0]
    rows = rolling.research.rows[rolling.research.rows["day"] == rolling.days[0].day]
    rail.rows.append(rows[:700])
    late = contender("mia-ml/5", SHADOW, rolling.content)
    fleet.add(late, rail)
    assert late in rail.contenders
    assert late in list(fleet)
    whole = rolling.content.scorer()
    wanted = whole.decide(rows)
    assert late.scorer.decide(rows[700:]).tobytes() == wanted[700:].tobytes()


def test_a_newcomer_may_bring_an_engine_of_its_own(rolling, fleet, other):
    fleet.ready_for(rolling.days[0].day)
    late = contender("mia-ml/6", SHADOW, other)
    own = Rail(fleet.rails[1].engine, [late])
    fleet.add(late, own)
    assert fleet.rails[-1] is own


def test_who_goes_takes_its_engine_along_when_nobody_else_has_it(rolling, fleet):
    fleet.ready_for(rolling.days[0].day)
    fleet.remove(by_name(fleet, "mia-ml/2"))
    assert len(fleet.rails) == 2
    fleet.remove(by_name(fleet, "mia-ml/3"))
    assert [[each.version for each in rail.contenders] for rail in fleet.rails] == [["mia-ml/1", "mia-ml/4"]]
    assert [each.version for each in fleet] == ["mia-ml/1", "mia-ml/4"]


def test_who_is_invited_between_two_days_gets_an_engine_with_the_next(rolling, fleet):
    fleet.ready_for(rolling.days[0].day)
    fleet.invite(contender("mia-ml/7", SHADOW, rolling.content))
    assert fleet.rails == []
    fleet.ready_for(rolling.days[0].day)
    assert "mia-ml/7" in [each.version for each in fleet.rails[0].contenders]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"instrument": "NQ"}, "instrument NQ"),
        ({"calendar": "nyse"}, "calendar nyse"),
        ({"native": True}, "native bars True"),
        ({"features": {"grace_ms": 500}}, "grace_ms 500"),
    ],
)
def test_who_cannot_share_the_tape_is_refused_in_one_line(rolling, fleet, changes, what):
    if "features" in changes:
        changes = {"features": {**rolling.content.features, **changes["features"]}}
    with pytest.raises(DataError, match=f"mia-ml/9 has {what}, mia-ml/1 has") as one:
        fleet.check(contender("mia-ml/9", SHADOW, small.content(None, **changes)))
    assert "\n" not in str(one.value)


def test_who_can_share_it_is_not(rolling, fleet, other):
    fleet.check(contender("mia-ml/9", SHADOW, other))


def test_a_rail_forgets_its_rows_with_the_day(rolling, fleet):
    fleet.ready_for(rolling.days[0].day)
    fleet.rails[0].rows.append(rolling.research.rows[:3])
    assert fleet.rails[0].today().tobytes() == rolling.research.rows[:3].tobytes()
    fleet.ready_for(rolling.days[0].day)
    assert fleet.rails[0].today().size == 0
