"""How often a diagnosis names the fault that was planted: the confusion matrix of whymiss.

Faults of `whymiss.diagnosis.faults` are planted in healthy scenes of any corpus and question set,
one at a time, then in pairs; healthy scenes go in as controls. A diagnosis sees the planted scene
and the question's evidence, never the key. Beside it stands what rules alone say, the same
suspicions in the same order of belief without any patch, to show what proof adds.

`python benchmarks/faults.py --corpus data/helpdesk/docs --questions data/helpdesk/questions.jsonl`
measures on a folder or a corpus.jsonl and questions in our format. `--set git_docs --data FOLDER`
takes one of the labelled sets of `labelled_sets.py` instead.

Repairs are searched for every case of a single fault, and each that is called a rescue is made once
more the way a user makes it and run (`fault_rescues.py`): it must rescue. `--rebuild` also tries
those for which the whole index is built anew.

The result holds tables and the cases that the diagnosis got wrong; `--cases-file` writes every one.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from fault_rescues import Searched, searched, tally
from fault_scores import (
    NOTHING,
    Verdict,
    by_fault,
    confusion,
    double_scores,
    scores,
    show,
)
from labelled_corpus import LabelledCorpus, add_options
from reporting import save
from timing import percentiles, timed
from whymiss import Document, Workbench
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.diagnosing import diagnose, rules_alone
from whymiss.diagnosis.faults import (
    FAULTS,
    Fault,
    PlantedCase,
    compatible,
    controls,
    planted,
    planted_pair,
)
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation import EvidenceSpan, Question

PAIRS_TRIED: Final = 40


class Bench:
    """A corpus with its labelled questions, healthy scenes of them, and what is planted there."""

    def __init__(self, workbench: Workbench, questions: Sequence[Question], seed: int) -> None:
        self.workbench = workbench
        self.seed = seed
        texts = [d.text for d in _documents(workbench)]
        # Where the words of the evidence stand twice, the label is incomplete, and the question is
        # not lost when one of the places is.
        self.questions = [
            q for q in questions if all(_once(texts, s) for spans in q.evidence for s in spans)
        ]
        self.left_out = len(questions) - len(self.questions)
        self.lab = Lab()
        self.rebuilds = Rebuilds()
        self._texts = tuple(question.query.text for question in self.questions)

    def scene(self, question: Question) -> Scene:
        """The question over the workbench as it is."""
        made = self.workbench.scene(question, answers=False)
        return replace(made, others=self._texts)

    def order(self, *key: int) -> list[Question]:
        """The questions in an order of their own for each key."""
        rng = np.random.default_rng([self.seed, *key])
        return [self.questions[i] for i in rng.permutation(len(self.questions)).tolist()]

    def cases(self, fault: Fault, n: int, tries: int) -> Iterator[PlantedCase]:
        """Up to `n` plantings of a fault, in `tries` questions at most."""
        number = FAULTS.index(fault)
        found = 0
        for at, question in enumerate(self.order(number)[:tries]):
            rng = np.random.default_rng([self.seed, number, at])
            case = planted(self.scene(question), fault, rng, self.lab)
            if case is not None:
                found += 1
                yield case
            if found == n:
                return

    def pairs(self, faults: Sequence[Fault], n: int) -> Iterator[PlantedCase]:
        """Up to `n` pairs of faults, a different pair each."""
        rng = np.random.default_rng([self.seed, 999])
        every = [(a, b) for a in faults for b in faults
                 if faults.index(a) < faults.index(b) and compatible(a, b)]  # fmt: skip
        found = 0
        for number in rng.permutation(len(every)).tolist():
            if found >= n:
                return
            for question in self.order(1000, number)[:3]:
                seeded = np.random.default_rng([self.seed, number])
                case = planted_pair(self.scene(question), *every[number], seeded, self.lab)
                if case is not None:
                    found += 1
                    yield case
                    break


def _documents(workbench: Workbench) -> list[Document]:
    every = sorted(workbench.space().catalogue.documents)
    return list(workbench._spaces.documents(every).values())


def _once(texts: Sequence[str], span: EvidenceSpan) -> bool:
    """Whether the words of a span stand in one place of the corpus only."""
    return sum(text.count(span.quote or "") for text in texts) == 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is planted and searched.

    n : cases of each fault, looked for in `tries` questions. repairs_every : every so many of them
    have their repairs searched; with `rebuild` those too that build the whole index anew.
    """

    faults: tuple[Fault, ...]
    n: int
    tries: int
    n_pairs: int
    n_controls: int
    repairs_every: int
    rebuild: bool


@dataclass
class Singles:
    """What became of the cases of single faults."""

    verdicts: list[Verdict]
    repairs: list[Searched]
    repair_seconds: list[float]


def judged(case: PlantedCase) -> tuple[Verdict, Diagnosis, Case]:
    """What the diagnosis and the rules say of a case; each with a laboratory of its own."""
    question = case.scene.question
    lab = Lab()
    said, seconds = timed(lambda: diagnose(case.scene, lab=lab))
    rules = rules_alone(case.scene, lab=Lab())
    causes, stages = zip(*case.keys, strict=True)
    verdict = Verdict(
        question=question.query_id, faults=tuple(f.name for f in case.faults),
        severities=case.severities, causes=causes, stages=stages, proven=said.proven,
        named=said.named,
        stage=said.stage, rules=tuple(t.cause.code for t in rules),
        rules_stage=rules[0].stage if rules else NOTHING, seconds=seconds, n_reruns=said.n_reruns,
    )  # fmt: skip
    return verdict, said, Case(lab, lab.run(case.scene))


