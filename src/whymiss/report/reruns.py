"""Doing the ingest and the build again: what is unchanged must cost nothing and make no version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from whymiss.config import PipelineConfig
from whymiss.documents import read_folder
from whymiss.evaluation.facts import Rerun
from whymiss.index import (
    BuildReport,
    Store,
    fingerprints,
    read_catalogue,
    read_documents,
    read_sources,
)
from whymiss.index.health import table_versions
from whymiss.records import Document
from whymiss.report.bench import Bench, Ingested

_DOCUMENTS_PER_READ: Final = 256
_WROTE: Final = ("added", "changed", "removed")


def rerun_all(
    bench: Bench, config: PipelineConfig, *, allowed: Sequence[str] | None = None
) -> tuple[Rerun, ...]:
    """The second ingest of every source of the store, then the second build of the index.

    A folder is ingested again only when none of its files has changed since, so that looking
    changes nothing. `allowed` is what the folders were ingested with; by default both nobody and
    everybody are tried, since another default would be another ingest.

    Documents that came from no folder are offered again as they are stored.
    """
    roots = sorted({row["root"] for row in read_sources(bench.store)})
    again = [_folder_again(bench, config, Path(root), allowed=allowed) for root in roots]
    return (*again, *_documents_again(bench, config), _build_again(bench, config))


def _folder_again(
    bench: Bench, config: PipelineConfig, root: Path, *, allowed: Sequence[str] | None
) -> Rerun:
    what = f"ingest of {root.name or root}"
    if not root.exists():
        because = "it is not there any more; put it back and ask again"
        return Rerun(kind="ingest", what=what, not_tried_because=because)
    change = ""
    for names in [None, ["*"]] if allowed is None else [allowed]:
        change = _first_change(bench.store, root, names)
        if not change:
            return _ingest_again(bench, config, root, what=what, allowed=names)
    because = (
        f"{change} since the last ingest, or it was made with another `allowed`; ingest it first, "
        "or name that `allowed`"
    )
    return Rerun(kind="ingest", what=what, not_tried_because=because)


def _first_change(store: Store, root: Path, allowed: Sequence[str] | None) -> str:
    """What an ingest of this folder would find changed first; empty when nothing is."""
    told = {row["source"] for row in read_sources(store, str(root.resolve()))}
    reports = read_folder(root, allowed=allowed, known=fingerprints(store, root))
    with closing(reports):  # type: ignore[type-var]
        for report in reports:
            if report.document is not None or report.source not in told:
                return f"{report.doc_id} is new or changed"
            told.remove(report.source)
    return f"{Path(min(told)).name} is gone" if told else ""


def _documents_again(bench: Bench, config: PipelineConfig) -> tuple[Rerun, ...]:
    from_folders = {row["source"] for row in read_sources(bench.store)}
    documents = read_catalogue(bench.store).documents
    others = sorted(d for d, document in documents.items() if document.source not in from_folders)
    if not others:
        return ()
    what = f"ingest of the {len(others)} documents that came from no folder"
    return (_ingest_again(bench, config, _stored(bench.store, others), what=what, allowed=None),)


def _stored(store: Store, doc_ids: Sequence[str]) -> Iterator[Document]:
    for first in range(0, len(doc_ids), _DOCUMENTS_PER_READ):
        yield from read_documents(store, doc_ids[first : first + _DOCUMENTS_PER_READ]).values()


def _ingest_again(
    bench: Bench,
    config: PipelineConfig,
    source: Path | Iterator[Document],
    *,
    what: str,
    allowed: Sequence[str] | None,
) -> Rerun:
    def work() -> tuple[int, int]:
        report: Ingested = bench.ingest(source, allowed=allowed, config=config)
        written = sum(report.sync.count("change", change) for change in _WROTE)
        return (
            sum(built.n_embedded for built in report.built),
            written + sum(_rows_of(built) for built in report.built),
        )

    return _measured(bench.store, Rerun(kind="ingest", what=what), work)


def _build_again(bench: Bench, config: PipelineConfig) -> Rerun:
    def work() -> tuple[int, int]:
        report = bench.build(config)
        return report.n_embedded, _rows_of(report)

    doing = Rerun(kind="build", what=f"build of index {config.index.name!r}")
    return _measured(bench.store, doing, work)


def _rows_of(report: BuildReport) -> int:
    return report.n_chunks_written + report.n_removed


def _measured(store: Store, doing: Rerun, work: Callable[[], tuple[int, int]]) -> Rerun:
    before = table_versions(store)
    n_embedded, n_written = work()
    return replace(
        doing,
        n_embedded=n_embedded,
        n_written=n_written,
        before=before,
        after=table_versions(store),
    )
