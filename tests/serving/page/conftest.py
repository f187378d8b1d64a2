"""A stand-in service, and windows of one real browser on its page."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from serving.app import listeners
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
def server(desk: stand_in.Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[stand_in.Server]:
    """It tells its state more often than the real one, so that a test waits less."""
    monkeypatch.setattr(listeners, "STATUS_S", 0.2)
    running = stand_in.Server(desk, tmp_path).start()
    yield running
    running.stop()


@pytest.fixture
def look(chromium, server: stand_in.Server):
    """Opens a window on the page: look(scope or token, size="laptop" | "phone", colours="light" | "dark")."""
    from tests.serving.page import browser

    with ExitStack() as stack:

        def open_(scope: str | None = "read", **chosen: str):
            token = scope and server.tokens.get(scope, scope)
            return stack.enter_context(browser.window(chromium, server.url, token, **chosen))

        yield open_
