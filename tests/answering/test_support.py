"""Support measures on small answers worked by hand."""

from __future__ import annotations

import math

import pytest

from whymiss.answering import (
    ABSTENTION,
    citation_precision,
    citation_recall,
    lexical_faithfulness,
    sentence_support,
)
from whymiss.answering.claims import cited
from whymiss.answering.lexical import Rarity, exact_terms, missing_exact, terms
from whymiss.answering.support import CAP, SUPPORTED
from whymiss.records import Answer, Context, Passage

TEXTS = (
    "Refunds take 5 to 10 business days from the day we confirm them. Cards are quicker.",
    "The phone line FW-PHN-24 is open 08:00-18:00. Annual plans include it.",
)
CONTEXT = Context(
    passages=tuple(
        Passage(
            number=n, chunk_ids=(f"c{n}",), doc_id=f"d{n}", start=0, end=len(text), text=text,
            title=title,
        )
        for n, (text, title) in enumerate(zip(TEXTS, ("Refund policy", "Support"), strict=True), 1)
    ),
    dropped=(), text="\n".join(TEXTS), n_tokens=1, budget=1,
)  # fmt: skip


def answer(text: str) -> Answer:
    return Answer(text=text, citations=cited(text, CONTEXT)[0], generator="test")


def test_a_verbatim_claim_is_fully_supported_by_its_passage() -> None:
    (found,) = sentence_support(answer(TEXTS[0].split(". ")[0] + ". [1]"), CONTEXT)
    assert (found.support, found.passage, found.missing) == (1.0, 1, ())


@pytest.mark.parametrize(
    ("claim", "missing"),
    [
        ("Refunds take 14 business days.", ("14",)),
        ("Refunds take 0 business days.", ("0",)),
        ("The line FW-PHN-25 is open.", ("fw-phn-25",)),
        ("The phone line is open from 08:00 to 17:00.", ("17:00",)),
    ],
)
def test_a_number_or_code_that_is_not_there_caps_the_support(
    claim: str, missing: tuple[str, ...]
) -> None:
    (found,) = sentence_support(answer(claim), CONTEXT)
    assert found.missing == missing
    assert found.support <= CAP < SUPPORTED


def test_support_weighs_words_by_their_rarity() -> None:
    # Statements: {refund...}, {card, quicker}, {phone...}, {annual, plan, includ}; N = 4.
    # "Cards" stands in 1 of 4: ln(1 + 5/2) = 1.2528; "gold" in none: ln(1 + 5/1) = 1.7918.
    # Support = 1.2528 / (1.2528 + 1.7918) = 0.4115.
    (found,) = sentence_support(answer("Gold cards."), CONTEXT)
    assert found.support == pytest.approx(0.4115, abs=1e-4)
    assert found.passage == 1


def test_a_claim_may_rest_on_the_title_of_its_passage() -> None:
    (found,) = sentence_support(answer("The refund policy: cards are quicker."), CONTEXT)
    assert found.support == 1.0


def test_a_claim_that_shares_nothing_points_nowhere() -> None:
    (found,) = sentence_support(answer("Bananas grow in Ecuador 7."), CONTEXT)
    assert (found.support, found.passage, found.missing) == (0.0, None, ("7",))


def test_faithfulness_is_the_share_of_supported_claims() -> None:
    mixed = answer("Cards are quicker. Bananas grow in Ecuador.")
    assert lexical_faithfulness(mixed, CONTEXT).value == 0.5
    assert lexical_faithfulness(mixed, CONTEXT, threshold=0.0).value == 1.0


def test_precision_counts_citations_and_recall_counts_claims() -> None:
    # Claim 1 cites the right and a wrong passage, claim 2 a wrong one, claim 3 none:
    # precision 1 of 3 citations, recall 1 of 3 claims.
    text = "Cards are quicker [1][2]. Annual plans include the phone line [1]. Refunds take days."
    assert citation_precision(answer(text), CONTEXT).value == pytest.approx(1 / 3)
    assert citation_recall(answer(text), CONTEXT).value == pytest.approx(1 / 3)


def test_recall_reads_the_cited_passages_together_and_precision_one_by_one() -> None:
    text = "Refunds take business days and annual plans include the phone line [1][2]."
    assert citation_recall(answer(text), CONTEXT).value == 1.0
    assert citation_precision(answer(text), CONTEXT).value == 0.0


@pytest.mark.parametrize("measure", [lexical_faithfulness, citation_precision, citation_recall])
def test_measures_of_an_abstention_are_undefined(measure: object) -> None:
    silent = Answer(text=ABSTENTION, abstained=True, reason="none", generator="test")
    score = measure(silent, CONTEXT)  # type: ignore[operator]
    assert math.isnan(score.value)
    assert score.undefined_because == "the answer abstained"


def test_measures_without_anything_to_count_are_undefined() -> None:
    assert citation_precision(answer("Cards are quicker."), CONTEXT).undefined_because == (
        "the answer cites nothing"
    )
    assert lexical_faithfulness(answer("And so on."), CONTEXT).undefined_because == (
        "the answer makes no claim"
    )


def test_an_answer_from_an_empty_context_is_unsupported_and_not_undefined() -> None:
    empty = Context(passages=(), dropped=(), text="", n_tokens=0, budget=1)
    assert lexical_faithfulness(answer("Cards are quicker."), empty).value == 0.0


def test_terms_are_stemmed_unless_they_hold_a_digit() -> None:
    assert terms("The refunds, refunded") == {"refund"}
    assert "v3s" in terms("v3s")
    assert terms("not never no") == {"not", "never", "no"}


def test_rarer_terms_weigh_more() -> None:
    rarity = Rarity([frozenset("ab"), frozenset("a")])
    assert rarity.weight("a") < rarity.weight("b") < rarity.weight("c")
    assert rarity.containment([], {"a"}) == 0.0


@pytest.mark.parametrize(
    ("claim", "passage", "missing"),
    [
        ("1,000", "pays 1000 EUR", ()),
        ("1000", "pays 1,000 EUR", ()),
        ("9", "99.9", ("9",)),
        ("99.9", "99.95", ("99.9",)),
        ("99.9", "99.9%.", ()),
        ("12 months", "twelve months", ()),
        ("1042", "FW-1042", ()),
        ("FW-10", "FW-1042", ("fw-10",)),
        ("3.50", "EUR3.50", ("3.50",)),
        ("v3", "support_tiers_v3", ()),
        ("２０", "20", ()),
    ],
)
def test_exact_terms_match_as_wholes(claim: str, passage: str, missing: tuple[str, ...]) -> None:
    assert missing_exact(exact_terms(claim), passage) == missing
