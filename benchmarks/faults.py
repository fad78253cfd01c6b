"""How often a diagnosis names the fault that was planted: the confusion matrix of whymiss.

Faults of `whymiss.diagnosis.faults` are planted in healthy scenes of any corpus and question set,
one at a time, then in pairs; healthy scenes go in as controls. A diagnosis sees the planted scene
and the question's evidence, never the key. Beside it stands what rules alone say, the same
suspicions in the same order of belief without any patch, to show what proof adds.

`python benchmarks/faults.py --corpus data/helpdesk/docs --questions data/helpdesk/questions.jsonl`
measures on a folder or a corpus.jsonl and questions in our format. `--set git_docs --data FOLDER`
takes one of the labelled sets of `labelled_sets.py` instead.

Every repair that is called a rescue is made once more on the planted scene and run through
`Pipeline`, question by question, judged by `evaluation.judging` alone: it must rescue.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

import whymiss
from labelled_sets import read
from reporting import save
from whymiss import Document, PipelineConfig, Workbench
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
from whymiss.diagnosis.repairs.search import changes_for, search
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation import EvidenceSpan, Question, pin, read_questions
from whymiss.evaluation.judging import delivered
from whymiss.evaluation.statistics import wilson
from whymiss.pipeline import Pipeline

NOTHING: Final = "-"
PAIRS_TRIED: Final = 40


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One planted case, what was said of it, and how long that took."""

    question: str
    faults: tuple[str, ...]
    severities: tuple[int, ...]
    causes: tuple[str, ...]
    stages: tuple[str, ...]
    proven: tuple[str, ...]
    named: tuple[str, ...]
    stage: str
    rules: tuple[str, ...]
    rules_stage: str
    seconds: float
    n_reruns: int

    @property
    def cause(self) -> str:
        """The cause that is named first."""
        return self.proven[0] if self.proven else NOTHING


class Bench:
    """A corpus with its labelled questions, healthy scenes of them, and what is planted there."""

    def __init__(self, workbench: Workbench, questions: Sequence[Question], seed: int) -> None:
        self.workbench = workbench
        self.seed = seed
        asked = [q for q in questions if q.evidence and not q.unanswerable]
        texts = [d.text for d in _documents(workbench)]
        # Where the words of the evidence stand twice, the label is incomplete, and the question is
        # not lost when one of the places is.
        self.questions = [q for q in asked if all(_once(texts, s) for e in q.evidence for s in e)]
        self.left_out = len(asked) - len(self.questions)
        self.lab = Lab()
        self.rebuilds = Rebuilds()
        self._texts = tuple(question.query.text for question in self.questions)

    def scene(self, question: Question) -> Scene:
        """The question over the workbench as it is."""
        made = self.workbench._diagnoser.scene(question, self.workbench.config, answers=False)
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

    def pairs(self, n: int) -> Iterator[PlantedCase]:
        """Up to `n` pairs of faults, a different pair each."""
        rng = np.random.default_rng([self.seed, 999])
        every = [(a, b) for a in FAULTS for b in FAULTS
                 if FAULTS.index(a) < FAULTS.index(b) and compatible(a, b)]  # fmt: skip
        found = 0
        for number in rng.permutation(len(every)).tolist():
            for question in self.order(1000, number)[:3]:
                seeded = np.random.default_rng([self.seed, number])
                case = planted_pair(self.scene(question), *every[number], seeded, self.lab)
                if case is not None:
                    found += 1
                    yield case
                    break
            if found == n:
                return


def _documents(workbench: Workbench) -> list[Document]:
    every = sorted(workbench.space().catalogue.documents)
    return list(workbench._spaces.documents(every).values())


def _once(texts: Sequence[str], span: EvidenceSpan) -> bool:
    """Whether the words of a span stand in one place of the corpus only."""
    return sum(text.count(span.quote or "") for text in texts) == 1


def judged(bench: Bench, case: PlantedCase) -> tuple[Verdict, Diagnosis, Case]:
    """What the diagnosis and the rules say of a case; each with a laboratory of its own."""
    question = case.scene.question
    lab = Lab()
    started = time.perf_counter()
    said = diagnose(case.scene, lab=lab)
    seconds = time.perf_counter() - started
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


def rescues_hold(bench: Bench, diagnosis: Diagnosis, case: Case) -> tuple[int, list[str]]:
    """How many repairs were called rescues, and those that do not rescue when made and run."""
    found = search(case, diagnosis, rebuilds=bench.rebuilds, rebuild=False)
    rescuing = {(r.kind, r.title) for r in found if r.rescues}
    wrong = []
    for change in changes_for(case, diagnosis, bench.rebuilds):
        if (change.kind, change.title) not in rescuing:
            continue
        if not came_through(change.alter(case.scene), answer=case.run.delivered):
            wrong.append(f"{diagnosis.question.query_id}: {change.title}")
    return len(rescuing), wrong


