"""Scores that nothing takes apart exactly: words left out one at a time, and scored again.

The differences need not sum to the score: they say what the score would be without a word, not what
the word brought. Ribeiro et al. (2016) and others smooth over many words at once; one at a time is
plain, and its residual is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from whymiss.explain.ledger import Ledger, Part, Standing
from whymiss.explain.words import Word, placed, without, words_of
from whymiss.records import Chunk, Query

APPROXIMATE: Final = "approximate: each word left out by itself, all others scored again without it"

ScoreChunks = Callable[[Query, Sequence[Chunk]], Sequence[float]]
"""Scores of one question with chunks, all of them new: nothing of this is remembered."""


def left_out_ledgers(
    query: Query, chunk: Chunk, score_chunks: ScoreChunks, standing: Standing, score: float,
    *, because: str = "",
) -> list[Ledger]:  # fmt: skip
    """What the score loses without each word of the chunk, and without each word of the question.

    Marks are left in. A question of one word cannot lose it, and is not taken apart.
    """
    note = f"{APPROXIMATE} ({because})" if because else APPROXIMATE
    base, *others = score_chunks(query, [chunk, *(c for _, c in _shorter_chunks(chunk))])
    passage = [
        Part(
            name=word.name, value=base - other, effect=base - other,
            **placed(chunk, [(word.start, word.end)]),
        )
        for (word, _), other in zip(_shorter_chunks(chunk), others, strict=True)
    ]  # fmt: skip
    shared = {"standing": standing, "score": score, "exact": False}
    made = [Ledger(view="passage tokens", parts=tuple(passage), note=note, **shared)]  # type: ignore[arg-type]
    shorter = _shorter_queries(query)
    asked = [
        Part(
            name=word.name, value=base - other, effect=base - other,
            question=((word.start, word.end),),
        )
        for word, less in shorter
        for other in score_chunks(less, [chunk])
    ]  # fmt: skip
    if not shorter:
        note = "a question of one word has no score without it"
    made.append(Ledger(view="question tokens", parts=tuple(asked), note=note, **shared))  # type: ignore[arg-type]
    return made


def _shorter_chunks(chunk: Chunk) -> list[tuple[Word, Chunk]]:
    """The chunk without each of its words; blanks keep all places as they are."""
    text = chunk.indexed_text
    words = words_of(text)
    border = len(chunk.prefix)
    made = []
    for number, word in enumerate(words):
        if not word.is_mark:
            less = without(text, words, {number})
            made.append((word, replace(chunk, prefix=less[:border], text=less[border:])))
    return made


def _shorter_queries(query: Query) -> list[tuple[Word, Query]]:
    words = words_of(query.text)
    if sum(not word.is_mark for word in words) < 2:
        return []
    return [
        (word, replace(query, text=without(query.text, words, {number})))
        for number, word in enumerate(words)
        if not word.is_mark
    ]
