"""The Python that makes a diagnosis again, in which no text of a corpus can be anything but text.

Every value is written as `repr` gives it, or as the call of a record with such values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from whymiss.diagnosis.case_file.record import CaseFile

_WIDTH: Final = 96
_INDENT: Final = "    "

_IMPORTS: Final = """\
import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import EvidenceSpan, Question
from whymiss.records import Clause, Query
"""


def recipe(case: CaseFile) -> str:
    """Lines that open the store, ask the same question of the same pipeline, and diagnose it.

    The evidence is given by its places. All knobs are written, those at their defaults too, so
    that a later version with other defaults does the same.
    """
    diagnosis = case.diagnosis
    made_of = f"index {diagnosis.index_name!r}, version {diagnosis.index_version!r}"
    toml = "\n".join(
        f"{_INDENT}{line!r}" for line in case.config.to_toml().splitlines(keepends=True)
    )
    options: dict[str, object] = {"labelled": case.labelled} if case.labelled else {}
    options |= diagnosis.options
    given = ["question", *(f"{name}={value!r}" for name, value in options.items())]
    return (
        f"# Made of {made_of}; what was stored since may change what it says.\n"
        f"{_IMPORTS}\n"
        f"config = PipelineConfig.from_toml(\n{toml}\n)\n"
        f"wb = whymiss.open({case.store!r}, config=config)\n"
        f"question = {source(diagnosis.question)}\n"
        f"{_enclosed('diagnosis = wb.diagnose(', given, ')', 0)}\n"
        "print(diagnosis.lost_at, diagnosis.proven)\n"
    )


def source(value: Any, depth: int = 0) -> str:
    """A record or a plain value as Python; what is at its default is left out.

    >>> from whymiss.records import Query
    >>> source(Query(query_id="q", text="It's?", principals=["ann"]))
    'Query(query_id=\\'q\\', text="It\\'s?", principals=(\\'ann\\',))'
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [
            f"{field.name}={source(getattr(value, field.name), depth + 1)}"
            for field in dataclasses.fields(value)
            if not _is_default(getattr(value, field.name), field)
        ]
        return _enclosed(f"{type(value).__name__}(", parts, ")", depth)
    if isinstance(value, tuple):
        parts = [source(item, depth + 1) for item in value]
        return _enclosed("(", parts, ",)" if len(parts) == 1 else ")", depth)
    return repr(dict(value)) if isinstance(value, Mapping) else repr(value)


def _is_default(value: Any, field: dataclasses.Field[Any]) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(value == field.default)
    made = field.default_factory
    return made is not dataclasses.MISSING and bool(value == made())


def _enclosed(opening: str, parts: Iterable[str], closing: str, depth: int) -> str:
    given = list(parts)
    line = f"{opening}{', '.join(given)}{closing}"
    if "\n" not in line and len(line) + len(_INDENT) * depth <= _WIDTH:
        return line
    inner = "".join(f"{_INDENT * (depth + 1)}{part},\n" for part in given)
    return f"{opening}\n{inner}{_INDENT * depth}{closing.lstrip(',')}"
