"""What a diagnosis takes: alone, and with repairs searched and priced on all labelled questions.

The questions that a configuration really loses are diagnosed through `Workbench.diagnose`, caches
warm: the model is loaded, the index is read, and one question was diagnosed before. Times are
stated beside one `Workbench.ask` of the same questions in this run. Each diagnosis is made twice,
and must give the same bytes as a case file.

`python benchmarks/diagnosing.py --set git_docs --data FOLDER` or `--corpus DIR --questions FILE`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelled_corpus import LabelledCorpus, add_options
from reporting import save
from timing import percentiles, timed
from whymiss import Workbench
from whymiss.diagnosis.case_file import to_json
from whymiss.diagnosis.records import Diagnosis
from whymiss.evaluation import Question


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--n", type=int, default=30)
    args = parser.parse_args()
    corpus = LabelledCorpus.of(args)
    with corpus.opened() as workbench:
        # Documents of these sets belong to nobody in particular.
        asked = [replace(q, documents={}) for q in corpus.judged(workbench)]
        found = measure(workbench, asked, args.n)
    for name, value in found.items():
        print(f"{name}: {value}")
    save(f"diagnosing_{corpus.name}", found)


if __name__ == "__main__":
    main()
