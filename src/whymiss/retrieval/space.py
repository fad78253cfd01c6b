"""What is searched: one snapshot of an index together with who may see which of its rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np

from whymiss.index import Catalogue, Snapshot
from whymiss.records import Clause, Query, canonical_json
from whymiss.retrieval.filters import document_fields, satisfies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_MASKS_KEPT: Final = 64
_BLOCK: Final = 16

T = TypeVar("T")


@dataclass(frozen=True)
class SearchSpace:
    """A snapshot and the catalogue that says what each document is and who may read it.

    Rows of documents that are no longer in the catalogue are visible to nobody.
    """

    snapshot: Snapshot
    catalogue: Catalogue
    _masks: OrderedDict[tuple[tuple[str, ...], str], Mask] = field(
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
        where = query.where if apply_where else ()
        # As JSON, because to Python 1, 1.0 and True are one key; to a filter 1 is not "true".
        key = (query.principals, canonical_json([(c.field, c.op, c.value) for c in where]))
        mask = self._masks.get(key)
        if mask is None:
            mask = self._compute(query.principals, where)
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


def rows_within(
    scores: NDArray[np.floating[Any]], mask: Mask, depth: int, *, slack: float
) -> NDArray[np.int64]:
    """Every permitted row that is among the best `depth`, or would be if scores erred by `slack`.

    >>> import numpy as np
    >>> rows_within(np.array([.1, .9, .89, .5]), np.ones(4, bool), 1, slack=.02).tolist()
    [1, 2]
    """
    if depth < 1:
        return np.empty(0, np.int64)
    values = scores if mask.all() else np.where(mask, scores, -np.inf)
    # The depth-th best of block maxima is never above the depth-th best row: what lies under it
    # (less the slack) is out, and only the few rows left are put in order.
    floor = _nth_best(_block_maxima(values), depth) - 2 * slack
    rows: NDArray[np.int64] = np.flatnonzero(values >= max(floor, np.finfo(values.dtype).min))
    if len(rows) > depth:
        near = values[rows]
        rows = rows[near >= _nth_best(near, depth) - 2 * slack]
    return rows


def _block_maxima(values: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    whole = len(values) - len(values) % _BLOCK
    maxima = values[:whole].reshape(-1, _BLOCK).max(axis=1)
    return np.concatenate([maxima, values[whole:]])


def _nth_best(values: NDArray[np.floating[Any]], n: int) -> float:
    if len(values) <= n:
        return -np.inf
    return float(np.partition(values, len(values) - n)[len(values) - n])
