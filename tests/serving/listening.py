"""A listener that comes back for what it has missed, a desk after a start with it, and what it must have heard."""

from tests.serving import live_world
from tests.serving.live_world import on_disk


class Listener:
    """Hears lines, in order and each once; after an interruption it asks for what it has missed."""

    def __init__(self):
        self.lines = []

    def __call__(self, number, line):
        assert number == len(self.lines) + 1
        self.lines.append(bytes(line))

    def back(self, journal):
        for line in journal.after(len(self.lines), 10**6):
            self.lines.append(bytes(line))

    def of(self, version):
        kept = [live_world.decisions._KEPT.decode(line) for line in self.lines]
        assert [line.number for line in kept] == list(range(1, len(kept) + 1))
        return [bytes(line.decision) for line in kept if line.version == version]


def started(world, state, listener, **changes):
    """A desk after a start, with its listener back."""
    desk = world.desk(state, publish=[listener], **changes)
    listener.back(desk.journal)
    return live_world.reopened(desk)


def exactly(world, state, listener):
    assert listener.of("mia-ml/1") == world.lines
    assert on_disk(state) == listener.lines
