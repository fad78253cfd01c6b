"""Verdicts on planted faults as shares, tables and a confusion matrix."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from whymiss.diagnosis.faults import Fault
from whymiss.evaluation.statistics import wilson

NOTHING: Final = "-"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One planted case, what was said of it, and how long that took.

    causes, stages : what was planted. proven, named, stage : what the diagnosis says; rules,
    rules_stage : what rules alone say.
    """

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

    @property
    def right(self) -> bool:
        """Whether stage and cause are those of the fault; of a pair, whether both are named."""
        if len(self.causes) > 1:
            return set(self.causes) <= set(self.named)
        return self.cause == self.causes[0] and self.stage == self.stages[0]


def scores(cases: Sequence[Verdict]) -> dict[str, Any]:
    """Shares of stage and cause that were named first, by proof and by rules alone."""
    return {
        "n": len(cases),
        **{name: share(outcomes) for name, outcomes in _outcomes(cases).items()},
        "proven_causes": float(np.mean([len(v.proven) for v in cases])) if cases else None,
    }


def by_fault(cases: Sequence[Verdict], faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """A row for every fault: of how many cases it was named."""
    found = []
    for fault in faults:
        mine = [v for v in cases if v.faults == (fault.name,)]
        counts = {name: sum(outcomes) for name, outcomes in _outcomes(mine).items()}
        found.append({"fault": fault.name, "code": fault.cause, "n": len(mine), **counts})
    return found


def _outcomes(cases: Sequence[Verdict]) -> dict[str, list[bool]]:
    return {
        "stage": [v.stage == v.stages[0] for v in cases],
        "cause": [v.cause == v.causes[0] for v in cases],
        "cause_among_proven": [v.causes[0] in v.proven for v in cases],
        "rules_stage": [v.rules_stage == v.stages[0] for v in cases],
        "rules_cause": [v.rules[:1] == v.causes[:1] for v in cases],
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


def confusion(cases: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Planted cause: how often which cause was named first."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in cases:
        table[verdict.causes[0]][verdict.cause] += 1
    return {planted: dict(told) for planted, told in table.items()}


def share(outcomes: Sequence[bool]) -> dict[str, Any] | None:
    """A share with its Wilson interval."""
    if not outcomes:
        return None
    found = wilson(sum(outcomes), len(outcomes))
    return {"share": found.estimate, "low": found.low, "high": found.high}


def show(found: dict[str, Any]) -> None:
    """The tables of a measurement."""
    print(f"\n{found['n_documents']} documents, {found['n_chunks']} chunks, "
          f"{found['n_questions']} questions ({found['n_left_out']} left out: their evidence "
          "stands in two places)\n")  # fmt: skip
    _table(
        ("fault", "cause", "n", "stage", "cause named first", "rules alone"),
        [[r["fault"], r["code"], r["n"], r["stage"], r["cause"], r["rules_cause"]]
         for r in found["by_fault"]],
    )  # fmt: skip
    singles, doubles, rescues = found["singles"], found["doubles"], found["rescues"]
    print(f"\nall {singles['n']}: stage {_percent(singles['stage'])}, cause "
          f"{_percent(singles['cause'])}; by rules alone {_percent(singles['rules_stage'])}, "
          f"{_percent(singles['rules_cause'])}")  # fmt: skip
    named = "-" if doubles["named_causes"] is None else f"{doubles['named_causes']:.1f}"
    print(f"double faults ({doubles['n']}): one named {_percent(doubles['one'])}, both "
          f"{_percent(doubles['both'])} (both proven {_percent(doubles['both_proven'])}; "
          f"{named} named each); by rules alone {_percent(doubles['rules_one'])}, "
          f"{_percent(doubles['rules_both'])}")  # fmt: skip
    print(f"controls called faulty: {found['controls']['called_faulty']} of "
          f"{found['controls']['n']}, by rules alone {found['controls']['by_rules']}")  # fmt: skip
    print(f"repairs of {rescues['n_cases']} cases: {rescues['run']} run; called rescues "
          f"{rescues['called']}, of which rescue {rescues['rescue']}; of those that build the "
          f"index anew {rescues['called_rebuilding']}, {rescues['rescue_rebuilding']}"
          f"{'' if rescues['rebuilding_tried'] else ' (not tried)'}; cases with a rescue "
          f"{rescues['n_cases_with_one']}")  # fmt: skip
    for line in rescues["do_not_rescue"]:
        print(f"  does not rescue: {line}")
    kinds = [list(row.values()) for row in rescues["kinds"]]
    _table(("kind", "builds the index anew", "called rescues", "rescue"), kinds)
    print(f"seconds per diagnosis {found['seconds']}, repairs {found['repair_seconds']}\n")
    told = sorted({cause for row in found["confusion"].values() for cause in row})
    _table(
        ("planted \\ told", *told),
        [[cause, *(row.get(t, "") for t in told)] for cause, row in found["confusion"].items()],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")


def _percent(value: dict[str, Any] | None) -> str:
    if value is None:
        return "-"
    return f"{value['share']:.1%} [{value['low']:.1%}, {value['high']:.1%}]"
