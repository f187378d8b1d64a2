"""Figures of matplotlib as SVG inside a page: its fonts, its colours by day and by night, the same bytes every time.

A figure is drawn in stand-in colours, which become the page's CSS variables. One that takes the width of the page is
drawn twice, for a wide page and for a narrow one, each at the size it is read at; the page shows one of them.
"""

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

WIDE_PX, NARROW_PX = 860, 400
UNITS_AN_INCH = 72  # of matplotlib's SVG

VARIABLES = (
    "ink",
    "muted",
    "line",
    "faint",
    "paper",
    "accent",
    "good",
    "bad",
    "open",
    "second",
    "third",
    "fourth",
)
COLOURS = {name: f"#0000{code:02x}" for code, name in enumerate(VARIABLES, start=1)}
INK, MUTED, LINE, FAINT, PAPER, ACCENT, GOOD, BAD, OPEN, SECOND, THIRD, FOURTH = COLOURS.values()

STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mia",  # ids are a function of what is drawn
    "text.parse_math": False,  # a name may hold a dollar sign
    "font.family": "DejaVu Sans",  # comes with matplotlib and is wide: what fits in it fits in the reader's
    "font.size": 12.0,
    "axes.labelsize": 12.0,
    "axes.titlesize": 12.0,
    "axes.titlelocation": "left",
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": FAINT,
    "grid.linewidth": 1.0,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 12.0,
    "lines.solid_capstyle": "round",
}

_HEX = re.compile(r"#[0-9a-f]{6}")
_FONT = re.compile(r"font-family:[^;]*;?\s*")
_NAMESPACE = re.compile(r"\{.*?\}")
_REFERENCE = re.compile(r"url\(#(.+?)\)")


@dataclass(frozen=True)
class Chart:
    """draw: onto an empty figure, told whether it is the narrow one. title, text: what someone who cannot see it reads.
    heights_px: on a wide page and on a narrow one; without the first it takes half of a wide page.
    """

    key: str
    title: str
    text: str
    heights_px: tuple[int | None, int]
    draw: Callable[[Figure, bool], None]


def inline(chart: Chart) -> Markup:
    """The chart as HTML."""
    wide_px, narrow_px = chart.heights_px
    if wide_px is None:
        return _element(chart, "half", NARROW_PX, narrow_px)
    return _element(chart, "wide", WIDE_PX, wide_px) + _element(chart, "narrow", NARROW_PX, narrow_px)


def _element(chart: Chart, size: str, width_px: int, height_px: int) -> Markup:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width_px / UNITS_AN_INCH, height_px / UNITS_AN_INCH), layout="constrained")
        chart.draw(figure, size != "wide")
        drawn = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(drawn, format="svg", transparent=True, metadata=nothing)
    svg = _embedded(drawn.getvalue(), f"{chart.key}-{size}", chart.title, chart.text)
    return Markup('<div class="{}">{}</div>').format(size, Markup(svg))


def _embedded(text: str, key: str, title: str, description: str) -> str:
    """An SVG document as an element of a page: no namespaces, ids that are its own, colours of the page."""
    root = ElementTree.fromstring(text)
    for child in list(root):
        if child.tag.endswith("metadata") or any(inner.tag.endswith("style") for inner in child):
            root.remove(child)
    used = _references(root)
    for element in root.iter():
        element.tag = _NAMESPACE.sub("", element.tag)
        element.text, element.tail = (element.text or "").strip() or None, None
        attributes = {_NAMESPACE.sub("", name): value for name, value in element.attrib.items()}
        element.attrib.clear()
        for name, value in attributes.items():
            if name == "id" and value not in used:
                continue
            element.set(name, _own(name, value, key))
    for name in ("width", "height", "version"):
        del root.attrib[name]
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-text")
    for place, (name, said) in enumerate((("title", title), ("text", description))):
        told = ElementTree.Element("title" if name == "title" else "desc", {"id": f"{key}-{name}"})
        told.text = said
        root.insert(place, told)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def _references(root: ElementTree.Element) -> set[str]:
    used = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            used.update(_REFERENCE.findall(value))
            if name.endswith("href"):
                used.add(value.removeprefix("#"))
    return used


def _own(name: str, value: str, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if name == "href":
        return f"#{key}-{value.removeprefix('#')}"
    if name == "style":
        value = _FONT.sub("", value)
        return _HEX.sub(lambda found: _VARIABLE.get(found.group(), found.group()), value)
    if name == "d":
        return " ".join(value.split())
    return _REFERENCE.sub(rf"url(#{key}-\1)", value)


_VARIABLE = {code: f"var(--{name})" for name, code in COLOURS.items()}
