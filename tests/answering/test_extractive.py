"""The quoting generator, with an encoder whose vectors can be worked out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from whymiss.answering import ABSTENTION, ExtractiveGenerator, make_generator
from whymiss.answering.extractive import CANDIDATES
from whymiss.config import AnswerConfig
from whymiss.records import Context, Passage, Query
from whymiss.testing import HashingEncoder

if TYPE_CHECKING:
    from whymiss.protocols import Vectors


def context(*texts: str) -> Context:
    passages = tuple(
        Passage(
            number=n, chunk_ids=(f"c{n}",), doc_id=f"d{n}", start=0, end=len(text), text=text
        )
        for n, text in enumerate(texts, start=1)
    )  # fmt: skip
    return Context(passages=passages, dropped=(), text="", n_tokens=1, budget=1)


@dataclass(frozen=True)
class CountingEncoder(HashingEncoder):
    """Remembers how many texts each call had."""

    calls: list[int] = field(default_factory=list)

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Vectors:
        self.calls.append(len(texts))
        return super().encode_documents(texts, progress=progress)


def generator(encoder: HashingEncoder | None = None, **settings: float) -> ExtractiveGenerator:
    config = AnswerConfig(**settings)  # type: ignore[arg-type]
    # Many dimensions, so that no two words share one and cosines can be foreseen.
    return ExtractiveGenerator(encoder or HashingEncoder(dimension=4096), config)


def ask(text: str, of: Context, **settings: float) -> str:
    answer = generator(**settings).generate(Query(query_id="q", text=text), of)
    return answer.text


PAGE = context(
    "# Refunds\n\nRefunds of annual plans take ten business days. We like cats.",
    "| plan | price |\n|---|---|\n| Solo | 12 |\n| Crew | 29 |",
)


def test_the_closest_sentence_is_quoted_with_its_passage() -> None:
    answer = generator(max_sentences=1).generate(
        Query(query_id="q", text="How many business days do refunds of annual plans take?"), PAGE
    )
    assert answer.text == "Refunds of annual plans take ten business days. [1]"
    (citation,) = answer.citations
    assert answer.text[citation.start : citation.end] == answer.text[: -len(" [1]")]
    assert (citation.passage, citation.chunk_id, citation.doc_id) == (1, "c1", "d1")
    assert (answer.abstained, answer.generator, answer.prompt) == (False, "extractive", "")


def test_a_table_row_is_quoted_under_its_header() -> None:
    found = ask("What price has the plan Crew?", PAGE, max_sentences=1)
    assert found == "| plan | price |\n| Crew | 29 | [2]"


def test_a_question_of_the_page_is_no_answer_but_leads_to_one() -> None:
    faq = context("How long are packs valid?\n\nTwelve months.\n\nWho may use packs?\n\nAnybody.")
    assert ask("How long are packs valid?", faq, max_sentences=1) == "Twelve months. [1]"


def test_of_two_equal_sentences_the_one_with_a_date_answers_when() -> None:
    page = context(
        "The notice goes out to owners as paper letters. "
        "The notice goes out to owners on 4 May 2026."
    )
    assert "4 May" in ask("When does the notice go out to owners?", page, max_sentences=1)


def test_what_repeats_a_quote_is_not_quoted_again() -> None:
    said = "Refunds take ten business days."
    page = context(said, said, f"In all, {said.lower()}")
    assert ask("How long do refunds take?", page) == f"{said} [1]"


def test_further_sentences_must_be_close_to_the_best() -> None:
    page = context("Solo plans cost EUR 12 now. Solo plans cost EUR 120 now. Solo cats purr.")
    found = ask("What do Solo plans cost?", page, min_support=0.1)
    assert found == "Solo plans cost EUR 12 now. [1]\nSolo plans cost EUR 120 now. [1]"


def test_no_more_sentences_than_allowed() -> None:
    page = context(*(f"Plan {n} costs money." for n in range(8)))
    found = ask("Which plan costs money?", page, max_sentences=2, min_support=0.0)
    assert len(found.splitlines()) == 2


def test_nothing_close_enough_is_an_abstention_that_says_how_close() -> None:
    answer = generator(min_support=0.9).generate(Query(query_id="q", text="Who won?"), PAGE)
    assert (answer.text, answer.abstained, answer.citations) == (ABSTENTION, True, ())
    assert answer.reason.startswith("the closest statement supports the question at 0.")
    assert answer.reason.endswith("below min_support 0.90")


@pytest.mark.parametrize(
    ("page", "reason"),
    [(context(), "the context is empty"), (context("# Only", "--"), "no passage states anything")],
)
def test_nothing_to_quote_is_an_abstention(page: Context, reason: str) -> None:
    answer = generator(min_support=0.0).generate(Query(query_id="q", text="Why?"), page)
    assert (answer.abstained, answer.reason) == (True, reason)


def test_the_encoder_is_asked_once_for_a_bounded_number_of_statements() -> None:
    encoder = CountingEncoder()
    page = context(*(f"Sentence {n} has plain words." for n in range(200)), "The needle is here.")
    query = Query(query_id="q", text="Where is the needle?")
    answer = generator(encoder, max_sentences=1).generate(query, page)
    assert encoder.calls == [1, CANDIDATES]  # the double encodes the question the same way
    assert answer.text == "The needle is here. [201]"


def test_the_config_chooses_the_generator() -> None:
    remote = AnswerConfig(generator="openai", base_url="http://localhost:1/v1", model="m")
    assert make_generator(AnswerConfig(), HashingEncoder()).name == "extractive"
    assert make_generator(remote, HashingEncoder()).name == "openai:m"
