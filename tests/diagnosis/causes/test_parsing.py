"""S0 corpus gap and S1 parse loss: planted by hand, and nearly so."""

from __future__ import annotations

from dataclasses import replace

from handmade import GOLD, clears, filler, handmade, proves, question, span

from whymiss.diagnosis.diagnosing import diagnose

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
GAPPED = "The office is open on weekdays.\n\nParking is free for guests."


def test_s0_a_document_that_is_not_stored_is_missed_and_brings_the_answer_once_it_is() -> None:
    made = proves(
        handmade(FILLER, question(FILLER, ("gold.md", GOLD)), {**COSINES, "Refunds": 0.9}), "S0"
    )

    assert made.lost_at == made.stage == "parse"
    assert made.finding("S1").verdict == "cleared"
    assert made.funnel[0].holds is False


def test_s0_is_silent_where_the_document_is_stored_and_ranks_behind() -> None:
    clears(handmade(TEXTS, LABELLED, {**COSINES, "Refunds": 0.1}), "S0")


def test_s0_is_silent_where_another_alternative_is_stored() -> None:
    both = replace(
        LABELLED, evidence=((span({}, "gone.md", GOLD),), (span(TEXTS, "gold.md", GOLD),))
    )

    clears(handmade(TEXTS, both, {**COSINES, "Refunds": 0.1}), "S0")


def test_s0_without_a_quote_there_is_nothing_to_put_back_and_nothing_proven() -> None:
    placed = replace(span(TEXTS, "gold.md", GOLD), quote=None)
    made = diagnose(handmade(FILLER, replace(LABELLED, evidence=((placed,),)), COSINES))

    assert made.finding("S0").verdict == "implicated"
    assert made.unexplained


def test_s0_a_document_that_only_an_asker_of_some_group_may_read_is_put_back_for_that_asker() -> (
    None
):
    asked = question(FILLER, ("gold.md", GOLD), principals=("staff",))

    proves(handmade(FILLER, asked, {**COSINES, "Refunds": 0.9}), "S0")


def test_s1_a_document_is_stored_without_the_words_of_the_evidence() -> None:
    texts = {**FILLER, "gold.md": GAPPED}
    made = proves(
        handmade(texts, question(texts, ("gold.md", GOLD)), {**COSINES, "Refunds": 0.9}), "S1"
    )

    assert made.stage == "parse"
    assert made.finding("S0").verdict == "cleared"


def test_s1_is_silent_where_the_words_are_only_wrapped_otherwise() -> None:
    texts = {**FILLER, "gold.md": f"{GAPPED}\n\n{GOLD.replace(' take', chr(10) + '  take')}"}
    asked = question(texts, ("gold.md", GOLD))
    assert not asked.evidence[0][0].pinned

    clears(handmade(texts, asked, {**COSINES, "Refunds": 0.1}), "S1")


def test_s1_the_other_labels_of_the_document_are_found_again_where_they_moved() -> None:
    # The text before the second span was lost: its offsets are those of the longer text.
    other = "Parking is free for guests."
    whole = {**FILLER, "gold.md": f"{GOLD}\n\n{GAPPED}"}
    asked = question(whole, ("gold.md", GOLD), ("gold.md", other))
    texts = {**FILLER, "gold.md": GAPPED}

    proves(handmade(texts, asked, {**COSINES, "Refunds": 0.9, "Parking": 0.8}), "S1")
