"""The object a notebook opens: ingest, ask, look. It holds the parts together, no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from whymiss import frames
from whymiss.building import Builder, IngestReport
from whymiss.config import PipelineConfig
from whymiss.diagnoser import Diagnoser
from whymiss.documents import Limits
from whymiss.embedding import CachedEncoder, VectorCache
from whymiss.errors import DocumentError, StoreError
from whymiss.evaluating import Evaluator, chosen
from whymiss.evaluation.sweeping import grid
from whymiss.index import (
    BuildReport,
    Progress,
    PurgeReport,
    Store,
    index_health,
    read_catalogue,
    read_documents,
    read_sources,
)
from whymiss.live import Live
from whymiss.maps.mapper import Mapper
from whymiss.models import Models
from whymiss.panels import Panels
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query, Trace
from whymiss.retrieval import SearchSpace, parse_where
from whymiss.spaces import Spaces
from whymiss.traces import TraceLog

if TYPE_CHECKING:
    import pandas as pd

    from whymiss.chunking import ChunkFunction
    from whymiss.diagnosis.case import Case
    from whymiss.diagnosis.case_file import CaseFile
    from whymiss.diagnosis.locating import Given
    from whymiss.diagnosis.records import Diagnosis
    from whymiss.diagnosis.scene import Scene
    from whymiss.diagnosis.survey import Survey
    from whymiss.evaluating import Questions
    from whymiss.evaluation.labels import Question
    from whymiss.evaluation.readiness import Thresholds
    from whymiss.evaluation.run import EvaluationRun
    from whymiss.evaluation.statistics import Comparison
    from whymiss.evaluation.sweeping import Sweep
    from whymiss.explain import Explanation
    from whymiss.explain.choosing import ChunkLike
    from whymiss.maps.embedding_map import EmbeddingMap
    from whymiss.neighbourhood import Neighbourhood
    from whymiss.projection.fitting import UmapParameters
    from whymiss.protocols import Encoder, Generator, Reranker
    from whymiss.report import Report
    from whymiss.retrieval.filters import Where

__all__ = ["IngestReport", "Workbench", "open"]

_NOW: Final = timedelta(0)


def open(
    uri: str | Path,
    *,
    config: PipelineConfig | None = None,
    encoder: Encoder | None = None,
    reranker: Reranker | None = None,
    generator: Generator | None = None,
    chunkers: Mapping[str, ChunkFunction] | None = None,
) -> Workbench:
    """Open a store, or start one, as a workbench.

    Parameters
    ----------
    uri : a local folder, or any LanceDB address such as s3://bucket/store.
    config : every knob; the defaults need no network.
    encoder, reranker, generator : your own, in place of those that the configuration names.
    chunkers : functions from text to spans by name, for `chunking.strategy = "custom:NAME"`.

    Raises
    ------
    StoreError : the store cannot be opened.
    ModelError : the configured model is missing or damaged.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from whymiss.testing import HashingEncoder
    >>> wb = open(mkdtemp(), encoder=HashingEncoder())
    >>> report = wb.ingest([Document(doc_id="faq", text="Refunds take ten days.", allowed=["*"])])
    >>> report.built[0].n_chunks_written
    1
    >>> wb.ask("How long do refunds take?").answer.text
    'Refunds take ten days. [1]'
    """
    return Workbench(
        uri,
        config=config or PipelineConfig(),
        encoder=encoder,
        reranker=reranker,
        generator=generator,
        chunkers=chunkers or {},
    )


class Workbench(Panels):
    """A store with a configuration: ingest documents, ask questions, look at every stage.

    `Panels` has what it opens in a notebook.
    """

    def __init__(
        self,
        uri: str | Path,
        *,
        config: PipelineConfig,
        encoder: Encoder | None,
        reranker: Reranker | None,
        generator: Generator | None,
        chunkers: Mapping[str, ChunkFunction],
    ) -> None:
        if isinstance(uri, Path) or "://" not in uri:
            _check_folder(Path(uri))
        self.config = config
        self.store = Store(uri)
        self.log = TraceLog(self.store.state)
        self._cache = VectorCache(self.store.state / "vectors.sqlite")
        self._models = Models(
            self._cache, tokens=self.store.state / "tokens", encoder=encoder, reranker=reranker,
            generator=generator, chunkers=chunkers,
        )  # fmt: skip
        self._builder = Builder(self.store, self._models)
        self._spaces = Spaces(self.store, self._models)
        self._diagnoser = Diagnoser(self._models, self._spaces)
        self._mapper = Mapper(self.store, self._models, self._spaces)
        self._evaluator = Evaluator(
            self.store, self._models, self._spaces, pipeline=self._pipeline_over
        )

    @cached_property
    def live(self) -> Live:
        """Search under any configuration at once, without building its index: see `Live`."""
        return Live(self.store, self._models)

    def ingest(
        self,
        source: str | Path | Iterable[Document],
        *,
        allowed: Sequence[str] | None = None,
        config: PipelineConfig | None = None,
        rebuild: bool = False,
        limits: Limits | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Bring the store up to date with a folder, a file, a JSON Lines corpus or documents.

        What is unchanged costs nothing: a second run embeds nothing and makes no new version.
        Every index of the store is brought up to date, not only the configured one.

        Parameters
        ----------
        source : a folder (files that are gone are removed), a single file, a corpus as
            `.jsonl` or `.jsonl.gz` with one {"_id", "title", "text"} a line, or documents.
        allowed : who may read what names no principal itself; None is nobody.
        rebuild : make the configured index anew, with other settings if they differ.
        progress : called with (what, done, total).

        Raises
        ------
        DocumentError : the source does not exist or cannot be read at all.
        ConfigError : `allowed` is a text instead of a list.
        IndexMismatchError : the configured index was built with other settings.
        """
        return self._builder.ingest(
            source,
            config=config or self.config,
            allowed=allowed,
            rebuild=rebuild,
            limits=limits,
            progress=progress,
        )

    def build(
        self,
        config: PipelineConfig | None = None,
        *,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> BuildReport:
        """Build one index over the stored documents, or bring it up to date.

        Raises
        ------
        IndexMismatchError : an index of this name was built with other settings.
        """
        return self._builder.build(config or self.config, rebuild=rebuild, progress=progress)

    def ask(
        self,
        text: str,
        *,
        principal: str | Sequence[str] | None = (),
        where: Where = None,
        config: PipelineConfig | None = None,
        answer: bool = True,
    ) -> Trace:
        """Ask a question; the trace holds the answer and everything that led to it.

        Parameters
        ----------
        principal : the asker's name or names (user and groups); with none, only what everybody
            may read is found.
        where : metadata conditions: {"plan_type": "annual"} or ["plan_type=annual"].
        config : another configuration for this question; its index must exist.
        answer : False stops after packing the context.

        Raises
        ------
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        FilterError : `where` is not understood.
        GenerationError : the endpoint failed.
        """
        principals = (principal,) if isinstance(principal, str) else tuple(principal or ())
        query = Query(query_id="ask", text=text, principals=principals, where=parse_where(where))
        # The id is kept in traces; a plain hash of the question could be guessed.
        query = replace(query, query_id=self.log.query_hash(query.text)[:12])
        return self.run(query, config=config, answer=answer)

    def run(
        self, query: Query, *, config: PipelineConfig | None = None, answer: bool = True
    ) -> Trace:
        """Run one query through the pipeline and keep its trace."""
        config = config or self.config
        trace = self.pipeline(config, answer=answer).run(query)
        if config.trace.keep:
            self.log.keep(trace, raw_text=config.trace.raw_text)
        return trace

    def pipeline(self, config: PipelineConfig | None = None, *, answer: bool = True) -> Pipeline:
        """The pipeline of a configuration over the newest version of its index."""
        config = config or self.config
        return self._pipeline_over(config, space=self.space(config), answer=answer)

    def trial(
        self, config: PipelineConfig | None = None, *, progress: Progress | None = None
    ) -> Pipeline:
        """The retrieval of a configuration, over an index in memory where none is stored.

        It writes no answers.

        Raises
        ------
        ConfigError : approximate search is configured, and there is no such stored index.
        """
        config = config or self.config
        space = self._spaces.trial(config, progress=progress)
        return self._pipeline_over(config, space=space, answer=False)

    def evaluate(
        self,
        questions: Questions,
        *,
        config: PipelineConfig | None = None,
        name: str = "",
        split: str = "",
        answers: bool = False,
        measures: Sequence[str] | None = None,
        resume: bool = True,
        progress: Progress | None = None,
    ) -> EvaluationRun:
        """Run labelled questions through one configuration, in batches.

        Parameters
        ----------
        questions : a JSON Lines file of questions (`evaluation.read_questions`), or questions.
        name : what the run is called; the name of its index when not given.
        split : only the questions of this part of the set, such as "holdout".
        answers : write answers too, and measure them.
        measures : such as ["recall@5", "delivered_evidence"]; `evaluation.MEASURES` has all.
        resume : go on with an interrupted evaluation of the same kind.
        progress : called with (what, done, total).

        Raises
        ------
        LabelError : the questions cannot be read.
        ConfigError : a measure is unknown.
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        """
        return self._evaluator.run(
            questions, config or self.config, name=name, split=split, answers=answers,
            measures=measures, resume=resume, progress=progress,
        )  # fmt: skip

    def compare(
        self,
        questions: Questions,
        configs: Mapping[str, PipelineConfig],
        *,
        measures: Sequence[str] = ("recall@5",),
        baseline: str | None = None,
        split: str = "",
        answers: bool = False,
        progress: Progress | None = None,
    ) -> Comparison:
        """Hold configurations against each other on the same questions, with paired tests.

        The first configuration is the baseline unless another is named. Those without a stored
        index get one in memory.

        Raises
        ------
        ConfigError : fewer than two configurations, an unknown baseline or measure.
        """
        made = self._evaluator.sweep(
            questions, configs, split=split, answers=answers, measures=measures, progress=progress
        )
        return made.compare(measures, baseline=baseline)

    def sweep(
        self,
        questions: Questions,
        knobs: Mapping[str, Iterable[Any]],
        *,
        config: PipelineConfig | None = None,
        split: str = "",
        answers: bool = False,
        measures: Sequence[str] | None = None,
        resume: bool = True,
        progress: Progress | None = None,
    ) -> Sweep:
        """Evaluate every combination of knob values, such as {"retrieval.k": [3, 5, 10]}.

        Vectors are cached, and what configurations share is computed once. Finished work is kept:
        a sweep that was stopped goes on. `plots.heatmap` and `plots.pareto` draw its table.

        Raises
        ------
        ConfigError : a knob or measure is unknown, or no combination is a valid configuration.
        """
        configs, skipped = grid(config or self.config, knobs)
        return self._evaluator.sweep(
            questions, configs, skipped=skipped, split=split, answers=answers, measures=measures,
            resume=resume, progress=progress,
        )  # fmt: skip

    def report(
        self,
        questions: Questions,
        *,
        config: PipelineConfig | None = None,
        split: str = "",
        holdout: str = "holdout",
        thresholds: Thresholds | None = None,
        allowed: Sequence[str] | None = None,
        n_worst: int = 10,
        progress: Progress | None = None,
    ) -> Report:
        """Measure a configuration and hold it against what production asks for.

        `report.write(made, "report.html")` from `whymiss.report` makes one file of it.

        Parameters
        ----------
        split : the questions that are measured and whose worst are shown; all when not given.
        holdout : the part of the set on which answers are written and judged.
        thresholds : what each line of the checklist asks for.
        allowed : who may read what names no principal itself, as it was ingested.
        n_worst : how many questions are shown with their trace.

        Raises
        ------
        LabelError : the questions cannot be read, or none is of that split.
        """
        from whymiss.report import make_report

        config = config or self.config
        given = chosen(questions, "")
        asked = chosen(given, split)
        held_out = [question for question in given if question.split == holdout]
        run = self.evaluate(asked, config=config, progress=progress)
        answered = (
            self.evaluate(held_out, config=config, name=holdout, answers=True, progress=progress)
            if held_out
            else None
        )
        return make_report(
            self, run, asked, holdout=answered, thresholds=thresholds, n_worst=n_worst,
            allowed=allowed, progress=progress,
        )  # fmt: skip

    def diagnose(
        self,
        question: str | Query | Question | Trace,
        *,
        evidence: Given | None = None,
        expected: str | None = None,
        config: PipelineConfig | None = None,
        labelled: Questions | None = None,
        repairs: bool = True,
        rebuild: bool = False,
        answers: bool = True,
        progress: Progress | None = None,
    ) -> Diagnosis:
        """Walk a wrong answer to the step that lost the evidence, prove the cause, price repairs.

        Parameters
        ----------
        question : its text, a query (with principals and filter), a labelled question, or the
            trace of a request that kept its text.
        evidence : where the answer stands: spans, a quote, a chunk or passage that was picked; a
            list of them when all are needed. By default what the question itself is labelled with.
        expected : the right answer; it is looked for in the documents, and the places that were
            considered are in `candidates`. Without evidence nothing is ever called proven.
        labelled : a file or list of labelled questions; repairs are priced by what they do to
            them, and hubs are told by them.
        repairs : whether repairs are looked for.
        rebuild : whether repairs are tried for which every chunk is made and embedded anew.
        answers : whether answers are written and judged; without them a run ends with the context.
        progress : called with (what, done, total).

        Raises
        ------
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        InvalidRecordError : the evidence is not understood.
        TraceError : the trace keeps no text.
        """
        return self._diagnoser.diagnose(
            question, config or self.config, evidence=evidence, expected=expected,
            labelled=labelled, repairs=repairs, rebuild=rebuild, answers=answers,
            progress=progress,
        )  # fmt: skip

    def diagnose_all(
        self,
        questions: Questions,
        *,
        config: PipelineConfig | None = None,
        split: str = "",
        answers: bool = True,
        progress: Progress | None = None,
    ) -> Survey:
        """Diagnose every labelled question, without repairs: what fails where, why and together.

        Parameters
        ----------
        questions : a JSON Lines file of questions (`evaluation.read_questions`), or questions.
            Those that cannot be judged are listed with the reason, and count nowhere.
        split : only the questions of this part of the set; hubs are told by all of them.
        answers : whether answers are written and judged; without them a run ends with the context.
        progress : called with (what, done, total).

        Raises
        ------
        LabelError : the questions cannot be read, or none is of that split.
        InvalidRecordError : there is no question, or an id stands twice.
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        """
        return self._diagnoser.diagnose_all(
            questions, config or self.config, split=split, answers=answers, progress=progress
        )

    def scene(
        self, question: Question, *, config: PipelineConfig | None = None, answers: bool = True
    ) -> Scene:
        """A labelled question and the pipeline that answers it, as a value to change and run.

        Causes, faults and repairs of one's own are tried on it: see `whymiss.diagnosis`.

        Parameters
        ----------
        answers : whether answers are written; without them a scene ends with the packed context.

        Raises
        ------
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        """
        return self._diagnoser.scene(question, config or self.config, answers=answers)

    def case(
        self,
        diagnosis: Diagnosis,
        *,
        config: PipelineConfig | None = None,
        labelled: str | Path = "",
    ) -> CaseFile:
        """A diagnosis with all that is needed to read it elsewhere, and to make it again.

        Parameters
        ----------
        config : the one that was diagnosed, where it is not the workbench's.
        labelled : the file of labelled questions that priced the repairs.

        Raises
        ------
        InvalidRecordError : the diagnosis is of another configuration.
        """
        from whymiss.diagnosis.case_file import CaseFile, excerpts_of

        config = config or self.config
        return CaseFile(
            diagnosis=diagnosis,
            store=self.store.uri,
            config=config,
            labelled=str(labelled),
            excerpts=excerpts_of(diagnosis, self.space(config).snapshot.chunks),
        )

    def case_file(
        self,
        diagnosis: Diagnosis,
        path: str | Path,
        *,
        config: PipelineConfig | None = None,
        labelled: str | Path = "",
    ) -> Path:
        """Write a diagnosis as one .html, .md or .json, with the recipe that makes it again.

        The file holds the question, passages and answers in plain text. `case` tells the other
        parameters.

        Raises
        ------
        InvalidRecordError : the suffix is another, or the diagnosis is of another configuration.
        """
        from whymiss.diagnosis.case_file import write

        return write(self.case(diagnosis, config=config, labelled=labelled), path)

    def explain(
        self,
        question: str | Query | Question,
        chunk: ChunkLike,
        against: ChunkLike | None = None,
        *,
        principal: str | Sequence[str] | None = (),
        where: Where = None,
        config: PipelineConfig | None = None,
    ) -> Explanation:
        """Why one chunk outranks another: every score of both taken apart, exactly.

        BM25 by term, fusion by list, the dense score by token of question and passage, late
        interaction by token of the question with its match; other rerankers approximately, by
        leaving words out. What no part accounts for is shown. Works for chunks that are not
        retrieved.

        Parameters
        ----------
        chunk : its id (or an unambiguous beginning), a quote that stands in it alone, its rank in
            the final ranking, or a record of it.
        against : the chunk to compare with; by default the one that is ranked first.
        principal, where : the asker and the filter, for a question given as text.

        Raises
        ------
        InvalidRecordError : a chunk cannot be told, or both are the same.
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        """
        from whymiss.explain import asked_query, explain

        query = asked_query(question, principal=principal, where=where)
        return explain(query, chunk, against, pipeline=self.pipeline(config, answer=False))

    def neighbourhood(
        self,
        questions: Questions | None = None,
        *,
        config: PipelineConfig | None = None,
        split: str = "",
    ) -> Neighbourhood:
        """What stands near what: families of versions, hubs, confusable pairs, gaps, boilerplate.

        Each part is computed when it is first asked for.

        Parameters
        ----------
        questions : labelled ones tell which hubs and confusable pairs do harm, and which questions
            are far from everything.

        Raises
        ------
        LabelError : the questions cannot be read.
        IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
        """
        from whymiss.neighbourhood import neighbourhood_of

        asked = chosen(questions, split) if questions is not None else ()
        return neighbourhood_of(
            config or self.config, models=self._models, spaces=self._spaces, questions=asked
        )

    def map(
        self,
        *,
        config: PipelineConfig | None = None,
        question: str | Query | Question | None = None,
        evidence: Given | None = None,
        expected: str | None = None,
        run: EvaluationRun | None = None,
        parameters: UmapParameters | None = None,
        refit: bool = False,
        wait: bool = True,
        progress: Progress | None = None,
    ) -> EmbeddingMap:
        """The chunks of an index on a plane that holds still.

        UMAP is fitted once for a model, on sentences and chunks, and kept in the store. From then
        on every chunk, of this index or another, is placed among the landmarks that are truly
        nearest to it: another chunk size, or new documents, move nothing else. Without a stored
        index for the configuration, the one that building it would give is made in memory.

        Parameters
        ----------
        question : one that is looked at: its place, the rank of every chunk, and the stage that
            left each behind. `evidence` and `expected` say what it should have found, as for
            `diagnose`.
        run : an evaluation whose questions are shown too, with the stage that lost each.
        parameters : of UMAP, with the seed; each set of them has a map of its own.
        refit : fit anew, on the documents and chunks as they are now. Everything moves.
        wait : False gives at once what there is, at first the principal components, and fits in
            the background: `fitting` of the map tells how far it is, and can cancel it.
        progress : called with (what, done, total).

        Raises
        ------
        IndexNotFoundError, IndexMismatchError : a question is looked at, and the configured index
            is missing or different.
        StoreError : the kept map is damaged.
        """
        config = config or self.config
        case: Case | None = None
        notes: tuple[str, ...] = ()
        if question is not None:
            case, notes = self._diagnoser.case(
                question, config, evidence=evidence, expected=expected
            )
        made = self._mapper.map(
            config, case=case, run=run, parameters=parameters, refit=refit, wait=wait,
            progress=progress,
        )  # fmt: skip
        return replace(made, notes=(*notes, *made.notes)) if notes else made

    def space(self, config: PipelineConfig | None = None) -> SearchSpace:
        """What a configuration searches: its index and the documents, at their newest versions."""
        return self._spaces.space(config or self.config)

    def encoder(self, config: PipelineConfig | None = None) -> CachedEncoder:
        """The encoder of a configuration, behind the store's vector cache."""
        return self._models.encoder(config or self.config)

    @property
    def documents(self) -> pd.DataFrame:
        """Every stored document with its metadata; texts are read with `document(doc_id)`."""
        catalogue = read_catalogue(self.store)
        table = frames.documents_frame(catalogue.documents.values())
        table["content_hash"] = [catalogue.content_hashes[doc_id] for doc_id in table["doc_id"]]
        return table

    @property
    def chunks(self) -> pd.DataFrame:
        """Every chunk of the configured index."""
        return frames.chunks_frame(self.space().snapshot.chunks)

    @property
    def indexes(self) -> pd.DataFrame:
        """Every index: size, model, version, and how far it is behind the documents."""
        return index_health(self.store)

    @property
    def files(self) -> pd.DataFrame:
        """The last verdict on every ingested file."""
        return frames.files_frame(read_sources(self.store)).drop(columns="change")

    @property
    def trace(self) -> pd.DataFrame:
        """Every request kept in the log, oldest first."""
        return frames.traces_frame(self.log.all())

    def document(self, doc_id: str) -> Document:
        """One stored document with its text.

        Raises
        ------
        DocumentError : there is none of this id.
        """
        found = read_documents(self.store, [doc_id])
        if doc_id not in found:
            raise DocumentError(f"there is no document {doc_id!r}; the frame `documents` has all.")
        return found[doc_id]

    def purge(self, *, older_than: timedelta = _NOW) -> PurgeReport:
        """Erase for good what was deleted: rewrite every table, forget versions so old.

        Deleting hides a document at once, but its text stays in LanceDB's files until then. The
        version history goes with it. Token vectors of what was deleted go with it too, and its
        landmarks on maps. Vectors in the cache that no index holds go as well: sweeps, live search
        and labelled questions are embedded again when they are next used. An index that stayed
        behind loses its rows of changed and deleted documents. Kept scores of labelled questions
        go, with their answers. A request whose words were kept (`trace.raw_text`) loses those of
        its passages and answer where they are stored no more; names of documents stay in the log.

        Raises
        ------
        StoreError : another writer holds the store, or a table cannot be read.
        """
        report = self._builder.purge(self.config, older_than=older_than)
        self._mapper.purge()
        return replace(
            report,
            n_traces=self.log.erase_quotes(self._stands),
            n_evaluated=self._evaluator.log.clear(),
        )

    def close(self) -> None:
        """Close the store's local files and the panels, and end what runs in the background."""
        if "_desk" in vars(self):
            self._desk.close()
        if "live" in vars(self):
            self.live.close()
        self._mapper.close()
        self.log.close()
        self._evaluator.log.close()
        self._models.close()
        self._cache.close()

    def _stands(self, trace: Trace) -> bool:
        """Whether the passages of a request are stored as they were."""
        passages = trace.context.passages if trace.context is not None else ()
        stored = read_documents(self.store, sorted({p.doc_id for p in passages}))
        return all(
            p.doc_id in stored and stored[p.doc_id].text[p.start : p.end] == p.text
            for p in passages
        )

    def _pipeline_over(
        self, config: PipelineConfig, *, space: SearchSpace, answer: bool
    ) -> Pipeline:
        return Pipeline(
            config=config,
            space=space,
            encoder=self.encoder(config),
            read_documents=self._spaces.documents,
            query_hash=self.log.query_hash,
            reranker=self._models.reranker(config, space),
            generator=self._models.generator(config) if answer else None,
        )

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        # By its name alone: what a notebook prints is read on other machines.
        name = self.store.local.name if self.store.local is not None else self.store.uri
        return f"Workbench({name!r}, index {self.config.index.name!r})"


def _check_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise StoreError(f"a store is a folder; {path} is a file. Name a folder.")
