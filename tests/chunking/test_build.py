"""Ids, headings, prefixes, metadata and counts of chunks."""

from __future__ import annotations

import dataclasses

from whymiss.chunking import build_chunks, make_chunker
from whymiss.config import ChunkingConfig
from whymiss.records import Chunk, Document
from whymiss.testing import RegexTokenizer

TOKENS = RegexTokenizer()
TEXT = """\
# Plans {owner=ops}

Two plans are sold to customers of every size today.

## Annual {plan_type=annual}

Paid once a year, by card, invoice or SEPA debit.

### Refunds {plan_type=yearly}

The full fee within thirty days of the first order.

## Monthly {plan_type=monthly}

Paid month by month, by card, on the day of the order.
"""


def chunks(text: str = TEXT, *, title: str = "", **knobs: object) -> list[Chunk]:
    config = dataclasses.replace(ChunkingConfig(size=24), **knobs)  # type: ignore[arg-type]
    document = Document(doc_id="d", text=text, title=title)
    spans = make_chunker(config, TOKENS).spans(document)
    return build_chunks(document, spans, config=config, tokenizer=TOKENS, max_tokens=20)


def test_chunks_know_their_headings_and_what_their_sections_say() -> None:
    assert [chunk.headings[-1] for chunk in chunks()] == ["Plans", "Annual", "Refunds", "Monthly"]
    assert [dict(chunk.metadata) for chunk in chunks()] == [
        {"owner": "ops"},
        {"owner": "ops", "plan_type": "annual"},
        {"owner": "ops", "plan_type": "yearly"},
        {"owner": "ops", "plan_type": "monthly"},
    ]


def test_a_chunk_over_several_sections_has_all_their_values() -> None:
    (whole,) = chunks(strategy="document")
    assert dict(whole.metadata) == {"owner": "ops", "plan_type": ("yearly", "monthly")}


def test_a_prefix_is_the_title_and_the_path_within_a_quarter_of_the_size() -> None:
    assert [chunk.prefix for chunk in chunks(title="plans")][2] == "Plans > Annual > Refunds\n"
    # With the title it would take 7 tokens (4 names, 3 ">"); a quarter of 24 is 6.
    assert [chunk.prefix for chunk in chunks(title="Terms")][2] == "Plans > Annual > Refunds\n"
    assert [chunk.prefix for chunk in chunks(title="Terms")][1] == "Terms > Plans > Annual\n"
    assert {chunk.prefix for chunk in chunks(heading_prefix=False)} == {""}
    assert {chunk.prefix for chunk in chunks(strategy="document")} == {""}


def test_tokens_beyond_the_limit_of_the_encoder_are_counted() -> None:
    for chunk in chunks():
        assert chunk.n_tokens == TOKENS.count([chunk.prefix + chunk.text])[0] + 2
        assert chunk.n_truncated == max(0, chunk.n_tokens - 20)


def test_the_prefix_of_the_encoder_is_counted_but_not_stored() -> None:
    document = Document(doc_id="d", text="One.")
    config = ChunkingConfig()
    spans = make_chunker(config, TOKENS).spans(document)
    (chunk,) = build_chunks(
        document, spans, config=config, tokenizer=TOKENS, max_tokens=99, document_prefix="passage: "
    )
    assert (chunk.n_tokens, chunk.indexed_text) == (6, "One.")


def test_an_edit_elsewhere_that_moves_nothing_changes_one_id_only() -> None:
    before, after = chunks(), chunks(TEXT.replace("by card, invoice", "by cash, invoice"))
    changed = [a.chunk_id != b.chunk_id for a, b in zip(before, after, strict=True)]
    assert changed == [False, True, False, False]


def test_other_knobs_and_other_documents_give_other_ids() -> None:
    ids = [{chunk.chunk_id for chunk in found} for found in (chunks(), chunks(overlap=1))]
    assert not ids[0] & ids[1]
