"""Causes in the rows of the index: I1 stale, I2 orphans and duplicates, I3 missing, I4 ANN."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine
from whymiss.diagnosis.edits import reindexed, with_rows
from whymiss.records import Chunk
from whymiss.text import counted, normalise_whitespace

CROWD: Final = 0.4
"""Repeats and orphans that are at least this share of what stands in front are what crowds."""


def stale_rows(case: Case) -> Look:
    """I1: rows made from an earlier text of the document."""
    own = sorted(case.stale & case.run.truth.doc_ids)
    rows = [row for row in case.ahead if case.chunks[row].doc_id in case.stale]
    others = sorted({case.chunks[row].doc_id for row in rows})
    if not own and not others:
        return fine(f"{counted(len(case.stale), 'stale document')} in the index, none in the way")
    patches = []
    if own:
        said = f"the rows of {', '.join(own)} were made from an earlier text"
        patches.append(Patch(says=f"{', '.join(own)} indexed again",
                             apply=lambda: reindexed(case.scene, own)))  # fmt: skip
    else:
        said = f"{len(rows)} candidates in front are of {len(others)} documents that changed since"
    if others:
        patches.append(Patch(says="stale documents in front indexed again too",
                             apply=lambda: reindexed(case.scene, [*own, *others])))  # fmt: skip
    return Look(says=said, deviation=said, definite=bool(own), patches=tuple(patches))


def crowding_rows(case: Case) -> Look:
    """I2: rows that stand in the index twice, or of a text that is nowhere any more."""
    twice = repeated_rows(case)
    orphans = orphaned_rows(case)
    in_front = set(case.ahead)
    copies, gone = len(in_front & set(twice)), len(in_front & set(orphans))
    if not copies and not gone:
        return fine("no candidate in front is a copy of another, or of a text that is gone")
    said = (
        f"of {len(in_front)} candidates in front {copies} repeat another row word for word and "
        f"{gone} are of a text that their document no longer has"
    )
    return Look(
        says=said,
        deviation=said,
        definite=copies + gone >= CROWD * len(in_front),
        patches=(
            Patch(
                says=f"{len(twice)} repeated and {len(orphans)} orphaned rows taken out",
                apply=lambda: with_rows(case.scene, drop={*twice, *orphans}),
            ),
        ),
        numbers={"copies_in_front": copies, "orphans_in_front": gone},
    )


def repeated_rows(case: Case) -> list[int]:
    """Rows whose words an earlier row has, but for rows that hold evidence."""
    gold, seen, repeats = set(case.gold), set[str](), []
    for row, chunk in enumerate(case.chunks):
        text = normalise_whitespace(chunk.text)
        if text in seen and row not in gold:
            repeats.append(row)
        seen.add(text)
    return repeats


def orphaned_rows(case: Case) -> list[int]:
    """Rows, of the documents that have candidates, whose text is not where they say it is."""
    wanted = {chunk.doc_id for chunk in case.run.chunks(case.run.ordered)} - case.stale
    documents = case.scene.read_documents(sorted(wanted))
    found = []
    for row, chunk in enumerate(case.chunks):
        document = documents.get(chunk.doc_id) if chunk.doc_id in wanted else None
        if document is not None and document.text[chunk.start : chunk.end] != chunk.text:
            found.append(row)
    return found


def missing_rows(case: Case) -> Look:
    """I3: the document is stored, and its rows are not in the index."""
    if case.run.lost_at != "index":
        return fine("the index has rows for all of the evidence")
    behind = sorted(case.run.truth.doc_ids - case.stale)
    made = [chunk for doc_id in behind for chunk in case.remade.get(doc_id, [])]
    known = {chunk.chunk_id for chunk in case.chunks}
    lacking = [c for c in made if c.chunk_id not in known and _telling(case, [c])]
    if not _covers(case, made) or not lacking:
        return fine("the rows that the chunker makes of the document are there")
    said = f"not in the index: {counted(len(lacking), 'row')} with evidence, of {', '.join(behind)}"
    return Look(
        says=said,
        deviation=said,
        definite=True,
        patches=(
            Patch(says=f"{', '.join(behind)} indexed again",
                  apply=lambda: reindexed(case.scene, behind)),
        ),
        numbers={"missing_rows": len(lacking)},
    )  # fmt: skip


def _telling(case: Case, chunks: Iterable[Chunk]) -> bool:
    return any(case.run.truth.touches(case.run.truth.place(chunk)) for chunk in chunks)


def _covers(case: Case, chunks: Iterable[Chunk]) -> bool:
    holds = case.run.truth.holds
    return holds is not None and holds([case.run.truth.place(chunk) for chunk in chunks])


def approximate_miss(case: Case) -> Look:
    """I4: approximate search does not find what exact search finds."""
    if case.scene.config.index.ann == "none":
        return fine("search is exact")
    if "dense" not in case.run.stages:
        return fine("no dense search ran")
    exact = case.probe(case.scene.configured({"index.ann": "none"}))
    here = set(case.run.stages["dense"].rows.tolist())
    there = exact.stages["dense"].rows.tolist()
    share = sum(row in here for row in there) / len(there) if there else 1.0
    gold = set(case.gold)
    missed = sorted(gold & set(there) - here)
    said = f"approximate search finds {share:.0%} of the exact {len(there)} nearest rows"
    if missed:
        said += f", and misses {counted(len(missed), 'row')} with evidence"
    return Look(
        says=said,
        deviation=said if missed else "",
        definite=bool(missed),
        patches=(
            Patch(says="exact search",
                  apply=lambda: case.scene.configured({"index.ann": "none"})),
        ),
        numbers={"share_of_exact": round(share, 4), "missed_rows": len(missed)},
    )  # fmt: skip


STALE_ROWS = Cause(code="I1", name="StaleRows", stage="index", look=stale_rows)
CROWDING_ROWS = Cause(code="I2", name="OrphanOrDuplicateRows", stage="index", look=crowding_rows)
MISSING_ROWS = Cause(code="I3", name="MissingRows", stage="index", look=missing_rows)
APPROXIMATE_MISS = Cause(code="I4", name="ApproximateMiss", stage="index", look=approximate_miss)
