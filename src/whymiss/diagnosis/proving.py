"""Proof by patch: put one thing right, keep all else, run on from there, see whether it helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from whymiss.diagnosis.audit import audited
from whymiss.diagnosis.case import Case, UnprobedError
from whymiss.diagnosis.causes import (
    ANSWERING,
    BEFORE_SEARCH,
    BELIEVED,
    CAUSES,
    RIVALS,
    STANDING,
    Cause,
    Look,
)
from whymiss.diagnosis.causes.cause import unknown
from whymiss.diagnosis.causes.question import UNANSWERABLE, VOCABULARY_GAP
from whymiss.diagnosis.causes.retrieving import BLIND
from whymiss.diagnosis.causes.rows import APPROXIMATE_MISS, CROWDING_ROWS
from whymiss.diagnosis.lab import Lab, Run
from whymiss.diagnosis.records import Finding, Verdict
from whymiss.diagnosis.scene import Scene

Step = Callable[[str, int, int], None]

_MOST_PATCHES: Final = 4
"""Patches that are put on top of each other before a loss is called unexplained."""

_VERY_FRONT: Final = 3
"""Ranks at which evidence is read whatever else is packed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A cause that was looked at in a case, and the best run that one of its patches led to."""

    cause: Cause
    look: Look
    stage: str
    patch: str = ""
    run: Run | None = None

    @property
    def in_front(self) -> bool:
        """Whether the patch brings the evidence to the very front."""
        rank = self.run.rank(self.run.ordered) if self.run is not None else None
        return rank is not None and rank <= _VERY_FRONT


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was tried, and which patches together bring the question through.

    tried : every cause, as it stands in the scene itself.
    needed : the causes whose patches bring it through, most believed first; several stand for
        alternatives when `together` is false, and are all needed when it is true.
    mended : the run in which it came through; None when it never did.
    then : what is wrong with the answer in that run, most believed first.
    """

    tried: tuple[Tried, ...]
    needed: tuple[Tried, ...]
    together: bool
    mended: Run | None
    then: tuple[Tried, ...] = ()


def prove(lab: Lab, scene: Scene, *, step: Step | None = None) -> Proof:
    """Try every cause on a scene that went wrong.

    First each cause by itself. Where the answer is wrong once the evidence is there, it is looked
    at too. Where no cause helps by itself, the most believed of those that bring the evidence
    further is put right for good, and all are tried again from there; a patch that turns
    out not to be needed is taken back.
    """
    proof = _proof(lab, scene, step)
    mended = proof.mended
    if mended is None or not scene.answers or lab.run(scene).delivered:
        return proof
    if mended.ending != "wrong answer":
        return proof
    return replace(proof, then=_proof(lab, mended.scene, None).needed)


def _proof(lab: Lab, scene: Scene, step: Step | None) -> Proof:
    run = lab.run(scene)
    goal = _goal(run)
    if scene.config.index.ann != "none":
        return _prove_approximate(lab, run, goal, step)
    tried = _try_all(Case(lab, run), goal, step)
    helping = _worth_naming(_helping(tried, goal))
    if not any(t.look.definite for t in helping):
        # What is out of order in itself comes first, also where it takes two of them: a patch of
        # what is a matter of degree (the question in the evidence's own words) would hide them.
        together = _chain(lab, run, tried, goal, anomalies=True)
        if together is not None:
            return _joint(lab, scene, tried, together, goal)
    if helping:
        best = helping[0].run
        return Proof(tried=tuple(tried), needed=tuple(helping), together=False, mended=best)
    chain = _chain(lab, run, tried, goal, anomalies=False)
    if chain is None:
        return Proof(tried=tuple(tried), needed=(), together=False, mended=None)
    return _joint(lab, scene, tried, chain, goal)


def _joint(
    lab: Lab,
    scene: Scene,
    tried: Sequence[Tried],
    chain: Sequence[Tried],
    goal: Callable[[Run], bool],
) -> Proof:
    needed = _needed(lab, scene, chain, goal)
    return Proof(
        tried=tuple(tried),
        needed=tuple(_by_belief(needed)),
        together=len(needed) > 1,
        mended=chain[-1].run,
    )


