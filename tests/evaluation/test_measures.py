"""Measures of answers and time, measures by name, and sums of scores."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.answering import citation_recall as answering_citation_recall
from whymiss.answering import lexical_faithfulness as answering_faithfulness
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation import (
    MEASURES,
    EvidenceSpan,
    Outcome,
    Question,
    parse_measure,
    summarise,
)
from whymiss.evaluation.measures import (
    abstention,
    answer_f1,
    answer_match,
    delivered_evidence,
    latency,
    latency_percentile,
    latency_scores,
    summarise_scores,
    wrong_abstention,
)
from whymiss.evaluation.measures.expected import squad_tokens
from whymiss.records import Answer, Citation, Context, Passage, Query

FACT = "Refunds take ten days."


def question(expected: str | None = "Ten days", *tags: str, labelled: bool = True) -> Question:
    span = EvidenceSpan(doc_id="faq", start=0, end=22)
    query = Query(query_id="q1", text="How long?", expected_answer=expected, tags=tags)
    return Question(query=query, evidence=((span,),) if labelled else ())


def context(*spans: tuple[int, int]) -> Context:
    passages = tuple(
        Passage(number=n, chunk_ids=(f"c{n}",), doc_id="faq", start=a, end=b, text=FACT[a:b])
        for n, (a, b) in enumerate(spans, start=1)
    )
    return Context(passages=passages, dropped=(), text=FACT, n_tokens=5, budget=9)


def says(text: str) -> Answer:
    return Answer(text=text, generator="me")


SILENT = Answer(text="", abstained=True, reason="no support", generator="me")
UNANSWERABLE = question(None, "unanswerable", labelled=False)


def test_delivered_evidence_joins_what_was_packed() -> None:
    assert delivered_evidence(context((0, 12), (12, 22)), question()).value == 1
    assert delivered_evidence(context((0, 12)), question()).value == 0
    assert delivered_evidence(context((0, 12)), question(), theta=0.5).value == 1
    assert delivered_evidence(context(), question()).value == 0
    assert delivered_evidence(None, question()).undefined_because == "no context was packed"
    assert "unanswerable" in delivered_evidence(None, UNANSWERABLE).undefined_because


def test_an_answer_matches_whatever_its_case_articles_punctuation_and_markers() -> None:
    assert answer_match(says("The ten days! [1]"), question()).value == 1
    assert answer_match(says("Ten business days [1]"), question()).value == 0


def test_answer_f1_is_that_of_the_shared_words() -> None:
    # given: refunds take ten days (4); expected: ten days (2); shared 2: P 2/4, R 2/2, F1 2/3
    assert answer_f1(says(FACT), question()).value == pytest.approx(2 / 3)
    assert answer_f1(says("Never."), question()).value == 0
    # a word counts as often as both have it: given ten ten days, shared 2 of 3 and of 2
    assert answer_f1(says("ten ten days"), question()).value == pytest.approx(0.8)


@pytest.mark.parametrize("measure", [answer_match, answer_f1])
def test_an_abstention_is_no_answer_where_one_exists(measure: object) -> None:
    assert callable(measure)
    assert measure(SILENT, question()).value == 0
    assert measure(None, question()).undefined_because == "no answer was written"
    assert measure(says("x"), question("")).undefined_because == "no answer is expected"
    assert measure(says("x"), UNANSWERABLE).undefined_because == "the question is unanswerable"


def squads_own_way(text: str) -> str:
    """The four steps that SQuAD's evaluation describes, one character at a time."""
    kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


@given(st.text(alphabet="aAntThe .,'-\n$5é", max_size=40))
def test_words_are_those_of_squads_normalising(text: str) -> None:
    assert " ".join(squad_tokens(text)) == squads_own_way(text)


def test_abstaining_is_right_only_without_an_answer() -> None:
    assert abstention(SILENT, UNANSWERABLE).value == 1
    assert abstention(says("Yes."), UNANSWERABLE).value == 0
    assert abstention(SILENT, question()).undefined_because == "the question has an answer"
    assert wrong_abstention(SILENT, question()).value == 1
    assert wrong_abstention(says("Yes."), question()).value == 0
    assert "unanswerable" in wrong_abstention(SILENT, UNANSWERABLE).undefined_because
    unlabelled = question(None, labelled=False)
    assert wrong_abstention(SILENT, unlabelled).undefined_because == "nothing is judged"
    for measure, asked in ((abstention, UNANSWERABLE), (wrong_abstention, question())):
        assert measure(None, asked).undefined_because == "no answer was written"


