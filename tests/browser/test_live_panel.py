"""The live panel as a person uses it: keyboard, mouse, typing; quick, current, and still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect
from reaction import react, watch

QUESTIONS = Path(__file__).parents[2] / "data" / "helpdesk" / "questions.jsonl"
SETTLED = ".wm-live .wm-strip:is([data-kind=exact], [data-kind=filled])"


@pytest.fixture(scope="module")
def live(module_notebook, helpdesk_store):
    opened = module_notebook(
        [
            f"import whymiss\nwb = whymiss.open({str(helpdesk_store)!r})\n"
            f"panel = wb.live_panel(questions={str(QUESTIONS)!r})",
            "panel",
        ]
    )
    opened.run_all()
    page = opened.page
    page.get_by_label("Labelled question").select_option("a-001")
    page.locator(SETTLED).wait_for(timeout=60_000)
    watch(page)
    return opened


def said(page):
    return page.locator(".wm-live .wm-of")


def cards(page):
    return page.locator(".wm-live [aria-label='Selected chunks'] > li")


def test_keyboard_typed_value_and_drag_change_the_cards(live):
    page = live.page
    slider = page.get_by_role("slider", name="Top-K")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(cards(page)).to_have_count(6)
    typed = page.get_by_role("spinbutton", name="Top-K, typed")
    typed.fill("3")
    typed.press("Enter")
    expect(cards(page)).to_have_count(3)
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2, steps=15)
    page.mouse.up()
    value = int(slider.input_value())
    assert value > 6
    expect(said(page)).to_contain_text(f"top-K {value}")
    expect(cards(page)).to_have_count(value)
    typed.fill("5")
    typed.press("Enter")
    expect(cards(page)).to_have_count(5)


def test_forty_quick_drags_end_in_one_final_result_and_no_stale_one(live):
    page = live.page
    slider = page.get_by_role("slider", name="Size, tokens")
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, y)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(box["x"] + box["width"] * (0.2 + 0.1 * (step % 8) + 0.002 * step), y)
    page.mouse.up()
    size = int(slider.input_value())
    expect(said(page)).to_contain_text(f"size {size},")
    page.locator(SETTLED).wait_for(timeout=60_000)
    page.evaluate("() => { whymissReaction.shown.length = 0; }")
    page.wait_for_timeout(1500)
    shown = page.evaluate("() => whymissReaction.shown.map(shown => shown.said)")
    assert all(text.startswith(f"size {size},") for text in shown)
    assert live.execute("print(panel.state.config.chunking.size)") == str(size)
    assert live.execute("print(panel.result.config.chunking.size)") == str(size)


def test_an_exact_result_takes_the_place_of_the_preview(live):
    page = live.page
    typed = page.get_by_role("spinbutton", name="Size, tokens, typed")
    page.evaluate("() => { whymissReaction.shown.length = 0; }")
    typed.fill("117")
    typed.press("Enter")
    page.wait_for_function(
        "() => { const kinds = whymissReaction.shown.filter(s => s.said.startsWith('size 117,'))"
        ".map(s => s.kind); return kinds[0] === 'preview' && /exact|filled/.test(kinds.at(-1)); }",
        timeout=60_000,
    )


def test_the_page_reacts_at_once(live, capsys):
    """Prints the table of `benchmarks/panels.py`. How quick it is, a quiet machine tells; here
    only a page that has come to a stand fails."""
    page = live.page
    typed = {name: page.get_by_role("spinbutton", name=f"{name}, typed")
             for name in ("Top-K", "Size, tokens")}  # fmt: skip

    def enter(name, value):
        typed[name].fill(str(value))
        typed[name].press("Enter")

    slider = page.get_by_role("slider", name="Top-K")

    def press(key):
        slider.focus()
        page.keyboard.press(key)

    enter("Top-K", 5)
    expect(said(page)).to_contain_text("top-K 5")
    measured = [
        react(page, "top-K, keyboard",
              [(lambda: press("ArrowRight"), f"top-K {6 + n}") for n in range(12)]),
        react(page, "top-K, typed",
              [(lambda k=k: enter("Top-K", k), f"top-K {k}") for k in (3, 12, 4, 9, 5, 20, 6, 8)]),
        react(page, "new chunk size, typed",
              [(lambda s=s: enter("Size, tokens", s), f"size {s}")
               for s in (61, 133, 87, 211, 99, 173, 66, 240, 121, 158)]),
    ]  # fmt: skip
    with capsys.disabled():
        print("\nms from event to page   p50   p95   n")
        for one in measured:
            row = (one.percentile(50), one.percentile(95), len(one.milliseconds))
            print(f"{one.name:22} {row[0]:5.0f} {row[1]:5.0f} {row[2]:3}")
    assert all(one.percentile(50) < 4000 for one in measured)


def test_pin_reset_and_code(live):
    page = live.page
    page.get_by_role("button", name="Reset").click()
    expect(said(page)).to_contain_text("size 200, top-K 5")
    page.get_by_role("button", name="Pin this pipeline as the baseline").click()
    expect(cards(page).first).to_contain_text("as before")
    page.get_by_role("slider", name="Top-K").press("ArrowRight")
    expect(cards(page).nth(5)).to_contain_text("new")
    page.get_by_text("Code of this view").click()
    expect(page.locator(".wm-live [data-code]")).to_contain_text("'retrieval.k': 6")
    page.get_by_role("button", name="Unpin").click()
    expect(cards(page).first).not_to_contain_text("as before")


def test_a_filter_that_is_not_understood_is_told_in_the_panel(live):
    page = live.page
    field = page.get_by_label("Filter", exact=True)
    field.fill("plan_type")
    field.press("Enter")
    expect(page.locator(".wm-live [role=alert]:visible")).to_contain_text("field=value")
    field.fill("plan_type=annual")
    field.press("Enter")
    expect(page.locator(".wm-live [role=alert]:visible")).to_have_count(0)
    expect(page.locator(".wm-live .wm-strip")).to_contain_text("evidence delivered")
    field.fill("")
    field.press("Enter")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_has_no_barriers(live, theme):
    live.set_theme(theme)
    assert live.axe(".whymiss.wm-live") == []


def test_a_page_loaded_again_shows_the_same_and_goes_on(live):
    page = live.page
    expect(said(page)).to_contain_text("top-K 6")
    live.save()
    live.reload()
    expect(said(page)).to_contain_text("top-K 6")
    page.get_by_role("slider", name="Top-K").press("ArrowRight")
    expect(cards(page)).to_have_count(7)


def test_nothing_was_asked_of_the_network_and_nothing_went_wrong(live):
    assert live.requests == []
    assert live.dialogs == []
    assert live.console_errors == []
