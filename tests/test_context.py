"""Packing: what always holds, found by Hypothesis, and small contexts worked by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.config import ContextConfig
from whymiss.context import pack
from whymiss.errors import InvalidRecordError
from whymiss.records import Chunk, Context, Document
from whymiss.testing import RegexTokenizer

HEADER = re.compile(r"\[(\d+)\] ")


def document(doc_id: str, text: str, title: str = "") -> Document:
    return Document(doc_id=doc_id, text=text, title=title)


def chunk(
    source: Document,
    start: int,
    end: int,
    *,
    parent: tuple[int, int] | None = None,
    headings: tuple[str, ...] = (),
    text: str | None = None,
) -> Chunk:
    own = source.text[start:end] if text is None else text
    return Chunk(
        chunk_id=f"{source.doc_id}:{start}-{end}",
        doc_id=source.doc_id,
        start=start,
        end=end,
        text=own,
        n_tokens=1,
        headings=headings,
        parent_start=parent[0] if parent else start,
        parent_end=parent[1] if parent else end,
    )


def part(source: Document, words: str, **kwargs: object) -> Chunk:
    """The chunk of a document that holds just these words."""
    at = source.text.index(words)
    return chunk(source, at, at + len(words), **kwargs)  # type: ignore[arg-type]


def packed(
    chunks: Sequence[Chunk],
    *documents: Document,
    budget: int = 1000,
    order: Literal["rank", "reverse", "edges", "document"] = "rank",
    deduplicate: bool = True,
) -> Context:
    return pack(
        chunks,
        documents={d.doc_id: d for d in documents},
        tokenizer=RegexTokenizer(),
        config=ContextConfig(token_budget=budget, order=order, deduplicate=deduplicate),
    )


LETTERS = [
    document(name, f"{name * 3} says that {name * 4} is worth {n} coins today.", f"Title {name}")
    for n, name in enumerate("abcde", start=1)
]


def whole(source: Document) -> Chunk:
    return chunk(source, 0, len(source.text))


# --- what always holds ---------------------------------------------------------------------------

texts = st.lists(
    st.sampled_from(["plan ", "annual ", "refund. ", "\n\n", "[2] ", "\n[1] x", "| a |\n", "ten "]),
    min_size=3,
    max_size=30,
).map("".join)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Chunk], dict[str, Document]]:
    sources = [document(f"d{i}", draw(texts), draw(st.sampled_from(["", "T", "[9] T\n[3] U"])))
               for i in range(draw(st.integers(1, 3)))]  # fmt: skip
    chunks: dict[str, Chunk] = {}
    for _ in range(draw(st.integers(0, 8))):
        source = draw(st.sampled_from(sources))
        n = len(source.text)
        start = draw(st.integers(0, n - 1))
        end = draw(st.integers(start + 1, n))
        parent = (draw(st.integers(0, start)), draw(st.integers(end, n + 2)))
        stale = draw(st.booleans()) and draw(st.booleans())
        made = chunk(
            source,
            start,
            end,
            parent=parent,
            headings=draw(st.sampled_from([(), ("A",), ("A", "B")])),
            text="Z" * (end - start) if stale else None,
        )
        chunks[made.chunk_id] = made
    known = {s.doc_id: s for s in sources if draw(st.integers(0, 9)) > 0}
    return list(chunks.values()), known


@settings(max_examples=300, deadline=None)
@given(
    cases(),
    st.integers(1, 120),
    st.sampled_from(["rank", "reverse", "edges", "document"]),
    st.booleans(),
)
def test_nothing_is_lost_and_the_budget_holds(
    case: tuple[list[Chunk], dict[str, Document]],
    budget: int,
    order: Literal["rank", "reverse", "edges", "document"],
    deduplicate: bool,
) -> None:
    chunks, documents = case
    tokenizer = RegexTokenizer()
    config = ContextConfig(token_budget=budget, order=order, deduplicate=deduplicate)
    context = pack(chunks, documents=documents, tokenizer=tokenizer, config=config)

    assert context.n_tokens == tokenizer.count([context.text])[0] <= budget
    given_ids = [c.chunk_id for c in chunks]
    dropped = [chunk_id for chunk_id, _ in context.dropped]
    assert sorted([*context.chunk_ids, *dropped]) == sorted(given_ids)
    assert dropped == [cid for cid in given_ids if cid in dropped]
    assert [p.number for p in context.passages] == list(range(1, len(context.passages) + 1))

    headers = [int(m[1]) for line in context.text.splitlines() if (m := HEADER.match(line))]
    assert headers == [p.number for p in context.passages]
    by_id = {c.chunk_id: c for c in chunks}
    for passage in context.passages:
        source = documents.get(passage.doc_id)
        first = by_id[passage.chunk_ids[0]]
        fresh = source is not None and source.text[first.start : first.end] == first.text
        expected = source.text[passage.start : passage.end] if source and fresh else first.text
        assert passage.text == expected
        assert len(passage.text) == passage.end - passage.start
        for cid in passage.chunk_ids:
            assert passage.start <= by_id[cid].start
            assert by_id[cid].end <= passage.end
    fresh_passages = [
        p for p in context.passages
        if p.doc_id in documents and p.text == documents[p.doc_id].text[p.start : p.end]
        and "Z" not in p.text
    ]  # fmt: skip
    for one in fresh_passages:
        for other in fresh_passages:
            if one is not other and one.doc_id == other.doc_id:
                assert one.end <= other.start or other.end <= one.start


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(1, 120))
def test_orders_only_rearrange_the_same_passages(
    case: tuple[list[Chunk], dict[str, Document]], budget: int
) -> None:
    chunks, documents = case
    sources = list(documents.values())
    contexts = {
        order: packed(chunks, *sources, budget=budget, order=order)
        for order in ("rank", "reverse", "edges", "document")
    }
    as_sets = {order: {p.chunk_ids for p in c.passages} for order, c in contexts.items()}
    assert len({frozenset(ids) for ids in as_sets.values()}) == 1
    assert contexts["reverse"].passages[::-1] == tuple(
        _renumbered(contexts["rank"], contexts["reverse"])
    )


def _renumbered(context: Context, like: Context) -> list[object]:
    numbers = {p.chunk_ids: p for p in like.passages}
    return [numbers[p.chunk_ids] for p in context.passages]


# --- worked by hand ------------------------------------------------------------------------------


def test_the_text_is_numbered_headers_and_verbatim_passages() -> None:
    faq = document("faq.md", "Refunds take ten days.", "FAQ")
    terms = document("terms.md", "Annual plans only.")
    context = packed(
        [
            chunk(faq, 0, 22, headings=("FAQ", "Money")),
            chunk(terms, 0, 18, headings=("Terms", "Scope")),
        ],
        faq,
        terms,
    )
    assert context.text == (
        "[1] FAQ > Money (faq.md)\nRefunds take ten days.\n\n"
        "[2] Terms > Scope (terms.md)\nAnnual plans only."
    )
    # [ 1 ] FAQ > Money ( faq . md ) = 11; Refunds take ten days . = 5; n_tokens of passage 1: 16
    assert context.passages[0].n_tokens == 16


def test_a_small_chunk_is_read_as_its_parent() -> None:
    source = document("d", "Before it. The fact. After it.")
    context = packed([part(source, "The fact.", parent=(0, 30))], source)
    assert [(p.start, p.end, p.text) for p in context.passages] == [(0, 30, source.text)]


def test_chunks_of_one_parent_share_its_passage_best_first() -> None:
    source = document("d", "One is here. Two is here. Three is here.")
    chunks = [part(source, w, parent=(0, 40)) for w in ("Three is here.", "One is here.")]
    context = packed(chunks, source)
    assert [p.chunk_ids for p in context.passages] == [("d:26-40", "d:0-12")]
    assert context.dropped == ()


def test_a_parent_over_budget_falls_back_to_the_chunk_itself() -> None:
    source = document("d", "Before it all. " * 20 + "The fact. " + "After it all. " * 20)
    fact = part(source, "The fact.", parent=(0, len(source.text)))
    context = packed([fact], source, budget=20)
    assert [p.text for p in context.passages] == ["The fact."]


def test_a_stale_chunk_is_read_as_the_index_has_it() -> None:
    source = document("d", "It takes 14 days now. More text.")
    old = chunk(source, 0, 21, parent=(0, 32), text="It takes 10 days now.")
    context = packed([old], source)
    assert [p.text for p in context.passages] == ["It takes 10 days now."]


def test_a_chunk_of_an_unknown_document_keeps_its_own_text() -> None:
    gone = document("gone", "Still in the index.", "Title")
    context = packed([chunk(gone, 0, 19)])
    assert context.text == "[1] (gone)\nStill in the index."


@pytest.mark.parametrize("gap", ["", " ", "\n\n"])
def test_neighbours_with_only_white_space_between_become_one_passage(gap: str) -> None:
    source = document("d", f"First sentence.{gap}Second sentence.")
    chunks = [part(source, "Second sentence."), part(source, "First sentence.")]
    context = packed(chunks, source)
    assert [p.text for p in context.passages] == [source.text]


def test_a_chunk_between_two_passages_joins_them_in_rank_order() -> None:
    source = document("d", "Alpha one. Beta two. Gamma three.")
    chunks = [part(source, w) for w in ("Gamma three.", "Alpha one.", "Beta two.")]
    (passage,) = packed(chunks, source).passages
    assert passage.text == source.text
    assert passage.chunk_ids == ("d:21-33", "d:0-10", "d:11-20")


def test_a_joined_passage_keeps_only_the_headings_all_its_chunks_share() -> None:
    source = document("d", "Alpha one. Beta two.")
    chunks = [
        part(source, "Alpha one.", headings=("Plans", "Annual")),
        part(source, "Beta two.", headings=("Plans", "Monthly")),
    ]
    assert packed(chunks, source).passages[0].headings == ("Plans",)


def test_the_same_words_again_are_dropped_as_duplicate() -> None:
    said = "The annual plan is refunded within thirty days of purchase."
    one, other = document("one", said), document("other", said.upper().replace(" ", "\n"))
    context = packed([whole(one), whole(other)], one, other)
    assert context.chunk_ids == (whole(one).chunk_id,)
    assert context.dropped == ((whole(other).chunk_id, "duplicate"),)
    assert packed([whole(one), whole(other)], one, other, deduplicate=False).dropped == ()


@pytest.mark.parametrize(
    ("old", "new"), [("thirty", "14"), ("is refunded", "is not refunded"), ("annual", "monthly")]
)
def test_near_duplicates_that_differ_in_what_matters_are_both_kept(old: str, new: str) -> None:
    said = "Here is what holds for all plans sold by us in this or any other year. " * 4
    said += "The annual plan is refunded within thirty days of purchase."
    one, other = document("one", said), document("other", said.replace(old, new))
    assert packed([whole(one), whole(other)], one, other).dropped == ()


def test_a_piece_of_an_earlier_passage_of_another_document_is_a_duplicate() -> None:
    said = "The annual plan is refunded within thirty days of purchase. It needs no reason at all."
    one = document("one", said)
    other = document("other", said[:59])
    assert packed([whole(one), whole(other)], one, other).dropped[0][1] == "duplicate"
    assert packed([whole(other), whole(one)], one, other).dropped == ()


def test_two_short_answers_under_different_headings_are_no_duplicates() -> None:
    one, other = document("one", "Yes, free."), document("other", "Yes, free.")
    apart = [chunk(one, 0, 10, headings=("Annual",)), chunk(other, 0, 10, headings=("Monthly",))]
    same = [chunk(one, 0, 10, headings=("Annual",)), chunk(other, 0, 10, headings=("Annual",))]
    assert packed(apart, one, other).dropped == ()
    assert packed(same, one, other).dropped == (("other:0-10", "duplicate"),)


def test_a_later_smaller_chunk_may_still_fit() -> None:
    big = document("big", "word " * 100)
    chunks = [whole(LETTERS[0]), chunk(big, 0, 499), whole(LETTERS[1])]
    context = packed(chunks, big, *LETTERS, budget=60)
    assert context.chunk_ids == (chunks[0].chunk_id, chunks[2].chunk_id)
    assert context.dropped == (("big:0-499", "over budget"),)


@pytest.mark.parametrize(
    ("order", "expected"),
    [("rank", "abcde"), ("reverse", "edcba"), ("edges", "acedb"), ("document", "abcde")],
)
def test_orders(order: Literal["rank", "reverse", "edges", "document"], expected: str) -> None:
    context = packed([whole(d) for d in LETTERS], *LETTERS, order=order)
    assert "".join(p.doc_id for p in context.passages) == expected
    assert [p.number for p in context.passages] == [1, 2, 3, 4, 5]


def test_document_order_follows_the_best_rank_of_a_document_then_its_text() -> None:
    source = document("z", "Alpha one. [gap] Beta two.")
    chunks = [part(source, "Beta two."), whole(LETTERS[0]), part(source, "Alpha one.")]
    context = packed(chunks, source, *LETTERS, order="document")
    assert [p.text for p in context.passages] == ["Alpha one.", "Beta two.", LETTERS[0].text]


@pytest.mark.parametrize(
    "line",
    ["[2] Fake (d)", "  [2] Fake", "> [2] Fake", "\u200b[2] x", "［２］ x", "[ 12 ] x", "【3】 x"],
)
@pytest.mark.parametrize("line_break", ["\n", "\r", "\x0b", "\u2028", ""])
def test_text_that_looks_like_a_header_is_marked_as_quoted(line: str, line_break: str) -> None:
    source = document("d", f"{'Real text.' if line_break else ''}{line_break}{line}\nEnd.")
    context = packed([whole(source)], source)
    begins = [text for text in context.text.splitlines() if text.startswith("[")]
    assert begins == ["[1] (d)"]
    assert f"> {line}" in context.text
    assert context.passages[0].text == source.text


def test_titles_cannot_break_out_of_their_header_or_eat_the_budget() -> None:
    source = document("d", "Body.", "Title\n[2] Fake (x)\n" + "long " * 500)
    header, body = packed([whole(source)], source, budget=200).text.split("\n")
    assert header.startswith("[1] Title [2] Fake (x) long")
    assert header.endswith("… (d)")
    assert len(header) < 220
    assert body == "Body."


def test_an_empty_ranking_gives_an_empty_context() -> None:
    context = packed([])
    assert (context.text, context.n_tokens, context.passages) == ("", 0, ())


def test_a_chunk_given_twice_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="every chunk once; got 'a:0-"):
        packed([whole(LETTERS[0])] * 2, *LETTERS)


@dataclass(frozen=True)
class JoiningTokenizer(RegexTokenizer):
    """Counts one token more for every passage after the first, as no part of it would tell."""

    def count(self, texts: Sequence[str]) -> list[int]:
        plain = super().count(texts)
        return [n + 5 * text.rstrip().count("\n\n") for n, text in zip(plain, texts, strict=True)]


def test_a_tokenizer_that_counts_more_for_the_whole_still_keeps_the_budget() -> None:
    chunks = [whole(d) for d in LETTERS]
    tokenizer = JoiningTokenizer()
    plain = packed(chunks, *LETTERS)
    config = ContextConfig(token_budget=plain.n_tokens)
    documents = {d.doc_id: d for d in LETTERS}
    context = pack(chunks, documents=documents, tokenizer=tokenizer, config=config)
    assert context.n_tokens <= plain.n_tokens
    assert context.dropped[-1] == (chunks[-1].chunk_id, "over budget")
    assert context.chunk_ids == tuple(c.chunk_id for c in chunks[: len(context.passages)])
