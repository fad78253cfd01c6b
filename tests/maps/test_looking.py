"""A question on the map: rank, role and the stage that left each chunk, as its own run says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mapping import CONFIG, PAGES, PlainJob, nearest_by_hand, opened, page, places_of

from whymiss.config import PipelineConfig
from whymiss.errors import IndexNotFoundError
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.records import Clause, Document, Query, Trace
from whymiss.workbench import Workbench

HIDDEN = page("billing", 5, allowed=["staff"])
KNOBS: dict[str, dict[str, Any]] = {
    "dense": {"retrieval.mode": "dense", "retrieval.candidate_depth": 9, "rerank.model": ""},
    "bm25": {"retrieval.mode": "bm25", "retrieval.candidate_depth": 7, "rerank.model": ""},
    "hybrid": {"retrieval.candidate_depth": 6, "rerank.model": ""},
    "reranked": {"retrieval.candidate_depth": 8, "rerank.depth": 4},
    "diverse": {"retrieval.mmr_lambda": 0.3, "retrieval.candidate_depth": 12},
    "packed": {"retrieval.k": 8, "context.token_budget": 90},
}


def spans(document: Document, *quotes: str) -> tuple[EvidenceSpan, ...]:
    return tuple(
        EvidenceSpan(
            doc_id=document.doc_id, start=document.text.index(quote),
            end=document.text.index(quote) + len(quote), quote=quote,
        )
        for quote in quotes
    )  # fmt: skip


def question(
    text: str, document: Document | None = None, *quotes: str, name: str = "q", **fields: Any
) -> Question:
    evidence = (spans(document, *quotes),) if document is not None else ()
    return Question(query=Query(query_id=name, text=text, **fields), evidence=evidence)


BILL = next(d for d in PAGES if d.doc_id == "billing-2.md")
ASKED = {
    # Found at once; found late; two places are needed; hidden from who asks; by a filter; unjudged.
    "easy": question("How is the refund of case billing22 handled?", BILL, "case billing22"),
    "late": question("Which desk uses the quota of the folder?", BILL, "case billing24"),
    "both": question(
        "refund case billing22 and fee case billing25?", BILL, "case billing22", "case billing25"
    ),
    "hidden": question("How is case billing52 handled by a desk?", HIDDEN, "case billing52"),
    "filtered": question(
        "How is case billing22 handled?", BILL, "case billing22",
        where=(Clause(field="subject", op="eq", value="storage"),),
    ),
    "unjudged": question("How does the upload of a folder work?"),
}  # fmt: skip


@pytest.fixture
def wb(tmp_path: Path, jobs: type[PlainJob]) -> Iterator[Workbench]:
    with opened(tmp_path / "store") as workbench:
        workbench.ingest([*PAGES, HIDDEN])
        yield workbench


def expected(wb: Workbench, made: EmbeddingMap, trace: Trace, asked: Question) -> pd.DataFrame:
    """Rank, score, role and stage of each chunk, from the trace of a run and the labels alone."""
    assert trace.context is not None
    stages = {ranking.stage: [hit.chunk_id for hit in ranking.hits] for ranking in trace.rankings}
    branches = [stage for stage in stages if stage in ("dense", "bm25")]
    ordered = trace.rankings[-2]
    ranks = {hit.chunk_id: hit for hit in ordered.hits}
    places = {r.id: (r.doc_id, r.start, r.end) for r in made.chunks.itertuples()}
    wanted = [(s.doc_id, s.start, s.end) for some in asked.evidence for s in some]
    readable = {d.doc_id for d in PAGES}

    def shared(chunk_id: str) -> set[tuple[str, int]]:
        doc_id, start, end = places[chunk_id]
        return {
            (d, i) for d, a, b in wanted for i in range(max(a, start), min(b, end)) if d == doc_id
        }

    every = {(d, i) for d, a, b in wanted for i in range(a, b)}
    ahead, found = [], set()
    for chunk_id in [hit.chunk_id for hit in ordered.hits]:
        if not shared(chunk_id):
            ahead.append(chunk_id)
        found |= shared(chunk_id)
        if every and found == every:
            break
    rows = []
    for chunk_id, (doc_id, _, _) in places.items():
        selected = chunk_id in stages["select"]
        role = "retrieved" if selected else ""
        if selected and every and chunk_id in ahead:
            role = "displacing"
        if shared(chunk_id):
            role = "evidence"
        fields = {"subject": doc_id.partition("-")[0]}
        seen = doc_id in readable and all(
            fields[clause.field] == clause.value for clause in asked.query.where
        )
        if chunk_id in trace.context.chunk_ids:
            left = ""
        elif selected:
            left = "pack"
        elif chunk_id in ranks:
            left = "select"
        else:
            left = ", ".join(branches) if seen else "filter"
        hit = ranks.get(chunk_id)
        rows.append((hit.rank if hit else None, hit.score if hit else np.nan, role, left))
    return pd.DataFrame(rows, columns=["rank", "score", "role", "left_at"])


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("knobs", KNOBS)
def test_every_chunk_says_what_the_pipeline_did_with_it(
    wb: Workbench, knobs: str, asked: str
) -> None:
    config = CONFIG.replace(KNOBS[knobs])
    labelled = ASKED[asked]
    made = wb.map(config=config, question=labelled)
    trace = wb.pipeline(config, answer=False).run(labelled.query)
    told = expected(wb, made, trace, labelled)
    chunks = made.chunks.reset_index(drop=True)
    assert chunks["rank"].astype(float).tolist() == pytest.approx(
        told["rank"].astype(float).tolist(), nan_ok=True
    )
    assert chunks["score"].tolist() == pytest.approx(told["score"].tolist(), nan_ok=True)
    assert chunks["role"].tolist() == told["role"].tolist()
    assert chunks["left_at"].tolist() == told["left_at"].tolist()


def test_these_questions_show_every_role_and_every_stage(wb: Workbench) -> None:
    roles, stages = set(), set()
    for knobs in KNOBS.values():
        for asked in ASKED.values():
            chunks = wb.map(config=CONFIG.replace(knobs), question=asked).chunks
            roles |= set(chunks["role"])
            stages |= set(chunks["left_at"])
    assert roles == {"", "evidence", "displacing", "retrieved"}
    assert stages == {"", "pack", "select", "filter", "dense", "bm25", "dense, bm25"}


@pytest.mark.parametrize("knobs", KNOBS)
def test_the_question_stands_on_the_map_with_the_stage_that_lost_its_evidence(
    wb: Workbench, knobs: str
) -> None:
    config = CONFIG.replace(KNOBS[knobs])
    judged = [question for name, question in ASKED.items() if name != "unjudged"]
    for asked in judged:
        made = wb.map(config=config, question=asked)
        (point,) = made.questions.to_dict("records")
        assert (point["kind"], point["role"], point["id"]) == ("question", "question", "q")
        assert point["excerpt"] == asked.query.text
        table = wb.evaluate([asked], config=config, resume=False).table
        assert point["left_at"] == table["lost_at"][0]
        assert made.asked.shape == (1, 64)
        vector = wb.encoder(config).encode_queries([asked.query.text])
        assert made.asked.tobytes() == np.asarray(vector).tobytes()
        assert np.isfinite([point["x"], point["y"]]).all()


def test_what_cannot_be_judged_has_no_stage(wb: Workbench) -> None:
    made = wb.map(question="How does the upload of a folder work?")
    assert made.questions["left_at"].isna().all()
    assert "evidence" not in set(made.chunks["role"])
    assert "displacing" not in set(made.chunks["role"])


def test_a_question_moves_no_chunk_and_is_fitted_by_nobody(
    wb: Workbench, jobs: type[PlainJob]
) -> None:
    before = wb.map()
    made = wb.map(question=ASKED["easy"])
    assert places_of(made.chunks) == places_of(before.frame)
    assert len(jobs.made) == 1
    same = ["cluster", "kept", "hubness", "excerpt", "title"]
    pd.testing.assert_frame_equal(made.chunks[same], before.frame[same])


def test_a_question_stands_where_a_chunk_of_the_same_words_does(wb: Workbench) -> None:
    chunk = wb.space().snapshot.chunks[0]
    # The double reads a question as it reads a document.
    made = wb.map(question=chunk.indexed_text)
    columns = ["x", "y", "cluster", "cluster_label"]
    (point,) = made.questions[columns].to_dict("records")
    assert point == made.chunks[columns].iloc[0].to_dict()


def test_evidence_and_expected_say_what_should_have_been_found(wb: Workbench) -> None:
    quoted = wb.map(question="How is it handled?", evidence="case billing22 is")
    labelled = wb.map(question=question("How is it handled?", BILL, "case billing22 is"))
    assert quoted.chunks["role"].tolist() == labelled.chunks["role"].tolist()
    assert (quoted.chunks["role"] == "evidence").sum() == 1
    said = "The refund of case billing22 is quickly handled by the bank desk."
    answered = wb.map(question="Which desk handles case billing22?", expected=said)
    assert answered.chunks["id"][answered.chunks["role"] == "evidence"].tolist() == [
        row.id
        for row in answered.chunks.itertuples()
        if said in wb.document(row.doc_id).text[row.start : row.end]
    ]
    nowhere = wb.map(question="How is it handled?", evidence="words that stand nowhere")
    assert "words that stand nowhere" in nowhere.notes[0]
    assert "words that stand nowhere" in repr(nowhere)
    assert "evidence" not in set(nowhere.chunks["role"])
    assert nowhere.questions["left_at"].isna().all()


def test_a_question_needs_an_index(tmp_path: Path, jobs: type[PlainJob]) -> None:
    with opened(tmp_path / "none") as wb, pytest.raises(IndexNotFoundError, match="no index"):
        wb.map(question="How?")


# Runs


def run_of(wb: Workbench, config: PipelineConfig = CONFIG) -> Any:
    named = [
        Question(
            query=Query(query_id=f"q-{name}", text=q.query.text, where=q.query.where),
            evidence=q.evidence,
        )
        for name, q in ASKED.items()
    ]
    return wb.evaluate(named, config=config, name="first <run>", resume=False)


@pytest.mark.parametrize("wait", [True, False])
def test_the_questions_of_a_run_are_points_and_tell_what_is_close_to_many(
    wb: Workbench, wait: bool, jobs: type[PlainJob]
) -> None:
    run = run_of(wb)
    if not wait:
        jobs.gate.clear()
    made = wb.map(run=run, wait=wait)
    assert made.projection == ("umap" if wait else "pca")
    assert len(made.questions) == len(run.table) == len(made.asked) == 6
    assert made.questions["id"].tolist() == run.table["query_id"].tolist()
    assert made.questions["left_at"].isna().tolist() == run.table["lost_at"].isna().tolist()
    judged = run.table["lost_at"].notna().to_numpy()
    assert made.questions["left_at"][judged].tolist() == run.table["lost_at"][judged].tolist()
    counts = np.zeros(len(made.chunks))
    for vector in made.asked:
        counts[nearest_by_hand(vector, made.vectors, 10)] += 1
    assert made.chunks["hubness"].tolist() == pytest.approx((counts / 6).tolist())
    assert made.chunks["hubness"].between(0, 1).all()
    told = [note for note in made.notes if note.startswith("hubness")]
    assert told == ["hubness is by the 6 questions of run 'first <run>'"]
    assert made.questions[["x", "y"]].notna().all(axis=None)


def test_a_question_and_a_run_are_shown_together(wb: Workbench) -> None:
    run = run_of(wb)
    made = wb.map(question=ASKED["late"], run=run)
    assert made.questions["id"].tolist() == ["q", *run.table["query_id"]]
    assert len(made.asked) == 7
    # The one that is looked at is told from the others.
    assert made.questions["role"].tolist() == ["question"] + [""] * 6
    alone = wb.map(question=ASKED["late"])
    columns = ["rank", "role", "left_at", "x", "y"]
    pd.testing.assert_frame_equal(made.chunks[columns], alone.chunks[columns])
    twin = made.questions.set_index("id")
    assert (twin.loc["q", ["x", "y"]] == twin.loc["q-late", ["x", "y"]]).all()


@pytest.mark.filterwarnings("error")
def test_a_run_without_questions_adds_none(wb: Workbench) -> None:
    run = run_of(wb)
    empty = type(run)(**{**vars(run), "table": run.table.iloc[:0]})
    made = wb.map(run=empty)
    assert len(made.questions) == 0
    assert made.chunks["hubness"].isna().all()
