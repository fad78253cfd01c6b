"""Reading and writing that the formats share: every fault names its file and line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whymiss.errors import ConfigError, LabelError, WhymissError
from whymiss.evaluation.labels import Question


@contextmanager
def located(where: str) -> Iterator[None]:
    """Faults inside the block become LabelErrors that name the place.

    >>> try:
    ...     with located("questions.jsonl, line 3"):
    ...         int("ten")
    ... except LabelError as error:
    ...     print(error)
    questions.jsonl, line 3: invalid literal for int() with base 10: 'ten'
    """
    try:
        yield
    except KeyError as error:
        raise LabelError(f"{error.args[0]!r} is missing", where=where) from error
    except (WhymissError, ValueError, TypeError, RecursionError, OSError) as error:
        if isinstance(error, LabelError) and error.where:
            # An inner block has named the place already, and knows it better.
            raise
        raise LabelError(str(error), where=where) from error


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a UTF-8 file that are not blank, each with the name of its place.

    Raises
    ------
    LabelError : the file cannot be read or is not UTF-8.
    """
    number = 0
    with located(str(path)), open(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            where = f"{path}, line {number}"
            with located(where):
                # A byte order mark may stand before the first line only.
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            if line.strip():
                yield where, line


def json_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSONL file, each with the name of its place.

    Raises
    ------
    LabelError : a line is not one JSON object.
    """
    for where, line in lines(path):
        with located(where):
            yield where, expect(json.loads(line), dict, "a line")


def write_lines(path: Path, written: Iterable[str]) -> None:
    """Write lines as UTF-8, creating the folder.

    Raises
    ------
    LabelError : the file cannot be written.
    """
    text = "".join(f"{line}\n" for line in written)
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write a text as it is, without touching its line ends, creating the folder.

    Raises
    ------
    LabelError : the file cannot be written.
    """
    with located(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def write_json_lines(path: Path, objects: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, letters as they are."""
    write_lines(path, (json.dumps(entry, ensure_ascii=False) for entry in objects))


def expect(value: Any, kind: type, what: str) -> Any:
    """The value, if it is of its kind.

    Raises
    ------
    LabelError : it is not.

    >>> expect("ten", str, "text")
    'ten'
    """
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        names = {dict: "an object", list: "a list", str: "text", int: "a whole number"}
        raise LabelError(f"{what} must be {names.get(kind, kind.__name__)}; got {value!r:.80}")
    return value


def number(value: float) -> int | float:
    """A grade as it is written: 1 for 1.0.

    >>> number(1.0), number(0.5)
    (1, 0.5)
    """
    return int(value) if float(value).is_integer() else value


def readers(allowed: Sequence[str]) -> tuple[str, ...]:
    """Who may read what is imported.

    Raises
    ------
    ConfigError : it is a text instead of a list.

    >>> readers(["support", "finance"])
    ('support', 'finance')
    """
    if isinstance(allowed, str):
        raise ConfigError(f"allowed must be a list of principals; got {allowed!r}.")
    return tuple(allowed)


class Unique:
    """Refuses an id that came before, and says where.

    >>> ids = Unique("query_id")
    >>> ids.add("q1", "line 1")
    >>> try:
    ...     ids.add("q1", "line 4")
    ... except LabelError as error:
    ...     print(error)
    query_id 'q1' came before, at line 1
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._places: dict[str, str] = {}

    def add(self, name: str, where: str) -> None:
        """Remember an id and its place.

        Raises
        ------
        LabelError : it is there already.
        """
        if name in self._places:
            raise LabelError(f"{self._what} {name!r} came before, at {self._places[name]}")
        self._places[name] = where


def single_spans(question: Question, form: str) -> None:
    """Refuse what a format cannot say, rather than drop a part of it.

    Raises
    ------
    LabelError : an alternative of the question has several spans.
    """
    if any(len(spans) > 1 for spans in question.evidence):
        raise LabelError(
            f"question {question.query_id!r} needs several spans together, which {form} cannot "
            "say; write JSONL (write_questions)"
        )