def measure(bench: Bench, plan: Plan) -> tuple[dict[str, Any], list[Verdict]]:
    """Every fault, the pairs and the controls: the tables, and every case."""
    singles = single_faults(bench, plan)
    doubles = [judged(case)[0] for case in bench.pairs(plan.faults, plan.n_pairs)]
    every = [*singles.verdicts, *doubles]
    tables = {
        "n_documents": len(bench.workbench.space().catalogue.documents),
        "n_chunks": len(bench.workbench.space().snapshot),
        "n_questions": len(bench.questions),
        "n_left_out": bench.left_out,
        "singles": scores(singles.verdicts),
        "by_fault": by_fault(singles.verdicts, plan.faults),
        "confusion": confusion(singles.verdicts),
        "doubles": double_scores(doubles),
        "controls": alarms(bench, plan.n_controls),
        "rescues": tally(singles.repairs, rebuild=plan.rebuild),
        "seconds": percentiles([v.seconds for v in singles.verdicts]),
        "repair_seconds": percentiles(singles.repair_seconds),
        "wrong": [asdict(v) for v in every if not v.right],
    }
    return tables, every


def single_faults(bench: Bench, plan: Plan) -> Singles:
    """One fault in a scene, all of its kind in turn."""
    made = Singles([], [], [])
    for fault in plan.faults:
        mine = []
        for number, case in enumerate(bench.cases(fault, plan.n, plan.tries)):
            verdict, diagnosis, suspected = judged(case)
            mine.append(verdict)
            if number % plan.repairs_every == 0:
                search = partial(
                    searched, f"{verdict.question}: {fault.name}", diagnosis, suspected,
                    rebuilds=bench.rebuilds, rebuild=plan.rebuild,
                )  # fmt: skip
                found, seconds = timed(search)
                made.repair_seconds.append(seconds)
                made.repairs.append(found)
        made.verdicts.extend(mine)
        right = sum(v.cause == v.causes[0] for v in mine)
        told = Counter(v.cause for v in mine if v.cause != v.causes[0])
        print(f"{fault.name:26} {fault.cause:4} {right}/{len(mine)} {dict(told)}", flush=True)
    return made


def alarms(bench: Bench, n: int) -> dict[str, Any]:
    """Healthy scenes that a diagnosis calls faulty, and how many were shown.

    Rules call a scene faulty when one of them sees an anomaly in it.
    """
    false: list[str] = []
    asked = by_rules = 0
    for at, question in enumerate(bench.order(2000)):
        if asked >= n:
            break
        rng = np.random.default_rng([bench.seed, 2000, at])
        for answers in (False, True):
            scene = replace(bench.scene(question), answers=answers)
            for control in controls(scene, rng, bench.lab)[: None if answers else 1]:
                said = diagnose(control.scene, lab=Lab())
                asked += 1
                by_rules += any(t.look.definite for t in rules_alone(control.scene, lab=Lab()))
                if said.proven or said.ending != "healthy":
                    false.append(f"{question.query_id} {control.name}: {said.proven}")
    return {"n": asked, "called_faulty": len(false), "by_rules": by_rules, "which": false}


def named(names: str) -> tuple[Fault, ...]:
    """The faults of these names, joined by commas, in the order of the stages."""
    wanted = names.split(",")
    unknown = set(wanted) - {fault.name for fault in FAULTS}
    if unknown:
        raise argparse.ArgumentTypeError(
            f"there is no fault {', '.join(sorted(unknown))}; there are "
            f"{', '.join(fault.name for fault in FAULTS)}"
        )
    return tuple(fault for fault in FAULTS if fault.name in wanted)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--cases", type=int, default=5, help="of each fault")
    parser.add_argument("--tries", type=int, default=60, help="questions tried for each fault")
    parser.add_argument("--pairs", type=int, default=PAIRS_TRIED)
    parser.add_argument("--controls", type=int, default=100)
    parser.add_argument("--repairs-every", type=int, default=1,
                        help="repairs are searched for every so many cases of a fault")  # fmt: skip
    parser.add_argument("--rebuild", action="store_true",
                        help="try repairs that build the whole index anew")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=named, default=FAULTS, help="only these, joined by commas")
    parser.add_argument("--cases-file", type=Path, help="every case, a line of JSON each")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    corpus = LabelledCorpus.of(args)
    plan = Plan(
        faults=args.faults, n=args.cases, tries=args.tries, n_pairs=args.pairs,
        n_controls=args.controls, repairs_every=args.repairs_every, rebuild=args.rebuild,
    )  # fmt: skip
    with corpus.opened() as workbench:
        bench = Bench(workbench, corpus.judged(workbench), args.seed)
        found, cases = measure(bench, plan)
    show(found)
    if args.cases_file:
        lines = [json.dumps(asdict(verdict)) + "\n" for verdict in cases]
        args.cases_file.write_text("".join(lines), encoding="utf-8")
    save(f"faults_{corpus.name}{'_rebuild' if args.rebuild else ''}", found)


if __name__ == "__main__":
    main()
