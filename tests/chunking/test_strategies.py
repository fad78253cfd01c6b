"""What each strategy does beyond the common contract."""

from __future__ import annotations

import pytest

from whymiss.chunking import ByHeading, Fixed, ParentChild, Recursive, Semantic, make_chunker
from whymiss.config import ChunkingConfig
from whymiss.errors import ChunkingError
from whymiss.protocols import Chunker
from whymiss.records import Document, Syntax
from whymiss.testing import HashingEncoder, RegexTokenizer

TOKENS = RegexTokenizer()


def cut(chunker: Chunker, text: str, syntax: Syntax = "markdown") -> list[str]:
    spans = chunker.spans(Document(doc_id="d", text=text, syntax=syntax))
    return [text[span.start : span.end] for span in spans]


def table(rows: int) -> str:
    return "| a | b |\n|---|---|\n" + "".join(f"| {n} | x |\n" for n in range(rows))


def test_fixed_windows_share_the_overlap() -> None:
    assert cut(Fixed(size=4, overlap=2, tokenizer=TOKENS), "a b c d e f g") == [
        "a b c d",
        "c d e f",
        "e f g",
    ]


def test_recursive_prefers_paragraphs_then_lines_then_sentences() -> None:
    text = "a b c\n\nd e f\ng h i j\n\nk. L m n o. P q"
    assert cut(Recursive(size=6, tokenizer=TOKENS), text) == [
        "a b c",
        "d e f",
        "g h i j",
        "k.",
        "L m n o.",
        "P q",
    ]


def test_heading_chunks_never_mix_sections_of_a_fair_size() -> None:
    text = "# T\n\n## A\n\none two three four five\n\n## B\n\nsix seven eight nine ten"
    assert cut(ByHeading(size=20, tokenizer=TOKENS), text) == [
        "# T\n\n## A\n\none two three four five",
        "## B\n\nsix seven eight nine ten",
    ]


def test_tiny_sections_share_a_chunk_unless_their_attributes_differ() -> None:
    plain = "# T\n\nx\n\n## A\n\none\n\n## B\n\ntwo"
    assert len(cut(ByHeading(size=60, tokenizer=TOKENS), plain)) == 1
    marked = "# T\n\nx\n\n## A {plan=annual}\n\none\n\n## B {plan=monthly}\n\ntwo"
    assert len(cut(ByHeading(size=60, tokenizer=TOKENS), marked)) == 3


def test_a_table_that_fits_is_not_split_for_what_stands_before_it() -> None:
    # 12 words of intro and a table of 5 + 9 + 4 * 5 = 34 tokens do not fit in 40 together.
    text = "# H\n\n" + "word " * 12 + "\n\n" + table(4)
    assert cut(ByHeading(size=40, tokenizer=TOKENS), text)[-1] == table(4).strip()


def test_a_table_that_is_too_large_is_split_between_rows_and_keeps_its_header() -> None:
    pieces = cut(ByHeading(size=30, tokenizer=TOKENS), "# H\n\n" + table(9))
    assert pieces[0].startswith("# H\n\n| a | b |\n|---|---|\n| 0 | x |")
    assert all(line.count("|") in (0, 3) for piece in pieces for line in piece.split("\n"))


def test_a_table_that_is_too_large_can_be_kept_whole() -> None:
    kept = ByHeading(size=30, tokenizer=TOKENS, oversize="keep")
    assert cut(kept, "# H\n\n" + table(9)) == ["# H\n\n" + table(9).strip()]


def test_a_heading_stays_with_the_text_it_leads() -> None:
    text = "# A\n\nOne two.\n\n## B\n\n### C\n\n" + "Four words stand here. " * 6
    pieces = cut(ByHeading(size=16, tokenizer=TOKENS), text)
    assert not [piece for piece in pieces if piece.split("\n")[-1].startswith("#")]


def test_overlap_stays_inside_a_section() -> None:
    text = "# A\n\nOne two. Three four. Five six. Seven it.\n\n# B\n\nEight nine. Ten it is now."
    pieces = cut(ByHeading(size=10, overlap=4, tokenizer=TOKENS), text)
    assert pieces == [
        "# A\n\nOne two. Three four.",
        "Three four. Five six. Seven it.",
        "# B\n\nEight nine. Ten it is now.",
    ]


def test_an_asciidoc_term_keeps_its_body_when_the_entry_must_be_divided() -> None:
    text = "O\n-\n\n" + "-a::\n\tWord word word word. And word word.\n+\nMore words stand here.\n"
    pieces = cut(ByHeading(size=18, tokenizer=TOKENS), text, "asciidoc")
    assert pieces[0].endswith("And word word.")


def test_children_lie_in_the_section_they_are_read_with() -> None:
    text = "# A\n\n" + "One two three. " * 5 + "\n\n# B\n\n" + "Four five six. " * 5
    chunker = ParentChild(size=8, parent_size=40, tokenizer=TOKENS)
    spans = chunker.spans(Document(doc_id="d", text=text))
    parents = {(span.parent_start, span.parent_end) for span in spans}
    assert sorted(text[start : start + 3] for start, _ in parents) == ["# A", "# B"]
    assert len(spans) > len(parents)


def test_semantic_chunks_break_where_the_words_change() -> None:
    text = "Refund money back. Money refund back. Refund back money. " * 2
    text += "Tent lake forest. Lake forest tent. Forest tent lake. " * 2
    # Windows of three sentences blur one border over two or three of the eleven distances.
    chunker = Semantic(size=60, percentile=90, tokenizer=TOKENS, encoder=HashingEncoder())
    assert any(piece.startswith(("Tent", "Lake")) for piece in cut(chunker, text))
    assert len(cut(chunker, text)) == 2


def test_python_code_is_cut_at_definitions() -> None:
    text = (
        "import os\n\n\ndef f():\n    return 1\n\n\n"
        "class A:\n    def m(self):\n        return 2\n\n    def n(self):\n        return 3\n"
    )
    assert cut(ByHeading(size=16, tokenizer=TOKENS), text, "code") == [
        "import os",
        "def f():\n    return 1",
        "class A:\n    def m(self):\n        return 2",
        "def n(self):\n        return 3",
    ]


def test_semantic_needs_an_encoder() -> None:
    with pytest.raises(ChunkingError, match="needs an encoder for the strategy 'semantic'"):
        make_chunker(ChunkingConfig(strategy="semantic"), TOKENS)


def test_a_custom_strategy_needs_its_function() -> None:
    with pytest.raises(ChunkingError, match="'custom:mine'; got 'other'"):
        make_chunker(ChunkingConfig(strategy="custom:mine"), TOKENS, custom={"other": str.split})
