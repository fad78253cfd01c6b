"""Passages and traces of another system, and the file they come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError, TraceError
from whymiss.evaluation.labels import Question
from whymiss.foreign import ForeignPassage, ForeignTrace, ask_retriever, read_traces, write_traces
from whymiss.foreign.records import passage_from
from whymiss.records import Query

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
SCORES = st.none() | st.floats(allow_nan=False, allow_infinity=False)
BY_PLACE = st.builds(
    lambda doc_id, start, length, score: ForeignPassage(
        doc_id=doc_id, start=start, end=start + length, score=score
    ),
    WORDS, st.integers(0, 10**9), st.integers(1, 10**6), SCORES,
)  # fmt: skip
BY_WORDS = st.builds(ForeignPassage, text=WORDS, doc_id=st.just("") | WORDS, score=SCORES)
TRACES = st.builds(
    ForeignTrace,
    query_id=WORDS,
    question=st.just("") | WORDS,
    stages=st.dictionaries(WORDS, st.lists(BY_PLACE | BY_WORDS, max_size=3), min_size=1),
    answer=st.none() | WORDS,
)


@given(st.lists(TRACES, max_size=4))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, traces: list[ForeignTrace]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    write_traces(path, traces)
    again = list(read_traces(path))
    assert again == traces
    assert [list(trace.stages) for trace in again] == [list(trace.stages) for trace in traces]


def test_lines_are_read_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    huge = "word " * 200_000
    path.write_text(line(text=huge) + "\nno JSON at all\n")
    traces = read_traces(path)
    assert next(traces).stages["search"][0].text == huge
    with pytest.raises(TraceError, match="line 2"):
        next(traces)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("[]", "a line must be an object"),
        ('{"query_id": "q"}', "'stages' is missing"),
        ('{"query_id": "q", "stages": []}', "stages must be an object from stage to passages"),
        ('{"query_id": "q", "stages": {}}', "at least one stage"),
        ('{"stages": {"search": []}}', "needs a query_id or a question"),
        ('{"query_id": "q", "stages": {"search": {}}}', "'search' must be a list of passages"),
        ('{"query_id": "q", "stages": {"search": [7]}}', "a passage is its text"),
        ('{"query_id": "q", "stages": {"search": [{"doc": "a"}]}}', "did you mean 'doc_id'"),
        ('{"query_id": "q", "stages": {"search": [{"doc_id": "a"}]}}', "or its text; got neither"),
        ('{"query_id": "q", "stages": {"search": [{"doc_id": "a", "start": 1}]}}', "start and end"),
        ('{"query_id": "q", "query": "Refund?", "stages": {"search": []}}', "unknown key 'query'"),
    ],
)
def test_a_bad_line_is_one_clear_error_with_its_number(
    tmp_path: Path, entry: str, said: str
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{line()}\n\n{entry}\n")
    with pytest.raises(TraceError, match=f"log.jsonl, line 3: .*{said}"):
        list(read_traces(path))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"none\.jsonl"):
        list(read_traces(tmp_path / "none.jsonl"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"doc_id": "a", "start": 5, "end": 5}, "0 <= start < end"),
        ({"doc_id": "a", "start": -1, "end": 5}, "0 <= start < end"),
        ({"doc_id": "a", "start": 0.0, "end": 5}, "whole number"),
        ({"doc_id": "a", "start": True, "end": 5}, "whole number"),
        ({"start": 0, "end": 5}, "needs doc_id, start and end"),
        ({"text": "a", "score": float("nan")}, "finite number"),
        ({"text": "a", "score": "high"}, "finite number"),
        ({"text": b"a"}, "text as text"),
        ({"text": "  "}, "or its text; got neither"),
    ],
)
def test_a_passage_that_says_nothing_sure_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRecordError, match=said):
        ForeignPassage(**fields)


def test_every_form_of_a_passage_is_the_same_passage() -> None:
    placed = ForeignPassage(doc_id="a", start=0, end=9)
    entry = {"doc_id": "a", "start": 0, "end": 9, "text": None}
    assert [passage_from(given) for given in (placed, ("a", 0, 9), entry)] == [placed] * 3
    assert passage_from("words") == ForeignPassage(text="words")


QUESTION = Question(query=Query(query_id="q1", text="Refund?"))


@pytest.mark.parametrize("found", ["one text", [3], None, [("a", 0)]])
def test_a_retriever_that_returns_something_else_is_told_with_the_question(found: Any) -> None:
    with pytest.raises(InvalidRecordError, match=r"^question 'q1': "):
        ask_retriever(lambda _: found, [QUESTION])


def test_an_error_of_the_retriever_is_its_own() -> None:
    def broken(question: str) -> list[str]:
        raise ConnectionError("no server")

    with pytest.raises(ConnectionError, match="no server"):
        ask_retriever(broken, [QUESTION])


def line(**passage: str) -> str:
    found = [passage or {"text": "words"}]
    return json.dumps({"query_id": "q", "stages": {"search": found}})
