"""Repairs of what is stored: rows, permissions, metadata, documents; where a cause says so."""

from __future__ import annotations

from collections.abc import Iterator, Set

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.filtering import permitted, tagged
from whymiss.diagnosis.causes.rows import orphaned_rows, repeated_rows
from whymiss.diagnosis.edits import reindexed, with_rows
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.repairs.change import Change
from whymiss.retrieval.filters import satisfies

_NO_LONGER = "the store has no text of it: take it from the source, and ingest again"


def stored(case: Case, causes: Set[str], rebuilds: Rebuilds) -> Iterator[Change]:
    """Repairs for the proven or implicated causes that lie in what is stored."""
    if causes & {"I1", "I3", "S3b"}:
        yield from _indexed_again(case, rebuilds)
    if "I2" in causes:
        yield from _cleaned(case)
    if "F1" in causes:
        yield from _opened(case)
    if causes & {"S0", "S1"}:
        names = sorted({span.doc_id for span, _ in case.run.truth.missing})
        yield Change(
            title=f"{', '.join(names)} parsed and ingested again", kind="document",
            code=f"wb.ingest(SOURCE)  # with {', '.join(map(repr, names))} in it",
            alter=lambda scene: scene, untried=_NO_LONGER,
        )  # fmt: skip


def _indexed_again(case: Case, rebuilds: Rebuilds) -> Iterator[Change]:
    behind = sorted(d for d in case.documents if d in case.stale or not _has_rows(case, d))
    if behind:
        yield Change(
            title=f"{', '.join(behind)} indexed again", kind="rows",
            code="wb.build()  # indexes the documents whose rows are behind",
            alter=lambda scene: reindexed(scene, behind),
        )  # fmt: skip
    yield Change(
        title="the index built again", kind="rows", code="wb.build(rebuild=True)",
        alter=rebuilds.rebuilt, rebuilds=True,
    )  # fmt: skip


def _has_rows(case: Case, doc_id: str) -> bool:
    return any(case.chunks[row].doc_id == doc_id for row in case.rows_of_documents)


def _cleaned(case: Case) -> Iterator[Change]:
    repeats, orphans = repeated_rows(case), orphaned_rows(case)
    ids = sorted({case.chunks[row].doc_id for row in repeats if row in set(case.ahead)})
    yield Change(
        title=f"{len(repeats)} repeated and {len(orphans)} orphaned rows removed", kind="rows",
        code=(
            f"# take repeated documents out of the source, such as {ids[:5]!r}; then\n"
            "wb.ingest(SOURCE)\nwb.build(rebuild=True)"
        ),
        alter=lambda scene: with_rows(scene, drop={*repeats, *orphans}),
    )  # fmt: skip


def _opened(case: Case) -> Iterator[Change]:
    query = case.scene.question.query
    documents = case.scene.space.catalogue.documents
    closed = sorted(
        d for d in case.run.truth.doc_ids
        if d in documents and not documents[d].readable_by(query.principals)
    )  # fmt: skip
    failed = [
        c for c in query.where
        if any(not satisfies(case.fields(row), c) for row in case.gold)
    ]  # fmt: skip
    if closed:
        yield Change(
            title=f"{', '.join(closed)} readable to {', '.join(query.principals) or 'everybody'}",
            kind="permission",
            code=f"# in the source, add {list(query.principals or ('*',))!r} to `allowed` of "
            f"{closed!r}; then\nwb.ingest(SOURCE)",
            alter=lambda scene: tagged(permitted(scene, closed), case.run.truth.doc_ids),
        )  # fmt: skip
    if failed:
        values = {c.field: c.value for c in failed}
        yield Change(
            title=f"{', '.join(sorted(case.run.truth.doc_ids))} tagged {values!r}", kind="metadata",
            code=f"# in the source, set {values!r} in the metadata of "
            f"{sorted(case.run.truth.doc_ids)!r}; then\nwb.ingest(SOURCE)",
            alter=lambda scene: tagged(scene, case.run.truth.doc_ids),
        )  # fmt: skip
