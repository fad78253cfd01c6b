"""The written paths: each takes the probes that tell, and makes its fix from what they show."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from whymiss.answering.support import SUPPORTED
from whymiss.config import PipelineConfig
from whymiss.drills.board import Board
from whymiss.drills.fixes import (
    ALL,
    Fix,
    allow,
    index_again,
    read_again,
    remove_rows,
    set_knobs,
    swap,
    tag,
)
from whymiss.errors import DrillError

_HEADER: Final = 40
"""Tokens that a passage's header may add to those of its chunk."""

_SAME: Final = 0.99
"""Cosine from which two vectors are taken for the same."""


def read_document(board: Board) -> Fix:
    """The document is not stored, or not with the evidence: read it again."""
    found = board.document(board.doc_ids[0]).iloc[0]
    _expect(not found["stored"] or found["evidence"].startswith("0"), "the text is all there")
    return read_again(board.doc_ids[0])


def index_document(board: Board) -> Fix:
    """The stored text is right, the chunker would cut it well, the rows are not so: make them."""
    doc_id = board.doc_ids[0]
    stored = board.document(doc_id).iloc[0]
    _expect(not stored["evidence"].startswith("0"), "the stored text lacks the evidence")
    fresh, here = board.cut(doc_id), board.rows(doc_id)
    _expect(max(fresh["evidence"], default=0) > max(here["evidence"], default=0), "no row lacks")
    return index_again(doc_id)


def tag_document(board: Board) -> Fix:
    """A clause that the document does not pass: tag it as the clause asks."""
    failed = _failed(board)
    clause = next(c for c in board.question.query.where if str(failed["rule"]).startswith(c.field))
    return tag(board.doc_ids[0], {clause.field: clause.value})


def open_document(board: Board) -> Fix:
    """The asker may not read the document: allow it."""
    failed = _failed(board)
    _expect(failed["rule"] == "read", "the document may be read")
    return allow(board.doc_ids[0], board.question.query.principals[0])


def select_more(board: Board) -> Fix:
    """As many chunks selected as it takes to come to the evidence."""
    last = _last(board.stages())
    _expect(last["evidence_at"] is not None, "the evidence is not among the candidates")
    return set_knobs({"retrieval.k": int(last["evidence_at"])})


def pack_more(board: Board) -> Fix:
    """A budget that holds what was left out too."""
    _expect(_of(board.stages(), "select")["holds"] == "yes", "the evidence was not selected")
    packed = board.context()
    _expect("over budget" in set(packed["fate"]), "nothing was left out")
    needed = int(packed["n_tokens"].sum()) + _HEADER * len(packed)
    return set_knobs({"context.token_budget": needed})


def answer_sooner(board: Board) -> Fix:
    """The threshold for answering as usual; where it is, the generator itself is at fault."""
    _expect(bool(board.answer()["support"].isna().all()), "there is an answer")
    return _usual(board, "answer.min_support") or swap("generator")


def cut_again(board: Board) -> Fix:
    """The chunker itself makes such rows: another one, and the document's rows made anew."""
    doc_id = board.doc_ids[0]
    here, fresh = board.rows(doc_id), board.cut(doc_id)
    _expect(list(here["text"]) == list(fresh["text"]), "the chunker would cut otherwise")
    return swap("chunker") + index_again(doc_id)


def remove_copies(board: Board) -> Fix:
    """Of candidates that say the same, all but the one whose document has the shortest name."""
    at = _last(board.stages())["evidence_at"]
    found = board.candidates()
    front = found if at is None else found[found["rank"] < at]
    said = set(front["text"])
    same = found[found["text"].isin(said) & ~found["evidence"].astype(bool)]
    # The copy of a document has a longer name; of one document the row in front stays.
    ordered = same.sort_values(["doc_id", "rank"], key=_by_length)
    repeats = ordered.duplicated("text")
    _expect(bool(repeats.any()), "no candidate repeats another")
    return remove_rows(list(ordered[repeats]["chunk_id"]))


