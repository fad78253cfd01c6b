"""Token vectors of every document, computed once and kept on disk."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from whymiss.embedding.document_tokens import DocumentTokens
from whymiss.embedding.token_index import Record, TokenIndex
from whymiss.embedding.token_shards import Shards, new_shard, record_bytes
from whymiss.errors import ModelError, ModelMismatchError, StoreError
from whymiss.protocols import TokenEncoder
from whymiss.records import Document

_SHARD_BYTES: Final = 256 * 2**20
_TOKENS_PER_COMMIT: Final = 16_384
_MAX_BYTES: Final = 4 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPlan:
    """What building would add: documents not yet stored, their tokens, and bytes on disk.

    `refused_because` is empty when it may be built.
    """

    n_documents: int
    n_tokens: int
    n_bytes: int
    refused_because: str = ""


class TokenStore:
    """Contextual token vectors in a local folder, keyed by a document's content hash and the model.

    Vectors stand in append-only shard files, mapped into memory and not read; a SQLite file says
    where. Bytes are forced to disk before the commit that names them, so what a kill leaves behind
    is never served, and the next build writes over it. Safe for threads and processes.

    Parameters
    ----------
    folder : on a local disk; made when it does not exist. All in it can be computed again, but it
        tells much of the text: guard it like the documents.
    model_version : the encoder's; records of other models are kept but never served.
    max_bytes : most bytes that the shards may take, of all models together.

    Raises
    ------
    StoreError : the folder cannot be used as a token store.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from whymiss.testing import HashingEncoder
    >>> encoder = HashingEncoder()
    >>> store = TokenStore(Path(mkdtemp()), encoder.model_version)
    >>> document = Document(doc_id="faq", text="Refunds take ten days.")
    >>> store.build([document], encoder).n_tokens
    5
    >>> store.build([document], encoder).n_tokens
    0
    >>> store.get(document.content_hash).vectors.shape
    (5, 64)
    """

    def __init__(self, folder: Path, model_version: str, *, max_bytes: int = _MAX_BYTES) -> None:
        self._folder = Path(folder)
        self._model = model_version
        self._max_bytes = max_bytes
        self._reading = threading.Lock()
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True)
        self._write_lock = FileLock(self._folder / "write.lock")
        self._shards = Shards(self._folder)
        index = self._folder / "index.sqlite"
        # Who only reads must not wait for a process that builds.
        with nullcontext() if index.exists() else self._writing():
            self._index = TokenIndex(index)

    @property
    def model_version(self) -> str:
        """The model whose vectors are served."""
        return self._model

    @property
    def n_bytes(self) -> int:
        """Bytes of the shards on disk, of all models."""
        with self._told():
            return sum(self._shards.sizes().values())

    def __contains__(self, content_hash: str) -> bool:
        return not self.missing([content_hash])

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Those that are not stored for this model, each once, in their order."""
        wanted = list(dict.fromkeys(hashes))
        known = self._index.known(self._model, wanted)
        return [content_hash for content_hash in wanted if content_hash not in known]

    def hashes(self) -> set[str]:
        """Content hashes of everything stored, of all models."""
        return {record.content_hash for record in self._index.records()}

    def get(self, content_hash: str) -> DocumentTokens:
        """The tokens of a document, mapped into memory.

        Raises
        ------
        StoreError : they are not stored for this model, or their shard is damaged.
        """
        failed: Exception | None = None
        # Twice: between the look-up and the reading another process may move the record.
        for _ in range(2):
            place = self._index.find(self._model, content_hash)
            if place is None:
                raise StoreError(
                    f"the token store {self._folder} has no document {content_hash[:12]}… of "
                    f"{self._model}. Build it with that document first."
                )
            try:
                with self._reading:
                    return self._shards.read(place)
            except (OSError, EOFError) as error:
                failed = error
        raise StoreError(
            f"the token store {self._folder} is damaged: {failed}. Build it again; only what is "
            "damaged is computed again."
        ) from failed

    def plan(self, documents: Sequence[Document], encoder: TokenEncoder) -> TokenPlan:
        """What `build` would add, stated before anything is computed; loads the model.

        Raises
        ------
        ModelMismatchError : the encoder is not this store's.
        """
        self._check_model(encoder)
        wanted = self._wanted(documents)
        counts = encoder.tokenizer.count([document.text for document in wanted])
        n_bytes = sum(record_bytes(n, encoder.dimension) for n in counts)
        return TokenPlan(
            n_documents=len(wanted),
            n_tokens=sum(counts),
            n_bytes=n_bytes,
            refused_because=encoder.no_token_vectors_because or self._too_large(n_bytes),
        )

    def build(
        self,
        documents: Sequence[Document],
        encoder: TokenEncoder,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> TokenPlan:
        """Add the documents that are missing; returns what was missing.

        Every few seconds of work are stored, so that an interruption loses no more. Processes that
        build at the same time share the work.

        Parameters
        ----------
        progress : called with the number of tokens finished since its last call; in all the plan's
            `n_tokens`, less what other processes did. It may raise to stop the build: what was
            stored stays.

        Raises
        ------
        StoreError : refused, for the plan's `refused_because`, or the folder cannot be written.
        ModelMismatchError : the encoder is not this store's.
        """
        with self._writing():
            self._heal()
        plan = self.plan(documents, encoder)
        if plan.refused_because:
            raise StoreError(f"the token store is not built: {plan.refused_because}.")
        for group in _groups(self._wanted(documents), encoder):
            # Held while computing, or two processes would compute the same.
            with self._writing():
                self._add(self._wanted(group), encoder, progress)
        return plan

    def drop(self, hashes: Collection[str]) -> int:
        """Erase documents, for every model, from index and files; returns how many records.

        `store.drop(store.hashes() - live)` erases whatever is no longer there.
        """
        gone = frozenset(hashes)
        with self._writing():
            self._heal()
            records = self._index.records()
            touched = {r.place.shard for r in records if r.content_hash in gone}
            stay = [r for r in records if r.place.shard in touched and r.content_hash not in gone]
            moved = self._copy(stay)
            self._index.change(add=moved, without_shards=touched)
            with self._told(), self._reading:
                self._shards.remove(touched)
        return sum(record.content_hash in gone for record in records)

    def close(self) -> None:
        """Close the files. Tokens that were handed out stay readable."""
        with self._reading:
            self._shards.forget()
        self._index.close()

    def _wanted(self, documents: Sequence[Document]) -> list[Document]:
        by_hash = {document.content_hash: document for document in documents}
        return [by_hash[content_hash] for content_hash in self.missing(by_hash)]

    def _add(
        self,
        documents: list[Document],
        encoder: TokenEncoder,
        progress: Callable[[int], None] | None,
    ) -> None:
        if not documents:
            return
        found = encoder.document_tokens([d.text for d in documents], progress=progress)
        records = [DocumentTokens.of(tokens) for tokens in found]
        for record in records:
            if record.vectors.shape != (len(record), encoder.dimension):
                raise ModelError(
                    f"encoder {self._model} gave token vectors of shape {record.vectors.shape} for "
                    f"{len(record)} tokens of {encoder.dimension} dimensions; nothing was stored."
                )
        shard, position = self._shard_with_room()
        with self._told():
            places = self._shards.append(shard, position, records)
        self._index.change(
            add=[
                Record(content_hash=document.content_hash, model=self._model, place=place)
                for document, place in zip(documents, places, strict=True)
            ]
        )

    def _copy(self, records: Sequence[Record]) -> list[Record]:
        """The same records, each old shard's in a new shard."""
        moved: list[Record] = []
        for old in dict.fromkeys(record.place.shard for record in records):
            some = [record for record in records if record.place.shard == old]
            with self._told(), self._reading:
                tokens = [self._shards.read(record.place) for record in some]
                places = self._shards.append(new_shard(), 0, tokens)
            moved += [
                Record(content_hash=record.content_hash, model=record.model, place=place)
                for record, place in zip(some, places, strict=True)
            ]
        return moved

    def _heal(self) -> None:
        """Forget records that a power cut tore off, and delete files that hold no record."""
        with self._told():
            sizes = self._shards.sizes()
        records = self._index.records()
        torn = [r for r in records if sizes.get(r.place.shard, 0) < r.place.end]
        self._index.forget(torn)
        used = {r.place.shard for r in records if r not in torn}
        with self._told(), self._reading:
            self._shards.remove(sizes.keys() - used)

    def _shard_with_room(self) -> tuple[str, int]:
        """A shard, and the end of its last record: what stands behind that is torn."""
        ends = {record.place.shard: record.place.end for record in self._index.records()}
        room = [(shard, end) for shard, end in ends.items() if end < _SHARD_BYTES]
        return room[0] if room else (new_shard(), 0)

    def _too_large(self, n_bytes: int) -> str:
        used = self.n_bytes
        if used + n_bytes > self._max_bytes:
            return (
                f"it would take {_mb(used + n_bytes)} in {self._folder} ({_mb(used)} are taken), "
                f"above the limit of {_mb(self._max_bytes)}; raise max_bytes, or work with exact "
                "vectors"
            )
        with self._told():
            free = shutil.disk_usage(self._folder).free
        if n_bytes > free:
            return f"it needs {_mb(n_bytes)}, and {self._folder} has {_mb(free)} free"
        return ""

    def _check_model(self, encoder: TokenEncoder) -> None:
        if encoder.model_version != self._model:
            raise ModelMismatchError(
                f"the token store is of {self._model}, the encoder is {encoder.model_version}. "
                "Open the store with the encoder's model_version."
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._told():
            self._write_lock.acquire()
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"the token store {self._folder} cannot be used: {error}. It needs a local folder "
                "that can be written."
            ) from error


def _groups(documents: Sequence[Document], encoder: TokenEncoder) -> Iterator[list[Document]]:
    """Documents in order, in groups of a few seconds' work."""
    counts = encoder.tokenizer.count([document.text for document in documents])
    group: list[Document] = []
    tokens = 0
    for document, count in zip(documents, counts, strict=True):
        group.append(document)
        tokens += count
        if tokens >= _TOKENS_PER_COMMIT:
            yield group
            group, tokens = [], 0
    if group:
        yield group


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
