"""The canvas of a map in an open notebook: where its points are on the screen, and what it says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from lab_notebook import LabNotebook
from playwright.sync_api import expect

MAP = ".wm-map"


class MapPage:
    """One map in an open notebook; of several the last.

    Attributes
    ----------
    root, canvas : the whole map, and what is pointed at.
    """

    def __init__(self, lab: LabNotebook) -> None:
        self.lab, self.page = lab, lab.page
        self.root = self.page.locator(MAP).last
        self.canvas = self.root.locator(".wm-map-canvas")
        self.canvas.scroll_into_view_if_needed()

    def python(self, code: str) -> str:
        """Run code in the kernel; what it printed, then its value."""
        return self.lab.execute(code)

    def value(self, expression: str) -> Any:
        """A value of the kernel, by way of JSON."""
        return json.loads(self.python(f"import json; print(json.dumps({expression}))"))

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a place of the map."""
        left, top, middle_x, middle_y, scale = self._seen()
        return left + (x - middle_x) * scale, top - (y - middle_y) * scale

    def place(self, column: float, line: float) -> tuple[float, float]:
        """The place of the map under a pixel."""
        left, top, middle_x, middle_y, scale = self._seen()
        return middle_x + (column - left) / scale, middle_y - (line - top) / scale

    def expect_selected(self, n: int) -> None:
        """Wait until so many points are drawn as selected."""
        expect(self.root).to_have_attribute("data-selected", str(n))

    def _seen(self) -> tuple[float, float, float, float, float]:
        """The pixel in the middle, the place there, and pixels per unit."""
        self.canvas.scroll_into_view_if_needed()
        box = self.canvas.bounding_box()
        assert box is not None
        x, y, reach = json.loads(self.root.get_attribute("data-view") or "")
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        return *middle, x, y, min(box["width"], box["height"]) / 2 / reach


def far_rows(places: Any, n: int) -> list[int]:
    """Rows that lie far from all others, so that a click can mean only them."""
    points = np.asarray(places, dtype=np.float64)
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(away, np.inf)
    return np.argsort(-away.min(axis=1))[:n].tolist()
