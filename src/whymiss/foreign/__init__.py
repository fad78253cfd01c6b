"""Other people's pipelines, judged by the same labels: their retrievers called, their logs read."""

from __future__ import annotations

from whymiss.foreign.judging import judge_traces
from whymiss.foreign.log import read_traces, write_traces
from whymiss.foreign.records import ForeignPassage, ForeignTrace
from whymiss.foreign.retrieving import ask_retriever
from whymiss.foreign.run import ForeignRun

__all__ = [
    "ForeignPassage",
    "ForeignRun",
    "ForeignTrace",
    "ask_retriever",
    "judge_traces",
    "read_traces",
    "write_traces",
]
