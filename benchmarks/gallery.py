"""Every chart of the package in light and in dark, drawn from the bundled corpus, to be looked at.

Nothing is measured here. Each chart is of a real run over the store: questions asked, diagnosed,
evaluated, compared and swept. Open the pages that it writes in a browser.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd
from plotly.offline import get_plotlyjs

import whymiss
from whymiss.chunking import build_chunks, make_chunker
from whymiss.config import ChunkingConfig, PipelineConfig
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.survey import Survey
from whymiss.diagnosis.tables import funnel_table
from whymiss.evaluation import EvaluationRun, Question, read_questions
from whymiss.evaluation.boundaries import boundaries_frame
from whymiss.evaluation.flow import flow_frame
from whymiss.evaluation.latency import latency_frame
from whymiss.explain import Explanation
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.pages.boundaries import boundaries_html
from whymiss.pages.markup import Markup, join, tag
from whymiss.plots import (
    cause_bars,
    chunk_boundaries,
    compare_dots,
    failures_bar,
    headroom_steps,
    heatmap,
    latency_bars,
    map_comparison,
    margin_bars,
    pareto,
    rank_flow,
    score_distributions,
    slice_dots,
    stage_funnel,
    summary_dots,
)

QUESTIONS: Final = Path(__file__).parent.parent / "data" / "helpdesk" / "questions.jsonl"
DENSE: Final = PipelineConfig().replace({"retrieval.mode": "dense", "rerank.model": ""})
FULL: Final = PipelineConfig().replace({"retrieval.mode": "hybrid"})
SMALL: Final = DENSE.replace({"chunking.size": 128, "index.name": "small"})
ASKED: Final = "Do annual plans include phone support?"
WRITTEN: Final = "The use of this line is included at no charge in all annual plans"
THEMES: Final = {"light": ("#ffffff", "#1b1f24"), "dark": ("#111111", "#e6edf3")}
PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Charts, {theme}</title>
<script src="plotly.min.js"></script>
<style>:root {{ color-scheme: {theme} }}
body {{ background: {paper}; color: {ink}; max-width: {width}px; margin: 1rem auto;
font-family: system-ui, sans-serif }} pre {{ font: 13px ui-monospace, monospace }}</style>
</head><body>
{charts}
</body></html>
"""


class Runs:
    """What the charts are drawn from, each made when the first chart asks for it."""

    def __init__(self, store: Path) -> None:
        self.workbench = whymiss.open(store, config=DENSE)
        self.questions = read_questions(QUESTIONS)

    @cached_property
    def run(self) -> EvaluationRun:
        """All questions through plain dense search."""
        return self.workbench.evaluate(self.questions)

    @cached_property
    def survey(self) -> Survey:
        """The tuning questions, each diagnosed."""
        return self.workbench.diagnose_all(self.questions, split="tune", answers=False)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """Three ways to retrieve, against plain dense search."""
        configs = {
            "dense": DENSE,
            "BM25": DENSE.replace({"retrieval.mode": "bm25"}),
            "hybrid": DENSE.replace({"retrieval.mode": "hybrid"}),
            "hybrid, reranked": FULL,
        }
        measures = ("recall@5", "precision@5")
        return self.workbench.compare(self.questions, configs, measures=measures).table

    @cached_property
    def sweep(self) -> pd.DataFrame:
        """Two knobs, every combination."""
        knobs = {"retrieval.k": [3, 5, 8, 12], "retrieval.mode": ["dense", "bm25", "hybrid"]}
        return self.workbench.sweep(self.questions, knobs).table

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """The question of the first notebook, under the full pipeline."""
        return self.workbench.diagnose(ASKED, evidence=WRITTEN, config=FULL, repairs=False)

    @cached_property
    def labelled(self) -> Question:
        """The same question as it is labelled."""
        return next(q for q in self.questions if q.query.text == ASKED and q.evidence)

    @cached_property
    def explanation(self) -> Explanation:
        """What is ranked first, against the evidence."""
        return self.workbench.explain(ASKED, 1, WRITTEN, config=FULL)

    @cached_property
    def map(self) -> EmbeddingMap:
        """The store's index."""
        return self.workbench.map()

    @cached_property
    def asked(self) -> EmbeddingMap:
        """The same with the question looked at, under plain dense search."""
        return self.workbench.map(question=self.labelled)

    def flow(self, config: PipelineConfig, *, labelled: bool = True) -> pd.DataFrame:
        """The same question's candidates from stage to stage."""
        return flow_frame(
            self.workbench.ask(ASKED, config=config),
            self.workbench.space(config).snapshot.chunks,
            config=config,
            evidence=self.diagnosis.question.evidence[0] if labelled else (),
        )

    def boundaries(self, **knobs: Any) -> pd.DataFrame:
        """The document with the evidence, cut with other knobs than the store's."""
        (span,) = self.diagnosis.question.evidence[0]
        document = self.workbench.document(span.doc_id)
        encoder = self.workbench.encoder()
        config = ChunkingConfig(**knobs)
        spans = make_chunker(config, encoder.tokenizer).spans(document)
        chunks = build_chunks(
            document, spans, config=config, tokenizer=encoder.tokenizer,
            max_tokens=encoder.max_tokens,
        )  # fmt: skip
        return boundaries_frame(document, chunks, evidence=[span], tokenizer=encoder.tokenizer)

    @cached_property
    def latency(self) -> pd.DataFrame:
        """Forty questions asked one by one."""
        for question in self.questions[:40]:
            self.workbench.run(question.query, config=FULL)
        log = self.workbench.trace
        return log[log["config_fingerprint"] == FULL.fingerprint()].tail(40)


