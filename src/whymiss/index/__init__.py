"""The only room that knows LanceDB: documents and named indexes, written safely, read whole."""

from __future__ import annotations

from whymiss.index.ann import build_ann, search_ann
from whymiss.index.build import BuildReport, Progress, build_index, check_matches
from whymiss.index.documents import (
    Catalogue,
    catalogue_version,
    read_catalogue,
    read_documents,
    read_sources,
)
from whymiss.index.health import index_health
from whymiss.index.ingest import SyncReport, fingerprints, sync_documents, sync_folder
from whymiss.index.memory import index_in_memory
from whymiss.index.purge import PurgeReport, purge
from whymiss.index.schema import Manifest
from whymiss.index.snapshot import Snapshot, read_snapshot
from whymiss.index.store import Store

__all__ = [
    "BuildReport",
    "Catalogue",
    "Manifest",
    "Progress",
    "PurgeReport",
    "Snapshot",
    "Store",
    "SyncReport",
    "build_ann",
    "build_index",
    "catalogue_version",
    "check_matches",
    "fingerprints",
    "index_health",
    "index_in_memory",
    "purge",
    "read_catalogue",
    "read_documents",
    "read_snapshot",
    "read_sources",
    "search_ann",
    "sync_documents",
    "sync_folder",
]