def _helping(tried: Sequence[Tried], goal: Callable[[Run], bool]) -> list[Tried]:
    """Those whose patch brings the question through, most believed first."""
    return _by_belief([t for t in tried if t.run is not None and goal(t.run)])


def _prove_approximate(
    lab: Lab,
    run: Run,
    goal: Callable[[Run], bool],
    step: Step | None,
) -> Proof:
    """Approximate search is tried before all else: no other patch can be made beneath its index."""
    case = Case(lab, run)
    first = _tried(case, APPROXIMATE_MISS, goal)
    exact = lab.run(run.scene.configured({"index.ann": "none"}))
    if goal(exact):
        looks = {t.cause.code: t for t in suspect(lab, run)}
        looks[APPROXIMATE_MISS.code] = first
        return Proof(tried=tuple(looks.values()), needed=(first,), together=False, mended=exact)
    proof = _proof(lab, exact.scene, step)
    tried = tuple(first if t.cause is APPROXIMATE_MISS else t for t in proof.tried)
    if not proof.needed or not exact.reach > run.reach:
        return replace(proof, tried=tried)
    return replace(proof, tried=tried, needed=(first, *proof.needed), together=True)


def suspect(lab: Lab, run: Run, *, probes: bool = True) -> tuple[Tried, ...]:
    """Every cause looked at, and nothing put right.

    Parameters
    ----------
    probes : whether causes may run the scene otherwise to see what is out of order. Without,
        only rules speak.
    """
    case = Case(lab, run, probes)
    return tuple(
        Tried(cause=cause, look=_looked(case, cause), stage=cause.stage_in(case))
        for cause in CAUSES
    )


def _looked(case: Case, cause: Cause) -> Look:
    try:
        labelled = cause is UNANSWERABLE and case.scene.question.unanswerable
        if case.run.ending == "unjudged" and not labelled:
            return audited(cause.code, case)
        return cause.look(case)
    except UnprobedError:
        return unknown("only running it otherwise would tell")


def _goal(run: Run) -> Callable[[Run], bool]:
    """What a patch must reach: the evidence in the context, else a sound answer."""
    if run.ending == "wrong answer":
        return lambda after: after.ending == "healthy"
    return lambda after: after.delivered


def _try_all(case: Case, goal: Callable[[Run], bool], step: Step | None = None) -> list[Tried]:
    tried = []
    for number, cause in enumerate(CAUSES):
        if step is not None:
            step(f"diagnose: {cause.name}", number, len(CAUSES))
        tried.append(_tried(case, cause, goal))
    return tried


def _tried(case: Case, cause: Cause, goal: Callable[[Run], bool]) -> Tried:
    look = _come_to(case, cause, cause.look(case))
    stage = cause.stage_in(case)
    best: tuple[str, Run] | None = None
    for patch in look.patches if _fits(cause, case.run) else ():
        run = case.lab.run(patch.apply())
        if goal(run):
            return Tried(cause=cause, look=look, stage=stage, patch=patch.says, run=run)
        if best is None or run.reach > best[1].reach:
            best = patch.says, run
    if best is None:
        return Tried(cause=cause, look=look, stage=stage)
    return Tried(cause=cause, look=look, stage=stage, patch=best[0], run=best[1])


def _come_to(case: Case, cause: Cause, look: Look) -> Look:
    """The look; unknown where the evidence was lost before it came to the stage of the cause."""
    possible = BEFORE_SEARCH.get(case.run.lost_at)
    if possible is None or cause in (*possible, *STANDING) or look.deviation or look.unknown:
        return look
    return unknown(f"the evidence never came so far: it was lost at {case.run.lost_at}")


def _fits(cause: Cause, run: Run) -> bool:
    """Whether a cause can have lost what was lost."""
    if run.delivered:
        return cause in ANSWERING
    return cause in BEFORE_SEARCH.get(run.lost_at, CAUSES) and cause not in ANSWERING