CHARTS: Final[dict[str, Callable[[Runs], Any]]] = {
    "summary_dots": lambda runs: summary_dots(runs.run.summary),
    "slice_dots": lambda runs: slice_dots(runs.run.slices("tags"), runs.run.measures[0]),
    "failures_bar": lambda runs: failures_bar(runs.run.failures),
    "compare_dots": lambda runs: compare_dots(runs.comparison),
    "heatmap": lambda runs: heatmap(
        runs.sweep, measure="recall@5", x="retrieval.k", y="retrieval.mode"
    ),
    "pareto": lambda runs: pareto(runs.sweep, quality="delivered_evidence", cost="context_tokens"),
    "stage_funnel": lambda runs: stage_funnel(funnel_table(runs.diagnosis)),
    "cause_bars": lambda runs: cause_bars(runs.survey.failures),
    "headroom_steps": lambda runs: headroom_steps(runs.survey.headroom),
    "rank_flow": lambda runs: rank_flow(runs.flow(FULL)),
    "rank_flow, dense, k 10": lambda runs: rank_flow(runs.flow(DENSE.replace({"retrieval.k": 10}))),
    "rank_flow, no labels": lambda runs: rank_flow(runs.flow(FULL, labelled=False)),
    "score_distributions": lambda runs: score_distributions(runs.flow(FULL)),
    "latency_bars": lambda runs: latency_bars(latency_frame(runs.latency)),
    "latency_bars, one request": lambda runs: latency_bars(latency_frame(runs.latency.tail(1))),
    "chunk_boundaries": lambda runs: chunk_boundaries(
        runs.boundaries(), name="plans/support_tiers_v3.md"
    ),
    "chunk_boundaries, too long": lambda runs: chunk_boundaries(
        runs.boundaries(strategy="fixed", size=400, overlap=120), name="the same, in 400 tokens"
    ),
    "margin_bars, dense": lambda runs: margin_bars(runs.explanation.frame, stage="dense"),
    "margin_bars, bm25": lambda runs: margin_bars(runs.explanation.frame, stage="bm25"),
    "margin_bars, reranker": lambda runs: margin_bars(runs.explanation.frame, stage="reranker"),
    "explanation": lambda runs: Markup(runs.explanation._repr_html_()),
    "embedding_map": lambda runs: runs.map.figure(),
    "embedding_map, document": lambda runs: runs.map.figure(colour_by="doc_id"),
    "embedding_map, metadata": lambda runs: runs.map.figure(colour_by="plan_type"),
    "embedding_map, hubness": lambda runs: runs.map.figure(colour_by="hubness"),
    "embedding_map, kept": lambda runs: runs.map.figure(colour_by="kept"),
    "embedding_map, question": lambda runs: runs.asked.figure(edges_of=runs.labelled.query_id),
    "embedding_map, score": lambda runs: runs.asked.figure(colour_by="score"),
    "embedding_map, rank": lambda runs: runs.asked.figure(colour_by="rank"),
    "embedding_map, left at": lambda runs: runs.asked.figure(colour_by="left_at"),
    "embedding_map, questions lost": lambda runs: runs.workbench.map(run=runs.run).figure(
        colour_by="left_at"
    ),
    "map_comparison": lambda runs: map_comparison(
        runs.map.compare(runs.workbench.map(config=SMALL)),
        title="Chunks of 200 tokens, and of 128",
    ),
    "map": lambda runs: Markup(runs.map._repr_html_()),
    "boundaries_html": lambda runs: boundaries_html(
        runs.boundaries(strategy="fixed", size=400, overlap=120), name="the same, in 400 tokens"
    ),
}
"""Every chart by name. A new one is a line here."""


def drawn(runs: Runs, names: list[str]) -> Iterator[str]:
    """Each chart as HTML under its name."""
    for name in names:
        chart = CHARTS[name](runs)
        if not isinstance(chart, str):
            chart = chart.to_html(full_html=False, include_plotlyjs=False)
        yield f'<section data-chart="{name}">{join([tag("h2", name)])}{chart}</section>'


def main() -> None:
    """Write plotly.min.js and a page per theme."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="of the bundled corpus")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pages")
    parser.add_argument("--width", type=int, default=960, help="pixels that a chart may take")
    parser.add_argument("--only", nargs="*", default=list(CHARTS), choices=list(CHARTS))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    charts = "\n".join(drawn(Runs(given.store), given.only))
    for theme, (paper, ink) in THEMES.items():
        page = PAGE.format(theme=theme, paper=paper, ink=ink, width=given.width, charts=charts)
        (given.out / f"{theme}.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
