"""Faults of filters and permissions: the evidence is tagged otherwise, or filtered too late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from whymiss.diagnosis.edits import with_documents
from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import gold_documents, simpler
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.records import Clause, Document, digest

_FIELDS: Final = ("audience", "department", "channel", "series")
_VALUES: Final = ("customers", "partners", "staff")
_NEXT: Final = (*_VALUES[1:], _VALUES[0])
_RARE: Final = ("collection", "bundle", "shelf")
_ALSO: Final = 3
"""Other documents that the rare value is given to."""

_RARE_VALUE: Final = "handbook"

_ASKER: Final = "support"
_OTHERS: Final = "management"


def filter_mistag(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The evidence's documents carry another value in the field that the question filters by."""
    if severity > 1:
        return None
    field, other = run.scene.question.query.where[-1].field, dict(zip(_VALUES, _NEXT, strict=True))
    gold = gold_documents(run.scene)
    return tagged(run.scene, {doc_id: {field: other[_value(doc_id)]} for doc_id in gold})


def permission_mistag(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The evidence's documents are for others than the one who asks."""
    if severity > 1:
        return None
    found = run.scene.read_documents(gold_documents(run.scene))
    return with_documents(
        run.scene, {d: replace(document, allowed=(_OTHERS,)) for d, document in found.items()}
    )


def postfilter_starvation(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The filter is applied after the candidates are chosen."""
    return run.scene.configured({"retrieval.filter_mode": "post"}) if severity == 1 else None


def filtered(scene: Scene) -> tuple[Scene, ...]:
    """Every document tagged with one of three audiences; the question asks for the evidence's."""
    gold, field = gold_documents(scene), _unused(scene, _FIELDS)
    if not gold or field is None:
        return ()
    catalogue = scene.space.catalogue
    everywhere = scene.space.derived(
        (field, "everywhere"),
        lambda: tagged(scene, {d: {field: _value(d)} for d in catalogue.documents}),
    )
    made = replace(scene, space=everywhere.space, read_documents=everywhere.read_documents)
    return simpler(asking(made, Clause(field=field, op="eq", value=_value(gold[0]))))


def asked_by_someone(scene: Scene) -> tuple[Scene, ...]:
    """A question of somebody with a name, over documents that all may read."""
    query = scene.question.query
    if _OTHERS in query.principals:
        return ()
    asked = replace(query, principals=query.principals or (_ASKER,))
    return simpler(replace(scene, question=replace(scene.question, query=asked)))


def narrowed(scene: Scene) -> tuple[Scene, ...]:
    """The evidence and few other documents have a value that the question asks for.

    With as few candidates as are selected, then more, so that a late filter may starve.
    """
    gold, field = gold_documents(scene), _unused(scene, _RARE)
    if not gold or field is None:
        return ()
    others = [d for d in scene.space.catalogue.documents if d not in gold]
    also = sorted(others, key=lambda d: digest(field, d))[:_ALSO]
    made = tagged(scene, {d: {field: _RARE_VALUE} for d in (*gold, *also)})
    asked = asking(made, Clause(field=field, op="eq", value=_RARE_VALUE))
    k = scene.config.retrieval.k
    depths = dict.fromkeys((scene.config.retrieval.candidate_depth, 3 * k, k))
    return tuple(
        base
        for depth in depths
        for base in simpler(asked.configured({"retrieval.candidate_depth": depth}))
    )


def tagged(scene: Scene, tags: Mapping[str, Mapping[str, Any]]) -> Scene:
    """Documents with more metadata, or other."""
    found = scene.read_documents(sorted(tags))
    return with_documents(
        scene, {d: _with_metadata(document, tags[d]) for d, document in found.items()}
    )


def asking(scene: Scene, clause: Clause) -> Scene:
    """The question with one more clause."""
    query = scene.question.query
    asked = replace(query, where=(*query.where, clause))
    return replace(scene, question=replace(scene.question, query=asked))


def _with_metadata(document: Document, more: Mapping[str, Any]) -> Document:
    return replace(document, metadata={**document.metadata, **more})


def _value(doc_id: str) -> str:
    return _VALUES[int(digest("audience", doc_id)[:8], 16) % len(_VALUES)]


def _unused(scene: Scene, fields: Sequence[str]) -> str | None:
    """The first of the fields that neither documents nor sections have."""
    snapshot = scene.space.snapshot
    known = {field for d in scene.space.catalogue.documents.values() for field in d.metadata}
    known |= {f for row in snapshot.rows_with_metadata for f in snapshot.chunks[row].metadata}
    return next((field for field in fields if field not in known), None)


FAULTS: Final = (
    Fault(
        name="filter_mistag", title="the evidence's document is tagged otherwise",
        cause="F1", stage="filter", prepare=filtered, plant=filter_mistag,
    ),
    Fault(
        name="permission_mistag", title="the asker may not read the evidence's document",
        cause="F1", stage="filter", prepare=asked_by_someone, plant=permission_mistag,
    ),
    Fault(
        name="postfilter_starvation", title="candidates are chosen first and filtered afterwards",
        cause="F2", stage="filter", prepare=narrowed, plant=postfilter_starvation,
    ),
)  # fmt: skip
