"""I1 stale, I2 orphans and duplicates, I3 missing, I4 approximate: planted, and nearly so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handmade import GOLD, clears, filler, handmade, proves, question

from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.scene import Scene
from whymiss.records import Chunk

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
BEHIND = {**COSINES, "Refunds": 0.1}
FRONT = {**COSINES, "Refunds": 0.9}


def test_i1_the_rows_were_made_of_an_earlier_text() -> None:
    old = {"gold.md": GOLD.replace("ten", "twenty")}
    made = proves(handmade(TEXTS, LABELLED, FRONT, indexed=old), "I1")

    assert made.lost_at == made.stage == "index"
    assert made.finding("I3").verdict == "cleared"
    assert made.finding("S2d").verdict == "cleared"


def test_i1_is_silent_where_a_document_that_is_not_in_the_way_is_stale() -> None:
    texts = {**TEXTS, "last.md": "Plants are watered."}
    old = {"last.md": "Plants were watered."}

    clears(handmade(texts, LABELLED, BEHIND, indexed=old), "I1")


def test_i1_stale_documents_crowd_the_evidence_out() -> None:
    # Six documents no longer say what their rows say, so near to the question.
    others = {f"old{n}.md": f"Parking {n} is free." for n in range(6)}
    said = {f"old{n}.md": f"Money matter {n} was told here." for n in range(6)}
    texts = {**TEXTS, **others}
    cosines = {"Money": 0.9, "Refunds": 0.8, **COSINES}

    proves(handmade(texts, LABELLED, cosines, indexed=said), "I1")


def crowd(words: Callable[[int], str]) -> Scene:
    """Six documents in front of the evidence."""
    texts = {**TEXTS} | {f"more{n}.md": words(n) for n in range(6)}
    return handmade(texts, LABELLED, {"Money": 0.9, "Refunds": 0.8, **COSINES})


def test_i2_the_same_words_stand_in_front_six_times() -> None:
    made = proves(crowd(lambda n: "Money is a matter of trust."), "I2")

    assert made.stage == "index"
    assert made.finding("I2").numbers == {"copies_in_front": 5, "orphans_in_front": 0}


def test_i2_is_silent_where_every_text_has_one_word_of_its_own() -> None:
    clears(crowd(lambda n: f"Money is a matter of trust{n}."), "I2")


def test_i2_is_silent_where_the_copies_stand_behind_the_evidence() -> None:
    texts = {**TEXTS} | {f"more{n}.md": "Plants are watered." for n in range(6)}

    clears(handmade(texts, LABELLED, BEHIND), "I2")


def test_i2_rows_of_a_text_that_is_in_no_document_any_more() -> None:
    def orphaned(chunks: list[Chunk]) -> list[Chunk]:
        home = next(c for c in chunks if c.doc_id == "filler00.md")
        said = [f"Money matter {n} of old." for n in range(6)]
        return chunks + [
            replace(home, chunk_id=f"old{n}", text=text, start=0, end=len(text), parent_start=0,
                    parent_end=len(text))
            for n, text in enumerate(said)
        ]  # fmt: skip

    cosines = {"Money": 0.9, "Refunds": 0.8, **COSINES}
    made = proves(handmade(TEXTS, LABELLED, cosines, rows=orphaned), "I2")

    assert made.finding("I2").numbers == {"copies_in_front": 0, "orphans_in_front": 6}
    assert made.finding("I1").verdict == "cleared"


def lacking(doc_id: str, cosines: dict[str, float]) -> Scene:
    return handmade(
        TEXTS, LABELLED, cosines, rows=lambda chunks: [c for c in chunks if c.doc_id != doc_id]
    )


def test_i3_the_document_is_stored_and_its_rows_are_not_in_the_index() -> None:
    made = proves(lacking("gold.md", FRONT), "I3")

    assert made.lost_at == made.stage == "index"
    assert made.finding("I3").numbers == {"missing_rows": 1}


def test_i3_is_silent_where_the_rows_of_another_document_are_missing() -> None:
    clears(lacking("filler00.md", BEHIND), "I3")


def test_i3_is_silent_where_the_chunker_makes_no_such_row() -> None:
    texts = {**FILLER, "gold.md": f"Hello.\n\n{GOLD}"}
    asked = question(texts, ("gold.md", GOLD))

    clears(handmade(texts, asked, FRONT, chunker_cuts={"gold.md": [(0, 6)]}), "I3")


def test_i3_is_silent_where_the_row_is_there_and_was_made_of_an_earlier_text() -> None:
    old = {"gold.md": GOLD.replace("ten", "twenty")}

    clears(handmade(TEXTS, LABELLED, FRONT, indexed=old), "I3")


@pytest.fixture
def overlooking(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Approximate search that finds every row but those of one document."""

    def overlook(doc_id: str) -> None:
        def search(snapshot: Any, query: Any, permitted: Any, *, depth: int, config: Any) -> Any:
            cosines = snapshot.vectors @ query
            rows = [
                (row, float(cosines[row]))
                for row in np.argsort(-cosines).tolist()
                if permitted[row] and snapshot.chunks[row].doc_id != doc_id
            ]
            return rows[:depth]

        monkeypatch.setattr("whymiss.retrieval.dense.search_ann", search)

    return overlook


APPROXIMATE = {"index.ann": "ivf_pq"}


def test_i4_approximate_search_misses_the_evidence(overlooking: Callable[[str], None]) -> None:
    overlooking("gold.md")
    made = proves(handmade(TEXTS, LABELLED, FRONT, knobs=APPROXIMATE), "I4")

    assert made.lost_at == "dense"
    assert made.stage == "index"
    assert made.finding("I4").numbers == {"share_of_exact": round(12 / 13, 4), "missed_rows": 1}


def test_i4_is_silent_where_approximate_search_misses_another_row(
    overlooking: Callable[[str], None],
) -> None:
    overlooking("filler11.md")
    made = clears(handmade(TEXTS, LABELLED, BEHIND, knobs=APPROXIMATE), "I4")

    assert made.finding("I4").numbers["missed_rows"] == 0
    assert made.proven[0] == "S8"


def test_i4_is_silent_where_search_is_exact() -> None:
    clears(handmade(TEXTS, LABELLED, BEHIND), "I4")


def test_i4_and_another_cause_are_needed_together(overlooking: Callable[[str], None]) -> None:
    overlooking("gold.md")
    made = diagnose(handmade(TEXTS, LABELLED, BEHIND, knobs=APPROXIMATE))

    assert made.proven[:2] == ("I4", "S8")
    assert made.finding("I4").together_with == made.proven[1:]
    assert "I4" in made.finding("S8").together_with
