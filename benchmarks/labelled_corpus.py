"""The corpus that a benchmark is measured on, with its labelled questions: files or a labelled set.

parser = argparse.ArgumentParser(description=__doc__)
add_options(parser)
corpus = LabelledCorpus.of(parser.parse_args())
with corpus.opened() as workbench:
    ...
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import whymiss
from labelled_sets import read
from whymiss import Document, Workbench
from whymiss.evaluation import Question, pin, read_questions


def add_options(
    parser: argparse.ArgumentParser,
    *,
    set_help: str = "a labelled set instead",
    name_help: str = "of the result's file",
) -> None:
    """Add the options that say which corpus it is, and where its store is kept."""
    parser.add_argument("--corpus", type=Path, help="a folder, or a corpus.jsonl")
    parser.add_argument("--questions", type=Path, help="questions in our format")
    parser.add_argument("--set", help=set_help)
    parser.add_argument("--data", type=Path, help="the folder of the labelled sets")
    parser.add_argument("--store", type=Path, help="kept and used again; by default thrown away")
    parser.add_argument("--name", help=name_help)


@dataclass(frozen=True, kw_only=True)
class LabelledCorpus:
    """Documents, or where they are read from, with labelled questions.

    name : what results are called. store : where a store of it is kept; None throws it away.
    """

    name: str
    source: Path | Sequence[Document]
    questions: Sequence[Question]
    store: Path | None = None

    @classmethod
    def of(cls, given: argparse.Namespace) -> LabelledCorpus:
        """What the options of `add_options` name."""
        source: Path | Sequence[Document]
        if given.set:
            source, questions = read(given.set, given.data)
        else:
            source, questions = given.corpus, read_questions(given.questions)
        name = given.name or given.set or given.corpus.name
        return cls(name=name, source=source, questions=questions, store=given.store)

    @contextmanager
    def opened(self) -> Iterator[Workbench]:
        """A workbench over the corpus, brought up to date with it."""
        with (
            tempfile.TemporaryDirectory() as folder,
            whymiss.open(self.store or folder) as workbench,
        ):
            workbench.ingest(self.source, allowed=["*"])
            yield workbench

    def judged(self, workbench: Workbench) -> list[Question]:
        """The questions with evidence, pinned to the stored documents; those that fit alone."""
        asked = [q for q in self.questions if q.evidence and not q.unanswerable]
        wanted = sorted({s.doc_id for q in asked for spans in q.evidence for s in spans})
        return list(pin(asked, workbench._spaces.documents(wanted).values()).sound)