def came_through(scene: Scene, *, answer: bool) -> bool:
    """The scene through `Pipeline`, its context judged against the labels alone."""
    pipeline = Pipeline(
        config=scene.config, space=scene.space, encoder=scene.encoder,
        read_documents=scene.read_documents, query_hash=str, reranker=scene.reranker,
        generator=scene.models.generator(scene.config) if answer else None,
    )  # fmt: skip
    trace = pipeline.run(scene.question.query)
    assert trace.context is not None
    wanted = sorted({s.doc_id for spans in scene.question.evidence for s in spans})
    documents = scene.read_documents(wanted)
    (question,) = pin([scene.question], documents.values()).questions
    held = [
        (p.doc_id, p.start, p.end) for p in trace.context.passages
        if p.doc_id not in documents or documents[p.doc_id].text[p.start : p.end] == p.text
    ]  # fmt: skip
    there = delivered(held, question)
    if not answer or not there:
        return there
    return Lab().run(scene).ending == "healthy"


def measure(bench: Bench, *, n: int, tries: int, n_pairs: int, n_controls: int,
            repairs_every: int) -> dict[str, Any]:  # fmt: skip
    """Every fault, the pairs and the controls."""
    singles: list[Verdict] = []
    rescues, broken = 0, []
    repair_seconds = []
    for fault in FAULTS:
        for number, case in enumerate(bench.cases(fault, n, tries)):
            verdict, diagnosis, suspected = judged(bench, case)
            singles.append(verdict)
            if number % repairs_every == 0:
                started = time.perf_counter()
                many, wrong = rescues_hold(bench, diagnosis, suspected)
                repair_seconds.append(time.perf_counter() - started)
                rescues, broken = rescues + many, broken + wrong
        mine = [v for v in singles if v.faults == (fault.name,)]
        right = sum(v.cause == v.causes[0] for v in mine)
        told = Counter(v.cause for v in mine if v.cause != v.causes[0])
        print(f"{fault.name:26} {fault.cause:4} {right}/{len(mine)} {dict(told)}", flush=True)
    doubles = [judged(bench, case)[0] for case in bench.pairs(n_pairs)]
    return {
        "n_documents": len(bench.workbench.space().catalogue.documents),
        "n_chunks": len(bench.workbench.space().snapshot),
        "n_questions": len(bench.questions),
        "n_left_out": bench.left_out,
        "singles": scores(singles),
        "by_fault": by_fault(singles),
        "confusion": confusion(singles),
        "doubles": double_scores(doubles),
        "controls": alarms(bench, n_controls),
        "rescues": {"n": rescues, "do_not_rescue": broken},
        "seconds": percentiles([v.seconds for v in singles]),
        "repair_seconds": percentiles(repair_seconds),
        "cases": [asdict(v) for v in [*singles, *doubles]],
    }


def alarms(bench: Bench, n: int) -> dict[str, Any]:
    """Healthy scenes that a diagnosis calls faulty, and how many were shown.

    Rules call a scene faulty when one of them sees an anomaly in it.
    """
    false: list[str] = []
    asked = by_rules = 0
    for at, question in enumerate(bench.order(2000)):
        rng = np.random.default_rng([bench.seed, 2000, at])
        for answers in (False, True):
            scene = replace(bench.scene(question), answers=answers)
            for control in controls(scene, rng, bench.lab)[: None if answers else 1]:
                said = diagnose(control.scene, lab=Lab())
                asked += 1
                by_rules += any(t.look.definite for t in rules_alone(control.scene, lab=Lab()))
                if said.proven or said.ending != "healthy":
                    false.append(f"{question.query_id} {control.name}: {said.proven}")
        if asked >= n:
            break
    return {"n": asked, "called_faulty": len(false), "by_rules": by_rules, "which": false}


def scores(cases: Sequence[Verdict]) -> dict[str, Any]:
    """Shares of stage and cause that were named first, by proof and by rules alone."""
    return {
        "n": len(cases),
        "stage": share([v.stage == v.stages[0] for v in cases]),
        "cause": share([v.cause == v.causes[0] for v in cases]),
        "cause_among_proven": share([v.causes[0] in v.proven for v in cases]),
        "rules_stage": share([v.rules_stage == v.stages[0] for v in cases]),
        "rules_cause": share([v.rules[:1] == v.causes[:1] for v in cases]),
        "proven_causes": float(np.mean([len(v.proven) for v in cases])) if cases else None,
    }


def double_scores(cases: Sequence[Verdict]) -> dict[str, Any]:
    """Of pairs: shares in which one, and both, of the faults are among the causes that are named.

    Rules name as many: their first ones.
    """
    named = [len(set(v.causes) & set(v.named)) for v in cases]
    proven = [len(set(v.causes) & set(v.proven)) for v in cases]
    ruled = [len(set(v.causes) & set(v.rules[: len(v.named)])) for v in cases]
    return {
        "n": len(cases),
        "one": share([n >= 1 for n in named]),
        "both": share([n == 2 for n in named]),
        "both_proven": share([n == 2 for n in proven]),
        "rules_one": share([n >= 1 for n in ruled]),
        "rules_both": share([n == 2 for n in ruled]),
        "named_causes": float(np.mean([len(v.named) for v in cases])) if cases else None,
    }


