"""Erase for good what was deleted: every table written anew, its history and old vectors gone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from whymiss.embedding.cache import key_of
from whymiss.errors import StoreError
from whymiss.index.ann import LEAST_ROWS, create_ann, vector_index_types
from whymiss.index.documents import read_catalogue
from whymiss.index.store import Store

if TYPE_CHECKING:
    from whymiss.embedding import VectorCache

_NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReport:
    """What a purge did.

    n_rows : chunks erased from indexes that had stayed behind: their documents are stored no more,
        or with another text. A document that has changed is found there again once the index is
        built.
    n_vectors : vectors erased from the vector cache.
    n_traces : requests of the log from which words were taken that are stored no more.
    n_evaluated : answers and scores of labelled questions erased, which are computed again.
    bytes_freed : of the store's tables; 0 for a remote store.
    """

    tables: tuple[str, ...]
    n_rows: int
    n_vectors: int
    bytes_freed: int
    n_traces: int = 0
    n_evaluated: int = 0


def purge(store: Store, vectors: VectorCache, *, older_than: timedelta = _NOW) -> PurgeReport:
    """Erase deleted and replaced text from the store's files, and vectors from their cache.

    Deleting a document hides it at once, but its text stays in LanceDB's files: in earlier versions
    and, since files are never changed, beside the rows that stay. Here every table is written anew
    and versions older than `older_than` are forgotten. With the default nothing of what was deleted
    is left in the store's tables; version history is gone with it, and readers in other processes
    that search an earlier version must ask again. An index that could not be brought up to date
    with the documents (its chunker was not given, say) loses the rows that stand for other texts.

    A vector tells much of its text, and under its hash nobody can see whose it is. So the cache
    keeps the vectors of chunks that an index holds now, and no others: those of configurations that
    were only tried out, of single sentences and of labelled questions are computed again when they
    are asked for.

    Parameters
    ----------
    vectors : the store's vector cache.
    older_than : versions younger than this stay readable, with what was deleted since.

    Raises
    ------
    StoreError : another writer holds the store, a table cannot be read, or another process keeps
        the cache from being emptied.
    """
    with store.writing():
        before = _size(store)
        states = read_catalogue(store).states
        names = tuple(store.table_names())
        n_rows = sum(_rewrite(store, name, states, older_than) for name in names)
        _empty(store.quarantine, older_than)
        return PurgeReport(
            tables=names,
            n_rows=n_rows,
            n_vectors=vectors.keep_only(_indexed_chunks(store)),
            bytes_freed=before - _size(store),
        )


def _rewrite(store: Store, name: str, states: Mapping[str, str], older_than: timedelta) -> int:
    """Write a table anew; returns how many rows of an index stood for texts stored no more."""
    source = store.open_existing(name)
    files = [*store.data_files(name), *_index_files(store, name)]
    kinds = vector_index_types(source)
    store.pin(source)
    n_before = source.count_rows()
    # Compaction alone keeps a file in which less than a tenth of the rows were deleted.
    table = store.overwrite(name, _current(source.search().to_batches(), states))
    for kind in kinds if table.count_rows() >= LEAST_ROWS else ():
        create_ann(table, kind)
    store.optimize(table, keeping=older_than)
    if older_than <= _NOW:
        _erase_leftovers(store, table, [file for file in files if file.exists()])
    return int(n_before - table.count_rows())


def _current(rows: pa.RecordBatchReader, states: Mapping[str, str]) -> pa.RecordBatchReader:
    """The rows; of an index those alone that were made from a document as it is stored now."""
    if "doc_state" not in rows.schema.names:
        return rows

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            origins = _values(batch, "doc_id", "doc_state")
            yield batch.filter(pa.array([states.get(doc) == state for doc, state in origins]))

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def _indexed_chunks(store: Store) -> Iterator[tuple[str, bytes]]:
    """Under what the vector cache keeps the chunks of every index: model version and key."""
    for name in store.index_names():
        columns = ("model_version", "prefix", "text")
        for batch in store.open_index(name).search().select(list(columns)).to_batches():
            for model_version, prefix, text in _values(batch, *columns):
                yield model_version, key_of(prefix + text)


def _values(batch: pa.RecordBatch, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Row by row, the values of some columns."""
    return zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def _index_files(store: Store, name: str) -> Iterator[Path]:
    """The files that a table's vector indexes are in; none if the store is not local."""
    if store.local is not None:
        yield from store.local.glob(f"{name}.lance/_indices/*/*")


def _erase_leftovers(store: Store, table: Any, files: list[Path]) -> None:
    """Delete files of writers that were killed, which LanceDB keeps for another seven days.

    After the rewrite nothing refers to an earlier file. That is proved, not believed: the table is
    read to its end with them out of the way, and they come back if it cannot be.
    """
    if not files:
        return
    aside = store.quarantine / f"{table.name}.leftovers"
    aside.mkdir(parents=True, exist_ok=True)
    # Files of different vector indexes have the same names.
    moved = [(file, file.rename(aside / f"{i}.{file.name}")) for i, file in enumerate(files)]
    if not store.is_sound(table):
        for original, kept in moved:
            kept.rename(original)
        raise StoreError(
            f"table {table.name!r} in {store.uri} still needs files that should be left over; they "
            "were put back and not erased."
        )
    shutil.rmtree(aside)


def _empty(quarantine: Path, older_than: timedelta) -> None:
    newest = time.time() - older_than.total_seconds()
    for path in quarantine.glob("*"):
        if path.lstat().st_ctime <= newest:
            shutil.rmtree(path)


def _size(store: Store) -> int:
    if store.local is None:
        return 0
    return sum(p.lstat().st_size for p in store.local.glob("*.lance/**/*") if p.is_file())
