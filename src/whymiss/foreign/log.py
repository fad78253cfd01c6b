"""Requests of another system in a file: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from whymiss.errors import InvalidRecordError, LabelError, TraceError
from whymiss.evaluation.formats._files import json_objects, located, write_json_lines
from whymiss.foreign.records import PASSAGE_KEYS, ForeignPassage, ForeignTrace, passage_from

_KEYS: Final = ("query_id", "question", "stages", "answer")


def read_traces(path: str | Path) -> Iterator[ForeignTrace]:
    """The requests of a JSON Lines file, one at a time as the file is read.

    A line is an object with `query_id` or `question`, `stages`, and `answer` where it is known:

        {"question": "Refund?", "answer": "Ten days.",
         "stages": {"search": [{"doc_id": "faq.md", "start": 0, "end": 22, "score": 3.1},
                               {"text": "Cards are quicker."}],
                    "context": [{"text": "Refunds take ten days."}]}}

    Stages stand in the order in which they ran. A passage has its place, its words, or both.

    Raises
    ------
    TraceError : the file cannot be read, or a line is none of this; file and line are named.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "log.jsonl"
    >>> _ = path.write_text('{"question": "Refund?", "stages": {"search": [{"text": "Ten days"}]}}')
    >>> [trace.stages["search"][0].text for trace in read_traces(path)]
    ['Ten days']
    """
    try:
        for where, entry in json_objects(Path(path)):
            with located(where):
                made = _trace(entry)
            yield made
    except LabelError as error:
        raise TraceError(str(error)) from error


def write_traces(path: str | Path, traces: Iterable[ForeignTrace]) -> None:
    """Write requests so that `read_traces` gives the same back.

    Raises
    ------
    TraceError : the file cannot be written.
    """
    try:
        write_json_lines(Path(path), (_entry(trace) for trace in traces))
    except LabelError as error:
        raise TraceError(str(error)) from error


def _trace(entry: Mapping[str, Any]) -> ForeignTrace:
    for key in entry:
        if key not in _KEYS:
            raise InvalidRecordError(f"unknown key {key!r}; the keys are {', '.join(_KEYS)}.")
    stages = entry["stages"]
    if not isinstance(stages, Mapping):
        raise InvalidRecordError(
            "stages must be an object from stage to passages, in the order in which they ran; got "
            f"{stages!r:.80}."
        )
    return ForeignTrace(
        query_id=entry.get("query_id") or "",
        question=entry.get("question") or "",
        stages={name: _passages(name, given) for name, given in stages.items()},
        answer=entry.get("answer"),
    )


def _passages(stage: str, given: Any) -> tuple[ForeignPassage, ...]:
    if not isinstance(given, list):
        raise InvalidRecordError(f"stage {stage!r} must be a list of passages; got {given!r:.80}.")
    return tuple(map(passage_from, given))


def _entry(trace: ForeignTrace) -> dict[str, Any]:
    entry = {
        "query_id": trace.query_id,
        "question": trace.question,
        "stages": {
            name: [_passage_entry(passage) for passage in passages]
            for name, passages in trace.stages.items()
        },
        "answer": trace.answer,
    }
    return {key: value for key, value in entry.items() if value not in ("", None)}


def _passage_entry(passage: ForeignPassage) -> dict[str, Any]:
    entry = {name: getattr(passage, name) for name in PASSAGE_KEYS}
    return {key: value for key, value in entry.items() if value not in ("", None)}
