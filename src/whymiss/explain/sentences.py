"""What an explanation says in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whymiss.explain.deciding import order

if TYPE_CHECKING:
    from whymiss.explain.explanation import Explanation
    from whymiss.records import Chunk


def place_of(chunk: Chunk) -> str:
    """Where a chunk stands, in a few words."""
    return f"{chunk.doc_id}:{chunk.start}-{chunk.end}"


def verdict(explanation: Explanation) -> str:
    """Which chunk is above, where that was decided, and by which words."""
    one, other = place_of(explanation.chunk), place_of(explanation.against)
    if not explanation.decided_at:
        return f"neither {one} nor {other} is retrieved"
    said = [order(pair) for pair in explanation.standings if pair[0].stage != "reranker"]
    above = next(sign for sign in reversed(said) if sign) > 0
    words = ", ".join(repr(part.name) for part in explanation.culprits())
    text = f"{one} is {'above' if above else 'below'} {other}, decided at {explanation.decided_at}"
    return f"{text}; held up in {explanation.main} by {words}" if words else text
