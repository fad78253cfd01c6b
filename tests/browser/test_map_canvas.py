"""The map's canvas in a real JupyterLab: what a person does arrives, what Python says shows."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from lab_notebook import LabNotebook
from map_page import MAP, MapPage, far_rows
from playwright.sync_api import expect

OpenNotebook = Callable[..., LabNotebook]

SETUP = """
import numpy as np
from whymiss.plots.cluster_labels import ClusterLabel
from whymiss.plots.colouring import PALETTE
from whymiss.widgets.map.canvas import MapCanvas
from whymiss.widgets.map.colours import KeyLine, PointColours

rng = np.random.default_rng(7)
n = 2_000
places = rng.normal(size=(n, 2)).astype(np.float32).astype(float)
colours = PointColours(
    codes=rng.integers(-1, 8, n), colours=PALETTE, title="coloured by topic",
    key=(KeyLine(text="<b>no</b> topic (200)", code=-1), KeyLine(text="refund (225)", code=0)),
)
canvas = MapCanvas(name="Chunks of a test")
picks, pointed = [], []
def picked(rows, how): picks.append((how, rows.tolist()))
def told(row):
    pointed.append(row)
    if row is not None: canvas.tell(row, f"row {row} <img src=x onerror=alert(1)>")
canvas.on_pick(picked); canvas.on_hover(told)
canvas.show_points(places, colours, marks={"evidence": [3], "question": [4]},
                   labels=[ClusterLabel(name="refund", x=0.0, y=0.0, n=3)])
