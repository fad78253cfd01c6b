"""Labelled questions in other formats: there and back, golden files, faults with their line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import ConfigError
from whymiss.evaluation import EvidenceSpan, LabelError, Question, pin
from whymiss.evaluation.formats import (
    documents_from_frame,
    evidence_frame,
    questions_frame,
    questions_from_frames,
    questions_from_qrels,
    read_beir,
    read_chroma,
    read_qrels,
    read_questions,
    read_run,
    read_squad,
    texts_frame,
    write_beir,
    write_chroma,
    write_qrels,
    write_questions,
    write_run,
    write_squad,
)
from whymiss.records import Clause, Document, Hit, Query, Ranking
from whymiss.retrieval.filters import parse_where

FAQ = Document(
    doc_id="faq", text="Refunds take ten days.\r\nNot “less”.", title="FAQ", allowed=("*",)
)
TERMS = Document(doc_id="terms", text="Cards are faster.", title="Terms", allowed=("*",))
TEN = EvidenceSpan(doc_id="faq", start=13, end=21, quote="ten days")
LESS = EvidenceSpan(doc_id="faq", start=24, end=35, quote="Not “less”.")
CARDS = EvidenceSpan(doc_id="terms", start=0, end=5, quote="Cards", grade=2)

FULL = Question(
    query=Query(
        query_id="q1",
        text="How long, “really”?",
        principals=("support",),
        where=parse_where({"plan": ["annual", "monthly"], "year": {"ge": 2024}, "state": "live"}),
        expected_answer="ten days",
        tags=("table", "numeric"),
    ),
    evidence=((TEN, CARDS), (EvidenceSpan(doc_id="faq", quote="Refunds"),)),
    documents={"faq": 2, "terms": 0, "old": 0.5},
    split="tune",
)
NONE = Question(query=Query(query_id="q2", text="Fax?", tags=("unanswerable",)))
TWICE = Question(
    query=Query(
        query_id="q3",
        text="?x",
        where=(
            Clause(field="tag", op="eq", value="a"),
            Clause(field="year", op="lt", value=2),
            Clause(field="tag", op="eq", value="b"),
        ),
    )
)


def asked(query_id: str, *alternatives: tuple[EvidenceSpan, ...], text: str = "Hm?") -> Question:
    return Question(query=Query(query_id=query_id, text=text), evidence=alternatives)


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


# JSONL


def test_jsonl_gives_back_what_was_written(tmp_path: Path) -> None:
    questions = [FULL, NONE, TWICE]
    write_questions(tmp_path / "new" / "q.jsonl", questions)
    assert read_questions(tmp_path / "new" / "q.jsonl") == questions


def test_jsonl_golden_file(tmp_path: Path) -> None:
    write_questions(tmp_path / "q.jsonl", [FULL])
    assert (tmp_path / "q.jsonl").read_text(encoding="utf-8") == (
        '{"query_id": "q1", "text": "How long, “really”?", "evidence": [[{"doc_id": "faq", '
        '"start": 13, "end": 21, "quote": "ten days"}, {"doc_id": "terms", "start": 0, "end": 5, '
        '"quote": "Cards", "grade": 2}], [{"doc_id": "faq", "quote": "Refunds"}]], "documents": '
        '{"faq": 2, "terms": 0, "old": 0.5}, "expected_answer": "ten days", "principal": '
        '["support"], "where": {"plan": ["annual", "monthly"], "year": {"ge": 2024}, "state": '
        '"live"}, "tags": ["table", "numeric"], "split": "tune"}\n'
    )


def test_jsonl_needs_only_an_id_and_a_text(tmp_path: Path) -> None:
    path = file(tmp_path, "q.jsonl", '\ufeff{"query_id": "q1", "text": "Hm?"}\r\n\n')
    assert read_questions(path) == [asked("q1")]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
            st.lists(
                st.tuples(st.integers(0, 99), st.integers(1, 9), st.sampled_from([1, 0.5, 3]))
            ),
        ),
        max_size=4,
    )
)
def test_jsonl_holds_any_text(rows: list[tuple[str, list[tuple[int, int, float]]]]) -> None:
    questions = [
        asked(
            str(n),
            *((EvidenceSpan(doc_id=text, start=s, end=s + m, grade=g),) for s, m, g in spans),
            text=text,
        )
        for n, (text, spans) in enumerate(rows)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "q.jsonl"
        write_questions(path, questions)
        assert read_questions(path) == questions


GOOD = '{"query_id": "q1", "text": "Hm?"}\n'


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", "line 2: Expecting property name"),
        ("[]", "line 2: a line must be an object; got"),
        ('{"text": "Hm?"}', "line 2: 'query_id' is missing"),
        ('{"query_id": "q2", "text": " "}', "line 2: Query 'q2' needs a text"),
        (GOOD.strip(), r"line 2: query_id 'q1' came before, at .*q.jsonl, line 1"),
        ('{"query_id": "q2", "text": "x", "tag": []}', "unknown key 'tag'; did you mean 'tags'"),
        ('{"query_id": "q2", "text": "x", "tags": "a"}', "tags must be a list; got 'a'"),
        ('{"query_id": "q2", "text": "x", "evidence": [{}]}', r"write \[\[...\]\] for a single"),
        ('{"query_id": "q2", "text": "x", "evidence": [[{}]]}', "'doc_id' is missing"),
        (
            '{"query_id": "q2", "text": "x", '
            '"evidence": [[{"doc_id": "a", "start": 1.5, "end": 2}]]}',
            "line 2: evidence in 'a' needs start and end as whole numbers",
        ),
        ('{"query_id": "q2", "text": "x", "where": {"a": {"near": 2}}}', "unknown operator 'near'"),
        ('{"query_id": "q2", "text": "x", "documents": {"a": "much"}}', "finite number as grade"),
    ],
)
def test_a_broken_line_of_jsonl_is_named(tmp_path: Path, line: str, match: str) -> None:
    path = file(tmp_path, "q.jsonl", GOOD + line)
    with pytest.raises(LabelError, match=match) as caught:
        read_questions(path)
    assert caught.value.where == f"{path}, line 2"
    assert str(caught.value).count("line 2") == 1


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"gone\.jsonl: .*No such file"):
        read_questions(tmp_path / "gone.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(GOOD.encode() + b'{"query_id": "\xe9"}')
    with pytest.raises(LabelError, match=r"latin\.jsonl, line 2: 'utf-8' codec"):
        read_questions(tmp_path / "latin.jsonl")


# TREC


def test_qrels_golden_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "qrels.txt"
    write_qrels(path, [replace(FULL, documents={"faq": 2, "terms": 0}), asked("q4", (TEN, CARDS))])
    assert path.read_text() == "q1 0 faq 2\nq1 0 terms 0\nq4 0 faq 1\nq4 0 terms 2\n"
    qrels = read_qrels(path)
    assert qrels == {"q1": {"faq": 2, "terms": 0}, "q4": {"faq": 1, "terms": 2}}
    (question, other) = questions_from_qrels(
        [Query(query_id="q4", text="x"), Query(query_id="q1", text="y")], qrels
    )
    assert (question.documents, other.documents) == (qrels["q4"], qrels["q1"])


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("q1 faq 1", "line 2: needs the columns query_id 0 doc_id grade; got 'q1 faq 1'"),
        ("q1 0 faq good", "line 2: could not convert"),
        ("q1 0 faq nan", "line 2: needs a finite number"),
        ("q1 0 faq 2", "query 'q1' and document 'faq' were graded 1 before and 2 here"),
    ],
)
def test_a_broken_line_of_qrels_is_named(tmp_path: Path, line: str, match: str) -> None:
    with pytest.raises(LabelError, match=match):
        read_qrels(file(tmp_path, "qrels.txt", f"q1 0 faq 1\n{line}\n"))


def test_qrels_cannot_hold_every_grade_and_name(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"'q1' has the grade 0\.5; qrels hold whole numbers"):
        write_qrels(tmp_path / "q", [FULL])
    with pytest.raises(LabelError, match=r"'my faq': it is empty or has spaces"):
        write_qrels(
            tmp_path / "q", [Question(query=Query(query_id="q", text="x"), documents=["my faq"])]
        )
    with pytest.raises(LabelError, match="1 judged queries have no text, 'q9' first"):
        questions_from_qrels([], {"q9": {}})


def ranking(*hits: tuple[str, str, float]) -> Ranking:
    return Ranking(
        query_id="q1",
        stage="bm25",
        hits=tuple(
            Hit(chunk_id=chunk, doc_id=doc, start=0, score=score, rank=rank)
            for rank, (chunk, doc, score) in enumerate(hits, start=1)
        ),
    )


RANKED = ranking(("c1", "faq", 2.5), ("c2", "faq", 2.5), ("c3", "terms", 2.5))


def test_a_run_holds_each_document_once_with_scores_that_fall(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [RANKED], tag="mine")
    assert (tmp_path / "run").read_text() == "q1 Q0 faq 1 2 mine\nq1 Q0 terms 2 1 mine\n"
    (back,) = read_run(tmp_path / "run")
    assert (back.chunk_ids, back.stage) == (("faq", "terms"), "mine")


def test_a_run_of_chunks_with_their_scores_comes_back(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [RANKED], unit="chunk", scores="own", tag="bm25")
    (back,) = read_run(tmp_path / "run")
    assert [(h.chunk_id, h.score, h.rank) for h in back.hits] == [
        (h.chunk_id, h.score, h.rank) for h in RANKED.hits
    ]


def test_a_run_is_ordered_by_score_then_by_its_rank(tmp_path: Path) -> None:
    text = "q1 Q0 b 2 1.0 t\nq1 Q0 a 1 1.0 t\nq1 Q0 c 3 7e0 t\n"
    assert read_run(file(tmp_path, "run", text))[0].chunk_ids == ("c", "a", "b")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("q1 Q0 a 1 0.5 t", "line 2: document 'a' came before for query 'q1'"),
        ("q1 Q0 b one 0.5 t", "line 2: invalid literal"),
        ("q1 Q0 b 2 inf t", "line 2: needs a finite number"),
        ("q1 Q0 b 2 0.5", "line 2: needs the columns"),
    ],
)
def test_a_broken_line_of_a_run_is_named(tmp_path: Path, line: str, match: str) -> None:
    with pytest.raises(LabelError, match=match):
        read_run(file(tmp_path, "run", f"q1 Q0 a 1 0.9 t\n{line}\n"))


# BEIR


def test_beir_golden_folder_and_back(tmp_path: Path) -> None:
    terms = replace(TERMS, metadata={"tags": ("x", "y")}, syntax="plain")
    judged = Question(query=Query(query_id="q1", text="How?"), documents={"faq": 2, "terms": 0})
    write_beir(tmp_path, [terms], [judged, asked("q2")])
    assert (tmp_path / "corpus.jsonl").read_text() == (
        '{"_id": "terms", "title": "Terms", "text": "Cards are faster.", '
        '"metadata": {"tags": ["x", "y"]}}\n'
    )
    assert (tmp_path / "queries.jsonl").read_text() == (
        '{"_id": "q1", "text": "How?", "metadata": {}}\n'
        '{"_id": "q2", "text": "Hm?", "metadata": {}}\n'
    )
    assert (tmp_path / "qrels" / "test.tsv").read_text() == (
        "query-id\tcorpus-id\tscore\nq1\tfaq\t2\nq1\tterms\t0\n"
    )
    documents, questions = read_beir(tmp_path)
    assert [replace(document, source="") for document in documents] == [terms]
    assert questions == [judged, asked("q2")]


def test_beir_leaves_queries_of_other_splits_to_them(tmp_path: Path) -> None:
    one, two = (
        Question(query=Query(query_id=name, text="How?"), documents=["faq"])
        for name in ("q1", "q2")
    )
    write_beir(tmp_path, [FAQ], [one], split="dev")
    write_beir(tmp_path, [FAQ], [one, two, asked("q3")], split="test")
    file(tmp_path, "qrels/test.tsv", "query-id\tcorpus-id\tscore\nq2\tfaq\t1\n")
    assert [q.query_id for q in read_beir(tmp_path)[1]] == ["q2", "q3"]
    assert [q.query_id for q in read_beir(tmp_path, split="dev")[1]] == ["q1", "q3"]


def test_faults_in_a_beir_folder_are_named(tmp_path: Path) -> None:
    write_beir(tmp_path, [FAQ], [asked("q1", (TEN,))])
    file(tmp_path, "qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1 faq 1\n")
    with pytest.raises(LabelError, match=r"test\.tsv, line 2: needs query-id, corpus-id and score"):
        read_beir(tmp_path)
    file(tmp_path, "qrels/test.tsv", "q1\tfaq\t1\nq9\tfaq\t1\n")
    with pytest.raises(LabelError, match=r"test\.tsv: 1 judged queries have no text, 'q9'"):
        read_beir(tmp_path)
    with pytest.raises(LabelError, match=r"dev\.tsv: .*No such file"):
        read_beir(tmp_path, split="dev")
    file(tmp_path, "queries.jsonl", '{"_id": "q1", "text": "a"}\n{"_id": "q1", "text": "a"}\n')
    with pytest.raises(LabelError, match=r"queries\.jsonl, line 2: query 'q1' came before"):
        read_beir(tmp_path)
    file(tmp_path, "corpus.jsonl", '{"_id": "d1"}\n')
    with pytest.raises(LabelError, match=r"corpus\.jsonl, line 1: 'text' must be text"):
        read_beir(tmp_path)


# SQuAD


def test_squad_golden_file(tmp_path: Path) -> None:
    # The layout of SQuAD 2.0: two answers alike, one different, and an impossible question.
    answers = [
        {"answer_start": 13, "text": "ten days"},
        {"answer_start": 13, "text": "ten days"},
        {"answer_start": 17, "text": "days"},
    ]
    qas = [
        {"id": "q1", "question": "How long?", "answers": answers, "is_impossible": False},
        {
            "id": "q2",
            "question": "Fax?",
            "answers": [],
            "is_impossible": True,
            "plausible_answers": answers[:1],
        },
    ]
    paragraphs = [{"context": "Refunds take ten days.", "qas": qas}]
    body = {"version": "v2.0", "data": [{"title": "FAQ", "paragraphs": paragraphs}]}
    path = file(tmp_path, "squad.json", json.dumps(body))
    (document,), (question, impossible) = read_squad(path)
    assert (document.doc_id, document.title) == ("000-000", "FAQ")
    assert question.query.expected_answer == "ten days"
    assert [spans[0].interval for spans in question.evidence] == [(13, 21), (17, 21)]
    assert impossible.unanswerable
    assert dict(impossible.documents) == {"000-000": 0}
    assert not pin([question, impossible], [document]).problems


def test_squad_gives_back_what_was_written(tmp_path: Path) -> None:
    documents = [replace(d, syntax="plain") for d in (FAQ, TERMS)]
    answered = Question(
        query=Query(query_id="q1", text="How long?", expected_answer="ten days"),
        evidence=((TEN,), (LESS,)),
    )
    impossible = replace(NONE, documents={"terms": 0})
    write_squad(tmp_path / "s.json", documents, [answered, impossible])
    assert read_squad(tmp_path / "s.json") == (documents, [answered, impossible])


def test_squad_refuses_what_it_cannot_say(tmp_path: Path) -> None:
    def write(question: Question) -> None:
        write_squad(tmp_path / "s.json", [FAQ], [question])

    with pytest.raises(LabelError, match=r"'q1'.* several spans together, which SQuAD cannot say"):
        write(asked("q1", (TEN, LESS)))
    with pytest.raises(LabelError, match="under one paragraph; this one belongs to 2"):
        write(asked("q1", (TEN,), (CARDS,)))
    with pytest.raises(LabelError, match="belongs to 0"):
        write(NONE)
    with pytest.raises(LabelError, match="'terms' is not there"):
        write(asked("q1", (CARDS,)))
    with pytest.raises(LabelError, match="pin the questions first"):
        write(asked("q1", (EvidenceSpan(doc_id="faq", quote="ten"),)))
    assert not (tmp_path / "s.json").exists()


@pytest.mark.parametrize(
    ("paragraph", "match"),
    [
        ({"qas": []}, r"data\[0\]\.paragraphs\[0\]: 'context' is missing"),
        ({"context": "x"}, r"data\[0\]\.paragraphs\[0\]: 'qas' is missing"),
        (
            {"context": "x", "qas": [{"id": "q", "question": "?x", "answers": [{"text": "x"}]}]},
            r"paragraphs\[0\]\.qas\[0\]: 'answer_start' is missing",
        ),
        (
            {"context": "x", "qas": [{"id": "q", "question": "?x", "answers": []}] * 2},
            r"qas\[1\]: question 'q' came before, at .*qas\[0\]",
        ),
    ],
)
def test_faults_in_squad_are_named(tmp_path: Path, paragraph: object, match: str) -> None:
    path = file(tmp_path, "s.json", json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    with pytest.raises(LabelError, match=match):
        read_squad(path)


# Chroma


def test_chroma_golden_folder_and_back(tmp_path: Path) -> None:
    question = asked("faq-001", (TEN, LESS), text='So, "how" long?')
    write_chroma(tmp_path, [FAQ], [question])
    assert (tmp_path / "corpora" / "faq.md").read_bytes() == FAQ.text.encode()
    assert (tmp_path / "questions_df.csv").read_text(encoding="utf-8") == (
        "question,references,corpus_id\n"
        '"So, ""how"" long?","[{""content"": ""ten days"", ""start_index"": 13, '
        '""end_index"": 21}, {""content"": ""Not \\u201cless\\u201d."", '
        '""start_index"": 24, ""end_index"": 35}]",faq\n'
    )
    (document,), questions = read_chroma(tmp_path)
    assert document.text == FAQ.text  # line ends as they are, or every offset would shift
    assert questions == [question]
    assert pin(questions, [document]).questions == (question,)


def test_chroma_refuses_what_it_cannot_say(tmp_path: Path) -> None:
    for question in (asked("q", (TEN,), (LESS,)), asked("q", (TEN, CARDS)), NONE):
        with pytest.raises(LabelError, match=r"question 'q2?': a Chroma set needs one alternative"):
            write_chroma(tmp_path, [FAQ, TERMS], [question])
    with pytest.raises(LabelError, match=r"'\.\./up' cannot be a file"):
        write_chroma(tmp_path, [replace(FAQ, doc_id="../up")], [])


def test_faults_in_a_chroma_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="there is no corpus"):
        read_chroma(tmp_path)
    file(tmp_path, "corpora/faq.md", "Ten days.")
    file(tmp_path, "questions_df.csv", "question,corpus_id\n")
    with pytest.raises(LabelError, match=r"questions_df\.csv: line 1 lacks .* references"):
        read_chroma(tmp_path)
    head = 'question,references,corpus_id\n"two\nlines",[],faq\n'
    file(tmp_path, "questions_df.csv", head)
    with pytest.raises(LabelError, match=r"line 2: .*alternative without spans"):
        read_chroma(tmp_path)
    good = head.replace("[]", '"[{""content"": ""T"", ""start_index"": 0, ""end_index"": 1}]"')
    file(tmp_path, "questions_df.csv", good + "x,[],../faq\n")
    with pytest.raises(LabelError, match=r"line 4: there is no corpus '../faq'; there are faq"):
        read_chroma(tmp_path)
    file(tmp_path, "questions_df.csv", good + "x,[{},faq\n")
    with pytest.raises(LabelError, match=r"questions_df\.csv, line 4: "):
        read_chroma(tmp_path)


def test_readers_take_a_list_of_principals(tmp_path: Path) -> None:
    write_chroma(tmp_path, [FAQ], [asked("q", (TEN,))])
    assert read_chroma(tmp_path, allowed=["staff"])[0][0].allowed == ("staff",)
    with pytest.raises(ConfigError, match="allowed must be a list of principals; got 'staff'"):
        read_chroma(tmp_path, allowed="staff")


# DataFrames


def test_frames_give_back_what_they_were_made_of() -> None:
    questions = [FULL, NONE, TWICE]
    frame, evidence = questions_frame(questions), evidence_frame(questions)
    assert questions_from_frames(frame, evidence) == questions
    assert evidence[["query_id", "alternative", "start"]].values.tolist() == [
        ["q1", 0, 13],
        ["q1", 0, 0],
        ["q1", 1, pd.NA],
    ]


def test_frames_from_a_spreadsheet_are_understood() -> None:
    asked_ = pd.DataFrame({"query_id": [7, 8], "text": ["a", "b"], "expected_answer": ["x", None]})
    spans = pd.DataFrame({"query_id": [7, 7], "doc_id": ["d", "d"], "start": [1.0, float("nan")]})
    spans = spans.assign(end=[4.0, float("nan")], quote=[None, "ten days"])
    one, two = questions_from_frames(asked_, spans)
    assert one.query_id == "7"
    assert one.evidence == (
        (
            EvidenceSpan(doc_id="d", start=1, end=4),
            EvidenceSpan(doc_id="d", quote="ten days"),
        ),
    )
    assert (two.query.expected_answer, two.evidence) == (None, ())


def test_documents_survive_their_frame() -> None:
    documents = [
        replace(FAQ, metadata={"title": "inner", "tags": ("a", "b"), "year": 2024}),
        replace(TERMS, allowed=(), syntax="rst", metadata={"plan": "annual"}),
    ]
    back = documents_from_frame(texts_frame(documents))
    assert [replace(d, metadata={}) for d in back] == [replace(d, metadata={}) for d in documents]
    assert [dict(d.metadata) for d in back] == [dict(d.metadata) for d in documents]


def test_faults_in_frames_are_named() -> None:
    frame = questions_frame([NONE])
    with pytest.raises(LabelError, match="lacks the columns text"):
        questions_from_frames(frame[["query_id"]])
    with pytest.raises(LabelError, match="questions, row 0: query_id 'q2' came before"):
        questions_from_frames(pd.concat([frame, frame]))
    with pytest.raises(LabelError, match="evidence: query_id 'q1' is no question"):
        questions_from_frames(frame, evidence_frame([FULL]))
    spans = pd.DataFrame({"query_id": ["q2"], "doc_id": ["d"], "start": [5], "end": [5]})
    with pytest.raises(LabelError, match=r"evidence, row 0: .*start < end"):
        questions_from_frames(frame, spans)
    with pytest.raises(LabelError, match="documents, row 0: no syntax is called 'html'"):
        documents_from_frame(pd.DataFrame({"doc_id": ["a"], "text": ["b"], "syntax": ["html"]}))
    with pytest.raises(LabelError, match="documents, row 1: doc_id 'a' came before"):
        documents_from_frame(pd.DataFrame({"doc_id": ["a", "a"], "text": ["b", "b"]}))
