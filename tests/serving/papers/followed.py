"""A desk with paper accounts behind it, begun, gone on with and finished."""

from serving.intake import wire
from serving.papers import books as papers
from tests.serving import live_world
from tests.serving.live_world import bring

V = "mia-ml/1"
LEVEL = 0.95


class Following:
    """What the service does for its accounts."""

    def __init__(self, state, sessions):
        self.papers = papers.in_folder(state, sessions, LEVEL)
        self.desk = None

    @property
    def _standing(self):
        return self.desk.core.acting.standing.episodes()

    def champion_is(self, contender, day):
        self.papers.champion_is(contender, day)

    def follow(self, day, out):
        self.papers.follow(day, out, self._standing, day.take_prints())

    def end(self, day, bars):
        self.papers.end(day, bars, self._standing)


def begin(world, state, **changes):
    """A desk with paper accounts, begun or gone on with."""
    guards = live_world.serve_settings().guards.model_dump() | {"range_most": 1000}
    desk = world.desk(state, guards=guards, **changes)
    desk._follower = following = Following(state, desk.core.fleet.market.sessions)
    following.desk = desk
    return live_world.reopened(desk), following.papers


def end(world, day=-1):
    return wire.Clock(world.days[day].close_ns)


def finish(world, desk):
    bring(world, desk, [end(world)])
    desk.finish_day()
