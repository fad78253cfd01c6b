"""The kinds of drill: which fault is hidden, how hard it is to find, and the written path to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from whymiss.diagnosis.faults import FAULTS, Fault
from whymiss.drills import paths
from whymiss.drills.board import Board
from whymiss.drills.fixes import Fix
from whymiss.records import digest

_FAULTS: Final = {fault.name: fault for fault in FAULTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of drill. Nothing of it is for students.

    fault : what is planted; it knows the stage and the cause that are asked for.
    level : 1 needs one look, 2 compares two places, 3 looks behind what a stage says of itself.
    path : takes the probes that tell, and makes the fix from what they show.
    looks : the same path in words: each probe, and what to look for in it. The last one decides.
    """

    fault: Fault
    level: int
    path: Callable[[Board], Fix]
    looks: tuple[tuple[str, str], ...]


def _kind(name: str, level: int, path: Callable[[Board], Fix], *looks: tuple[str, str]) -> Kind:
    return Kind(fault=_FAULTS[name], level=level, path=path, looks=looks)


KINDS: Final = (
    _kind("corpus_gap", 1, paths.read_document,
          ("document", "Is the document that should answer stored at all?")),
    _kind("missing_rows", 1, paths.index_document,
          ("document", "Does the stored text say what is quoted?"),
          ("cut", "Would the chunker make a row that holds it?"),
          ("rows", "Does the index have that row?")),
    _kind("filter_mistag", 1, paths.tag_document,
          ("permissions", "Does the document pass every clause of the filter?")),
    _kind("permission_mistag", 1, paths.open_document,
          ("permissions", "May the asker read the document?")),
    _kind("small_k", 1, paths.select_more,
          ("stages", "At which rank does the evidence stand, and how many ranks are handed on?")),
    _kind("small_budget", 1, paths.pack_more,
          ("stages", "Was the evidence still selected?"),
          ("context", "Which selected chunks were left out, and why?")),
    _kind("abstaining_generator", 1, paths.answer_sooner,
          ("answer", "Is there an answer, and what does its reason say?"),
          ("settings", "How sure must the generator be, and how sure is usual?")),
    _kind("parse_loss", 2, paths.read_document,
          ("document", "Does the stored text say what is quoted?")),
    _kind("stale_version", 2, paths.index_document,
          ("document", "Does the stored text say what is quoted?"),
          ("cut", "Would the chunker make a row that holds it?"),
          ("rows", "Do the rows say what the stored text says where they stand?")),
    _kind("dropped_text", 2, paths.cut_again,
          ("rows", "Does any row hold the evidence?"),
          ("cut", "Would the chunker make a row that holds it, if it were asked again?")),
    _kind("boundary_cut", 2, paths.cut_again,
          ("rows", "How many characters of the evidence does each row hold?"),
          ("cut", "Where would the chunker cut, if it were asked again?")),
    _kind("duplicate_rows", 2, paths.remove_copies,
          ("stages", "At which rank does the evidence stand?"),
          ("candidates", "What stands in front of it, and how often?")),
    _kind("postfilter_starvation", 2, paths.filter_first,
          ("stages", "How many candidates are handed on, and how many were asked for?"),
          ("settings", "When is the filter applied?")),
    _kind("shallow_depth", 2, paths.search_deeper,
          ("stages", "Is the evidence among the candidates at all?"),
          ("settings", "How many candidates are asked for, and how many is usual?"),
          ("rerun", "Does it come with as many candidates as usual?")),
    _kind("blind_branch", 2, paths.search_both,
          ("settings", "Which branches of the search run?"),
          ("rerun", "Where does the other branch see the evidence?")),
    _kind("bad_fusion_weight", 2, paths.weigh_evenly,
          ("stages", "Where does each branch see the evidence, and where is it once merged?"),
          ("settings", "How much does each branch count?")),
    _kind("contextless_chunks", 3, paths.cut_again,
          ("rows", "Does the row that holds the evidence say what it is about?"),
          ("cut", "What stands before the text of each row that the chunker would make?")),
    _kind("overlong_chunks", 3, paths.cut_shorter,
          ("stages", "At which rank does the evidence stand?"),
          ("rows", "Which row holds the evidence, and how much of it does the encoder not read?")),
    _kind("wrong_model_rows", 3, paths.encode_document,
          ("vector_check", "Is each stored vector the one that the encoder gives for its text?")),
    _kind("wrong_metric", 3, paths.encode_all,
          ("vector_check", "Are the stored vectors of length 1?")),
    _kind("inverted_reranker", 3, paths.swap_reranker,
          ("stages", "Where is the evidence before it is ranked again, and where behind?")),
    _kind("truncating_reranker", 3, paths.swap_reranker,
          ("stages", "Where is the evidence before it is ranked again, and where behind?")),
    _kind("bad_order", 3, paths.best_first,
          ("answer", "Does the answer rest on the evidence?"),
          ("context", "Where in the context does the evidence stand?"),
          ("settings", "In which order are passages packed?")),
    _kind("ignoring_generator", 3, paths.another_reader,
          ("context", "Is the evidence in the context?"),
          ("answer", "Does any passage support what the answer says?")),
    _kind("unsupported_claim", 3, paths.no_inventions,
          ("answer", "Which claims of the answer does a passage support?")),
    _kind("wrong_citation", 3, paths.right_citations,
          ("answer", "Do the claims cite the passages that support them?")),
)  # fmt: skip
"""Every kind of drill. Approximate search is not among them: LanceDB trains its index anew each
time, so that equal seeds would not give equal drills; nor is an encoder that reads less of every
row, because the whole index would be embedded again for each."""

SLOTS: Final = {1: 5, 2: 7, 3: 6}
"""How many drills of each level a seed gives."""

BUDGETS: Final = {1: 6, 2: 7, 3: 8}
"""Probes that a drill of each level may take."""

N_DRILLS: Final = sum(SLOTS.values())


def layout(seed: str) -> tuple[Kind, ...]:
    """The kinds of a seed's drills, number 1 first: each level in an order of its own.

    >>> [kind.level for kind in layout("ada")] == [1] * 5 + [2] * 7 + [3] * 6
    True
    """
    found: list[Kind] = []
    for level, n in SLOTS.items():
        kinds = [kind for kind in KINDS if kind.level == level]
        order = generator(seed, level).permutation(len(kinds))[:n]
        found += [kinds[i] for i in order.tolist()]
    return tuple(found)


def generator(seed: str, *key: int) -> np.random.Generator:
    """A random generator of a seed's own, for each key; the same on every machine."""
    return np.random.default_rng([int(digest("drills", seed)[:16], 16), *key])
