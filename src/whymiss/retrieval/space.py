"""What is searched: one snapshot of an index together with who may see which of its rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np

from whymiss.index import Catalogue, Snapshot
from whymiss.records import Clause, Query
from whymiss.retrieval.filters import document_fields, satisfies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_MASKS_KEPT: Final = 64

T = TypeVar("T")


@dataclass(frozen=True)
class SearchSpace:
    """A snapshot and the catalogue that says what each document is and who may read it.

    Rows of documents that are no longer in the catalogue are visible to nobody.
    """

    snapshot: Snapshot
    catalogue: Catalogue
    _masks: OrderedDict[tuple[tuple[str, ...], tuple[Clause, ...]], Mask] = field(
        default_factory=OrderedDict, repr=False
    )
    _derived: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def derived(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Something computed from this space, made once and kept as long as the space is."""
        if key not in self._derived:
            self._derived[key] = compute()
        return cast(T, self._derived[key])

    def visible(self, query: Query, *, apply_where: bool = True) -> Mask:
        """Which rows the query may see: its principals' permissions, then its clauses.

        `apply_where=False` leaves the clauses out, never the permissions.
        """
        key = (query.principals, query.where if apply_where else ())
        mask = self._masks.get(key)
        if mask is None:
            mask = self._compute(*key)
            mask.setflags(write=False)
            self._masks[key] = mask
            if len(self._masks) > _MASKS_KEPT:
                self._masks.popitem(last=False)
        return mask

    def _compute(self, principals: tuple[str, ...], where: tuple[Clause, ...]) -> Mask:
        snapshot = self.snapshot
        documents = [self.catalogue.documents.get(doc_id) for doc_id in snapshot.doc_ids]
        permitted = np.array([d is not None and d.readable_by(principals) for d in documents], bool)
        fields = [document_fields(d) if d is not None else {} for d in documents]
        matching = np.array([all(satisfies(f, c) for c in where) for f in fields], bool)
        if not len(snapshot):
            return np.zeros(0, bool)
        mask: Mask = (permitted & matching)[snapshot.doc_numbers]
        if where:
            for row in snapshot.rows_with_metadata:
                number = snapshot.doc_numbers[row]
                own = {**fields[number], **snapshot.chunks[row].metadata}
                mask[row] = permitted[number] and all(satisfies(own, c) for c in where)
        return mask

    def stale_documents(self) -> frozenset[str]:
        """Documents whose rows here were made from another state than the stored one."""
        return self.derived(
            "stale",
            lambda: frozenset(
                doc_id
                for doc_id, state in self.snapshot.states.items()
                if self.catalogue.states.get(doc_id) != state
            ),
        )


def top_rows(scores: NDArray[np.float32], mask: Mask, depth: int) -> list[int]:
    """The rows with the best scores among the permitted, best first; equal scores by row number.

    >>> import numpy as np
    >>> top_rows(np.array([.1, .9, .9, .5], np.float32), np.array([1, 1, 1, 0], bool), 2)
    [1, 2]
    """
    rows = np.flatnonzero(mask)
    if not len(rows) or depth < 1:
        return []
    values = scores[rows]
    if len(rows) > depth:
        cut = np.partition(values, len(values) - depth)[len(values) - depth]
        rows, values = rows[values >= cut], values[values >= cut]
    order = np.lexsort((rows, -values))[:depth]
    return [int(row) for row in rows[order]]
