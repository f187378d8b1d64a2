"""A stand-in service, and windows of one real browser on its page."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.serving.page import recorded, stand_in


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright.sync_api")
    from tests.serving.page import browser

    with browser.chromium() as found:
        yield found


@pytest.fixture
def desk() -> stand_in.Desk:
    """A champion and a shadow, 25 minutes, the last of them without a gap."""
    versions = [
        recorded.version(recorded.CHAMPION, "champion", 100_312.5),
        recorded.version("mia-ml/4", "shadow", 99_870.0, recorded.verdict("promote", 48.0, 35.0)),
    ]
    lines = recorded.numbered(recorded.decisions(25), recorded.decisions(25, "mia-ml/4", "shadow", seed=9))
    return stand_in.Desk(lines, recorded.state(versions))


@pytest.fixture
def server(desk: stand_in.Desk) -> Iterator[stand_in.Server]:
    running = stand_in.Server(desk).start()
    yield running
    running.stop()


@pytest.fixture
def look(chromium, server: stand_in.Server):
    """Opens a window on the page: look(token=..., size="laptop" | "phone", colours="light" | "dark")."""
    from tests.serving.page import browser

    with ExitStack() as stack:

        def open_(token: str | None = stand_in.READER, **chosen: str):
            return stack.enter_context(browser.window(chromium, server.url, token, **chosen))

        yield open_
