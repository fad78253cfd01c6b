"""Which stage of another system lost the evidence, told from the lists that it handed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.losses import NOT_LOST, Holds, Spans
from whymiss.foreign.records import PACKED


def lost_stage(holds: Holds, stages: Mapping[str, Spans], *, branches: Sequence[str] = ()) -> str:
    """The stage after which the evidence was gone, and never came back; "" if it was handed on.

    The rules are those of `evaluation.losses.losing_stage`, for stages of any name and number, as
    far as lists tell: what was never indexed, or was filtered away, was not found by the search.

    A list that is cut loses what lies beyond the cut; the stage before is to blame where it moved
    the evidence there, and the one that cuts where it stood there already.

    Parameters
    ----------
    stages : what each handed on, best first, in the order in which they ran.
    branches : those that search side by side; the first stage where none of them ran. A miss in
        one is no loss, a miss in all is told as "dense, bm25".

    Raises
    ------
    InvalidRecordError : a branch comes after a stage that is none, or no stage merges them.

    Examples
    --------
    The search has the evidence first, a reranker puts it third, and two are selected:

    >>> gold, a, b = ("faq", 0, 9), ("a", 0, 9), ("b", 0, 9)
    >>> stages = {"search": [gold, a, b], "rerank": [a, b, gold], "select": [a, b]}
    >>> lost_stage(lambda spans: gold in spans, stages)
    'rerank'
    """
    names = list(stages)
    if holds(stages[names[-1]]):
        return NOT_LOST
    searching = _searching(names, branches)
    found = [span for name in searching for span in stages[name]]
    behind = names[len(searching) :]
    if not holds(found):
        return ", ".join(searching)
    held = [name for name in behind if holds(stages[name])]
    if not held:
        return behind[0]
    at = behind.index(held[-1]) + 1
    return _to_blame(holds, stages, searching, behind[:at], behind[at])


def _searching(names: Sequence[str], branches: Sequence[str]) -> list[str]:
    searching = [name for name in names if name in branches] or [names[0]]
    if searching != list(names[: len(searching)]):
        raise InvalidRecordError(
            f"stages that search side by side come first; got {', '.join(names)} with the "
            f"branches {', '.join(searching)}. Write the stages in the order in which they ran."
        )
    if 1 < len(searching) == len(names):
        raise InvalidRecordError(
            f"stages that search side by side are merged by another; got {', '.join(names)} alone. "
            "Add what was handed on of them as a stage."
        )
    return searching


def _to_blame(
    holds: Holds,
    stages: Mapping[str, Spans],
    searching: Sequence[str],
    held: Sequence[str],
    cutting: str,
) -> str:
    """The stage that cut the evidence off, or the one before, which moved it behind the cut."""
    n, moving = len(stages[cutting]), held[-1]
    if cutting in PACKED or holds(stages[moving][:n]):
        return cutting
    before = [held[-2]] if len(held) > 1 else searching
    return moving if any(holds(stages[name][:n]) for name in before) else cutting