def _by_length(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.str.len() if column.name == "doc_id" else column


def filter_first(board: Board) -> Fix:
    """Few candidates are left of many, because the filter comes late: before the search."""
    board.stages()
    return _usual(board, "retrieval.filter_mode") or _nothing()


def search_deeper(board: Board) -> Fix:
    """The evidence is not among few candidates, and among as many as usual it is."""
    board.stages()
    fix = _usual(board, "retrieval.candidate_depth") or _nothing()
    _expect(_last(board.rerun(fix.steps[0][1]))["evidence_at"] is not None, "nor is it deeper")
    return fix


def search_both(board: Board) -> Fix:
    """One branch runs alone; with both the evidence is selected."""
    fix = _usual(board, "retrieval.mode") or _nothing()
    _expect(_of(board.rerun(fix.steps[0][1]), "pack")["holds"] == "yes", "both do not see it")
    return fix


def weigh_evenly(board: Board) -> Fix:
    """One branch sees the evidence, and counts for nearly nothing."""
    board.stages()
    return _usual(board, "retrieval.dense_weight") or _nothing()


def cut_shorter(board: Board) -> Fix:
    """The row that holds the evidence is longer than what the encoder reads: shorter ones."""
    board.stages()
    found = board.rows(board.doc_ids[0])
    unread = found[found["evidence"].astype(bool) & found["n_unread"].astype(bool)]
    _expect(len(unread) > 0, "the encoder reads the evidence's rows whole")
    return swap("chunker") + index_again(board.doc_ids[0])


def encode_document(board: Board) -> Fix:
    """Vectors that are not those of their text: the document's rows made anew."""
    found = board.vector_check(board.doc_ids[0])
    _expect(bool((found["cosine"] < _SAME).any()), "the vectors are those of the text")
    return index_again(board.doc_ids[0])


def encode_all(board: Board) -> Fix:
    """Vectors that were never brought to length 1: the whole index made anew."""
    found = board.vector_check(board.doc_ids[0])
    _expect(bool((found["length"] > 2 - _SAME).any()), "the vectors are of length 1")
    return index_again(ALL)


def swap_reranker(board: Board) -> Fix:
    """The reranker puts the evidence back: a sound one."""
    found = board.stages()
    after = _of(found, "rerank")["evidence_at"]
    earlier = [r["evidence_at"] for _, r in found.iterrows() if r["stage"] in _BEFORE]
    before = earlier[-1]
    _expect(before is not None and (after is None or after > before), "it is put forward")
    return swap("reranker")


_BEFORE: Final = ("dense", "bm25", "fuse")


def best_first(board: Board) -> Fix:
    """The evidence is in the context, behind where the generator reads: best passages first."""
    board.answer()
    _expect(bool(board.context()["evidence"].any()), "the context lacks the evidence")
    return _usual(board, "context.order") or _nothing()


def another_reader(board: Board) -> Fix:
    """The context holds the evidence, and the answer says none of it: another generator."""
    _expect(bool(board.context()["evidence"].any()), "the context lacks the evidence")
    _expect(not _supported(board.answer()).any(), "a passage supports the answer")
    return swap("generator")


def no_inventions(board: Board) -> Fix:
    """The answer claims what no passage says: another generator."""
    _expect(not _supported(board.answer()).all(), "every claim is supported")
    return swap("generator")


def right_citations(board: Board) -> Fix:
    """The claims are supported by other passages than they cite: another generator."""
    found = board.answer()
    cited = [str(best) in cites.split(", ") for best, cites in _citations(found)]
    _expect(not all(cited), "every claim cites what supports it")
    return swap("generator")


def _supported(found: pd.DataFrame) -> pd.Series[bool]:
    return found["support"].fillna(0.0) >= SUPPORTED


def _citations(found: pd.DataFrame) -> list[tuple[Any, str]]:
    return list(zip(found["best_passage"], found["cites"], strict=True))


def _failed(board: Board) -> pd.Series[Any]:
    found = board.permissions(board.doc_ids[0])
    failed = found[~found["passes"].astype(bool)]
    _expect(len(failed) > 0, "the asker may see it")
    return failed.iloc[-1]


def _usual(board: Board, knob: str) -> Fix | None:
    """The usual value of a knob; None where it has it."""
    found = board.settings()
    here = found.loc[found["knob"] == knob].iloc[0]
    return set_knobs({knob: _plain(knob)}) if here["differs"] else None


def _plain(knob: str) -> Any:
    return PipelineConfig().flat()[knob]


def _of(found: pd.DataFrame, stage: str) -> pd.Series[Any]:
    return found.loc[found["stage"] == stage].iloc[0]


def _last(found: pd.DataFrame) -> pd.Series[Any]:
    """The last stage that orders."""
    return found.loc[~found["stage"].isin(("select", "pack"))].iloc[-1]


def _expect(seen: bool, otherwise: str) -> None:
    if not seen:
        raise DrillError(f"the written path does not fit: {otherwise}.")


def _nothing() -> Fix:
    raise DrillError("the written path does not fit: the knob has its usual value.")
