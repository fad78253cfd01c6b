"""Labelled questions and their documents in the formats of others, both ways.

A reader gives documents, questions or both; an error names the file and the line or place in it.
Documents read here carry the permission that the caller names, everybody by default: these are
public collections. No writer carries permissions over.
"""

from __future__ import annotations

from whymiss.evaluation.formats.beir import read_beir, write_beir
from whymiss.evaluation.formats.chroma import read_chroma, write_chroma
from whymiss.evaluation.formats.frames import (
    documents_from_frame,
    evidence_frame,
    questions_frame,
    questions_from_frames,
    texts_frame,
)
from whymiss.evaluation.formats.jsonl import add_question, read_questions, write_questions
from whymiss.evaluation.formats.squad import read_squad, write_squad
from whymiss.evaluation.formats.trec import (
    questions_from_qrels,
    read_qrels,
    read_run,
    write_qrels,
    write_run,
)

__all__ = [
    "add_question",
    "documents_from_frame",
    "evidence_frame",
    "questions_frame",
    "questions_from_frames",
    "questions_from_qrels",
    "read_beir",
    "read_chroma",
    "read_qrels",
    "read_questions",
    "read_run",
    "read_squad",
    "texts_frame",
    "write_beir",
    "write_chroma",
    "write_qrels",
    "write_questions",
    "write_run",
    "write_squad",
]
