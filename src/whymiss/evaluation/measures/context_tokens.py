"""Tokens of the packed context: what a question costs to answer."""

from __future__ import annotations

from whymiss.evaluation.measures._score import undefined
from whymiss.records import Context, Score


def context_tokens(context: Context | None) -> Score:
    """Tokens of the context, headers included, counted by the encoder's tokenizer.

    Undefined where no context was packed; 0 for an empty one.

    >>> context_tokens(Context(passages=(), dropped=(), text="", n_tokens=0, budget=9)).value
    0.0
    """
    if context is None:
        return undefined("context_tokens", "no context was packed")
    return Score(measure="context_tokens", value=float(context.n_tokens))
