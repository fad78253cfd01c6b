"""Plotly figures as small pictures, drawn by plotly's own JavaScript in a headless Chromium."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

# The browser is that of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from chromium import find_chromium, running_chromium

WIDTH: Final = 760
"""Pixels; about what a page gives to a notebook's output."""

_HEIGHT: Final = 450
_COLOURS: Final = 128
_DRAW: Final = """async ({data, layout, width, height}) =>
  Plotly.toImage({data, layout: {...layout, width, height}}, {format: 'png', width, height})"""


@contextmanager
def browsing() -> Iterator[Browser]:
    """The Chromium of this machine, until the block ends.

    Raises
    ------
    SystemExit : there is none.
    """
    try:
        executable = find_chromium()
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        raise SystemExit(str(missing)) from None
    with running_chromium(executable) as browser:
        yield browser


class Painter:
    """Draws figures in an empty page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._page.add_script_tag(path=str(files("plotly") / "package_data" / "plotly.min.js"))

    def __call__(self, figure: Mapping[str, Any]) -> bytes:
        """A figure's JSON as a PNG of `WIDTH` pixels and its own height, on no background."""
        layout = figure.get("layout", {})
        drawn: str = self._page.evaluate(
            _DRAW,
            {"data": figure["data"], "layout": layout, "width": WIDTH,
             "height": layout.get("height", _HEIGHT)},
        )  # fmt: skip
        return reduced(base64.b64decode(drawn.partition(",")[2]))


def reduced(png: bytes) -> bytes:
    """The same picture in a palette: a third of the bytes, and hardly a difference to the eye."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    # The only method that keeps transparency.
    palette = picture.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE)
    made = io.BytesIO()
    palette.save(made, "PNG", optimize=True)
    return made.getvalue()
