"""Approximate search that misses: a real LanceDB index over the rows of a scene."""

from __future__ import annotations

import warnings
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import dense_only
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.index import Snapshot, Store
from whymiss.index.ann import LEAST_ROWS
from whymiss.index.schema import chunk_rows
from whymiss.retrieval.editing import revectored_space

_KIND: Final = "ivf_pq"
_PROBES: Final = {1: 4, 2: 2, 3: 1}
_SUB_VECTOR: Final = 48
"""Numbers of a vector, at least, that are stored as one byte: coarse, but in use."""


def ann_miss(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The rows behind an IVF-PQ index of which 4, 2 or 1 partitions are searched."""
    scene = run.scene
    if len(scene.space.snapshot) < LEAST_ROWS:
        return None
    knobs = {"index.ann": _KIND, "index.nprobes": _PROBES[severity]}
    # One index for all questions that are asked of this space.
    space = scene.space.derived("approximate", lambda: _Approximate(scene)).space
    return replace(scene.configured(knobs), space=space)


def searched_narrowly(scene: Scene) -> tuple[Scene, ...]:
    """The dense branch alone, with the candidates there are, with 3 k and with k of them."""
    k = scene.config.retrieval.k
    depths = dict.fromkeys((scene.config.retrieval.candidate_depth, 3 * k, k))
    return tuple(
        base.configured({"retrieval.candidate_depth": depth})
        for depth in depths
        for base in dense_only(scene)
    )


class _Approximate:
    """A space whose table has an approximate index, in a folder that lives as long as it does."""

    def __init__(self, scene: Scene) -> None:
        snapshot = scene.space.snapshot
        self._folder = TemporaryDirectory(ignore_cleanup_errors=True)
        table = _table(Store(self._folder.name), snapshot)
        made = revectored_space(scene.space, snapshot.vectors)
        self.space = replace(made, snapshot=replace(snapshot, table=table))


def _table(store: Store, snapshot: Snapshot) -> Any:
    rows = chunk_rows(snapshot.chunks, snapshot.states, snapshot.vectors, snapshot.manifest)
    with store.writing(), warnings.catch_warnings():
        # It tells of a newer way to say this, and that it would like more rows.
        warnings.simplefilter("ignore")
        table = store.create_index(snapshot.name, rows.schema)
        store.upsert(table, rows, key="chunk_id")
        # Far finer than LanceDB's own choice, one partition for thousands of rows: as someone
        # leaves it who copied the numbers of a large corpus.
        table.create_index(
            "cosine",
            num_partitions=max(2, int(len(snapshot) ** 0.5)),
            num_sub_vectors=_sub_vectors(snapshot.manifest.dimension),
            index_type="IVF_PQ",
        )
    table = store.open_index(snapshot.name)
    store.pin(table)
    return table


def _sub_vectors(dimension: int) -> int:
    """Into how many equal parts a vector is divided."""
    most = max(1, dimension // _SUB_VECTOR)
    return max(n for n in range(1, most + 1) if dimension % n == 0)


FAULTS: Final = (
    Fault(
        name="ann_miss", title="approximate search does not look where the evidence is",
        cause="I4", stage="index", prepare=searched_narrowly, plant=ann_miss,
    ),
)  # fmt: skip
