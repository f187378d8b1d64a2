"""What tests of the page share: lines that come next, and numbers as the page writes them."""

from collections.abc import Callable

from tests.serving.page import browser, recorded, stand_in

MINUS = "\u2212"
Open = Callable[..., browser.Look]


def shown(value: float, digits: int = 3) -> str:
    """A signed number as the page writes it."""
    text = f"{value:+,.{digits}f}"
    return (text[1:] if not text.strip("+-0.,") else text).replace("-", MINUS)


def champions(desk: stand_in.Desk) -> list[recorded.Line]:
    return [line for line in desk.lines if line["role"] == "champion"]


def more(desk: stand_in.Desk, count: int) -> list[recorded.Line]:
    """The next lines of the champion's stream."""
    there = len(champions(desk))
    return recorded.numbered(recorded.decisions(there + count)[there:], first=len(desk.lines) + 1)
