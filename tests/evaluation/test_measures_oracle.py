"""Rank measures over documents against trec_eval's own code."""

from __future__ import annotations

import random

import pytest
import pytrec_eval

from whymiss.evaluation import Outcome, Question, parse_measure, summarise
from whymiss.records import Query

CUTOFFS = (1, 3, 5, 10, 20)
NAMES: dict[str, str] = {
    **{f"doc_recall@{k}": f"recall_{k}" for k in CUTOFFS},
    **{f"doc_precision@{k}": f"P_{k}" for k in CUTOFFS},
    **{f"doc_success@{k}": f"success_{k}" for k in CUTOFFS},
    **{f"doc_map@{k}": f"map_cut_{k}" for k in CUTOFFS},
    **{f"doc_ndcg@{k}": f"ndcg_cut_{k}" for k in CUTOFFS},
    "doc_mrr": "recip_rank",
    "doc_map@1000": "map",
    "doc_ndcg@1000": "ndcg",
}
ASKED = {"recip_rank", "map", "ndcg"} | {
    f"{name}.{','.join(map(str, CUTOFFS))}"
    for name in ("recall", "P", "success", "map_cut", "ndcg_cut")
}


def random_run(rng: random.Random) -> tuple[dict[str, dict[str, int]], dict[str, list[str]]]:
    """qrels and, for each query, documents best first, from scores of which many are equal."""
    pool = [f"d{n}" for n in range(30)]
    qrels, run = {}, {}
    for n in range(rng.randint(1, 6)):
        judged = rng.sample(pool, rng.randint(1, 15))
        qrels[f"q{n}"] = {doc: rng.choice((-1, 0, 0, 1, 1, 2, 3)) for doc in judged}
        # Grades below 0 only: trec_eval reads memory it did not set, and at times never returns.
        qrels[f"q{n}"][judged[0]] = max(0, qrels[f"q{n}"][judged[0]])
        if rng.random() < 0.85:  # the others are missing from the run
            scores = {doc: rng.randint(0, 5) for doc in rng.sample(pool, rng.randint(1, 30))}
            run[f"q{n}"] = sorted(scores, key=lambda doc: (-scores[doc], doc))
    run["unjudged"] = rng.sample(pool, 5)
    return qrels, run


def outcome(query_id: str, labels: dict[str, int], ranked: list[str]) -> Outcome:
    question = Question(query=Query(query_id=query_id, text="How long?"), documents=labels)
    # Several chunks of a document: only its best one has a place.
    hits = [(doc, start, start + 9) for doc in ranked for start in (0, 9)]
    return Outcome(question=question, retrieved=tuple(hits))


def test_document_measures_equal_trec_eval_on_a_thousand_random_runs() -> None:
    rng = random.Random(20)
    measures = {name: parse_measure(name) for name in NAMES}
    compared = missing = 0
    for _ in range(1000):
        qrels, run = random_run(rng)
        # Ranks as falling whole numbers: trec_eval would order equal scores its own way.
        scored = {q: {d: 1000 - r for r, d in enumerate(docs)} for q, docs in run.items()}
        expected = pytrec_eval.RelevanceEvaluator(qrels, ASKED).evaluate(scored)
        for query_id, labels in qrels.items():
            result = outcome(query_id, labels, run.get(query_id, []))
            relevant = any(grade > 0 for grade in labels.values())
            for name, theirs in NAMES.items():
                score = measures[name].score(result)
                assert score.measure == name
                if not relevant:  # trec_eval says 0; nothing could have been found
                    assert score.undefined_because == "no judged document is relevant"
                elif query_id in expected:
                    assert score.value == pytest.approx(expected[query_id][theirs], abs=1e-9)
                    compared += 1
                else:  # trec_eval leaves the query out; here it counts 0
                    assert score.value == 0
                    missing += 1
        unjudged = outcome("unjudged", {}, run["unjudged"])
        assert measures["doc_ndcg@10"].score(unjudged).undefined_because == "nothing is judged"
    assert compared > 50_000
    assert missing > 5_000


def test_the_mean_equals_trec_eval_when_every_query_has_a_ranking() -> None:
    rng = random.Random(3)
    pool = [f"d{n}" for n in range(30)]
    qrels = {f"q{n}": dict.fromkeys(rng.sample(pool, 4), 1) for n in range(50)}
    run = {q: rng.sample(pool, 20) for q in qrels}
    scored = {q: {d: 1000 - r for r, d in enumerate(docs)} for q, docs in run.items()}
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"map_cut.10"}).evaluate(scored)
    outcomes = [outcome(q, qrels[q], run[q]) for q in qrels]
    assert summarise(parse_measure("doc_map@10"), outcomes).score.value == pytest.approx(
        sum(row["map_cut_10"] for row in expected.values()) / len(expected), abs=1e-12
    )
