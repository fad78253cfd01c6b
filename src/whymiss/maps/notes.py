"""What is to be said of a map: what it leaves out or cannot tell, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whymiss.text import counted

if TYPE_CHECKING:
    from whymiss.maps.frozen import FrozenMap
    from whymiss.maps.measured import Measured
    from whymiss.retrieval import SearchSpace


def notes_of(
    space: SearchSpace, frozen: FrozenMap | None, measured: Measured | None
) -> tuple[str, ...]:
    """The notes of an index's map.

    Parameters
    ----------
    frozen : None while only principal components are drawn.
    measured : None where neighbours have not been compared yet.
    """
    if frozen is None:
        return ("principal components: the first picture, without topics; UMAP is not fitted yet",)
    notes = [*frozen.notes]
    fitted = set(frozen.documents)
    hashes = space.catalogue.content_hashes
    later = sum(hashes.get(doc_id) not in fitted for doc_id in space.snapshot.doc_ids)
    if later:
        notes.append(
            f"{counted(later, 'document is', 'documents are')} not among the landmarks, because "
            "they came or changed after the fit or had no room in it; refit=True fits anew, and "
            "everything moves"
        )
    if measured is None:
        notes.append(
            "how many true neighbours are kept, and hubness, are not measured yet: ask with "
            "wait=True"
        )
    elif frozen.is_sentence.any():
        notes.append(
            f"hubness is by {int(frozen.is_sentence.sum()):,} sentences, each against chunks of "
            "other documents"
        )
    else:
        notes.append("hubness is undefined: there are no sentences and no questions to tell it by")
    return tuple(notes)
