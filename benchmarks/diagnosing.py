"""What a diagnosis takes: alone, and with repairs searched and priced on all labelled questions.

The questions that a configuration really loses are diagnosed through `Workbench.diagnose`, caches
warm: the model is loaded, the index is read, and one question was diagnosed before. Times are
stated beside one `Workbench.ask` of the same questions in this run. Each diagnosis is made twice,
and must give the same bytes as a case file.

`python benchmarks/diagnosing.py --set git_docs --data FOLDER` or `--corpus DIR --questions FILE`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import whymiss
from labelled_sets import read
from reporting import save
from whymiss import Document, Workbench
from whymiss.diagnosis.case_file import to_json
from whymiss.diagnosis.records import Diagnosis
from whymiss.evaluation import Question, pin, read_questions

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What some work gives, and its wall seconds."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def lost(workbench: Workbench, questions: Sequence[Question]) -> list[Question]:
    """The questions whose evidence the configuration does not deliver."""
    run = workbench.evaluate(questions, measures=["delivered_evidence"], resume=False)
    failed = set(run.table["query_id"][run.table["delivered_evidence"] == 0])
    return [question for question in questions if question.query_id in failed]


def measure(workbench: Workbench, questions: Sequence[Question], n: int) -> dict[str, Any]:
    """Diagnose up to `n` lost questions, alone and with priced repairs."""
    failed = lost(workbench, questions)

    def diagnosed(question: Question, *, repairs: bool) -> Diagnosis:
        return workbench.diagnose(question, labelled=questions, repairs=repairs)

    _, first = timed(lambda: diagnosed(failed[0], repairs=True))
    asked, alone, whole, found = [], [], [], []
    same = 0
    for question in failed[1 : n + 1]:
        query = question.query
        asked.append(timed(lambda q=query: workbench.run(q))[1])  # type: ignore[misc]
        alone.append(timed(lambda q=question: diagnosed(q, repairs=False))[1])  # type: ignore[misc]
        made, seconds = timed(lambda q=question: diagnosed(q, repairs=True))  # type: ignore[misc]
        whole.append(seconds)
        again = diagnosed(question, repairs=True)
        same += to_json(workbench.case(made)) == to_json(workbench.case(again))
        found.append(made)
    rescued = [any(repair.rescues for repair in made.repairs) for made in found]
    return {
        "n_chunks": len(workbench.space().snapshot),
        "n_questions": len(questions),
        "n_lost": len(failed),
        "n_diagnosed": len(found),
        "ask_ms": 1000 * float(np.median(asked)),
        "diagnosis_seconds": percentiles(alone),
        "with_repairs_seconds": percentiles(whole),
        "first_of_all_seconds": first,
        "reruns": percentiles([made.n_reruns for made in found]),
        "same_bytes_twice": same,
        "unexplained": sum(made.unexplained for made in found),
        "with_a_rescue": sum(rescued),
        "causes": dict(Counter(made.proven[0] if made.proven else "-" for made in found)),
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": float(p50), "p95": float(p95)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder, or a corpus.jsonl")
    parser.add_argument("--questions", type=Path, help="questions in our format")
    parser.add_argument("--set", help="a labelled set instead")
    parser.add_argument("--data", type=Path, help="the folder of the labelled sets")
    parser.add_argument("--store", type=Path, help="kept and used again; by default thrown away")
    parser.add_argument("--name", help="of the result's file")
    parser.add_argument("--n", type=int, default=30)
    args = parser.parse_args()
    source: Path | list[Document]
    if args.set:
        source, questions = read(args.set, args.data)
    else:
        source, questions = args.corpus, read_questions(args.questions)
    with (
        tempfile.TemporaryDirectory() as folder,
        whymiss.open(args.store or folder) as workbench,
    ):
        workbench.ingest(source, allowed=["*"])
        labelled = [q for q in questions if q.evidence and not q.unanswerable]
        wanted = sorted({s.doc_id for q in labelled for spans in q.evidence for s in spans})
        sound = pin(labelled, workbench._spaces.documents(wanted).values()).sound
        # Documents of these sets belong to nobody in particular.
        asked = [replace(q, documents={}) for q in sound]
        found = measure(workbench, asked, args.n)
    for name, value in found.items():
        print(f"{name}: {value}")
    save(f"diagnosing_{args.name or args.set or args.corpus.name}", found)


if __name__ == "__main__":
    main()
