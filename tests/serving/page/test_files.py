"""The files of the page: what a strict Content-Security-Policy wants of them, and where they go."""

import re

import pytest

from tests.serving.page import stand_in

FILES = sorted(path for path in stand_in.PAGE.iterdir() if path.is_file() and path.suffix != ".py")


def test_there_is_a_page() -> None:
    assert {"index.html", "main.js", "style.css"} <= {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_inline_and_nothing_from_elsewhere(path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < 300
    namespace = '"http://www.w3.org/2000/svg"'
    assert not re.search(r"https?://|//\w+\.\w+/", text.replace(namespace, ""))
    if path.suffix == ".html":
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
    if path.suffix == ".js":
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)
        for imported in re.findall(r'from "([^"]+)"', text):
            assert (stand_in.PAGE / imported).is_file(), f"{path.name} imports {imported}"
