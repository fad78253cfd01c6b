"""What the cards, the line above them and the verdict say, on results made by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.live import LiveResult
from whymiss.records import Chunk, Context, Document, Passage, Query, Ranking, Score, Trace
from whymiss.retrieval import SearchSpace
from whymiss.widgets.live.cards import Cards, cards_of, complete_at
from whymiss.widgets.live.cards_view import cards_html
from whymiss.widgets.live.view import Delivery, delivery_of, strip_html

WORDS = ("refund", "invoice", "annual", "phone", "letter", "export", "quota", "owner")
DOCUMENT = Document(doc_id="d", title="Guide", text=" ".join(WORDS), allowed=("*",))
CONFIG = PipelineConfig().replace({"retrieval.mode": "dense", "rerank.model": ""})
ASKED = Query(query_id="q", text="Refunds of an owner?")


@pytest.fixture
def space(space_of: Callable[..., SearchSpace]) -> SearchSpace:
    """Every word of the document is a chunk."""
    return space_of([DOCUMENT], size=1)


def span(word: str, behind: str = "") -> EvidenceSpan:
    """A word of the document, or all from it to another."""
    start = DOCUMENT.text.index(word)
    end = DOCUMENT.text.index(behind or word) + len(behind or word)
    return EvidenceSpan(doc_id="d", start=start, end=end, quote=DOCUMENT.text[start:end])


def labelled(*ways: Sequence[EvidenceSpan]) -> Question:
    return Question(query=ASKED, evidence=tuple(tuple(way) for way in ways))


def undefined(because: str = "nobody knows") -> Score:
    return Score(measure="m", value=float("nan"), undefined_because=because)


def made(
    space: SearchSpace, ranked: Sequence[str], k: int, *, packed: int | None = None,
    dropped: str = "over budget", **fields: Any,
) -> LiveResult:  # fmt: skip
    """The words as ranked; the first k are selected, and of them the first `packed` packed."""
    chunk_of = {chunk.text: chunk for chunk in space.snapshot.chunks}
    chunks = [chunk_of[word] for word in ranked]
    packed = k if packed is None else packed
    scored = [(chunk, 1 / rank, {}) for rank, chunk in enumerate(chunks, 1)]
    context = Context(
        passages=tuple(
            Passage(number=n, chunk_ids=(c.chunk_id,), doc_id="d", start=c.start, end=c.end,
                    text=c.text, n_tokens=1)
            for n, c in enumerate(chunks[:packed], 1)
        ),
        dropped=tuple((c.chunk_id, dropped) for c in chunks[packed:k]),
        text=" ".join(c.text for c in chunks[:packed]), n_tokens=packed, budget=99,
    )  # fmt: skip
    config = CONFIG.replace({"retrieval.k": k, "context.token_budget": 99})
    rankings = (Ranking.of("q", "dense", scored), Ranking.of("q", "select", scored[:k]))
    trace = Trace(
        trace_id="t", asked_at="", query_hash="h", query_text=None, principals=(), where=(),
        config_fingerprint=config.fingerprint(), index_name="main", index_version="1.1",
        model_version="m", rankings=rankings, context=context, answer=None, scores=(), seconds={},
        flags=(),
    )  # fmt: skip
    values: dict[str, Any] = {
        "kind": "exact", "ranking": rankings[-1], "chunks": tuple(chunks[:k]), "n_embedded": 3,
        "n_chunks": 8, "risk": undefined(), "agreement": undefined(), "seconds": 0.25,
        "trace": trace, "query": ASKED, "config": config, "space": space, **fields,
    }  # fmt: skip
    return LiveResult(**values)


def cards(result: LiveResult, **fields: Any) -> Cards:
    return cards_of(result, document=lambda _: DOCUMENT, **fields)


def words(html: str) -> str:
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


# Cards


def test_the_first_k_are_selected_and_the_next_three_stand_behind(space: SearchSpace) -> None:
    found = cards(made(space, WORDS, 2))
    assert [(c.rank, c.chunk.text, c.selected) for c in found.selected] == [
        (1, "refund", True), (2, "invoice", True),
    ]  # fmt: skip
    assert [(c.rank, c.chunk.text, c.selected) for c in found.further] == [
        (3, "annual", False), (4, "phone", False), (5, "letter", False),
    ]  # fmt: skip
    assert found.n_behind == 6
    assert "3 more candidates are not shown" in words(cards_html(found))


@given(st.permutations(WORDS), st.integers(1, 8), st.sets(st.sampled_from(WORDS)))
def test_every_candidate_is_shown_or_counted_and_evidence_is_always_shown(
    space_of: Callable[..., SearchSpace], ranked: list[str], k: int, gold: set[str]
) -> None:
    result = made(space_of([DOCUMENT], size=1), ranked, k)
    found = cards(result, evidence=[span(word) for word in sorted(gold)])
    shown = [card.chunk.text for card in (*found.selected, *found.further)]
    assert len(shown) == len({*shown})
    assert gold <= {*shown}
    assert shown[:k] == ranked[:k]
    assert len(found.selected) + found.n_behind == len(ranked)
    assert {c.chunk.text for c in (*found.selected, *found.further) if c.evidence} == gold
    assert {*ranked[k : k + 3]} <= {*shown}
    for card in (*found.selected, *found.further):
        assert ranked[card.rank - 1] == card.chunk.text


def test_what_became_of_a_chunk_is_said_in_words(space: SearchSpace) -> None:
    found = cards(made(space, WORDS, 3, packed=1))
    assert [card.fate for card in (*found.selected, *found.further[:1])] == [
        "in the context as passage [1]",
        "left out of the context: over the budget of 99 tokens",
        "left out of the context: over the budget of 99 tokens",
        "cut by top-K: rank 4 of 8 candidates, and top-K is 3",
    ]
    repeated = cards(made(space, WORDS, 2, packed=1, dropped="duplicate"))
    assert repeated.selected[1].fate.endswith("repeats a passage in front of it")


def test_evidence_and_terms_are_marked_where_they_stand(space: SearchSpace) -> None:
    found = cards(made(space, WORDS, 8), evidence=[span("invoice", "annual")])
    by_word = {card.chunk.text: card for card in found.selected}
    assert by_word["invoice"].evidence == ((0, 7),)
    assert by_word["annual"].evidence == ((0, 6),)
    assert by_word["phone"].evidence == ()
    assert by_word["refund"].terms == ((0, 6),)
    assert by_word["owner"].terms == ((0, 5),)
    assert by_word["phone"].terms == ()
    assert (by_word["annual"].before, by_word["annual"].after) == (
        "refund invoice ", " phone letter export quota owner",
    )  # fmt: skip


def test_evidence_of_another_document_at_the_same_place_is_none(space: SearchSpace) -> None:
    other = EvidenceSpan(doc_id="other", start=0, end=6)
    assert not any(c.evidence for c in cards(made(space, WORDS, 8), evidence=[other]).selected)


def test_without_a_baseline_nothing_has_moved_and_with_one_everything_is_told(
    space: SearchSpace,
) -> None:
    result = made(space, ("annual", "refund", "phone"), 3)
    assert {card.moved for card in cards(result).selected} == {None}
    before = made(space, ("refund", "annual", "letter"), 3).chunks
    found = cards(result, baseline=before)
    moved = [(c.moved.move, c.moved.before) for c in found.selected if c.moved]
    assert moved == [("up", 2), ("down", 1), ("entered", None)]
    assert [(m.before, m.doc_id, m.start) for m in found.gone] == [(3, "d", span("letter").start)]
    text = words(cards_html(found))
    for said in ("▲ up from 2", "▼ down from 1", "+ new", "− was rank 3: d"):
        assert said in text


def test_a_baseline_that_selected_nothing_makes_everything_new(space: SearchSpace) -> None:
    found = cards(made(space, WORDS, 2), baseline=())
    assert [c.moved.move for c in found.selected if c.moved] == ["entered", "entered"]


def test_a_very_long_chunk_is_shown_from_where_its_evidence_begins(
    space_of: Callable[..., SearchSpace],
) -> None:
    text = "word " * 1000 + "gold " + "tail " * 1000 + "end"
    long = Document(doc_id="d", text=text, allowed=("*",))
    space = space_of([long], size=5000)
    [chunk] = space.snapshot.chunks
    result = replace(made(space, (chunk.text,), 1), config=CONFIG)
    gold = EvidenceSpan(doc_id="d", start=5000, end=5004)
    [card] = cards_of(result, document=lambda _: long, evidence=[gold]).selected
    start, end = card.shown
    assert (start <= 5000, end - start) == (True, 2400)
    page = words(cards_html(cards_of(result, document=lambda _: long, evidence=[gold])))
    assert "gold" in page
    assert f"characters {start:,} to {end:,} of {len(chunk.text):,} are shown" in page
    [plain] = cards_of(result, document=lambda _: long).selected
    assert plain.shown == (0, 2400)


def test_without_a_hit_it_says_that_nothing_is_visible() -> None:
    empty = Cards(selected=(), further=(), n_behind=0, gone=())
    assert words(cards_html(empty)).startswith("Nothing was retrieved")


def test_cards_without_controls_say_the_same(space: SearchSpace) -> None:
    found = cards(made(space, WORDS, 2))
    bare = BeautifulSoup(cards_html(found, controls=False), "html.parser")
    full = BeautifulSoup(cards_html(found), "html.parser")
    assert bare.find("button") is None
    pressed = {(b["data-do"], b["data-value"]) for b in full.find_all("button")}
    shown = (*found.selected, *found.further)
    assert pressed == {(do, c.chunk.chunk_id) for do in ("browse", "locate") for c in shown}
    for button in full.find_all("button"):
        button.extract()
    assert words(str(bare)) == words(str(full))


# Where the evidence is complete


@pytest.mark.parametrize(
    ("ways", "rank"),
    [
        ([["annual"]], 3),
        ([["refund", "letter"]], 5),
        ([["letter"], ["invoice"]], 2),
        ([["letter", "quota"], ["refund", "phone"]], 4),
    ],
)
def test_evidence_is_complete_at_the_rank_of_its_last_part(
    space: SearchSpace, ways: list[list[str]], rank: int
) -> None:
    question = labelled(*([span(word) for word in way] for way in ways))
    assert complete_at(made(space, WORDS, 2), question) == rank


def test_evidence_is_never_complete_where_a_part_is_no_candidate(space: SearchSpace) -> None:
    question = labelled([span("refund"), span("owner")])
    assert complete_at(made(space, WORDS[:5], 2), question) is None
    assert delivery_of(made(space, WORDS[:5], 2), question) == Delivery(delivered=False, rank=None)


def test_a_passage_over_several_chunks_is_complete_with_the_last(space: SearchSpace) -> None:
    ranked = ("annual", "owner", "refund", "invoice")
    assert complete_at(made(space, ranked, 1), labelled([span("refund", "invoice")])) == 4


def test_delivered_is_what_stands_in_the_context_not_what_was_selected(space: SearchSpace) -> None:
    question = labelled([span("invoice")])
    assert delivery_of(made(space, WORDS, 2), question) == Delivery(delivered=True, rank=2)
    cut = made(space, WORDS, 2, packed=1)
    assert delivery_of(cut, question) == Delivery(delivered=False, rank=2)


def test_of_a_question_without_labels_nothing_is_said(space: SearchSpace) -> None:
    result = made(space, WORDS, 2)
    assert delivery_of(result, None) == Delivery(
        delivered=None, because="the question is not labelled"
    )
    told = delivery_of(result, Question(query=ASKED))
    assert told.delivered is None
    assert told.because


# The line above the cards


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (Delivery(delivered=True, rank=4), "✓ evidence delivered, complete at rank 4"),
        (Delivery(delivered=False, rank=9),
         "✗ evidence not delivered, complete at rank 9 of the candidates"),
        (Delivery(delivered=False), "complete at no rank of the candidates"),
        (Delivery(delivered=None, because="why"), "evidence: cannot be told, why"),
    ],
)  # fmt: skip
def test_the_verdict_is_said_in_words(space: SearchSpace, delivery: Delivery, said: str) -> None:
    assert said in words(strip_html(made(space, WORDS, 2), delivery))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "preview"}, ["◌ preview", "exact results are coming; 3 of 8 chunks embedded"]),
        ({"kind": "preview", "agreement": Score(measure="agreement", value=0.8)},
         ["previews were right in 80% of hits so far"]),
        ({"kind": "exact", "risk": Score(measure="risk", value=0.004)},
         ["● exact", "another outcome has a chance of 0.4%"]),
        ({"kind": "filled", "n_embedded": 8},
         ["● exact, from the whole index", "8 of 8 chunks embedded"]),
        ({"reason": "no token vectors"}, ["no token vectors"]),
    ],
)  # fmt: skip
def test_the_line_says_what_the_results_are(
    space: SearchSpace, fields: dict[str, Any], said: list[str]
) -> None:
    html = strip_html(made(space, WORDS, 2, **fields), Delivery(delivered=None, because="-"))
    for text in (*said, "size 200, top-K 2", "0.25 s", "2 of 99 tokens in the context"):
        assert text in words(html)
    assert re.search(rf'data-kind="{fields.get("kind", "exact")}"', html)
    assert "Stopped" not in html


def test_the_line_says_that_it_was_stopped_and_what_moved_along(space: SearchSpace) -> None:
    html = strip_html(
        made(space, WORDS, 2, kind="preview"), Delivery(delivered=None, because="-"),
        moved="retrieval.k moved along to 2", stopped=True,
    )  # fmt: skip
    assert "Stopped. Preview it stays." in words(html)
    assert "retrieval.k moved along to 2" in words(html)


def test_a_chunk_of_the_hand_made_space_is_one_word(space: SearchSpace) -> None:
    """Or the ranks above would mean nothing."""
    chunks: Sequence[Chunk] = space.snapshot.chunks
    assert [chunk.text for chunk in chunks] == [*WORDS]
