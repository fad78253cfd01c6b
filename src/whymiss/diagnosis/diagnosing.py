"""A scene walked down to its cause."""

from __future__ import annotations

from collections.abc import Callable

from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.funnel import funnel
from whymiss.diagnosis.lab import Lab, Run
from whymiss.diagnosis.proving import Proof, Tried, belief, finding_of, prove, suspect, verdict_of
from whymiss.diagnosis.records import Candidate, Diagnosis, Finding
from whymiss.diagnosis.scene import Scene

Progress = Callable[[str, int, int], None]


def diagnose(
    scene: Scene,
    *,
    lab: Lab | None = None,
    proofs: bool = True,
    candidates: tuple[Candidate, ...] = (),
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Diagnosis:
    """Run a scene, find the stage that lost the evidence, and prove the cause by patches.

    Parameters
    ----------
    lab : keeps what earlier diagnoses computed.
    proofs : without them only rules speak: nothing is proven.
    candidates, notes : how the evidence was found, to be kept with the diagnosis.
    progress : called with (what, done, total).
    """
    lab = lab or Lab()
    runs_before = lab.n_runs
    run = lab.run(scene, answer_always=scene.answers)
    if proofs and run.ending in ("lost", "wrong answer"):
        proof = prove(lab, scene, step=progress)
    else:
        tried = suspect(lab, run)
        proof = Proof(tried=tried, needed=(), together=False, mended=None)
    findings = _findings(run, proof)
    snapshot = scene.space.snapshot
    return Diagnosis(
        question=run.truth.question,
        config_fingerprint=scene.config.fingerprint(),
        index_name=snapshot.name,
        index_version=f"{scene.space.catalogue.version}.{snapshot.version}",
        ending=run.ending,
        answer=run.answer.text if run.answer is not None else None,
        lost_at=run.lost_at,
        funnel=funnel(run),
        findings=findings,
        proven=tuple(link.cause.code for link in proof.needed),
        then=tuple(link.cause.code for link in proof.then),
        unexplained=proofs and run.ending in ("lost", "wrong answer") and not proof.needed,
        candidates=candidates,
        notes=notes,
        n_reruns=lab.n_runs - runs_before,
    )


def _findings(run: Run, proof: Proof) -> tuple[Finding, ...]:
    codes = tuple(link.cause.code for link in proof.needed)
    # A cause that was found further on says there what it found.
    told: dict[str, Tried] = {t.cause.code: t for t in proof.tried}
    told.update({link.cause.code: link for link in (*proof.needed, *proof.then)})
    return tuple(
        finding_of(
            told[cause.code],
            verdict_of(told[cause.code], (*proof.needed, *proof.then)),
            run,
            together_with=tuple(c for c in codes if c != cause.code)
            if proof.together and cause.code in codes
            else (),
        )
        for cause in CAUSES
    )


def rules_alone(scene: Scene, *, lab: Lab) -> tuple[Tried, ...]:
    """The causes that rules suspect without any proof, most believed first."""
    tried = suspect(lab, lab.run(scene, answer_always=scene.answers), probes=False)
    return tuple(sorted((t for t in tried if t.look.deviation), key=belief))
