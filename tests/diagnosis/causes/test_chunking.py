"""S2a boundary, S2b large, S2c small, S2d dropped: planted by hand, and nearly so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from handmade import FAR, GOLD, clears, filler, handmade, proves, question

from whymiss.diagnosis.causes.chunking import BURIED, LARGE
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.scene import Scene

FILLER, COSINES = filler(12)

BEFORE = "The desk is open on weekdays and has two clerks."
BEHIND = "Letters to the desk are read once every week by them."
WHOLE = f"{BEFORE} {GOLD} {BEHIND}"


def at(text: str, words: str) -> int:
    return text.index(words)


def only_whole(text: str) -> float:
    """Close to the question where all of the evidence stands, and little else."""
    if GOLD in text:
        return 0.9 if len(text) < 2 * len(WHOLE) else 0.1
    return next((c for words, c in COSINES.items() if words in text), FAR)


def cut_at(words: str, cosines: Callable[[str], float] = only_whole) -> Scene:
    """A document of one paragraph that is cut in two before these words."""
    texts = {**FILLER, "gold.md": WHOLE}
    middle = at(WHOLE, words)
    cuts = {"gold.md": [(0, middle - 1), (middle, len(WHOLE))]}
    asked = question(texts, ("gold.md", GOLD))
    return handmade(texts, asked, cosines, chunker_cuts=cuts)


def test_s2a_a_boundary_runs_through_the_evidence() -> None:
    made = proves(cut_at("business days"), "S2a")

    assert made.stage == "chunk"
    assert made.finding("S2a").numbers == {"cut_spans": 1, "pieces": 2}
    assert made.finding("S2c").verdict == "cleared"


def test_s2a_is_silent_where_the_boundary_runs_beside_the_evidence() -> None:
    clears(cut_at("Refunds take", lambda text: only_whole(text) % 0.9), "S2a")


def test_s2a_is_silent_where_an_overlap_holds_the_evidence_whole() -> None:
    texts = {**FILLER, "gold.md": WHOLE}
    middle = at(WHOLE, "business days")
    cuts = [(0, middle - 1), (at(WHOLE, "Refunds"), len(WHOLE)), (middle, len(WHOLE))]
    asked = question(texts, ("gold.md", GOLD))

    clears(handmade(texts, asked, COSINES, chunker_cuts={"gold.md": cuts}), "S2a")


def test_s2a_is_silent_where_the_pieces_are_delivered_together() -> None:
    close = {"Refunds": 0.9, "business days": 0.85, **COSINES}
    made = diagnose(
        cut_at("business days", lambda t: next((c for w, c in close.items() if w in t), FAR))
    )

    assert made.ending == "healthy"
    assert made.proven == ()


def test_s2a_is_silent_where_no_chunk_of_the_usual_size_could_hold_the_evidence() -> None:
    long = " ".join(f"Step {n} is to write the letter number {n} to desk {n}." for n in range(9))
    texts = {**FILLER, "gold.md": long}
    middle = at(long, "Step 5")
    scene = handmade(
        texts, question(texts, ("gold.md", long)), COSINES,
        chunker_cuts={"gold.md": [(0, middle - 1), (middle, len(long))]},
    )  # fmt: skip

    clears(scene, "S2a")


LINE = "Mondays are for {0} and Tuesdays are for whatever else the {0} desk may want."
PADDING = " ".join(LINE.format(f"matter{number}") for number in range(8))


def held(body: str, words: str, *, near: float = 0.9, length: int = 500) -> Scene:
    """A document that is one large chunk; only what is short enough is close to the question."""
    texts = {**FILLER, "gold.md": body}

    def cosine(text: str) -> float:
        if words[:20] in text:
            return near if len(text) < length else 0.1
        return next((c for name, c in COSINES.items() if name in text), FAR)

    asked = question(texts, ("gold.md", words))
    return handmade(texts, asked, cosine, knobs={"chunking.size": 200})


def test_s2b_the_evidence_is_a_small_part_of_a_large_chunk() -> None:
    made = proves(held(f"{PADDING} {GOLD} {PADDING}", GOLD), "S2b")
    numbers = made.finding("S2b").numbers

    assert made.stage == "chunk"
    assert numbers["chunk_tokens"] > LARGE * numbers["usual_tokens"]
    assert numbers["share_of_chunk"] < BURIED


def test_s2b_is_silent_where_the_large_chunk_is_the_evidence_for_the_most_part() -> None:
    body = f"{PADDING} {GOLD}"
    assert len(PADDING) > BURIED * len(body)

    clears(held(body, PADDING), "S2b")


def test_s2b_is_silent_where_the_evidence_fills_a_chunk_of_the_usual_size() -> None:
    clears(held(f"{GOLD} So it is.", GOLD, near=0.1), "S2b")


GUIDE = f"# Money back\n\n{GOLD}"


def under_a_heading(**how: object) -> Scene:
    texts = {**FILLER, "gold.md": GUIDE}
    asked = question(texts, ("gold.md", GOLD))
    return handmade(texts, asked, {"Money back": 0.9, **COSINES, "Refunds": 0.1}, **how)  # type: ignore[arg-type]


def test_s2c_the_chunk_lacks_the_heading_that_the_configuration_puts_before_it() -> None:
    made = proves(under_a_heading(index_knobs={"chunking.heading_prefix": False}), "S2c")

    assert made.stage == "chunk"
    assert made.finding("S2c").numbers == {"without_headings": 1, "fragments": 0}


def test_s2c_headings_that_are_switched_off_are_found_too() -> None:
    made = diagnose(under_a_heading(knobs={"chunking.heading_prefix": False}))

    assert "S2c" in made.proven
    assert made.finding("S2c").patch == "the same chunks with their headings"


def test_s2c_is_silent_where_the_heading_stands_before_the_chunk() -> None:
    texts = {**FILLER, "gold.md": GUIDE}
    scene = handmade(texts, question(texts, ("gold.md", GOLD)), {**COSINES, "Refunds": 0.1})

    clears(scene, "S2c")


STEPS = "Write to the desk about it. Name the order. They take ten business days. Then it is done."


def in_pieces(cuts: list[str]) -> Scene:
    """A short text of which the chunker makes a piece for every few words."""
    texts = {**FILLER, "gold.md": STEPS}
    starts = [at(STEPS, words) for words in cuts]
    places = [
        (a, b) for a, b in zip(starts, [*(s - 1 for s in starts[1:]), len(STEPS)], strict=True)
    ]
    close = {"Write": 0.9} if len(cuts) > 1 else {}

    def cosine(text: str) -> float:
        if "ten business" in text:
            return 0.9 if "Write" in text and len(cuts) > 1 else 0.1
        return next((c for w, c in {**COSINES, **close}.items() if w in text), FAR)

    asked = question(texts, ("gold.md", "They take ten business days."))
    return handmade(texts, asked, cosine, chunker_cuts={"gold.md": places})


def test_s2c_the_chunk_is_a_fragment_that_lost_its_neighbours() -> None:
    made = proves(in_pieces(["Write", "Name", "They", "Then"]), "S2c")

    assert made.finding("S2c").numbers == {"without_headings": 0, "fragments": 1}
    assert made.finding("S2c").patch.startswith("the same chunks with their neighbours")


def test_s2c_is_silent_where_a_short_text_is_one_chunk() -> None:
    clears(in_pieces(["Write"]), "S2c")


def without_paragraph(number: int, *, index: bool = True) -> Scene:
    """A document of three paragraphs of which one is in no chunk that the chunker makes."""
    text = f"{BEFORE}\n\n{GOLD}\n\n{BEHIND}"
    texts = {**FILLER, "gold.md": text}
    places = [(at(text, part), at(text, part) + len(part)) for part in (BEFORE, GOLD, BEHIND)]
    kept = [place for n, place in enumerate(places) if n != number]
    cosines = {**COSINES, "Refunds": 0.9 if number == 1 and index else 0.1}
    cuts = {"gold.md": kept}
    return handmade(
        texts, question(texts, ("gold.md", GOLD)), cosines,
        **({"chunker_cuts": cuts} if index else {"index_cuts": cuts}),  # type: ignore[arg-type]
    )  # fmt: skip


def test_s2d_the_chunker_leaves_the_evidence_out() -> None:
    made = proves(without_paragraph(1), "S2d")

    assert made.lost_at == "index"
    assert made.stage == "chunk"
    assert made.finding("S2d").numbers == {"dropped_characters": len(GOLD)}
    assert made.finding("I3").verdict == "cleared"


def test_s2d_the_chunker_leaves_the_whole_document_out() -> None:
    texts = {**FILLER, "gold.md": GOLD}
    scene = handmade(
        texts, question(texts, ("gold.md", GOLD)), {**COSINES, "Refunds": 0.9},
        chunker_cuts={"gold.md": []},
    )  # fmt: skip

    proves(scene, "S2d")


@pytest.mark.parametrize("number", [0, 2])
def test_s2d_is_silent_where_the_chunker_leaves_out_another_paragraph(number: int) -> None:
    clears(without_paragraph(number), "S2d")


def test_s2d_is_silent_where_the_index_has_a_row_that_the_chunker_would_leave_out_now() -> None:
    texts = {**FILLER, "gold.md": f"{BEFORE}\n\n{GOLD}"}
    cuts = [(0, len(BEFORE)), (len(BEFORE) + 2, len(BEFORE) + 2 + len(GOLD))]
    scene = handmade(
        texts, question(texts, ("gold.md", GOLD)), {**COSINES, "Refunds": 0.1},
        index_cuts={"gold.md": cuts}, chunker_cuts={"gold.md": cuts[:1]},
    )  # fmt: skip

    clears(scene, "S2d")


def test_s2d_is_silent_where_the_chunker_makes_the_row_and_the_index_lacks_it() -> None:
    made = diagnose(without_paragraph(1, index=False))

    assert made.lost_at == "index"
    assert made.finding("S2d").verdict == "cleared"
