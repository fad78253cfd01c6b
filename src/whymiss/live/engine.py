"""Live search: a preview at once, exact hits a moment later, the whole index when idle."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from whymiss.errors import ConfigError
from whymiss.live.background import Check, Superseded, Worker
from whymiss.live.collector import collected_later
from whymiss.live.exact import Exact
from whymiss.live.kept_scores import KeptScores
from whymiss.live.layouts import Layouts
from whymiss.live.results import Kind, LiveResult, undefined
from whymiss.live.run import Run
from whymiss.live.search import LiveSearch
from whymiss.pipeline import Clock, branch_stages
from whymiss.records import Query, Score
from whymiss.reranking import CrossEncoderReranker, LateInteractionReranker
from whymiss.traces import TraceLog

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.index import Progress, Store
    from whymiss.live.layout import Layout
    from whymiss.models import Models
    from whymiss.protocols import Vectors
    from whymiss.records import Chunk, Document, Trace
    from whymiss.retrieval import SearchSpace

_QUESTIONS_KEPT: Final = 64

Listener = Callable[[LiveResult], None]


class Live:
    """Searches over configurations that have no index yet, each newer search replacing the older.

    `search` returns when the preview is there. The rest happens on one daemon thread: candidates
    are embedded exactly, in the order of their chance to be hits, until another outcome is as
    unlikely as asked for; then the whole index is filled. Whatever was embedded stays cached.

    Every result has the trace of its configuration's whole pipeline up to the packed context. It is
    settled when the chunks that are selected in the end are: which, in which order.

    Late interaction reads stored token vectors, whether a chunk is embedded or not. Any other
    reranker takes a second or more for its candidates; with it the preview comes from the thread
    too, and `search` returns before.

    Parameters
    ----------
    store : the documents, and the key that questions are hashed with.
    models : encoders, rerankers, chunkers and token stores.
    risk : stop embedding when another outcome is less likely than this.
    fill : whether to embed the rest when a search is done.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import whymiss
    >>> from whymiss.config import PipelineConfig
    >>> from whymiss.records import Document
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> text = "Refunds take ten days. Annual plans renew. Invoices come by mail."
    >>> report = wb.ingest([Document(doc_id="faq", text=text, allowed=["*"])])
    >>> live = wb.live
    >>> config = PipelineConfig().replace({"chunking.size": 8, "retrieval.k": 1})
    >>> live.prepare(config)
    ''
    >>> [result.kind for result in live.search("When do plans renew?", config)]
    ['preview', 'exact', 'filled']
    >>> live.latest().chunks[0].text
    'Annual plans renew.'
    >>> live.close()
    """

    def __init__(
        self, store: Store, models: Models, *, risk: float = 0.01, fill: bool = True
    ) -> None:
        if not 0 < risk < 1:
            raise ConfigError(f"Live needs a risk between 0 and 1; got {risk}.")
        self._models = models
        self._log = TraceLog(store.state)
        self._layouts = Layouts(store, models)
        self._risk = risk
        self._fill = fill
        self._worker = Worker()
        self._run: Run | None = None
        self._asked = 0
        # Held while a result is handed out, so that none arrives behind a newer search's.
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._questions: OrderedDict[tuple[str, str], Vectors] = OrderedDict()

    def search(self, query: str | Query, config: PipelineConfig) -> Run:
        """Start a search in place of any other; returns with its preview where that is quick.

        The first search over documents that are new reads and cuts them, and loads the model:
        seconds. From then on a new configuration takes a fraction of one.

        Raises
        ------
        ConfigError : approximate search is configured.
        ChunkingError : the chunker does not fit a document.
        """
        started = time.perf_counter()
        if config.index.ann != "none":
            raise ConfigError(
                f"live search is exact; index.ann is {config.index.ann!r}. Use index.ann none."
            )
        if isinstance(query, str):
            query = Query(query_id="live", text=query)
        run = Run()
        with self._lock:
            self._worker.cancel()
            if self._run is not None:
                self._run.end(superseded=True)
            self._run = run
            self._asked += 1
            number = self._asked

        def check() -> None:
            if number != self._asked:
                raise Superseded

        try:
            with collected_later():
                job = self._prepared(query, config, run, started, check)
            with self._lock:
                if number == self._asked:
                    self._worker.submit(job)
        except Superseded:
            run.end(superseded=True)
        except BaseException as error:
            run.end(error)
            raise
        return run

    def prepare(self, config: PipelineConfig, *, progress: Progress | None = None) -> str:
        """Add the token vectors that previews need, read the documents and load the model.

        After it the first search is as quick as any other.

        Returns why there can be no previews; empty when there can. Stopped at any
        point, a second call does what was left.

        Parameters
        ----------
        progress : called with ("tokens, so many MB", tokens done, tokens in all).
        """
        return self._layouts.prepare(config, progress)

    def latest(self) -> LiveResult | None:
        """The newest result of the newest search; None before the first."""
        with self._lock:
            return self._run.latest if self._run is not None else None

    def documents(self) -> tuple[Document, ...]:
        """Every stored document with its text, by doc_id."""
        return self._layouts.corpus.documents

    def document(self, doc_id: str) -> Document:
        """One stored document with its text.

        Raises
        ------
        DocumentError : there is none of this id.
        """
        return self._layouts.corpus.document(doc_id)

    def chunks(self, config: PipelineConfig) -> tuple[Chunk, ...]:
        """Every chunk of a configuration by (doc_id, start, chunk_id); nothing is embedded.

        Raises
        ------
        ChunkingError : the chunker does not fit a document.
        """
        with collected_later():
            cuts = self._layouts.cuts(config, self.documents())
            return tuple(chunk for cut in cuts for chunk in cut.all())

    def chunks_of(self, doc_id: str, config: PipelineConfig) -> tuple[Chunk, ...]:
        """The chunks of one document by (start, chunk_id); no other document is cut.

        Raises
        ------
        DocumentError : there is no such document.
        ChunkingError : the chunker does not fit it.
        """
        (cut,) = self._layouts.cuts(config, [self.document(doc_id)])
        return cut.all()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call a function with every result of the newest search, from any thread.

        Returns a function that ends it.
        """
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def space(self, config: PipelineConfig) -> SearchSpace | None:
        """The whole index of a configuration in memory, once it is filled; None before."""
        layout = self._layouts.kept(config)
        return layout.filled() if layout is not None and layout.known.all() else None

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing is going on; False when that took longer than `timeout` seconds.

        Raises what went wrong in the newest search.
        """
        done = self._worker.flush(timeout)
        with self._lock:
            if self._run is not None and self._run.error is not None:
                raise self._run.error
        return done

    def cancel(self) -> None:
        """Stop what is going on. What was embedded stays cached."""
        with self._lock:
            self._asked += 1
            self._worker.cancel()
            if self._run is not None:
                self._run.end(superseded=True)

    def close(self) -> None:
        """Stop, and end the thread."""
        self.cancel()
        self._worker.close()
        self._log.close()

    def _prepared(
        self, query: Query, config: PipelineConfig, run: Run, started: float, check: Check
    ) -> Callable[[Check], None]:
        """Show the preview where that is quick; gives what is left to do."""
        search = self._search_of(query, config, check)
        reporter = _Reporter(search, run, started, self._tell)
        quick = search.reranker is None or search.reranker.quick
        preview = self._preview(reporter) if quick else None
        return lambda newest: self._finished(reporter, preview, newest)

    def _search_of(self, query: Query, config: PipelineConfig, check: Check) -> LiveSearch:
        spent = Clock()
        layout = self._layouts.layout(config, check, spent)
        vector = None
        if "dense" in branch_stages(config.retrieval.mode):
            with spent("embed"):
                vector = self._vector(query.text, config)
        if "bm25" in branch_stages(config.retrieval.mode):
            with spent("index"):
                self._layouts.count_terms(config, layout)
        return LiveSearch(
            query=query,
            vector=vector,
            config=config,
            layout=layout,
            encoder=self._models.encoder(config),
            reranker=self._reranker(query, config, layout, check),
            query_hash=self._log.query_hash,
            spent=spent,
            check=check,
        )

    def _reranker(
        self, query: Query, config: PipelineConfig, layout: Layout, check: Check
    ) -> KeptScores | None:
        inner = self._models.reranker(config, layout.space)
        if inner is None:
            return None
        # Ours read the text alone; of another we do not know.
        own = isinstance(inner, (LateInteractionReranker, CrossEncoderReranker))
        asked = query.text if own else query
        known: dict[str, float] = layout.once((inner.model_version, asked), dict)
        quick = isinstance(inner, LateInteractionReranker) and not layout.reason
        return KeptScores(inner, known, check, quick=quick)

    def _preview(self, reporter: _Reporter) -> Trace | None:
        search = reporter.search
        if not search.reads_vectors or search.layout.reason:
            return None
        preview = search.over(search.layout.space)
        search.check()
        reporter.show("preview", preview, undefined("risk", "nothing is judged yet"))
        return preview

    def _finished(self, reporter: _Reporter, preview: Trace | None, check: Check) -> None:
        """The background part of a search."""
        try:
            check()
            preview = preview or self._preview(reporter)
            settled = self._settle(reporter, preview)
            if self._fill and reporter.search.vector is not None:
                self._fill_in(reporter, settled)
        except Superseded:
            reporter.run.end(superseded=True)
            raise
        # Whatever goes wrong here would be lost on this thread; it is raised to whoever looks.
        except Exception as error:  # noqa: BLE001
            reporter.run.end(error)
        else:
            reporter.run.end()

    def _settle(self, reporter: _Reporter, preview: Trace | None) -> Trace:
        search, layout = reporter.search, reporter.search.layout
        if layout.reason and search.reads_vectors:
            self._embed_all(search)
        risk = 0.0
        for risk in Exact(search, risk=self._risk).risks():
            search.check()
            if preview is not None and risk >= self._risk:
                reporter.show("preview", preview, Score(measure="risk", value=risk))
        space = layout.half_filled()
        settled = search.embedded(space)
        search.check()
        if preview is not None:
            layout.agreement.add(search.query.text, preview.rankings[-1], settled.rankings[-1])
        reporter.show("exact", settled, Score(measure="risk", value=risk), space=space)
        return settled

    def _fill_in(self, reporter: _Reporter, settled: Trace) -> None:
        search = reporter.search
        self._embed_all(search)
        for cut in search.layout.chunks.cuts:
            search.check()
            cut.all()
        space = search.layout.filled()
        filled = search.over(space)
        search.check()
        reporter.show(
            "filled",
            filled,
            Score(measure="risk", value=0.0),
            space=space,
            confirmed=settled.rankings[-1].chunk_ids == filled.rankings[-1].chunk_ids,
        )

    def _embed_all(self, search: LiveSearch) -> None:
        for batch in search.layout.batches_left():
            search.check()
            with search.spent("embed"):
                search.layout.embed(batch, search.encoder)

    def _vector(self, text: str, config: PipelineConfig) -> Vectors:
        """The question's vector, kept in memory: a slider moves, the question stays."""
        encoder = self._models.encoder(config)
        key = (text, f"{encoder.model_version} {config.embedding.query_prefix}")
        vector = self._questions.get(key)
        if vector is None:
            vector = self._questions[key] = encoder.encode_queries([text])[0]
            if len(self._questions) > _QUESTIONS_KEPT:
                self._questions.popitem(last=False)
        return vector

    def _tell(self, run: Run, result: LiveResult) -> None:
        with self._lock:
            if run is self._run and not run.over:
                run.add(result)
                for listener in list(self._listeners):
                    listener(result)


@dataclass(frozen=True)
class _Reporter:
    """Puts results together for one search."""

    search: LiveSearch
    run: Run
    started: float
    tell: Callable[[Run, LiveResult], None]

    def show(
        self,
        kind: Kind,
        trace: Trace,
        risk: Score,
        *,
        space: SearchSpace | None = None,
        confirmed: bool | None = None,
    ) -> None:
        search, layout = self.search, self.search.layout
        n_embedded, n_chunks = search.n_searched()
        result = LiveResult(
            kind=kind,
            trace=trace,
            ranking=trace.rankings[-1],
            chunks=search.chunks(trace),
            n_embedded=n_embedded,
            n_chunks=n_chunks,
            risk=risk,
            agreement=layout.agreement.score,
            seconds=time.perf_counter() - self.started,
            reason=layout.reason,
            confirmed=confirmed,
            fingerprint=search.config.fingerprint(),
            query=search.query,
            config=search.config,
            space=space or layout.space,
        )
        self.tell(self.run, result)