def belief(tried: Tried) -> tuple[bool, bool, int, bool, int]:
    """The order in which proofs are believed: lower is first."""
    order = BELIEVED.index(tried.cause)
    rival = tried.look.definite and tried.cause in RIVALS
    # Rivals stand together, where the first of them stands in the order.
    place = min(BELIEVED.index(cause) for cause in RIVALS) if rival else order
    # That another branch would have found it is no fault of this one.
    behind = rival and (tried.cause is BLIND or not tried.in_front)
    if tried.look.broken:
        place = BELIEVED.index(CROWDING_ROWS) - 1
    return not tried.look.definite, not tried.look.deviation, place, behind, order


def _by_belief(some: Sequence[Tried]) -> list[Tried]:
    return sorted(some, key=belief)


def _worth_naming(helping: list[Tried]) -> list[Tried]:
    """Without a gap in the words, their patch proves nothing: the evidence's own always help.

    It is kept where nothing else helps.
    """
    others = [t for t in helping if t.cause is not VOCABULARY_GAP or t.look.deviation]
    return others or helping


def _chain(
    lab: Lab,
    run: Run,
    tried: Sequence[Tried],
    goal: Callable[[Run], bool],
    *,
    anomalies: bool,
) -> list[Tried] | None:
    """Patches put on top of each other until the question comes through; None when it never does.

    With `anomalies`, only of causes that are out of order in themselves.
    """
    chain: list[Tried] = []
    here = run
    while len(chain) < _MOST_PATCHES:
        known = {link.cause.code for link in chain}
        usable = [
            t
            for t in tried
            if t.run is not None
            and t.cause.code not in known
            and (t.look.definite or not anomalies)
        ]
        helping = _helping(usable, goal)
        if helping:
            return [*chain, helping[0]]
        further = [t for t in usable if t.run is not None and t.run.reach > here.reach]
        if not further:
            return None
        chain.append(min(further, key=belief))
        assert chain[-1].run is not None
        here = chain[-1].run
        tried = _try_all(Case(lab, here), goal)
    return None


def _needed(
    lab: Lab,
    scene: Scene,
    chain: Sequence[Tried],
    goal: Callable[[Run], bool],
) -> list[Tried]:
    """The links of a chain without which the others do not help."""
    needed = list(chain)
    for link in chain:
        rest = [other for other in needed if other is not link]
        if rest and _helps(lab, scene, [other.cause for other in rest], goal):
            needed = rest
    return needed


def _helps(
    lab: Lab,
    scene: Scene,
    causes: Sequence[Cause],
    goal: Callable[[Run], bool],
) -> bool:
    """Whether patching just these causes, one after the other, brings the question through."""
    run = lab.run(scene)
    for cause in causes:
        after = _tried(Case(lab, run), cause, goal).run
        if after is None:
            continue
        if goal(after):
            return True
        run = after
    return False


def verdict_of(tried: Tried, needed: Sequence[Tried]) -> Verdict:
    """What may be said of a cause."""
    if tried.look.unknown:
        return "unknown"
    if tried.cause.code in {link.cause.code for link in needed}:
        return "proven"
    return "implicated" if tried.look.deviation else "cleared"


def finding_of(
    tried: Tried, verdict: Verdict, before: Run, *, together_with: tuple[str, ...] = ()
) -> Finding:
    """A cause with its verdict, as it is told."""
    rank, after = before.rank(before.ordered), None
    if tried.run is not None:
        after = tried.run.rank(tried.run.ordered)
    severity = rank - after if rank is not None and after is not None else None
    return Finding(
        cause=tried.cause.code,
        name=tried.cause.name,
        stage=tried.stage,
        verdict=verdict,
        says=tried.look.says,
        deviation=tried.look.deviation,
        definite=tried.look.definite,
        patch=tried.patch,
        severity=severity,
        together_with=together_with,
        numbers=dict(tried.look.numbers),
    )
