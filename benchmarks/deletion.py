"""Whether the words that an explanation blames are the ones: delete them, and see the order flip.

For every labelled question whose evidence is outranked by a chunk that holds none of it, the chunk
in front is explained against the best chunk that holds evidence. The five words that `culprits`
names are deleted from its text, the shorter text is really encoded and scored again, and it either
falls below the evidence or does not. Beside it: five other words of the same chunk at random, the
mean of several draws; and, where there are five, random words that stand in the question too.

Measured in three orders: dense (cosine), BM25, and MaxSim over the candidates of hybrid retrieval,
every chunk read by itself, so that a changed one is read as the others are.

`python benchmarks/deletion.py --set git_docs --data FOLDER` takes one of the labelled sets,
`--corpus data/helpdesk/docs --questions data/helpdesk/questions.jsonl` any folder and questions.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from labelled_corpus import LabelledCorpus, add_options
from reporting import report
from whymiss import Workbench
from whymiss.batch import Batch
from whymiss.evaluation import Question
from whymiss.evaluation.statistics import bootstrap_mean, mean_interval, sign_flip_test
from whymiss.explain import explain
from whymiss.explain.words import Word, without, words_of
from whymiss.pipeline import Pipeline
from whymiss.protocols import TokenVectors
from whymiss.records import Chunk, Query
from whymiss.reranking import EncodedTokens, LateInteractionReranker
from whymiss.retrieval import BM25Retriever
from whymiss.retrieval.editing import edited_space
from whymiss.text import intersection_length

N_WORDS: Final = 5
HOLDS: Final = 0.5
"""Share of a required span that a chunk must hold to be called the evidence."""
STAGES: Final = {
    "dense": {"retrieval.mode": "dense", "rerank.model": ""},
    "bm25": {"retrieval.mode": "bm25", "rerank.model": ""},
    "reranker": {"rerank.blend": "replace"},
}


@dataclass(frozen=True, kw_only=True)
class Outranked:
    """A question, the chunk in front, and the best chunk that holds evidence, as rows."""

    query: Query
    front: int
    evidence: int


@dataclass(frozen=True, kw_only=True)
class Flips:
    """Whether the order flipped: without the culprits, and how often without other words."""

    culprits: float
    random: float
    in_question: float


class Bench:
    """A corpus under one stage's order."""

    def __init__(self, workbench: Workbench, stage: str, seed: int) -> None:
        self.stage = stage
        self.seed = seed
        self.space = workbench.space()
        self.encoder = workbench.encoder()
        n = len(self.space.snapshot)
        knobs = {"retrieval.candidate_depth": n} if stage != "reranker" else {}
        self.config = workbench.config.replace({**STAGES[stage], **knobs})
        self.reranker = self._late_interaction() if stage == "reranker" else None
        self.pipeline = Pipeline(
            config=self.config, space=self.space, encoder=self.encoder,
            read_documents=workbench._spaces.documents, query_hash=str, reranker=self.reranker,
        )  # fmt: skip

    def outranked(self, questions: Sequence[Question]) -> list[Outranked]:
        """Every question in whose order a chunk without evidence is before all with it."""
        queries = [question.query for question in questions]
        batch = Batch(
            queries, space=self.space, encoder=self.encoder,
            vectors=lambda: self.encoder.encode_queries([query.text for query in queries]),
            read_documents=self.pipeline.read_documents,
        )  # fmt: skip
        last = "rerank" if self.reranker is not None else self.stage
        orders = batch.rankings(self.config, self.reranker)[last]
        found = []
        for question, order in zip(questions, orders, strict=True):
            shares = {row: self._share(row, question) for row in order.rows.tolist()}
            front = next((row for row, share in shares.items() if share == 0), None)
            evidence = next((row for row, share in shares.items() if share >= HOLDS), None)
            places = list(shares)
            if front is None or evidence is None or places.index(front) > places.index(evidence):
                continue
            found.append(Outranked(query=question.query, front=front, evidence=evidence))
        return found

    def flips(self, case: Outranked, draws: int) -> Flips:
        """One case with its culprits deleted, and with other words deleted."""
        chunk = self.space.snapshot.chunks[case.front]
        other = self.space.snapshot.chunks[case.evidence]
        words = words_of(chunk.indexed_text)
        told = explain(case.query, chunk, other, pipeline=self.pipeline)
        chosen = set(_numbers(words, chunk, told.culprits(N_WORDS, stage=self.stage)))
        real = [i for i, word in enumerate(words) if not word.is_mark]
        rng = np.random.default_rng([self.seed, case.front, case.evidence])
        others = [i for i in real if i not in chosen]
        asked = {word.name.casefold() for word in words_of(case.query.text) if not word.is_mark}
        named = [i for i in real if words[i].name.casefold() in asked]
        sets = [chosen, *_draws(rng, others, len(chosen), draws)]
        n_random = len(sets) - 1
        if len(named) >= N_WORDS:
            sets += _draws(rng, named, len(chosen), draws)
        texts = [without(chunk.indexed_text, words, gone) for gone in sets]
        below = self._below(case, [_changed(chunk, text) for text in texts])
        return Flips(
            culprits=float(below[0]),
            random=_mean(below[1 : 1 + n_random]),
            in_question=_mean(below[1 + n_random :]),
        )

    def _below(self, case: Outranked, changed: Sequence[Chunk]) -> list[bool]:
        """Whether each changed chunk, scored again, is below the evidence."""
        score: dict[str, Callable[[Outranked, Sequence[Chunk]], list[bool]]] = {
            "dense": self._dense, "bm25": self._bm25, "reranker": self._maxsim,
        }  # fmt: skip
        return score[self.stage](case, changed)

    def _dense(self, case: Outranked, changed: Sequence[Chunk]) -> list[bool]:
        (asked,) = self.encoder.encode_queries([case.query.text])
        made = self.encoder.encode_once([chunk.indexed_text for chunk in changed])
        limit = float(self.space.snapshot.vectors[case.evidence] @ asked)
        return [float(score) < limit for score in made @ asked]

    def _bm25(self, case: Outranked, changed: Sequence[Chunk]) -> list[bool]:
        found = []
        for chunk in changed:
            vector = self.space.snapshot.vectors[[case.front]]
            space = edited_space(self.space, drop=[case.front], add=[chunk], vectors=vector)
            retriever = BM25Retriever(space, retrieval=self.config.retrieval)
            scores = retriever.scores(case.query, space.visible(case.query))
            # In the edited space the chunk stands in the same row: its place is the same.
            found.append(bool(scores[case.front] < scores[case.evidence]))
        return found

    def _maxsim(self, case: Outranked, changed: Sequence[Chunk]) -> list[bool]:
        assert self.reranker is not None
        evidence = self.space.snapshot.chunks[case.evidence]
        (limit,) = self.reranker.scores(case.query, [evidence])
        late = self.reranker.over(EncodedTokens(self._tokens))
        return [score < limit for score in late.scores(case.query, changed)]

    def _late_interaction(self) -> LateInteractionReranker:
        self._tokens: Any = self.encoder.token_encoder
        kept: dict[str, TokenVectors] = {}
        encoded = EncodedTokens(self._tokens)

        def tokens_of(chunks: Sequence[Chunk]) -> list[TokenVectors]:
            new = [chunk for chunk in chunks if chunk.chunk_id not in kept]
            kept.update(zip((c.chunk_id for c in new), encoded(new), strict=True))
            return [kept[chunk.chunk_id] for chunk in chunks]

        return LateInteractionReranker(self._tokens, tokens_of)

    def _share(self, row: int, question: Question) -> float:
        """The greatest share of a required span that a chunk holds."""
        chunk = self.space.snapshot.chunks[row]
        return max(
            intersection_length((chunk.start, chunk.end), span.interval)
            / (span.interval[1] - span.interval[0])
            if span.doc_id == chunk.doc_id
            else 0.0
            for spans in question.evidence
            for span in spans
        )


