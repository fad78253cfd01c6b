"""What an answer rests on, held against contexts written by hand."""

from __future__ import annotations

import pytest

from whymiss.answering.claims import cited
from whymiss.diagnosis.grounds import SAYS, grounds_of
from whymiss.records import Answer, Context, Passage

REFUND = "Refunds take ten business days to arrive."
CARD = "A lost card is replaced by the bank within a week."


def passage(number: int, text: str, title: str = "") -> Passage:
    return Passage(
        number=number, chunk_ids=(f"c{number}",), doc_id=f"d{number}", start=0, end=len(text),
        text=text, title=title,
    )  # fmt: skip


CONTEXT = Context(
    passages=(passage(1, REFUND), passage(2, CARD)), dropped=(), text="", n_tokens=0, budget=9
)


def answer(text: str) -> Answer:
    return Answer(text=text, citations=cited(text, CONTEXT)[0], generator="me")


@pytest.mark.parametrize(
    "text",
    [
        f"{REFUND} [1]",
        "A refund takes ten business days until it arrives. [1]",
        "Ten business days [1]",
    ],
    ids=["word for word", "reworded", "as a fragment"],
)
def test_an_answer_that_repeats_the_evidence_rests_on_it(text: str) -> None:
    grounds = grounds_of(answer(text), CONTEXT, evidence=REFUND)

    assert grounds.says
    assert grounds.sound


def test_an_answer_about_something_else_does_not() -> None:
    grounds = grounds_of(answer(f"{CARD} [2]"), CONTEXT, evidence=REFUND)

    assert not grounds.says
    assert not grounds.sound
    assert grounds.unsupported == grounds.miscited == ()


def test_the_expected_answer_counts_as_well_as_the_evidence() -> None:
    said = answer("About two weeks [1]")

    assert not grounds_of(said, CONTEXT, evidence=REFUND).says
    assert grounds_of(said, CONTEXT, evidence=REFUND, expected="two weeks").says


def test_a_claim_that_no_passage_holds_is_named() -> None:
    grounds = grounds_of(answer(f"{REFUND} [1]\nPlants like rain. [1]"), CONTEXT, evidence=REFUND)

    assert grounds.says
    assert grounds.unsupported == ("Plants like rain.",)
    assert not grounds.sound


def test_another_number_is_not_supported() -> None:
    wrong = "Refunds take 14 business days to arrive."

    assert grounds_of(answer(f"{wrong} [1]"), CONTEXT, evidence=REFUND).unsupported == (wrong,)


@pytest.mark.parametrize("mark", ["", " [2]"], ids=["cites nothing", "cites another passage"])
def test_a_claim_that_repeats_the_evidence_has_to_cite_it(mark: str) -> None:
    grounds = grounds_of(answer(f"{REFUND}{mark}"), CONTEXT, evidence=REFUND)

    assert grounds.says
    assert grounds.miscited == (REFUND,)
    assert not grounds.sound


def test_what_another_claim_cites_is_no_citation_of_this_one() -> None:
    assert grounds_of(answer(f"{REFUND}\n{CARD} [1]"), CONTEXT, evidence=REFUND).miscited == (
        REFUND,
    )


def test_a_claim_may_cite_more_than_is_needed() -> None:
    assert grounds_of(answer(f"{REFUND} [1][2]"), CONTEXT, evidence=REFUND).sound


def test_what_does_not_repeat_the_evidence_may_cite_nothing() -> None:
    grounds = grounds_of(answer(f"{REFUND} [1]\n{CARD}"), CONTEXT, evidence=REFUND)

    assert grounds.miscited == ()


def test_an_abstention_claims_nothing() -> None:
    made = Answer(text=REFUND, abstained=True, generator="me")
    grounds = grounds_of(made, CONTEXT, evidence=REFUND)

    assert grounds.abstained
    assert not grounds.says
    assert not grounds.sound
    assert grounds.unsupported == grounds.miscited == ()


def test_evidence_is_repeated_from_its_share_of_words_on() -> None:
    # Of five words of equal weight (none is in the context) three are SAYS of the evidence.
    evidence = "alder birch cedar dogwood elm"
    words = evidence.split()
    assert 2 / 5 < SAYS <= 3 / 5
    few, enough = (answer(" ".join([*words[:n], "rain", "wind", "snow"])) for n in (2, 3))

    assert not grounds_of(few, CONTEXT, evidence=evidence).says
    assert grounds_of(enough, CONTEXT, evidence=evidence).says


def test_evidence_told_over_several_claims_is_told() -> None:
    evidence = "alder birch cedar dogwood elm fir"
    text = "Alder, birch and rain, wind, hail.\nCedar, dogwood and snow, fog, frost."
    grounds = grounds_of(answer(text), CONTEXT, evidence=evidence)

    assert grounds.says
