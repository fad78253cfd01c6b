"""The notebooks of the project in a real JupyterLab, as a person uses them; figures as stored."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from lab_notebook import LabNotebook
from notebook_files import NOTEBOOKS, failures, furnish, load, scroll_to
from PIL import Image
from playwright.sync_api import Browser, expect
from servers import LabServer

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from figures import WIDTH, Painter

OpenFile = Callable[[str], LabNotebook]

EVIDENCE = "Seats or packs bought by an intruder are refunded"
SETTLED = ".wm-strip:is([data-kind=exact], [data-kind=filled])"
SLOW = 60_000
"""Milliseconds within which the first question of a kernel is answered: it loads the model."""

GREY, ORANGE = (136, 136, 136), (255, 127, 14)


@pytest.fixture(scope="module")
def furnished(lab_server: LabServer, helpdesk_store: Path) -> LabServer:
    furnish(lab_server, helpdesk_store)
    return lab_server


@pytest.fixture
def run(notebook: Callable[..., LabNotebook], furnished: LabServer) -> OpenFile:
    """`run(name)`: a copy of that notebook, opened, and run from top to bottom without a fault."""

    def run(name: str) -> LabNotebook:
        lab = notebook([""])
        lab.page.set_viewport_size({"width": 1300, "height": 1000})
        load(lab, furnished, NOTEBOOKS / f"{name}.ipynb")
        lab.run_all()
        assert failures(lab.save()) == []
        return lab

    return run


def check_nothing_leaked(lab: LabNotebook) -> None:
    assert lab.requests == []
    assert lab.dialogs == []
    assert lab.console_errors == []


def test_the_first_notebook_runs_and_its_figure_is_alive_again(run: OpenFile) -> None:
    lab = run("00_start_here")
    figure = lab.page.locator(".js-plotly-plot").first
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".main-svg").first).to_be_visible()
    check_nothing_leaked(lab)


def test_in_the_third_a_slider_turned_by_keyboard_changes_the_cards(run: OpenFile) -> None:
    lab = run("03_live_retrieval")
    scroll_to(lab, "workbench.live_panel(")
    page, panel = lab.page, lab.page.locator(".wm-live").first
    cards = panel.locator("[aria-label='Selected chunks'] > li")
    expect(panel.locator(SETTLED)).to_be_visible(timeout=SLOW)
    before = cards.all_inner_texts()
    size = panel.get_by_role("slider", name="Size, tokens")
    size.focus()
    page.keyboard.press("PageUp")
    turned = size.input_value()
    expect(panel.locator(".wm-of")).to_contain_text(f"size {turned},")
    expect(panel.locator(SETTLED)).to_be_visible(timeout=SLOW)
    assert cards.all_inner_texts() != before

    k = panel.get_by_role("slider", name="Top-K")
    k.focus()
    page.keyboard.press("ArrowRight")
    expect(cards).to_have_count(len(before) + 1)
    state = lab.execute("panel.state.config.chunking.size, panel.state.config.retrieval.k")
    assert state == repr((int(turned), int(k.input_value())))
    check_nothing_leaked(lab)


def test_in_the_fourth_the_walk_leads_to_an_applied_repair(run: OpenFile) -> None:
    lab = run("04_wrong_answer_walk")
    scroll_to(lab, "workbench.walk(")
    page, walk = lab.page, lab.page.locator(".wm-walk").first
    walk.get_by_role("button", name="Ask", exact=True).click()
    expect(walk.locator(".wm-verdict")).to_have_count(0)
    expect(walk.locator(".wm-answer")).to_contain_text("seats", timeout=SLOW)
    walk.get_by_role("button", name="It is wrong").click()

    walk.get_by_role("textbox", name="What it should have said").fill(EVIDENCE)
    walk.get_by_role("button", name="Find this passage").focus()
    page.keyboard.press("Enter")
    # The cells that ran before have given a longer quote of the same sentence.
    expect(walk.locator(".wm-taken .wm-text").last).to_have_text(EVIDENCE)
    walk.get_by_role("button", name="Find the cause").focus()
    page.keyboard.press("Space")
    expect(walk.locator(".wm-verdict")).to_contain_text("Proven cause", timeout=SLOW)

    walk.get_by_role("button", name=re.compile("^Apply ")).first.click(timeout=SLOW)
    sides = walk.locator("[data-part=outcome] .wm-sides > section")
    expect(sides).to_have_count(2, timeout=SLOW)
    expect(sides.first).to_contain_text("✗ The evidence is not in the context.")
    expect(sides.last).to_contain_text("✓ The evidence is in the context")
    assert walk.get_by_role("alert").count() == 0
    check_nothing_leaked(lab)


def test_a_figure_is_stored_as_a_small_picture_on_no_background(chromium: Browser) -> None:
    bars = {"type": "bar", "x": [1, 2], "y": ["a", "b"], "orientation": "h",
            "marker": {"color": f"rgb{ORANGE}"}}  # fmt: skip
    clear = "rgba(0,0,0,0)"
    layout = {"height": 300, "paper_bgcolor": clear, "plot_bgcolor": clear, "template": "none"}
    with closing(chromium.new_page()) as page:
        png = Painter(page)({"data": [bars], "layout": layout})
    assert len(png) < 20_000
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.size == (WIDTH, 300)
        colours = [colour for _, colour in sorted(picture.convert("RGBA").getcolors())]
    assert colours[-1][3] == 0
    assert min(abs(r - 255) + abs(g - 127) + abs(b - 14) for r, g, b, _ in colours[-5:]) < 12
