"""The chunk browser: borders where the chunks are, moved by the knobs, and what they do."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import whymiss
import whymiss.widgets.chunks.view as view_module
from whymiss.errors import DocumentError
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.testing import HashingEncoder
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.desk import Desk
from whymiss.widgets.live.panel import LivePanel
from whymiss.workbench import Workbench

FRAME = "border:1px dashed #d55e00"
GOLD = "Phone support is included at no charge in all annual plans"


def text_of(shown: Any) -> str:
    """The text of the page without the badges."""
    pre = shown.find("pre", attrs={"data-text-of": True})
    return "".join(s for s in pre.strings if not s.find_parent(attrs={"data-badge": True}))


def badges_of(shown: Any) -> list[str]:
    return [badge.text for badge in shown.find_all(attrs={"data-badge": True})]


def numbers_of(browser: ChunkBrowser, quote: str) -> list[int]:
    """The chunks that hold some of a quote, counted from 1."""
    assert browser.cut is not None
    start = browser.cut.document.text.index(quote)
    wanted = set(range(start, start + len(quote)))
    return [n for n, c in enumerate(browser.cut.chunks, 1) if wanted & set(range(c.start, c.end))]


def problem_of(browser: ChunkBrowser) -> str:
    return str(browser._surface.parts["problem"])


def test_the_text_stands_whole_between_the_borders_of_its_chunks(
    browser: ChunkBrowser, wb: Workbench, seen: Any
) -> None:
    shown = seen(browser, "text")
    assert text_of(shown) == wb.document("plans.md").text
    chunks = wb.live.chunks_of("plans.md", browser.state.config)
    begins = [badge for badge in badges_of(shown) if badge.startswith("⟦")]
    assert begins == [f"⟦{n}: {c.n_tokens} tokens" for n, c in enumerate(chunks, 1)]


def test_a_knob_moves_the_borders(
    browser: ChunkBrowser, wb: Workbench, seen: Any, turn: Any
) -> None:
    before = seen(browser, "text")
    turn(browser, "chunking.size", 16)
    after = seen(browser, "text")
    assert text_of(after) == text_of(before)
    assert len(badges_of(after)) > len(badges_of(before))
    assert browser.cut is not None
    assert browser.cut.chunks == wb.live.chunks_of("plans.md", browser.state.config)
    assert seen(browser, "knobs").find(attrs={"data-knob": "chunking.size"})["value"] == "16"


@pytest.mark.parametrize(
    ("strategy", "knobs"),
    [
        ("document", {"strategy"}),
        ("fixed", {"strategy", "size", "overlap", "heading_prefix"}),
        ("heading", {"strategy", "size", "overlap", "oversize", "heading_prefix"}),
        ("parent_child", {"strategy", "size", "overlap", "parent_size", "oversize",
                          "heading_prefix"}),
        ("semantic", {"strategy", "size", "overlap", "breakpoint_percentile", "heading_prefix"}),
    ],
)  # fmt: skip
def test_only_knobs_with_an_effect_are_offered(
    browser: ChunkBrowser, seen: Any, turn: Any, strategy: str, knobs: set[str]
) -> None:
    turn(browser, "chunking.strategy", strategy)
    assert problem_of(browser) == ""
    offered = {
        tag["data-knob"] for tag in seen(browser, "knobs").find_all(attrs={"data-knob": True})
    }
    assert offered == {f"chunking.{knob}" for knob in knobs}


def test_a_knob_takes_along_what_it_limits(browser: ChunkBrowser, turn: Any) -> None:
    turn(browser, "chunking.overlap", 40)
    turn(browser, "chunking.size", 32)
    assert (browser.state.config.chunking.size, browser.state.config.chunking.overlap) == (32, 31)


def test_a_value_out_of_range_is_told_and_changes_nothing(browser: ChunkBrowser, turn: Any) -> None:
    before = browser.state
    turn(browser, "chunking.size", 2)
    assert "chunking.size must be at least 8; got 2" in problem_of(browser)
    assert browser.state == before
    turn(browser, "chunking.size", 64)
    assert problem_of(browser) == ""


def test_evidence_says_who_needs_it_and_into_how_many_pieces_it_is_cut(
    browser: ChunkBrowser, seen: Any, turn: Any
) -> None:
    turn(browser, "chunking.size", 40)
    (phone, calls) = seen(browser, "spans").tbody.find_all("tr")
    (holding,) = numbers_of(browser, GOLD)
    assert f"✓ whole in chunk {holding}" in phone.text
    assert "Do annual plans include phone support?" in phone.text
    assert "Is phone support free?" in phone.text
    assert "How many calls?" in calls.text
    assert "✓ phone, again" in badges_of(seen(browser, "text"))
    assert "✓ 2 of 2 evidence spans whole in one chunk" in seen(browser, "summary").text
    turn(browser, "chunking.size", 8)
    (phone, _) = seen(browser, "spans").tbody.find_all("tr")
    holding = numbers_of(browser, GOLD)
    assert len(holding) > 1
    named = ", ".join(map(str, holding))
    assert f"✂ in {len(holding)} pieces: chunks {named}" in phone.text
    assert f"✂ phone, again, {len(holding)} pieces" in badges_of(seen(browser, "text"))
    assert "✂ 1 of 2 evidence spans cut" in seen(browser, "summary").text


def test_evidence_is_underlined_from_its_first_letter_to_its_last(
    browser: ChunkBrowser, seen: Any, turn: Any
) -> None:
    turn(browser, "chunking.size", 8)
    marked = seen(browser, "text").pre.find_all("mark")
    text = " ".join("".join(m.text for m in marked).split())
    assert text == (
        "Phone support is included at no charge in all annual plansnot limited to a number"
    )


def test_tokens_of_the_summary_are_those_of_the_chunks(
    browser: ChunkBrowser, seen: Any, turn: Any
) -> None:
    turn(browser, "chunking.size", 24)
    assert browser.cut is not None
    tokens = sorted(chunk.n_tokens for chunk in browser.cut.chunks)
    said = seen(browser, "summary").text
    assert f"{len(tokens)} chunks" in said
    assert f"{tokens[0]} / " in said
    assert f" / {tokens[-1]} tokens" in said
    assert "the encoder reads every chunk to its end" in said


def test_tails_beyond_the_limit_are_struck_and_counted(
    browser: ChunkBrowser, seen: Any, turn: Any
) -> None:
    turn(browser, "doc_id", "long.txt")
    turn(browser, "chunking.strategy", "document")
    assert browser.cut is not None
    (chunk,) = browser.cut.chunks
    assert chunk.n_truncated > 1000
    said = seen(browser, "summary").text
    assert f"⚠ 1 chunk has a tail beyond the encoder's limit ({chunk.n_truncated:,} tokens)" in said
    assert "⚠ 1 of 1 evidence span whole, but not read to the end" in said
    assert seen(browser, "text").pre.find("s")


def test_parents_are_told_and_hold_what_their_children_cut(
    browser: ChunkBrowser, seen: Any, turn: Any
) -> None:
    turn(browser, "chunking.strategy", "parent_child")
    turn(browser, "chunking.size", 8)
    assert browser.cut is not None
    n = len({(c.parent_start, c.parent_end) for c in browser.cut.chunks})
    assert 1 <= n < len(browser.cut.chunks)
    assert f"read in {n} parent passage" in seen(browser, "summary").text
    assert "; whole in their parent passage" in seen(browser, "spans").text


def test_text_in_no_chunk_is_framed_and_counted(
    browser: ChunkBrowser, seen: Any, turn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = browser.desk.workbench.live
    plain = live.chunks_of
    monkeypatch.setattr(live, "chunks_of", lambda *given: plain(*given)[1:])
    turn(browser, "chunking.size", 40)
    assert "✗ 1 place in no chunk" in seen(browser, "summary").text
    assert "Ten euros a month" in seen(browser, "text").pre.find("span", style=FRAME).text
    monkeypatch.setattr(live, "chunks_of", lambda *given: ())
    turn(browser, "chunking.size", 41)
    assert "0 chunks" in seen(browser, "summary").text
    assert "✗ 2 of 2 evidence spans in no chunk" in seen(browser, "summary").text


def test_pages_turn_and_a_place_finds_its_page(browser: ChunkBrowser, seen: Any, turn: Any) -> None:
    turn(browser, "doc_id", "long.txt")
    text = browser.cut.document.text if browser.cut else ""
    first = text_of(seen(browser, "text"))
    n = len(seen(browser, "text").find("select").find_all("option"))
    assert n == -(-len(text) // 12_000)
    assert text.startswith(first)
    browser.press("page", "1")
    second = text_of(seen(browser, "text"))
    assert text.startswith(first + second)
    turn(browser, "page", "0")
    assert text_of(seen(browser, "text")) == first
    browser.press("page", "-1")
    assert text_of(seen(browser, "text")) == first
    browser.press("page", "99")
    assert text.endswith(text_of(seen(browser, "text")))
    at = text.index("Line 300 ")
    browser.press("show", str(at))
    shown = seen(browser, "text")
    assert "Line 300 " in text_of(shown)
    assert shown.find(attrs={"data-here": str(at)})
    assert (
        f"page {browser.state.at // 12_000 + 1} of {n}" in shown.find(role="region")["aria-label"]
    )


def test_a_short_document_has_no_pages_to_turn(browser: ChunkBrowser, seen: Any) -> None:
    assert seen(browser, "text").find("nav") is None


def test_the_first_document_is_one_with_evidence(wb: Workbench, questions: Any) -> None:
    desk = Desk(wb)
    desk.use(questions[:1])
    assert desk.panel(ChunkBrowser).state.doc_id == "plans.md"
    desk.close()
    assert Desk(wb).panel(ChunkBrowser).state.doc_id == "long.txt"


def test_documents_are_found_by_words_of_their_name_or_title(
    browser: ChunkBrowser, seen: Any, turn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(browser, "contains", "TXT long")
    head = seen(browser, "head")
    # The one that is shown stays in the list, or another would seem to be.
    assert [o["value"] for o in head.find_all("option")] == ["long.txt", "plans.md"]
    assert head.find("option", selected=True)["value"] == "plans.md"
    assert "1 of 3 documents match" in head.text
    turn(browser, "contains", "prices")
    assert [o["value"] for o in seen(browser, "head").find_all("option")] == ["plans.md"]
    assert "plans.md: Plans and prices (2 spans)" in seen(browser, "head").text
    monkeypatch.setattr(view_module, "MOST_LISTED", 1)
    turn(browser, "contains", "t")
    assert "The first 1 are listed" in seen(browser, "head").text


def test_an_unknown_document_is_refused_and_what_was_shown_stays(browser: ChunkBrowser) -> None:
    with pytest.raises(DocumentError, match="nothing"):
        browser.open("nothing.md")
    assert browser.state.doc_id == "plans.md"
    browser._surface.receive({"knob": "doc_id", "value": "nothing.md", "seen": 1})
    assert "nothing.md" in problem_of(browser)


def test_a_store_without_documents_says_so(tmp_path: Path, seen: Any) -> None:
    with whymiss.open(tmp_path / "store", encoder=HashingEncoder()) as workbench:
        panel = workbench.chunk_browser()
        assert "no documents yet" in seen(panel, "work").text


def test_a_chunker_that_fails_is_told_and_leaves_the_text(browser: ChunkBrowser, seen: Any) -> None:
    before = text_of(seen(browser, "text"))
    browser.state = replace(
        browser.state, config=browser.state.config.replace(chunking__strategy="custom:gone")
    )
    assert browser.flush(10)
    assert "custom:gone" in problem_of(browser)
    assert seen(browser, "work").find("progress") is None
    assert text_of(seen(browser, "text")) == before


def test_the_newest_change_wins(browser: ChunkBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    live = browser.desk.workbench.live
    plain, entered, goes_on = live.chunks_of, threading.Event(), threading.Event()

    def slow(doc_id: str, config: Any) -> Any:
        if config.chunking.size == 16:
            entered.set()
            assert goes_on.wait(10)
        return plain(doc_id, config)

    monkeypatch.setattr(live, "chunks_of", slow)
    browser._surface.receive({"knob": "chunking.size", "value": 16, "seen": 1})
    assert entered.wait(10)
    for size in range(17, 60):
        browser._surface.receive({"knob": "chunking.size", "value": size, "seen": size})
    goes_on.set()
    assert browser.flush(10)
    assert browser.cut is not None
    assert browser.cut.config.chunking.size == 59
    assert browser.cut.chunks == plain("plans.md", browser.state.config)


def test_the_live_panel_takes_the_chunking_over(
    browser: ChunkBrowser, turn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(LivePanel, "try_out", lambda _, *given: taken.append(given))
    fronted: list[Any] = []
    browser.desk.arranged_by(fronted.append)
    turn(browser, "chunking.size", 40)
    browser.press("live")
    browser.press("live", "phone")
    assert [config.chunking.size for config, _ in taken] == [40, 40]
    assert [q and q.query_id for _, q in taken] == [None, "phone"]
    assert fronted == [browser.desk.opened(LivePanel)] * 2


def test_questions_that_are_given_later_are_underlined_too(
    browser: ChunkBrowser, questions: Any, seen: Any
) -> None:
    browser.desk.use(questions[1:2])
    assert browser.flush(10)
    assert len(seen(browser, "spans").tbody.find_all("tr")) == 1


def test_the_state_can_be_set_from_python(browser: ChunkBrowser, seen: Any) -> None:
    span = EvidenceSpan(doc_id="odd.txt", start=0, end=3, quote="Odd")
    browser.state = replace(browser.state, doc_id="odd.txt", marked=(span,))
    assert browser.flush(10)
    assert text_of(seen(browser, "text")).startswith("Odd ⟨U+202E⟩marks")
    assert "✓ marked" in badges_of(seen(browser, "text"))


def test_the_snapshot_needs_no_controls_and_no_style_sheet(browser: ChunkBrowser) -> None:
    shown = BeautifulSoup(browser._repr_html_(), "html.parser")
    assert shown.find_all(["button", "input", "select", "form"]) == []
    assert shown.find_all(attrs={"data-do": True}) == []
    assert "strategy heading; size 200" in shown.text
    assert "2 of 2 evidence spans whole in one chunk" in shown.text
    assert shown.find("table")["style"]
    assert shown.find("details").pre.text.count("Phone support") == 2


def test_a_closed_browser_is_not_kept_alive(wb: Workbench, questions: Any) -> None:
    desk = Desk(wb)
    desk.use(questions)
    panel = desk.panel(ChunkBrowser)
    assert panel.flush(10)
    desk.close()
    gone = weakref.ref(panel)
    del panel, desk
    gc.collect()
    assert gone() is None