def _numbers(words: Sequence[Word], chunk: Chunk, parts: Sequence[Any]) -> Iterator[int]:
    """The words that parts of an explanation stand for."""
    shift = len(chunk.prefix) - chunk.start
    starts = {word.start: number for number, word in enumerate(words)}
    for part in parts:
        places = [*part.prefix, *((a + shift, b + shift) for a, b in part.passage)]
        yield starts[places[0][0]]


def _draws(rng: np.random.Generator, numbers: Sequence[int], n: int, draws: int) -> list[set[int]]:
    size = min(n, len(numbers))
    return [set(rng.choice(numbers, size, replace=False).tolist()) for _ in range(draws)]


def _changed(chunk: Chunk, text: str) -> Chunk:
    border = len(chunk.prefix)
    return replace(chunk, prefix=text[:border], text=text[border:])


def _mean(outcomes: Sequence[bool]) -> float:
    return float(np.mean(outcomes)) if outcomes else float("nan")


def measure(
    workbench: Workbench, questions: Sequence[Question], *, name: str, stage: str, cases: int,
    draws: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """One stage of one set: flip rates, and how much more often culprits flip the order."""
    bench = Bench(workbench, stage, seed)
    every = bench.outranked(questions)
    chosen = np.random.default_rng(seed).permutation(len(every))[:cases].tolist()
    flips = [bench.flips(every[i], draws) for i in sorted(chosen)]
    culprits, random, in_question = (
        [getattr(flip, kind) for flip in flips] for kind in ("culprits", "random", "in_question")
    )
    paired = partial(np.subtract, culprits)
    differences = paired(random)
    return {
        "set": name,
        "stage": stage,
        "questions": len(questions),
        "outranked": len(every),
        "n": len(flips),
        "culprits": str(mean_interval(culprits)),
        "random": str(mean_interval(random)),
        "difference": str(bootstrap_mean(differences)),
        "p": sign_flip_test(differences).p,
        "n_in_question": int(np.isfinite(in_question).sum()),
        "in_question": str(mean_interval(in_question)),
        "difference_in_question": str(bootstrap_mean(paired(in_question))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, name_help="of the set in the table and the result's file")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--cases", type=int, default=150, help="outranked questions, at most")
    parser.add_argument("--draws", type=int, default=10, help="of random words, each question")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    corpus = LabelledCorpus.of(args)
    with corpus.opened() as workbench:
        labelled = corpus.judged(workbench)
        rows = [
            measure(workbench, labelled, name=corpus.name, stage=stage, cases=args.cases,
                    draws=args.draws, seed=args.seed)
            for stage in args.stages.split(",")
        ]  # fmt: skip
    report(f"deletion_{corpus.name}", rows)


if __name__ == "__main__":
    main()
