"""A case file on disk, in the format that its name asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from whymiss.diagnosis.case_file.json_file import to_json
from whymiss.diagnosis.case_file.markdown import to_markdown
from whymiss.diagnosis.case_file.page import to_html
from whymiss.diagnosis.case_file.record import CaseFile
from whymiss.errors import InvalidRecordError

FORMATS: Final[Mapping[str, Callable[[CaseFile], str]]] = {
    ".html": to_html,
    ".md": to_markdown,
    ".json": to_json,
}


def write(case: CaseFile, path: str | Path) -> Path:
    """Write a case as .html, .md or .json, in place of a file that is there.

    The file holds the question, passages and answers in plain text, whatever `trace.raw_text`
    says. The same diagnosis gives the same bytes.

    Raises
    ------
    InvalidRecordError : the suffix is none of these.
    OSError : the file cannot be written.
    """
    target = Path(path)
    made = FORMATS.get(target.suffix.lower())
    if made is None:
        raise InvalidRecordError(
            f"a case file ends in {', '.join(FORMATS)}; got {str(path)!r}. Name it case.html, say."
        )
    # Half a surrogate pair becomes what JSON calls it; the other formats have none.
    target.write_bytes(made(case).encode("utf-8", "backslashreplace"))
    return target
