"""What every chunker promises, whatever the text: run over all strategies and hostile texts."""

from __future__ import annotations

import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from whymiss.chunking import build_chunks, make_chunker
from whymiss.config import ChunkingConfig
from whymiss.protocols import Chunker
from whymiss.records import Chunk, Document
from whymiss.testing import HashingEncoder, RegexTokenizer

STRATEGIES = (
    "fixed",
    "recursive",
    "sentence",
    "heading",
    "semantic",
    "parent_child",
    "openapi",
    "document",
    "custom:lines",
)
SIZED = tuple(s for s in STRATEGIES if s != "document" and not s.startswith("custom"))
SYNTAXES = ("markdown", "rst", "asciidoc", "plain", "code", "openapi")
TOKENIZER = RegexTokenizer(piece=5)

FRAGMENTS = st.sampled_from(
    [
        "# Title\n\n",
        '## Sub {#s .warn plan=annual note="two words"}\n',
        "Setext\n======\n",
        "Under\n-----\n\n",
        "== Section\n\n",
        "###### Deep\n",
        "## GET /jobs/{id}\n\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n",
        "|===\n|a |b\n\n|1 |2\n|===\n",
        "- one\n- two\n  - three\n\n",
        "1. first\n2. second\n",
        "```python\nx = 1\n\ny = 2\n```\n",
        "    indented code\n\n",
        "Example::\n\n   literal\n\n",
        ".. note::\n\n   Body.\n\n",
        "term::\n\tbody\n+\njoined\n\n",
        "----\nlisting\n----\n",
        "+---+---+\n| a | b |\n+---+---+\n",
        "=====  =====\na      b\n=====  =====\n1      2\n=====  =====\n\n",
        "> quote\n> on\n\n",
        "def f(x):\n    return x\n\n\n",
        "class A:\n    def m(self):\n        pass\n",
        "&nbsp;",
        "Dr. Li pays 3.50. Really? Yes!",
        "これは文です。次の文。",
        "日本語、テキスト",
        "שלום עולם. ",
        "e\u0301\u0301",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈🇳🇱",
        "\u200b",
        "\u00ad",
        "\x0c",
        "\u2028",
        "\ufeff",
        "\x00",
        "x" * 130,
        "a-" * 70,
        "-" * 40,
        "\n",
        "\n\n\n",
        " ",
        "\t",
        "   \n",
        "word ",
        "Two words. ",
    ]
)
TEXTS = st.one_of(
    st.lists(st.one_of(FRAGMENTS, st.text(max_size=12)), max_size=25).map("".join),
    st.text(alphabet=string.printable + "é中文。👍\u0301", max_size=300),
).map(lambda text: text.replace("\r", ""))


def settings_of(strategy: str, size: int = 16, overlap: int = 0) -> ChunkingConfig:
    return ChunkingConfig(strategy=strategy, size=size, overlap=overlap, parent_size=3 * size)


def chunker_of(config: ChunkingConfig) -> Chunker:
    lines = {"lines": lambda text: text.split("\n")}
    return make_chunker(config, TOKENIZER, encoder=HashingEncoder(), custom=lines)


def chunks_of(document: Document, config: ChunkingConfig) -> list[Chunk]:
    spans = chunker_of(config).spans(document)
    return build_chunks(document, spans, config=config, tokenizer=TOKENIZER, max_tokens=256)


def check_spans(document: Document, config: ChunkingConfig) -> None:
    spans = chunker_of(config).spans(document)
    text = document.text
    covered = 0
    for number, span in enumerate(spans):
        before = spans[number - 1] if number else None
        assert span.end <= len(text)
        body = text[span.start : span.end]
        assert body == body.strip()
        assert not text[covered : span.start].strip(), "ink between spans is lost"
        if before is not None:
            assert span.start > before.start
            assert span.end > before.end
            shared = text[span.start : before.end] if span.start < before.end else ""
            assert TOKENIZER.count([shared])[0] <= config.overlap
        assert text[span.parent_start : span.parent_end].strip()
        covered = max(covered, span.end)
    assert not text[covered:].strip()
    if config.strategy in SIZED:
        counts = TOKENIZER.count([text[span.start : span.end] for span in spans])
        assert all(count <= config.size for count in counts)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(
    text=TEXTS,
    syntax=st.sampled_from(SYNTAXES),
    size=st.integers(8, 60),
    overlap=st.integers(0, 7),
)
@example(text="", syntax="markdown", size=8, overlap=0)
@example(text=" \n\t\n", syntax="rst", size=8, overlap=0)
@example(text="# Only a heading", syntax="markdown", size=8, overlap=2)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_spans_are_ordered_lossless_trimmed_and_within_size(
    strategy: str, text: str, syntax: str, size: int, overlap: int
) -> None:
    overlap = 0 if strategy in ("document", "custom:lines") else overlap
    check_spans(
        Document(doc_id="d", text=text, syntax=syntax), settings_of(strategy, size, overlap)
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(text=TEXTS, syntax=st.sampled_from(SYNTAXES))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_chunks_quote_their_document_and_keep_stable_unique_ids(
    strategy: str, text: str, syntax: str
) -> None:
    document = Document(doc_id="d", text=text, syntax=syntax, title="A title")
    config = settings_of(strategy)
    chunks = chunks_of(document, config)
    again = chunks_of(document, config)
    assert chunks == again
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.n_tokens == TOKENIZER.count([chunk.indexed_text])[0] + TOKENIZER.n_special
        assert TOKENIZER.count([chunk.prefix])[0] <= config.size // 4


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("text", ["", " ", "\n\n\t ", "\u2003\u2028"])
def test_a_document_without_ink_has_no_spans(strategy: str, text: str) -> None:
    assert list(chunker_of(settings_of(strategy)).spans(Document(doc_id="d", text=text))) == []


@pytest.mark.parametrize("strategy", SIZED)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_line_of_a_megabyte_without_spaces_is_cut_to_size(strategy: str, syntax: str) -> None:
    document = Document(doc_id="d", text="x" * 1_000_000, syntax=syntax)
    check_spans(document, settings_of(strategy, size=200, overlap=20))


@pytest.mark.parametrize("strategy", ["heading", "parent_child"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_thousands_of_headings_and_deep_nesting_take_linear_time(
    strategy: str, syntax: str
) -> None:
    lists = "".join("  " * depth + "- item\n" for depth in range(400))
    headings = "# A\n\nx\n\n" * 3000 + "B\n-\n\n" * 3000
    text = headings + lists + "> " * 3000 + "q\n" + "|" * 5000 + "\n" + "(" * 5000
    check_spans(Document(doc_id="d", text=text, syntax=syntax), settings_of(strategy))
