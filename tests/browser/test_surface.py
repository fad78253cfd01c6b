"""The surface of panels in a real page: events, redrawing, reloads, restarts, snapshots."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

PANEL = """
from whymiss.widgets.base.controls import button, checkbox, choice, slider, text_field
from whymiss.widgets.base.panel import Panel
from whymiss.pages.markup import Markup, foreign, join, tag

class Toy(Panel):
    kind, label = "toy", "Toy panel"

    def __init__(self):
        super().__init__(None)
        self.values, self.history, self.text = {"size": 5}, [], "plain"
        self.draw()

    def actions(self):
        return {"ask": self.asked, "slow": lambda _: self.work(self.slow), "fail": self.failed,
                "pick": self.picked}

    def asked(self, event):
        self.text = event.fields["question"]
        self.draw()

    def picked(self, event):
        self.text = repr(sorted(event.fields.items()))
        self.draw()

    def failed(self, event):
        raise ValueError("<b>no</b>")

    def slow(self, check):
        self.text = "done in the background"
        self.draw()
        self.keep()

    def turn(self, knob, value):
        self.values[knob] = value
        self.history.append(value)
        self.draw()

    def draw(self):
        size = int(self.values["size"])
        self.show({
            "problem": Markup(),
            "form": tag("form", tag("input", type="text", name="question", aria_label="Question"),
                        tag("button", "Ask", type="submit"), data_do="ask"),
            "knobs": join([slider("size", "Size", size, low=1, high=20),
                           choice("mode", "Mode", self.values.get("mode", "a"),
                                  [("a", "A"), ("b", "B")]),
                           checkbox("on", "On", bool(self.values.get("on"))),
                           button("slow", "Slow"), button("fail", "Fail"),
                           tag("button", "Pick", type="button", data_pick="pick")]),
            "rows": tag("ul", *(tag("li", f"row {n}", data_key=str(n)) for n in range(size))),
            "text": tag("pre", tag("b", "badge", data_badge=""), self.text, data_text_of="d",
                        data_from="10"),
        })

    def snapshot(self):
        return tag("p", f"snapshot of {self.text}")

    def to_code(self):
        return ""

panel = Toy()
"""


@pytest.fixture
def toy(notebook):
    opened = notebook([PANEL, "panel"])
    opened.run_all()
    opened.page.locator(".whymiss.wm-toy li").first.wait_for()
    return opened


def test_every_control_is_heard_and_the_page_redrawn(toy):
    page = toy.page
    slider = page.get_by_role("slider", name="Size")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".wm-toy li")).to_have_count(6)
    # The twin of the slider follows, and the focus stays.
    expect(page.get_by_role("spinbutton", name="Size, typed")).to_have_value("6")
    assert page.evaluate("document.activeElement.type") == "range"

    typed = page.get_by_role("spinbutton", name="Size, typed")
    typed.fill("12")
    typed.press("Enter")
    expect(page.locator(".wm-toy li")).to_have_count(12)
    expect(slider).to_have_value("12")

    page.get_by_role("combobox", name="Mode").select_option("b")
    page.get_by_role("checkbox", name="On").check()
    toy.wait_idle()
    assert toy.execute("print(panel.values)") == "{'size': 12, 'mode': 'b', 'on': True}"


def test_typing_in_a_panel_is_no_command_of_the_notebook(toy):
    page = toy.page
    page.get_by_role("textbox", name="Question").click()
    page.keyboard.type("dd add ab zz <i>x</i>")
    page.keyboard.press("Enter")
    expect(page.locator(".wm-toy pre")).to_have_text("badgedd add ab zz <i>x</i>")
    assert page.locator(".wm-toy pre i").count() == 0
    assert page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length") == 2


def test_a_key_moves_a_slider_while_the_notebook_waits_for_commands(toy):
    page = toy.page
    page.locator(".jp-Notebook-cell .jp-InputPrompt").nth(1).click()
    page.keyboard.press("Escape")
    assert page.locator(".jp-Notebook.jp-mod-commandMode").count() == 1
    page.get_by_role("slider", name="Size").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".wm-toy li")).to_have_count(6)


def test_an_error_of_a_handler_stands_in_the_panel(toy):
    toy.page.get_by_role("button", name="Fail").click()
    alert = toy.page.locator(".wm-toy [role=alert]:not([hidden])")
    expect(alert).to_contain_text("ValueError: <b>no</b>")
    assert alert.locator("b").count() == 0


def test_a_selection_is_told_in_characters_of_the_document(toy):
    page = toy.page
    page.evaluate(
        """() => { const text = document.querySelector('.wm-toy pre').lastChild;
        const range = document.createRange(); range.setStart(text, 1); range.setEnd(text, 4);
        getSelection().removeAllRanges(); getSelection().addRange(range); }"""
    )
    page.get_by_role("button", name="Pick").click()
    expect(page.locator(".wm-toy pre")).to_contain_text("('end', 14), ('start', 11)")


def test_a_page_loaded_again_shows_the_same_and_still_works(toy):
    page = toy.page
    page.get_by_role("spinbutton", name="Size, typed").fill("3")
    page.get_by_role("spinbutton", name="Size, typed").press("Enter")
    expect(page.locator(".wm-toy li")).to_have_count(3)
    toy.save()
    toy.reload()
    expect(page.locator(".wm-toy li")).to_have_count(3)
    page.get_by_role("slider", name="Size").press("ArrowRight")
    expect(page.locator(".wm-toy li")).to_have_count(4)


def test_a_cell_run_again_makes_no_second_widget(toy):
    before = toy.execute("import ipywidgets; print(len(ipywidgets.widgets.widget._instances))")
    for _ in range(3):
        toy.run_cell(1)
    toy.page.locator(".wm-toy li").first.wait_for()
    after = toy.execute("print(len(ipywidgets.widgets.widget._instances))")
    assert after == before


def test_a_restarted_kernel_leaves_a_message_and_no_dead_control(toy):
    toy.restart_kernel()
    gone = toy.page.locator(".wm-toy .wm-gone")
    expect(gone).to_be_visible()
    expect(gone).to_contain_text("Run the cell again")
    expect(toy.page.get_by_role("slider", name="Size")).to_be_disabled()


def test_the_snapshot_is_hidden_while_the_panel_lives_and_follows_it(toy):
    page = toy.page
    expect(page.locator(".whymiss-snapshot")).to_be_hidden()
    page.get_by_role("button", name="Slow").click()
    expect(page.locator(".wm-toy pre")).to_contain_text("done in the background")
    toy.wait_idle()
    page.wait_for_function(
        "() => document.querySelector('.whymiss-snapshot').textContent.includes('background')"
    )
    saved = toy.save()
    kept = [o["data"].get("text/html", "") for o in saved["cells"][1]["outputs"]]
    assert re.search("snapshot of done in the background", "".join(kept[-1]))


def test_the_snapshot_is_read_where_there_is_no_kernel(toy):
    toy.save()
    toy.page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
    toy.page.reload()
    snapshot = toy.page.locator(".whymiss-snapshot")
    expect(snapshot).to_be_visible(timeout=30_000)
    expect(snapshot).to_contain_text("snapshot of plain")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_panel_has_no_barriers(toy, theme):
    toy.set_theme(theme)
    assert toy.axe(".whymiss.wm-toy") == []
