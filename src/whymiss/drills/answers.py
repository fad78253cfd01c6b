"""A student's answers file: one line of JSON for every probe, hint and hand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from whymiss.drills.grading import Grade, HandIn
from whymiss.errors import DrillError

MOST_HAND_INS: Final = 3
N_HINTS: Final = 3
_MOST_BYTES: Final = 5_000_000


@dataclass
class Record:
    """What a student did in one drill.

    probes : keys of those taken. hand_ins : in order, with the grade that the student was told;
    the grade is None where the file does not tell one.
    """

    probes: list[str] = field(default_factory=list)
    hints: int = 0
    hand_ins: list[tuple[HandIn, Grade | None]] = field(default_factory=list)


class Answers:
    """The records of one seed, kept in a file as they come; without a path only in memory.

    Raises
    ------
    DrillError : the file is not such a file, or is of another seed.
    """

    def __init__(self, seed: str, path: Path | None) -> None:
        self._path = path
        self._seed = seed
        self._records: dict[int, Record] = {}
        if path is not None and path.exists():
            other, self._records = read_answers(path)
            if other not in ("", seed):
                raise DrillError(f"{path.name} is of seed {other!r}, not {seed!r}; name another.")

    def record(self, number: int) -> Record:
        """What was done in a drill so far."""
        return self._records.setdefault(number, Record())

    def probe(self, number: int, key: str) -> None:
        """A new probe was taken."""
        self.record(number).probes.append(key)
        self._write(number, {"did": "probe", "probe": key})

    def hint(self, number: int) -> None:
        """A hint was taken."""
        self.record(number).hints += 1
        self._write(number, {"did": "hint"})

    def hand_in(self, number: int, hand_in: HandIn, grade: Grade) -> None:
        """Something was handed in and graded."""
        self.record(number).hand_ins.append((hand_in, grade))
        told = {"stage": grade.stage, "cause": grade.cause, "fix": grade.fix}
        line = {"did": "hand_in", **hand_in.as_json(), "grade": told}
        self._write(number, {**line, "feedback": list(grade.feedback)})

    def _write(self, number: int, what: dict[str, Any]) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": self._seed, "drill": number, **what}) + "\n")


def read_answers(path: Path) -> tuple[str, dict[int, Record]]:
    """The seed of an answers file ("" of an empty one) and the record of every drill in it.

    Raises
    ------
    DrillError : a line is not understood, there are two seeds, or the file is too large.
    """
    seeds: set[str] = set()
    records: dict[int, Record] = {}
    for where, line in _lines(path):
        seed, number = line.get("seed"), line.get("drill")
        if not isinstance(seed, str) or not isinstance(number, int) or isinstance(number, bool):
            raise DrillError(f"{where}: an answer has a seed and the number of a drill.")
        seeds.add(seed)
        _add(records.setdefault(number, Record()), line, where)
    if len(seeds) > 1:
        raise DrillError(f"{path.name} holds answers of {len(seeds)} seeds; a file is of one.")
    return (seeds.pop() if seeds else ""), records


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8") if size <= _MOST_BYTES else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DrillError(f"{path.name} cannot be read as answers: {error}") from error
    if size > _MOST_BYTES:
        raise DrillError(f"{path.name} has {size} bytes; answers have at most {_MOST_BYTES}.")
    for number, raw in enumerate(text.splitlines(), 1):
        where = f"{path.name}, line {number}"
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise DrillError(f"{where}: it is not JSON.") from error
        if not isinstance(line, dict):
            raise DrillError(f"{where}: an answer is an object.")
        yield where, line


def _add(record: Record, line: dict[str, Any], where: str) -> None:
    did = line.get("did")
    if did == "probe" and isinstance(line.get("probe"), str):
        record.probes.append(line["probe"])
    elif did == "hint":
        record.hints += 1
    elif did == "hand_in":
        record.hand_ins.append((_hand_in(line, where), _told(line)))
    else:
        raise DrillError(f"{where}: an answer is a probe, a hint or a hand-in.")


def _hand_in(line: dict[str, Any], where: str) -> HandIn:
    try:
        return HandIn.from_json(line)
    except ValueError as error:
        raise DrillError(f"{where}: {error}") from error


def _told(line: dict[str, Any]) -> Grade | None:
    """The grade that the file tells; it is shown to the student and never counted."""
    told = line.get("grade")
    if not isinstance(told, dict):
        return None
    stage, cause, fix = (told.get(part) for part in ("stage", "cause", "fix"))
    return Grade(
        stage=stage if isinstance(stage, bool) else None,
        cause=cause if isinstance(cause, bool) else None,
        fix=float(fix) if fix in (0, 0.5, 1) else None,
        feedback=tuple(map(str, line.get("feedback") or ())),
    )