def by_fault(cases: Sequence[Verdict]) -> list[dict[str, Any]]:
    """A row for every fault."""
    return [
        {**scores(mine), "fault": fault.name, "code": fault.cause}
        for fault in FAULTS
        if (mine := [v for v in cases if v.faults == (fault.name,)]) or True
    ]


def confusion(cases: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Planted cause: how often which cause was named first."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in cases:
        table[verdict.causes[0]][verdict.cause] += 1
    return {planted_: dict(told) for planted_, told in table.items()}


def share(outcomes: Sequence[bool]) -> dict[str, Any] | None:
    """A share with its Wilson interval."""
    if not outcomes:
        return None
    found = wilson(sum(outcomes), len(outcomes))
    return {"share": found.estimate, "low": found.low, "high": found.high}


def percentiles(values: Sequence[float]) -> dict[str, float] | None:
    """Median and 95th percentile."""
    if not values:
        return None
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": float(p50), "p95": float(p95)}


def show(found: dict[str, Any]) -> None:
    """The tables of a measurement."""

    def percent(value: dict[str, Any] | None) -> str:
        if value is None:
            return "-"
        return f"{value['share']:.1%} [{value['low']:.1%}, {value['high']:.1%}]"

    print(f"\n{found['n_documents']} documents, {found['n_chunks']} chunks, "
          f"{found['n_questions']} questions ({found['n_left_out']} left out: their evidence "
          "stands in two places)\n")  # fmt: skip
    print(
        "| fault | cause | n | stage | cause named first | rules alone |\n|---|---|---|---|---|---|"
    )
    for row in [*found["by_fault"], {**found["singles"], "fault": "all", "code": ""}]:
        print(f"| {row['fault']} | {row['code']} | {row['n']} | {percent(row['stage'])} | "
              f"{percent(row['cause'])} | {percent(row['rules_cause'])} |")  # fmt: skip
    doubles = found["doubles"]
    print(f"\ndouble faults ({doubles['n']}): one named {percent(doubles['one'])}, both "
          f"{percent(doubles['both'])} (both proven {percent(doubles['both_proven'])}; "
          f"{doubles['named_causes']:.1f} named each); by rules alone "
          f"{percent(doubles['rules_one'])}, {percent(doubles['rules_both'])}")  # fmt: skip
    print(f"controls called faulty: {found['controls']['called_faulty']} of "
          f"{found['controls']['n']}, by rules alone {found['controls']['by_rules']}")  # fmt: skip
    print(f"repairs called rescues: {found['rescues']['n']}, not rescuing when made and run: "
          f"{len(found['rescues']['do_not_rescue'])}")  # fmt: skip
    print(f"seconds per diagnosis {found['seconds']}, repairs {found['repair_seconds']}\n")
    told = sorted({cause for row in found["confusion"].values() for cause in row})
    print(f"| planted \\ told | {' | '.join(told)} |\n|---|{'---|' * len(told)}")
    for cause, row in found["confusion"].items():
        print(f"| {cause} | {' | '.join(str(row.get(t, '')) for t in told)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder, or a corpus.jsonl")
    parser.add_argument("--questions", type=Path, help="questions in our format")
    parser.add_argument("--set", help="a labelled set instead")
    parser.add_argument("--data", type=Path, help="the folder of the labelled sets")
    parser.add_argument("--store", type=Path, help="kept and used again; by default thrown away")
    parser.add_argument("--name", help="of the result's file")
    parser.add_argument("--cases", type=int, default=6, help="of each fault")
    parser.add_argument("--tries", type=int, default=60, help="questions tried for each fault")
    parser.add_argument("--pairs", type=int, default=PAIRS_TRIED)
    parser.add_argument("--controls", type=int, default=100)
    parser.add_argument("--repairs-every", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", help="only these, joined by commas")
    args = parser.parse_args()
    source: Path | list[Document]
    if args.set:
        source, questions = read(args.set, args.data)
    else:
        source, questions = args.corpus, read_questions(args.questions)
    if args.faults:
        globals()["FAULTS"] = tuple(f for f in FAULTS if f.name in args.faults.split(","))
    with (
        tempfile.TemporaryDirectory() as folder,
        whymiss.open(args.store or folder, config=PipelineConfig()) as workbench,
    ):
        workbench.ingest(source, allowed=["*"])
        wanted = sorted({s.doc_id for q in questions for spans in q.evidence for s in spans})
        labelled = pin(questions, workbench._spaces.documents(wanted).values()).sound
        found = measure(
            Bench(workbench, labelled, args.seed), n=args.cases, tries=args.tries,
            n_pairs=args.pairs, n_controls=args.controls, repairs_every=args.repairs_every,
        )  # fmt: skip
    show(found)
    save(f"faults_{args.name or args.set or args.corpus.name}", found)


if __name__ == "__main__":
    main()
