"""S3a truncation, S3b wrong vectors, S3c confusable, S3d hubs: planted by hand, and nearly so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handmade import ASKED, FAR, GOLD, clears, filler, handmade, proves, question

from whymiss.diagnosis.causes import embedding
from whymiss.diagnosis.causes.embedding import HUB_SHARE, HUB_TIMES, NEAR_DUPLICATE, SAME_VECTOR
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.scene import Scene
from whymiss.retrieval.editing import revectored_space

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))

HEAD = "The desk is open on weekdays and has two clerks who read the letters that come in."


def read_in_part(text: str, gold: float) -> Scene:
    """An encoder that reads 18 words of a passage."""
    texts = {**FILLER, "gold.md": text}
    cosines = {GOLD: gold, **COSINES, "desk": 0.1}
    return handmade(texts, question(texts, ("gold.md", GOLD)), cosines, max_tokens=20)


def test_s3a_the_evidence_lies_beyond_what_the_encoder_reads() -> None:
    made = proves(read_in_part(f"{HEAD} {GOLD}", 0.9), "S3a")

    assert made.stage == "embed"
    assert made.finding("S3a").numbers["truncated_tokens"] > 0
    (view,) = [view for view in made.funnel if view.stage == "embed"]
    assert "truncated" in view.note


def test_s3a_is_silent_where_the_evidence_stands_before_the_limit() -> None:
    scene = read_in_part(f"{GOLD} {HEAD}", 0.1)
    assert scene.space.snapshot.chunks[-1].n_truncated

    clears(scene, "S3a")


def test_s3a_is_silent_where_all_is_read() -> None:
    clears(read_in_part(GOLD, 0.1), "S3a")


def with_vectors(change: Callable[[Any, int], Any], gold: float) -> Scene:
    """Vectors changed by a function that is given them and the row of the evidence."""
    scene = handmade(TEXTS, LABELLED, {**COSINES, "Refunds": gold})
    snapshot = scene.space.snapshot
    (row,) = (i for i, chunk in enumerate(snapshot.chunks) if chunk.doc_id == "gold.md")
    made = change(snapshot.vectors.copy(), row)
    return replace(scene, space=revectored_space(scene.space, made.astype(np.float32)))


def of_another_model(vectors: Any, row: int) -> Any:
    vectors[row] = np.roll(vectors[row], 1)
    return vectors


def test_s3b_the_vector_of_the_evidence_is_of_another_model() -> None:
    made = proves(with_vectors(of_another_model, 0.9), "S3b")

    assert made.stage == "embed"
    assert made.finding("S3b").numbers["wrong_vectors"] == 1


def test_s3b_is_silent_where_vectors_differ_by_precision_alone() -> None:
    def rounded(vectors: Any, row: int) -> Any:
        made = vectors.astype(np.float16).astype(np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    clears(with_vectors(rounded, 0.1), "S3b")


def test_s3b_is_silent_where_a_row_that_nobody_found_is_of_another_model() -> None:
    def elsewhere(vectors: Any, row: int) -> Any:
        # The last of the fillers is as far from the question before as after, and behind.
        last = (row - 1) % len(vectors)
        vectors[last] = np.roll(vectors[last], 1)
        return vectors

    made = clears(with_vectors(elsewhere, 0.35), "S3b")
    assert made.finding("S3b").numbers["encoded_again"] == 4


def test_s3b_vectors_that_are_longer_than_others_win() -> None:
    def longer(vectors: Any, row: int) -> Any:
        lengths = np.full((len(vectors), 1), 2.0)
        lengths[row] = 1.0
        return vectors * lengths

    made = proves(with_vectors(longer, 0.75), "S3b")
    assert made.finding("S3b").patch == "all vectors at length 1"


def test_s3b_is_silent_where_lengths_differ_by_less_than_matters() -> None:
    def hardly_longer(vectors: Any, row: int) -> Any:
        return vectors * (1 + 0.9 * (1 - SAME_VECTOR))

    clears(with_vectors(hardly_longer, 0.1), "S3b")


def test_s3b_does_not_know_where_no_row_can_be_encoded_again() -> None:
    # All documents changed since they were indexed.
    old = {doc_id: f"{text} So it was." for doc_id, text in TEXTS.items()}

    scene = handmade(TEXTS, LABELLED, {**COSINES, "Refunds": 0.1}, indexed=old)
    clears(scene, "S3b", "unknown")


def copies(kinds: bool, **how: Any) -> Scene:
    """Six documents that say of other goods what the evidence says of refunds."""
    goods = ["Vouchers", "Deposits", "Credits", "Rebates", "Bonuses", "Coupons"]
    texts = {**FILLER, "gold.md": GOLD} | {
        f"{name.lower()}.md": GOLD.replace("Refunds", name) for name in goods
    }
    cosines = {"Refunds": 0.8, "take ten business": 0.82, **COSINES}
    asked = question(texts, ("gold.md", GOLD))
    alike = {"take ten business": "takes"} if kinds else {}
    return handmade(texts, asked, cosines, kinds=alike, **how)


def test_s3c_near_copies_of_the_evidence_stand_in_front_of_it() -> None:
    made = proves(copies(kinds=True), "S3c")

    assert made.stage == "embed"
    assert made.finding("S3c").numbers == {"near_copies": 6, "contrary": 0}


def test_s3c_is_silent_where_those_in_front_are_as_close_to_the_question_and_otherwise_unlike() -> (
    None
):
    scene = copies(kinds=False)
    vectors = scene.space.snapshot.vectors
    (gold,) = (i for i, c in enumerate(scene.space.snapshot.chunks) if c.doc_id == "gold.md")
    assert np.sort(vectors @ vectors[gold])[-2] < NEAR_DUPLICATE

    clears(scene, "S3c")


PLAN = "How long until money is back on an annual plan?"


def plans(asked: str, displacing: str, cosine: float = 0.8) -> Scene:
    """The annual terms, and six documents in front of them, marked with a plan each."""
    texts = {**FILLER, "gold.md": GOLD} | {
        f"plan{n}.md": f"Money of desk{n} comes back at once." for n in range(6)
    }
    about = {f"plan{n}.md": {"metadata": {"plan": displacing}} for n in range(6)}
    about["gold.md"] = {"metadata": {"plan": "annual"}}
    return handmade(
        texts, question(texts, ("gold.md", GOLD), text=asked),
        {"comes back": 0.9, "Refunds": cosine, **COSINES}, about=about,
    )  # fmt: skip


def test_s3c_what_stands_in_front_is_of_another_plan_than_the_question_names() -> None:
    made = proves(plans(PLAN, "monthly"), "S3c")

    assert made.finding("S3c").numbers == {"near_copies": 0, "contrary": 6}


@pytest.mark.parametrize(
    ("asked", "displacing"),
    [
        (PLAN, "annual"),
        (PLAN.replace("an annual plan", "a plan"), "monthly"),
        (PLAN.replace("annual", "annual or monthly"), "monthly"),
    ],
    ids=["of the same plan", "no plan is asked for", "both are asked for"],
)
def test_s3c_is_silent_where_the_plan_does_not_tell_them_apart(asked: str, displacing: str) -> None:
    clears(plans(asked, displacing), "S3c")


MANY, MANY_COSINES = filler(60, first=0.2, last=0.05)
HUBS = {f"hub{n}.md": f"Welcome to part {n} of the manual of everything." for n in range(6)}
OTHERS = [f"What of matter {n}?" for n in range(40)]


def crowded(heard: float, n_others: int = 40) -> Scene:
    """Six pages of welcome before the evidence; other questions lean this far towards them."""
    texts = {**MANY, **HUBS, "gold.md": GOLD}
    cosines = {"Welcome": 0.8, "Refunds": 0.7, **MANY_COSINES}
    asked = question(texts, ("gold.md", GOLD))
    return handmade(
        texts, asked, cosines, heard={"matter": heard}, others=[ASKED, *OTHERS[:n_others]]
    )


def test_s3d_chunks_that_are_close_to_every_question_stand_in_front() -> None:
    made = proves(crowded(0.9), "S3d")
    numbers = made.finding("S3d").numbers

    assert made.stage == "embed"
    assert numbers["hubs_in_front"] == 6
    assert numbers["k_occurrence"] >= max(HUB_SHARE, HUB_TIMES * 10 / 67)


def test_s3d_is_silent_where_other_questions_are_answered_elsewhere() -> None:
    clears(crowded(FAR), "S3d")


def test_s3d_does_not_know_where_too_few_other_questions_were_asked() -> None:
    clears(crowded(0.9, embedding._LEAST_SENTINELS - 1), "S3d", "unknown")


def test_s3d_the_question_itself_is_no_other_question() -> None:
    scene = replace(crowded(0.9), others=(ASKED,) * 99)

    assert diagnose(scene).finding("S3d").verdict == "unknown"
