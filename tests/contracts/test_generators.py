"""What every generator promises, whoever writes the answer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whymiss.answering import ABSTENTION, make_generator
from whymiss.config import AnswerConfig, ContextConfig
from whymiss.context import pack
from whymiss.protocols import Generator
from whymiss.records import Chunk, Context, Document, Query
from whymiss.testing import HashingEncoder, RegexTokenizer


class _Parrot(BaseHTTPRequestHandler):
    """Answers with the second line of the first passage and a few citations, good and bad."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        passages = request["messages"][1]["content"].split("Passages:\n\n", 1)[1]
        said = [*passages.splitlines(), ""][1]
        content = f"{said or 'Nothing'} [1][2]. More of it [99]."
        body = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def parrot() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Parrot)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module", params=["extractive", "openai"])
def generator(request: pytest.FixtureRequest, parrot: str) -> Generator:
    config = (
        AnswerConfig(min_support=0.0)
        if request.param == "extractive"
        else AnswerConfig(generator="openai", base_url=parrot, model="parrot", api_key_env="")
    )
    return make_generator(config, HashingEncoder())


def context(*texts: str) -> Context:
    documents = {f"d{n}": Document(doc_id=f"d{n}", text=text) for n, text in enumerate(texts)}
    chunks = [
        Chunk(
            chunk_id=f"c-{d.doc_id}", doc_id=d.doc_id, start=0, end=len(d.text), text=d.text,
            n_tokens=1, parent_start=0, parent_end=len(d.text),
        )
        for d in documents.values()
    ]  # fmt: skip
    return pack(chunks, documents=documents, tokenizer=RegexTokenizer(), config=ContextConfig())


QUERY = Query(query_id="q", text="How long do refunds take?")
PAGE = context(
    "Refunds take ten days.\nCards are faster.", "| plan | price |\n|---|---|\n| a | 1 |"
)


def test_it_is_a_generator_with_a_name(generator: Generator) -> None:
    assert isinstance(generator, Generator)
    assert generator.name
    assert generator.generate(QUERY, PAGE).generator == generator.name


def test_it_abstains_on_an_empty_context_and_says_why(generator: Generator) -> None:
    answer = generator.generate(QUERY, context())
    assert (answer.text, answer.abstained, answer.citations) == (ABSTENTION, True, ())
    assert answer.reason == "the context is empty"


def test_it_gives_the_same_answer_twice(generator: Generator) -> None:
    assert generator.generate(QUERY, PAGE) == generator.generate(QUERY, PAGE)


texts = st.lists(
    st.sampled_from(
        ["Refunds take ten days. ", "\n", "\n\n", "| a | b |\n", "|---|---|\n", "[2] x ",
         "- item\n", "# H\n", "Why? ", "No. ", "$5 <b>", "Key: value\n", "é\u0301 ", "99.9 % "]
    ),
    min_size=1,
    max_size=12,
).map("".join)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(texts, max_size=4), st.sampled_from(["Why?", "How many days?", "[1] $x"]))
def test_citations_point_into_the_answer_and_into_the_context(
    generator: Generator, pages: list[str], question: str
) -> None:
    given_context = context(*pages)
    answer = generator.generate(Query(query_id="q", text=question), given_context)
    passages = {p.number: p for p in given_context.passages}
    for citation in answer.citations:
        assert 0 <= citation.start < citation.end <= len(answer.text)
        assert citation.chunk_id in passages[citation.passage].chunk_ids
        assert citation.doc_id == passages[citation.passage].doc_id
    if answer.abstained:
        assert (answer.text, answer.citations) == (ABSTENTION, ())
        assert answer.reason


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_extractive_quotes_stand_word_for_word_in_their_passage(pages: list[str]) -> None:
    given_context = context(*pages)
    quoting = make_generator(AnswerConfig(min_support=0.0), HashingEncoder())
    answer = quoting.generate(QUERY, given_context)
    passages = {p.number: p.text for p in given_context.passages}
    rest = answer.text
    for citation in answer.citations:
        quote = answer.text[citation.start : citation.end]
        # A table row is quoted under its header row, each verbatim but not next to each other.
        lines = quote.split("\n", 1) if quote.lstrip().startswith("|") else [quote]
        assert all(line in passages[citation.passage] for line in lines)
        rest = rest.replace(f"{quote} [{citation.passage}]", "", 1)
    assert answer.abstained or re.fullmatch(r"\s*", rest)
