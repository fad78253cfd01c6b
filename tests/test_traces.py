"""The request log: complete enough to read back, and silent about words unless asked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whymiss
from whymiss.errors import StoreError, TraceError
from whymiss.frames import TRACES, traces_frame
from whymiss.records import (
    Answer,
    Citation,
    Clause,
    Context,
    Document,
    Hit,
    Passage,
    Ranking,
    Score,
    Trace,
    digest,
)
from whymiss.stages import STAGES
from whymiss.testing import HashingEncoder
from whymiss.traces import TraceLog, trace_from_json, trace_to_json, without_text

text = st.text(max_size=8)  # lone surrogates included: a model may write half a character
numbers = st.floats(-1e6, 1e6)
clauses = st.builds(
    lambda field, op, value: Clause(field=field, op=op, value=[value] if op == "in" else value),
    st.sampled_from(["plan", "Größe", "x y"]),
    st.sampled_from(["eq", "ne", "in", "lt", "le", "gt", "ge"]),
    st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.integers(),
              st.booleans(), numbers),
)  # fmt: skip
rankings = st.builds(
    lambda stage, scores: Ranking(
        query_id="q",
        stage=stage,
        hits=tuple(
            Hit(chunk_id=f"c{i}", doc_id="d", start=i, score=s, rank=i + 1, parts={"p": s})
            for i, s in enumerate(scores)
        ),
    ),
    st.sampled_from(STAGES),
    st.lists(numbers, max_size=3),
)
passages = st.builds(
    Passage, number=st.integers(1, 9), chunk_ids=st.lists(text, max_size=2).map(tuple),
    doc_id=text, start=st.integers(0, 9), end=st.integers(0, 9), text=text, title=text,
    headings=st.lists(text, max_size=2).map(tuple), n_tokens=st.integers(0, 9),
)  # fmt: skip
contexts = st.builds(
    Context, passages=st.lists(passages, max_size=2).map(tuple),
    dropped=st.lists(st.tuples(text, st.just("duplicate")), max_size=2).map(tuple),
    text=text, n_tokens=st.just(3), budget=st.just(9),
)  # fmt: skip
citations = st.builds(
    Citation, start=st.integers(0, 9), end=st.integers(0, 9), passage=st.integers(0, 9),
    chunk_id=text, doc_id=text,
)  # fmt: skip
answers = st.builds(
    Answer, text=text, citations=st.lists(citations, max_size=2).map(tuple),
    abstained=st.booleans(), reason=text, generator=text, prompt=text,
    n_prompt_tokens=st.integers(0, 9),
)  # fmt: skip
scores = st.one_of(
    st.builds(Score, measure=text, value=numbers),
    st.builds(Score, measure=text, value=st.just(math.nan), undefined_because=st.just("no claims")),
)
traces = st.builds(
    Trace, trace_id=text, asked_at=text, query_hash=text, query_text=st.none() | text,
    principals=st.lists(text, max_size=2).map(tuple),
    where=st.lists(clauses, max_size=2).map(tuple),
    config_fingerprint=text, index_name=text, index_version=text, model_version=text,
    rankings=st.lists(rankings, max_size=2).map(tuple), context=st.none() | contexts,
    answer=st.none() | answers, scores=st.lists(scores, max_size=2).map(tuple),
    seconds=st.dictionaries(st.sampled_from(STAGES), numbers, max_size=3),
    flags=st.lists(text, max_size=2).map(tuple),
)  # fmt: skip


def plain(trace: Trace) -> Any:
    """A trace as values that compare equal: NaN is not equal to itself."""
    raw = dataclasses.asdict(trace)
    for score in raw["scores"]:
        score["value"] = "undefined" if math.isnan(score["value"]) else score["value"]
    return raw


@given(traces)
def test_a_trace_comes_back_from_json_as_it_was(trace: Trace) -> None:
    written = trace_to_json(trace)
    assert plain(trace_from_json(written)) == plain(trace)
    assert trace_to_json(trace_from_json(written)) == written
    assert written.isascii()
    json.loads(written, parse_constant=pytest.fail)


@given(traces)
def test_a_trace_without_text_keeps_every_id_span_score_and_time(trace: Trace) -> None:
    bare = without_text(trace)
    assert bare.rankings == trace.rankings
    assert bare.seconds == trace.seconds
    assert (bare.context is None) == (trace.context is None)
    if bare.context and trace.context:
        assert bare.context.chunk_ids == trace.context.chunk_ids
        assert bare.context.dropped == trace.context.dropped
    if bare.answer and trace.answer:
        assert bare.answer.citations == trace.answer.citations
    assert [(c.field, c.op) for c in bare.where] == [(c.field, c.op) for c in trace.where]


def trace(trace_id: str = "abc123", **fields: Any) -> Trace:
    given_fields: dict[str, Any] = {
        "trace_id": trace_id, "asked_at": "2026-01-01T00:00:00.000+00:00", "query_hash": "h",
        "query_text": "Where?", "principals": (), "where": (), "config_fingerprint": "f",
        "index_name": "main", "index_version": "1.1", "model_version": "m", "rankings": (),
        "context": None, "answer": None, "scores": (), "seconds": {"dense": 0.5}, "flags": (),
    }  # fmt: skip
    return Trace(**{**given_fields, **fields})


SECRETS = ("zebrafish", "quokka", "okapi", "axolotl", "narwhal", "pangolin", "capybara")


def all_bytes(folder: Path) -> bytes:
    """Everything the log wrote, its write-ahead file included."""
    files = sorted(folder.glob("traces.sqlite*"))
    assert {f.name for f in files} >= {"traces.sqlite", "traces.sqlite-wal"}
    return b"".join(f.read_bytes() for f in files).lower()


def ask_about_secrets(folder: Path, *, raw_text: bool) -> Trace:
    config = whymiss.PipelineConfig().replace(
        {"trace.raw_text": raw_text, "answer.min_support": 0.0}
    )
    document = Document(
        doc_id="doc-1", title="Quokka", text="# Okapi\n\nThe axolotl lives near the zebrafish.",
        allowed=["*"], metadata={"animal": "narwhal", "kind": ["pangolin"]},
    )  # fmt: skip
    wb = whymiss.open(folder, config=config, encoder=HashingEncoder())
    wb.ingest([document])
    found = wb.ask(
        "Where does the zebrafish capybara live?",
        where={"animal": "narwhal", "kind": ["pangolin", "capybara"]},
    )
    assert found.answer
    assert "axolotl" in found.answer.text
    return found


def test_without_raw_text_no_word_of_question_answer_passages_or_filters_is_kept(
    tmp_path: Path,
) -> None:
    found = ask_about_secrets(tmp_path, raw_text=False)
    kept = all_bytes(tmp_path)
    assert [word for word in SECRETS if word.encode() in kept] == []
    assert found.trace_id.encode() in kept


def test_with_raw_text_the_words_are_kept(tmp_path: Path) -> None:
    ask_about_secrets(tmp_path, raw_text=True)
    kept = all_bytes(tmp_path)
    assert [word for word in SECRETS if word.encode() not in kept] == []


def test_neither_prompt_nor_title_nor_heading_is_kept(tmp_path: Path) -> None:
    passage = Passage(
        number=1, chunk_ids=("c1",), doc_id="d", start=0, end=4, text="okapi", title="quokka",
        headings=("axolotl",),
    )  # fmt: skip
    spoken = trace(
        context=Context(passages=(passage,), dropped=(), text="okapi", n_tokens=1, budget=9),
        answer=Answer(text="narwhal", prompt="Answer from: pangolin", generator="openai:m"),
        query_text="zebrafish",
    )
    log = TraceLog(tmp_path)
    log.keep(spoken, raw_text=False)
    kept = all_bytes(tmp_path)
    assert [word for word in SECRETS if word.encode() in kept] == []
    assert b"openai:m" in kept
    assert log.read("abc").context.chunk_ids == ("c1",)  # type: ignore[union-attr]


def test_what_is_kept_of_a_question_cannot_be_guessed_without_the_key(tmp_path: Path) -> None:
    # Anybody can hash likely questions; no such hash, whole or cut, may be in the log.
    question = "Where does the zebrafish capybara live?"
    ask_about_secrets(tmp_path, raw_text=False)
    kept = all_bytes(tmp_path)
    for name in ("sha256", "sha1", "md5", "blake2b"):
        guess = hashlib.new(name, question.encode()).hexdigest()[:12]
        assert guess.encode() not in kept
    assert digest(question)[:12].encode() not in kept


def test_no_trace_is_kept_when_that_is_switched_off(tmp_path: Path) -> None:
    config = whymiss.PipelineConfig().replace({"trace.keep": False})
    with whymiss.open(tmp_path, config=config, encoder=HashingEncoder()) as wb:
        wb.ingest([Document(doc_id="d", text="Ten days.", allowed=["*"])])
        wb.ask("How long?")
        assert len(wb.trace) == 0


def test_equal_questions_have_one_hash_in_a_workspace_and_another_in_the_next(
    tmp_path: Path,
) -> None:
    here, again = TraceLog(tmp_path / "here"), TraceLog(tmp_path / "here")
    there = TraceLog(tmp_path / "there")
    assert here.query_hash("Where?") == again.query_hash("Where?")
    assert here.query_hash("Where?") != here.query_hash("where?")
    assert here.query_hash("Where?") != there.query_hash("Where?")


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    TraceLog(tmp_path)
    assert (tmp_path / "trace.key").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "trace.key").read_bytes()) == 32
    assert sorted(p.name for p in tmp_path.iterdir() if "key" in p.name) == ["trace.key"]


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trace.key").write_bytes(content)
    with pytest.raises(StoreError, match="instead of 32, so hashes of questions could be guessed"):
        TraceLog(tmp_path)


def test_threads_that_open_a_new_workspace_together_share_one_key(tmp_path: Path) -> None:
    for round_number in range(20):
        folder = tmp_path / str(round_number)
        hashes: list[str] = []
        barrier = threading.Barrier(8)

        def first(folder: Path = folder, barrier: threading.Barrier = barrier,
                  hashes: list[str] = hashes) -> None:  # fmt: skip
            barrier.wait()
            hashes.append(TraceLog(folder).query_hash("Where?"))

        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(hashes) == 8
        assert len(set(hashes)) == 1


def test_a_trace_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    log = TraceLog(tmp_path)
    for trace_id in ("abc1", "abd2", "x%_*"):
        log.keep(trace(trace_id), raw_text=True)
    assert log.read("abc").trace_id == "abc1"
    assert log.read("x%").trace_id == "x%_*"
    with pytest.raises(TraceError, match="several traces begin so"):
        log.read("ab")
    for missing in ("zzz", "%", "a_c", "abc12", "' OR '1'='1"):
        with pytest.raises(TraceError, match="there is none"):
            log.read(missing)
    with pytest.raises(TraceError, match="several"):
        log.read("")


def test_traces_come_oldest_first(tmp_path: Path) -> None:
    log = TraceLog(tmp_path)
    for trace_id, asked_at in (("b", "2026-02"), ("a", "2026-03"), ("c", "2026-01")):
        log.keep(trace(trace_id, asked_at=asked_at), raw_text=True)
    assert [t.trace_id for t in log.all()] == ["c", "b", "a"]


def test_several_processes_write_one_log(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from whymiss.records import Trace\n"
        "from whymiss.traces import TraceLog\n"
        "log = TraceLog(Path(sys.argv[1]))\n"
        "for i in range(40):\n"
        "    log.keep(Trace(trace_id=f'{sys.argv[2]}-{i}', asked_at='t', query_text=None,\n"
        "        query_hash=log.query_hash('q'), principals=(), where=(),\n"
        "        config_fingerprint='', index_name='',\n"
        "        index_version='', model_version='', rankings=(), context=None, answer=None,\n"
        "        scores=(), seconds={}, flags=()), raw_text=False)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(n)]) for n in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    kept = list(TraceLog(tmp_path).all())
    assert len(kept) == 160
    assert len({t.query_hash for t in kept}) == 1


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "traces.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="cannot be used: file is not a database"):
        TraceLog(tmp_path)


def test_damage_inside_the_file_is_told_when_it_is_met(tmp_path: Path) -> None:
    log = TraceLog(tmp_path)
    for i in range(200):
        log.keep(trace(f"{i:03d}", query_text="words " * 50), raw_text=True)
    log.close()
    sqlite3.connect(tmp_path / "traces.sqlite").execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "traces.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot be used: .*(malformed|not a database|disk)"):
        list(TraceLog(tmp_path).all())


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    log = TraceLog(tmp_path)
    log.close()
    with pytest.raises(StoreError, match="closed"):
        log.keep(trace(), raw_text=True)


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '"x"', '{"principals": 5}', "{"])
def test_what_is_not_a_trace_is_refused(body: str) -> None:
    with pytest.raises(TraceError, match="not a trace that whymiss wrote"):
        trace_from_json(body)


COLUMNS = [
    "trace_id", "asked_at", "query_hash", "query_text", "principals", "where", "flags", "n_hits",
    "answer", "abstained", "lexical_faithfulness", "citation_precision", "citation_recall",
    "n_context_tokens", "n_prompt_tokens", "seconds", "config_fingerprint", "index_name",
    "index_version", "model_version", "ms_parse", "ms_chunk", "ms_embed", "ms_index", "ms_filter",
    "ms_dense", "ms_bm25", "ms_fuse", "ms_rerank", "ms_select", "ms_pack", "ms_answer",
]  # fmt: skip


def test_the_frame_has_its_columns_and_types_with_rows_and_without() -> None:
    empty, full = traces_frame([]), traces_frame([trace()])
    assert list(empty.columns) == list(full.columns) == COLUMNS
    assert list(TRACES) == COLUMNS[:20]
    assert dict(empty.dtypes) == dict(full.dtypes)
    assert full["ms_dense"][0] == 500
    assert math.isnan(full["ms_bm25"][0])


def test_an_undefined_measure_is_nan_in_the_frame_and_has_its_reason_in_the_trace() -> None:
    undefined = Score(measure="citation_recall", value=math.nan, undefined_because="abstained")
    defined = Score(measure="citation_precision", value=0.5)
    frame = traces_frame([trace(scores=(undefined, defined)), trace()])
    assert math.isnan(frame["citation_recall"][0])
    assert frame["citation_precision"][0] == 0.5
    assert frame["lexical_faithfulness"].isna().all()
    again = trace_from_json(trace_to_json(trace(scores=(undefined,))))
    assert again.scores[0].undefined_because == "abstained"