def test_faithfulness_and_citations_are_those_of_answering() -> None:
    citation = Citation(start=0, end=22, passage=1, chunk_id="c1", doc_id="faq")
    answer = Answer(text=FACT + " [1]", citations=(citation,), generator="me")
    packed = context((0, 22))
    outcome = Outcome(question=question(), retrieved=(), context=packed, answer=answer)
    names = ("lexical_faithfulness", "citation_precision", "citation_recall")
    scores = [parse_measure(name).score(outcome) for name in names]
    assert [score.value for score in scores] == [1, 1, 1]
    assert scores[0] == answering_faithfulness(answer, packed)
    assert scores[2] == answering_citation_recall(answer, packed)
    bare = Outcome(question=question(), retrieved=(), answer=answer)
    assert parse_measure(names[0]).score(bare).undefined_because == "no context was packed"


def test_latency_is_milliseconds_of_one_stage_or_of_all() -> None:
    seconds = {"dense": 0.010, "pack": 0.002}
    assert latency(seconds, "dense").value == pytest.approx(10)
    assert latency(seconds).value == pytest.approx(12)
    assert latency(seconds, "rerank").undefined_because == "the stage did not run"
    assert latency({}).undefined_because == "no stage was timed"
    with pytest.raises(ConfigError, match="no stage is called 'search'"):
        latency(seconds, "search")


def test_percentiles_of_latency_leave_out_what_did_not_run() -> None:
    timed = [{"dense": ms / 1000} for ms in range(1, 102)] + [{"bm25": 9.0}]
    # 1 to 101 ms: the median is 51, and 95 % of the 100 steps above 1 is 96
    assert latency_percentile(timed, 50, stage="dense").value == pytest.approx(51)
    assert latency_percentile(timed, 95, stage="dense").value == pytest.approx(96)
    assert math.isnan(latency_percentile(timed, 95, stage="rerank").value)
    names = [score.measure for score in latency_scores(timed)]
    assert names[:3] == ["latency_p50:dense", "latency_p95:dense", "latency_p50:bm25"]
    with pytest.raises(ConfigError, match="between 0 and 100"):
        latency_percentile(timed, 101)


def test_every_name_is_understood_and_names_its_score() -> None:
    outcome = Outcome(
        question=question(), retrieved=(("faq", 0, 22),), seconds={"dense": 0.01}, chunks={}
    )
    for pattern in MEASURES:
        name = pattern.replace("@k", "@5").replace("pN", "p95").replace(":stage", ":dense")
        measure = parse_measure(name)
        assert measure.name == name
        if measure.unit == "share":
            assert measure.score(outcome).measure == name
        assert summarise(measure, [outcome]).score.measure == name


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("recal@5", r"did you mean recall@5\?"),
        ("NDCG@10", r"did you mean ndcg@10\?"),
        ("recall", "recall needs a cutoff of at least 1, such as recall@5"),
        ("recall@0", "recall needs a cutoff"),
        ("recall@05", "recall needs a cutoff"),
        ("recall@-1", "recall needs a cutoff"),
        ("precision_omega@5", "precision_omega takes no cutoff"),
        ("latency_p95:search", "no stage is called 'search'"),
        ("latency_p101", "no measure is called"),
        ("zzz", "there are recall@k"),
        ("", "there are recall@k"),
    ],
)
def test_an_unknown_name_is_refused_with_advice(name: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse_measure(name)


def test_sums_count_empty_rankings_as_zero_and_list_what_is_undefined() -> None:
    found = Outcome(question=question(), retrieved=(("faq", 0, 30),))
    empty = Outcome(question=question(), retrieved=())
    unjudged = Outcome(question=UNANSWERABLE, retrieved=(("faq", 0, 30),))
    summary = summarise(parse_measure("recall@5"), [found, empty, unjudged])
    assert summary.score.value == 0.5
    assert (summary.n_scored, summary.n_empty) == (2, 1)
    assert summary.undefined == (("q1", "the question is unanswerable"),)
    nothing = summarise(parse_measure("recall@5"), [unjudged])
    assert nothing.score.undefined_because == "it is defined for no question"
    with pytest.raises(InvalidRecordError, match="got 0 for 1"):
        summarise_scores(parse_measure("recall@5"), [found], [])


def test_precision_omega_needs_the_chunks() -> None:
    score = parse_measure("precision_omega").score(Outcome(question=question(), retrieved=()))
    assert score.undefined_because == "the chunks of the index are not given"


ROOMS = ("labels", "pinning", "judging", "judgement", "formats", "measures")


def modules() -> list[str]:
    names = []
    for room in ROOMS:
        module = importlib.import_module(f"whymiss.evaluation.{room}")
        names.append(module.__name__)
        inner = pkgutil.iter_modules(getattr(module, "__path__", []), f"{module.__name__}.")
        names += [info.name for info in inner]
    return names


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_theta_reaches_every_measure_of_an_outcome() -> None:
    half = Outcome(
        question=question(), retrieved=(("faq", 0, 12),), context=context((0, 12)), theta=0.5
    )
    assert parse_measure("mrr").score(half).value == 1
    assert parse_measure("delivered_evidence").score(half).value == 1
    with pytest.raises(ConfigError, match="theta is a share"):
        Outcome(question=question(), retrieved=(), theta=2)