"""


class CanvasPage(MapPage):
    """The canvas, and the picks that its kernel heard of."""

    def until(self, seen: Callable[[list[float]], bool]) -> list[float]:
        """The view, once it is so; it moves a frame after the hand does."""
        view: list[float] = []
        for _ in range(500):
            view = json.loads(self.root.get_attribute("data-view"))
            if seen(view):
                return view
            self.page.wait_for_timeout(20)
        raise AssertionError(f"the view stays {view}")

    def pick(self, n: int) -> list:
        """The nth pick that Python heard of, once it came."""
        self.page.wait_for_timeout(50)
        for _ in range(40):
            picks = self.value("picks")
            if len(picks) >= n:
                return picks[n - 1]
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{len(picks)} picks")


@pytest.fixture(scope="module")
def lab(module_notebook: OpenNotebook) -> LabNotebook:
    return module_notebook([SETUP, "canvas"])


@pytest.fixture
def shown(lab: LabNotebook) -> CanvasPage:
    """A map as it was made, in the notebook that all tests share."""
    lab.set_theme("light")
    lab.run_all()
    lab.page.wait_for_selector(f"{MAP}[data-drawn]")
    return CanvasPage(lab)


def inside(places: np.ndarray, corners: list[tuple[float, float]]) -> set[int]:
    """Even-odd, written the slow way."""
    found = set()
    for row, (x, y) in enumerate(places.tolist()):
        crossings = 0
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
                crossings += 1
        if crossings % 2:
            found.add(row)
    return found


def test_a_person_clicks_adds_lassoes_and_clears(shown: CanvasPage) -> None:
    page = shown.page
    places = np.array(shown.value("places.tolist()"))
    one, other = far_rows(places, 2)
    page.mouse.click(*shown.spot(*places[one]))
    shown.expect_selected(1)
    assert shown.pick(1) == ["click", [one]]
    page.keyboard.down("Control")
    page.mouse.click(*shown.spot(*places[other]))
    page.keyboard.up("Control")
    assert shown.pick(2) == ["click", sorted([one, other])]
    shown.root.get_by_role("button", name="Lasso").click()
    path = [(-1.1, -0.6), (1.2, -0.9), (0.9, 1.3), (0.0, 0.1), (-0.9, 1.0)]
    pixels = [shown.spot(*corner) for corner in path]
    page.mouse.move(*pixels[0])
    page.mouse.down()
    for pixel in pixels[1:]:
        page.mouse.move(*pixel)
    page.mouse.up()
    how, rows = shown.pick(3)
    # The mouse moves in whole pixels.
    drawn = [shown.place(*(round(c) for c in pixel)) for pixel in pixels]
    assert how == "lasso"
    assert len(inside(places, drawn) ^ set(rows)) <= 0.01 * len(places)
    assert (
        shown.root.get_by_role("status").inner_text() == f"{len(rows):,} of 2,000 points selected"
    )
    assert shown.value("canvas.selected.tolist()") == rows
    shown.canvas.press("Escape")
    assert shown.pick(4) == ["clear", []]
    shown.expect_selected(0)
    # Shift+drag is a lasso without the button
    shown.root.get_by_role("button", name="Lasso").click()
    page.keyboard.down("Shift")
    page.mouse.move(*pixels[0])
    page.mouse.down()
    for pixel in pixels[1:]:
        page.mouse.move(*pixel)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert shown.pick(5) == ["lasso", rows]


def test_python_selects_and_a_reload_restores_everything(shown: CanvasPage) -> None:
    shown.python(
        "canvas.select([7, 5]); canvas.view = (0.5, 0.25, 1.0); "
        "canvas.draw_edges([5, 5], [7, 9], [True, False])"
    )
    shown.expect_selected(2)
    expect(shown.root).to_have_attribute("data-view", "[0.5,0.25,1]")
    assert shown.value("picks") == []
    expect(shown.root).to_contain_text("true neighbour, torn off by the map (1)")
    shown.lab.save()
    shown.lab.reload()
    shown.page.wait_for_selector(f"{MAP}[data-drawn]")
    after = CanvasPage(shown.lab)
    after.expect_selected(2)
    expect(after.root).to_have_attribute("data-view", "[0.5,0.25,1]")
    expect(after.root).to_contain_text("true neighbour, torn off by the map (1)")


def test_wheel_drag_buttons_and_keys_move_the_view_and_python_knows(shown: CanvasPage) -> None:
    page = shown.page
    whole = json.loads(shown.root.get_attribute("data-view"))
    pixel = shown.spot(0.4, -0.3)
    page.mouse.move(*pixel)
    page.mouse.wheel(0, -300)
    before = shown.until(lambda view: view[2] < whole[2])
    assert np.allclose(shown.place(*pixel), (0.4, -0.3), atol=0.01)
    page.mouse.down()
    page.mouse.move(pixel[0] + 60, pixel[1] + 40, steps=5)
    page.mouse.up()
    shown.until(
        lambda _: np.allclose(shown.place(pixel[0] + 60, pixel[1] + 40), (0.4, -0.3), atol=0.01)
    )
    moved = shown.until(lambda view: view != before)
    shown.until(lambda _: np.allclose(shown.value("canvas.view or [0, 0, 0]"), moved))
    assert shown.value("picks") == []
    shown.root.get_by_role("button", name="Show all").click()
    shown.until(lambda view: view == whole)
    shown.until(lambda _: shown.value("canvas.view") is None)
    for key, change in (
        ("+", lambda v: v[2] < whole[2]),
        ("0", lambda v: v == whole),
        ("ArrowRight", lambda v: v[0] > whole[0]),
        ("0", lambda v: v == whole),
        ("-", lambda v: v[2] > whole[2]),
    ):
        shown.canvas.press(key)
        shown.until(change)


def test_the_keyboard_goes_from_point_to_point_and_jupyter_hears_none_of_it(
    shown: CanvasPage,
) -> None:
    page = shown.page
    shown.canvas.focus()
    page.keyboard.press("n")
    expect(shown.root.locator("[aria-live]")).to_have_text("row 4 <img src=x onerror=alert(1)>")
    page.keyboard.press("n")
    expect(shown.root.locator("[aria-live]")).to_contain_text("row 3 ")
    page.keyboard.press("Enter")
    assert shown.pick(1) == ["keyboard", [3]]
    places = np.array(shown.value("places.tolist()"))
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_timeout(300)
    row = shown.value("pointed[-1]")
    assert places[row, 0] > places[3, 0]
    assert abs(places[row, 1] - places[3, 1]) <= places[row, 0] - places[3, 0]
    page.keyboard.press("Control+Enter")
    assert shown.pick(2) == ["keyboard", sorted([3, row])]
    cells = page.locator(".jp-Notebook-cell").count()
    for key in ("a", "b", "d", "d", "0", "0", "j", "k", "Enter", "Escape", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert page.locator(".jp-Notebook-cell").count() == cells
    assert page.locator(".jp-Dialog").count() == 0
    assert page.evaluate("document.activeElement.className").startswith("wm-map-canvas")


def test_hover_shows_the_words_of_python_as_text(shown: CanvasPage) -> None:
    places = np.array(shown.value("places.tolist()"))
    (one,) = far_rows(places, 1)
    shown.page.mouse.move(*shown.spot(*places[one]))
    tip = shown.root.locator(".wm-map-tip")
    expect(tip).to_be_visible()
    expect(tip).to_have_text(f"row {one} <img src=x onerror=alert(1)>")
    assert shown.root.locator("img").count() == 0
    # A hover is not read out.
    expect(shown.root.locator("[aria-live]")).to_have_text("")
    box = shown.canvas.bounding_box()
    shown.page.mouse.move(box["x"] - 30, box["y"] - 30)
    expect(tip).to_be_hidden()
    assert shown.lab.dialogs == []
    assert shown.lab.requests == []
    assert shown.lab.console_errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(shown: CanvasPage, theme: str) -> None:
    shown.lab.set_theme(theme)
    assert shown.lab.axe(MAP) == []
    shown.python("canvas.select([1, 2]); canvas.draw_edges([1], [2], [False])")
    shown.expect_selected(2)
    assert shown.lab.axe(MAP) == []


def paper(shown: CanvasPage) -> list[int]:
    return shown.page.evaluate(
        "() => [...document.querySelector('.wm-map-stage canvas').getContext('2d')"
        ".getImageData(1, 1, 1, 1).data]"
    )


def test_another_theme_is_drawn_at_once(shown: CanvasPage) -> None:
    assert paper(shown)[0] > 200
    drawn = int(shown.root.get_attribute("data-drawn"))
    shown.lab.set_theme("dark")
    shown.page.wait_for_function(
        "n => document.querySelector('.wm-map').dataset.drawn > n", arg=drawn
    )
    shown.page.wait_for_function(
        "() => document.querySelector('.wm-map-stage canvas').getContext('2d')"
        ".getImageData(1, 1, 1, 1).data[0] < 60"
    )


def test_a_restarted_kernel_leaves_a_message_and_no_control(shown: CanvasPage) -> None:
    shown.lab.restart_kernel()
    alert = shown.root.get_by_role("alert")
    expect(alert).to_contain_text("The kernel that this map belongs to is gone.")
    for button in shown.root.get_by_role("button").all():
        expect(button).to_be_disabled()
    assert shown.canvas.get_attribute("aria-disabled") == "true"
    assert shown.lab.axe(MAP) == []


def test_an_error_of_a_callback_is_shown(shown: CanvasPage) -> None:
    shown.python(
        "def bad(rows, how): raise ValueError('no <b>such</b> chunk')\ncanvas.on_pick(bad)"
    )
    places = np.array(shown.value("places.tolist()"))
    (one,) = far_rows(places, 1)
    shown.page.mouse.click(*shown.spot(*places[one]))
    expect(shown.root.get_by_role("alert")).to_have_text(
        "This did not work. ValueError: no <b>such</b> chunk"
    )
    shown.expect_selected(1)


def test_two_views_of_one_map_follow_each_other(notebook: OpenNotebook) -> None:
    lab = notebook([SETUP, "canvas", "canvas"])
    lab.run_all()
    lab.page.wait_for_function(
        "() => document.querySelectorAll('.wm-map[data-drawn]').length === 2"
    )
    shown = CanvasPage(lab)
    places = np.array(shown.value("places.tolist()"))
    (one,) = far_rows(places, 1)
    lab.page.mouse.click(*shown.spot(*places[one]))
    for i in range(2):
        expect(lab.page.locator(MAP).nth(i)).to_have_attribute("data-selected", "1")
    lab.page.keyboard.press("+")
    moved = shown.root.get_attribute("data-view")
    expect(lab.page.locator(MAP).first).to_have_attribute("data-view", moved)


TIMES = """() => { window.times = []; const root = document.querySelector('.wm-map');
  root.querySelector('.wm-map-canvas').addEventListener(
    'pointerup', e => { window.from = e.timeStamp }, {capture: true});
  new MutationObserver(() => requestAnimationFrame(() => requestAnimationFrame(() =>
    times.push([performance.now() - window.from, performance.timeOrigin + performance.now()]))))
    .observe(root, {attributes: true, attributeFilter: ['data-drawn']}); }"""


def test_fifty_thousand_points_answer_within_300_ms(notebook: OpenNotebook) -> None:
    lab = notebook([SETUP.replace("n = 2_000", "n = 50_000"), "canvas"])
    lab.run_all()
    lab.page.wait_for_selector(f"{MAP}[data-drawn]")
    shown = CanvasPage(lab)
    page = shown.page
    page.evaluate(TIMES)
    box = shown.canvas.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.expect_selected(1)
    page.wait_for_function("() => times.length")
    clicked = page.evaluate("() => times.splice(0)[0][0]")
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    for x, y in ((500, 80), (520, 400), (120, 420)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=25)
    page.wait_for_timeout(300)
    page.evaluate("() => { times.length = 0 }")
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_function("() => times.length")
    lassoed = page.evaluate("() => times.splice(0)[0][0]")
    page.wait_for_timeout(500)
    page.evaluate("() => { times.length = 0 }")
    before = float(shown.python("import time; print(time.time()); canvas.select(range(9000))"))
    shown.expect_selected(9000)
    page.wait_for_function("() => times.length")
    selected = page.evaluate("() => times[0][1]") - 1000 * before
    assert (clicked < 300, lassoed < 300, selected < 300) == (True, True, True), (
        clicked,
        lassoed,
        selected,
    )
