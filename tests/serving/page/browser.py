"""A real Chromium for tests of the page, and what it noticed while it looked."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright import sync_api

NAMES = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"laptop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}

CONTRAST = """() => {
  const rgba = (text) => {
    const part = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [...part.slice(0, 3).map((value) => value * scale), part[3] ?? 1];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const ground = (node) => {
    const own = node ? rgba(getComputedStyle(node).backgroundColor) : [255, 255, 255, 1];
    return own[3] >= 1 ? own : over(own, ground(node.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const said = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  const low = [];
  let looked = 0;
  for (const node of document.body.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    if (!said(node) || box.width < 2 || node.disabled || node.closest("option, noscript")) continue;
    const style = getComputedStyle(node);
    const behind = ground(node);
    const front = over(rgba(node instanceof SVGElement ? style.fill : style.color), behind);
    const [a, b] = [light(front), light(behind)].sort((x, y) => y - x);
    looked += 1;
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) low.push(`${node.tagName} "${node.textContent.slice(0, 30)}" ${contrast.toFixed(2)}`);
  }
  return { looked, low };
}"""
"""Text whose contrast with what is behind it is below 4.5 (WCAG 2.2, 1.4.3), and how many texts were looked at."""


@contextmanager
def chromium() -> Iterator[sync_api.Browser]:
    """Skips the tests of a machine that has none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Look:
    """One page in one window, and all that went over its console and its network."""

    page: sync_api.Page
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("requestfailed", lambda request: self.failed.append(f"{request.url}: {request.failure}"))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def field(self, name: str) -> sync_api.Locator:
        return self.page.locator(f"[data-field='{name}']")

    def rows(self) -> sync_api.Locator:
        return self.page.locator("#decisions tbody tr")

    def numbers(self) -> list[int]:
        """Numbers of the decisions in the table, the latest first."""
        return self.page.eval_on_selector_all(
            "#decisions tbody tr", "rows => rows.map(row => Number(row.dataset.number))"
        )


@contextmanager
def window(
    browser: sync_api.Browser, url: str, token: str | None, size: str = "laptop", colours: str = "light"
) -> Iterator[Look]:
    """token: put where the page keeps it; None: the page has to ask."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=colours, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    if token is not None:
        context.add_init_script(f"sessionStorage.setItem('mia.token', '{token}')")
    look = Look(context.new_page())
    look.page.goto(url)
    yield look
    context.close()
