"""A diagnosis as a file: for a person (HTML, Markdown), for a program (JSON), to be replayed."""

from __future__ import annotations

from whymiss.diagnosis.case_file.json_file import from_json, to_json
from whymiss.diagnosis.case_file.markdown import to_markdown
from whymiss.diagnosis.case_file.page import to_html
from whymiss.diagnosis.case_file.recipe import recipe
from whymiss.diagnosis.case_file.record import CaseFile, Excerpt, excerpts_of
from whymiss.diagnosis.case_file.sentences import verdict
from whymiss.diagnosis.case_file.writing import write

__all__ = [
    "CaseFile",
    "Excerpt",
    "excerpts_of",
    "from_json",
    "recipe",
    "to_html",
    "to_json",
    "to_markdown",
    "verdict",
    "write",
]
