"""Faults of the answer: the evidence was there, and yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from whymiss.answering.prompt import ABSTENTION
from whymiss.chunking import sentence_starts
from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import gold_documents
from whymiss.diagnosis.generators import Edit, answered_by, edited
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.scene import Scene
from whymiss.protocols import Generator
from whymiss.records import Answer, Citation, Context, Passage, Query
from whymiss.text import words

_MARKER: Final = re.compile(r"\[(\d+)\]")
_SUPPORT: Final = {1: 0.7, 2: 0.9}
_CLAIMS: Final = (
    "Requests received after {0} are handled by the regional office within {1} working days.",
    "A surcharge of {0} percent applies to every order placed before {1}.",
    "The committee confirmed this in {0} and will review it again in {1}.",
    "Customers with more than {0} licences are exempt until {1}.",
)
_WORDS: Final = 6
"""Words that a sentence told from memory has at least."""


@dataclass(frozen=True)
class Reciter:
    """A generator that says what it remembers, whatever it is given to read."""

    generator: Generator
    remembered: str

    @property
    def name(self) -> str:
        """That of the generator itself."""
        return self.generator.name

    def generate(self, query: Query, context: Context) -> Answer:
        """The remembered text, citing the first passage as such models do."""
        return _cited(self.remembered, context.passages[:1], self.name)


@dataclass(frozen=True)
class Abstainer:
    """A generator that does not dare to answer."""

    generator: Generator

    @property
    def name(self) -> str:
        """That of the generator itself."""
        return self.generator.name

    def generate(self, query: Query, context: Context) -> Answer:
        """An abstention."""
        reason = "the passages do not seem to answer the question"
        return Answer(text=ABSTENTION, abstained=True, reason=reason, generator=self.name)


def ignoring_generator(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """A sentence of another document, whatever the context says."""
    if severity > 1:
        return None
    told = _elsewhere(run, rng)
    return answered_by(run.scene, lambda found: Reciter(found, told)) if told else None


def unsupported_claim(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """One, two or three invented sentences behind the answer."""
    picked = rng.choice(len(_CLAIMS), size=severity, replace=False).tolist()
    said = [_CLAIMS[i].format(*rng.integers(1000, 9999, size=2).tolist()) for i in picked]

    def edit(answer: Answer, context: Context) -> Answer:
        for claim in said:
            answer = _longer(answer, claim)
        return answer

    return edited(run.scene, _unless_abstained(edit))


def wrong_citation(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """All citations point to the next passage, and from the last to the first."""
    if severity > 1 or len(run.context.passages) < 2:
        return None
    return edited(run.scene, _unless_abstained(_shifted))


def abstaining_generator(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """A higher threshold of support; in the end a generator that never answers."""
    if severity in _SUPPORT:
        return run.scene.configured({"answer.min_support": _SUPPORT[severity]})
    return answered_by(run.scene, Abstainer)


def answering(scene: Scene) -> tuple[Scene, ...]:
    """The scene with its answer."""
    return (scene if scene.answers else replace(scene, answers=True),)


def _unless_abstained(edit: Edit) -> Edit:
    """The same change, but an abstention stays one."""
    return lambda answer, context: answer if answer.abstained else edit(answer, context)


def _elsewhere(run: Run, rng: np.random.Generator) -> str:
    """A sentence of a document that holds no evidence, else of a chunk that holds none."""
    chunks = run.scene.space.snapshot.chunks
    gold = set(gold_documents(run.scene))
    rows = [row for row, chunk in enumerate(chunks) if chunk.doc_id not in gold]
    held = set(run.gold_rows)
    rows = rows or [row for row in range(len(chunks)) if row not in held]
    for row in rng.permutation(rows).tolist():
        text = chunks[row].text
        starts = [*map(int, sentence_starts(text)), len(text)]
        for start, end in pairwise(starts):
            sentence = " ".join(text[start:end].split())
            if len(words(sentence)) >= _WORDS and sentence[-1] in ".!":
                return sentence
    return ""


def _cited(text: str, passages: Sequence[Passage], generator: str) -> Answer:
    """A text with one citation behind it, as far as there is a passage."""
    citations = tuple(
        Citation(
            start=0, end=len(text), passage=p.number, chunk_id=p.chunk_ids[0], doc_id=p.doc_id
        )
        for p in passages
    )  # fmt: skip
    markers = "".join(f" [{p.number}]" for p in passages)
    return Answer(text=text + markers, citations=citations, generator=generator)


def _longer(answer: Answer, claim: str) -> Answer:
    """One more claim, with the citation of the last one."""
    start = len(answer.text) + 1
    last = answer.citations[-1:]
    more = tuple(replace(c, start=start, end=start + len(claim)) for c in last)
    marker = f" [{last[0].passage}]" if last else ""
    text = f"{answer.text}\n{claim}{marker}"
    return replace(answer, text=text, citations=(*answer.citations, *more))


def _shifted(answer: Answer, context: Context) -> Answer:
    following = {
        p.number: context.passages[(i + 1) % len(context.passages)]
        for i, p in enumerate(context.passages)
    }

    markers = [m for m in _MARKER.finditer(answer.text) if int(m.group(1)) in following]
    grown = {
        m.end(): len(str(following[int(m.group(1))].number)) - len(m.group(1)) for m in markers
    }

    def place(point: int) -> int:
        return point + sum(more for end, more in grown.items() if end <= point)

    text = answer.text
    for match in reversed(markers):
        number = following[int(match.group(1))].number
        text = f"{text[: match.start()]}[{number}]{text[match.end() :]}"
    citations = tuple(
        replace(
            c, start=place(c.start), end=place(c.end), passage=p.number,
            chunk_id=p.chunk_ids[0], doc_id=p.doc_id,
        )
        for c in answer.citations
        if (p := following[c.passage])
    )  # fmt: skip
    return replace(answer, text=text, citations=citations)


FAULTS: Final = (
    Fault(
        name="ignoring_generator", title="the answer does not come from the context",
        cause="G1", stage="answer", prepare=answering, plant=ignoring_generator,
    ),
    Fault(
        name="unsupported_claim", title="the answer claims more than the context says",
        cause="G2", stage="answer", prepare=answering, plant=unsupported_claim,
    ),
    Fault(
        name="wrong_citation", title="the citation points to another passage",
        cause="G3", stage="answer", prepare=answering, plant=wrong_citation,
    ),
    Fault(
        name="abstaining_generator", title="no answer, though the evidence was there",
        cause="G5", stage="answer", prepare=answering, plant=abstaining_generator,
    ),
)  # fmt: skip
