"""An explanation as tables; the column names are a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from whymiss.explain.explanation import Explanation
    from whymiss.explain.ledger import Contrast, Part

FRAME: Final = (
    "stage", "view", "kind", "part", "chunk", "against", "difference", "chunk_effect",
    "against_effect", "exact", "question_spans", "chunk_spans", "against_spans", "chunk_prefix",
    "against_prefix", "chunk_numbers", "against_numbers", "chunk_note", "against_note",
)  # fmt: skip
"""One row per part of a score, in the order of stages, views and texts.

stage, view : which score, and how it is taken apart.
kind : "part", or "residual" for what no part accounts for; one such row ends every view, so that
    `chunk`, `against` and `difference` sum to both scores and to the margin.
part : the term, token, word or list; empty for the residual.
chunk, against : what it adds to the score of either; NaN where it is no part of one.
difference : what it adds to the margin.
chunk_effect, against_effect : how much the score falls without it; NaN where that is not known.
exact : whether the parts sum to the score by definition.
question_spans, chunk_spans, against_spans : characters of the question and of the documents.
chunk_prefix, against_prefix : characters of the chunks' prefixes.
chunk_numbers, against_numbers : what the value was computed from, by name.
chunk_note, against_note : what else there is to say of it.
"""

STANDINGS: Final = (
    "stage", "chunk_score", "chunk_rank", "against_score", "against_rank", "n", "margin",
    "chunk_note", "against_note",
)  # fmt: skip

_NAN: Final = float("nan")


def explanation_frame(explanation: Explanation) -> pd.DataFrame:
    """Every part of every contrast; columns as in `FRAME`."""
    rows = [row for contrast in explanation.contrasts for row in _rows(contrast)]
    return _typed(pd.DataFrame(rows, columns=list(FRAME), dtype=object))


def contrast_table(contrast: Contrast) -> pd.DataFrame:
    """The rows of one contrast, the greatest difference first, the residual last."""
    *parts, residual = _rows(contrast)
    parts.sort(key=lambda row: -abs(row["difference"]))
    return _typed(pd.DataFrame([*parts, residual], columns=list(FRAME), dtype=object))


def standings_frame(explanation: Explanation) -> pd.DataFrame:
    """Score and rank of both chunks at every stage that ran; columns as in `STANDINGS`."""
    rows = [
        {
            "stage": one.stage, "chunk_score": one.score, "chunk_rank": one.rank,
            "against_score": other.score, "against_rank": other.rank, "n": one.n,
            "margin": None if one.score is None or other.score is None
            else one.score - other.score,
            "chunk_note": one.note, "against_note": other.note,
        }
        for one, other in explanation.standings
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=list(STANDINGS), dtype=object)
    ranks = dict.fromkeys(("chunk_rank", "against_rank", "n"), "Int64")
    scores = dict.fromkeys(("chunk_score", "against_score", "margin"), "float64")
    return table.astype(ranks | scores)


def _rows(contrast: Contrast) -> list[dict[str, Any]]:
    shared = {"stage": contrast.stage, "view": contrast.view, "exact": contrast.exact}
    rows = [
        {
            **shared, "kind": "part", "part": row.name, "difference": row.difference,
            "question_spans": row.question, **_side("chunk", row.chunk),
            **_side("against", row.against),
        }
        for row in contrast.rows
    ]  # fmt: skip
    rest = {
        **shared, "kind": "residual", "part": "", "difference": contrast.residual,
        "question_spans": (), **_side("chunk", None), **_side("against", None),
        "chunk": contrast.chunk.residual, "against": contrast.against.residual,
        "chunk_note": contrast.chunk.note, "against_note": contrast.against.note,
    }  # fmt: skip
    return [*rows, rest]


def _side(name: str, part: Part | None) -> dict[str, Any]:
    return {
        name: part.value if part else _NAN,
        f"{name}_effect": _NAN if part is None or part.effect is None else part.effect,
        f"{name}_spans": part.passage if part else (),
        f"{name}_prefix": part.prefix if part else (),
        f"{name}_numbers": dict(part.numbers) if part else {},
        f"{name}_note": part.note if part else "",
    }


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    numeric = ("chunk", "against", "difference", "chunk_effect", "against_effect")
    return frame.astype({**dict.fromkeys(numeric, "float64"), "exact": bool})
