"""The repairs of one case: every change tried by running it, the cheapest first, each priced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.repairs.change import Change
from whymiss.diagnosis.repairs.chunkings import chunkings
from whymiss.diagnosis.repairs.filters import filters
from whymiss.diagnosis.repairs.pricing import Population
from whymiss.diagnosis.repairs.repair import Kind, Repair
from whymiss.diagnosis.repairs.settings import settings
from whymiss.diagnosis.repairs.stored import stored

Progress = Callable[[str, int, int], None]

COST: Final[dict[Kind, int]] = {
    "k": 0, "depth": 1, "weights": 2, "mode": 3, "reranker": 4, "filter": 5, "context": 6,
    "answer": 7, "permission": 8, "metadata": 9, "rows": 10, "chunking": 11, "document": 12,
    "label": 13, "model": 14,
}  # fmt: skip
"""What a kind of repair costs to make, as an order: a knob before the store, the store before all
chunks anew, and another model last."""


def changes_for(case: Case, diagnosis: Diagnosis, rebuilds: Rebuilds) -> list[Change]:
    """Every change worth trying, cheapest kind first.

    Knobs and filters always; rows and chunkings where a cause was proven or implicated in them.
    """
    causes = {f.cause for f in diagnosis.findings if f.verdict in ("proven", "implicated")}
    found: Iterator[Change] = iter(
        [
            *settings(case),
            *filters(case),
            *stored(case, causes, rebuilds),
            *chunkings(case, causes & set(diagnosis.proven) or causes & _CUTTING, rebuilds),
            *_another_model(set(diagnosis.proven)),
        ]
    )
    return sorted(found, key=lambda change: COST[change.kind])


_MEANING: Final = {"Q2", "S3c", "S3d", "S5"}


def _another_model(proven: set[str]) -> Iterator[Change]:
    """Another embedding model, where the meaning was missed; which one is for somebody to say."""
    if proven & _MEANING:
        yield Change(
            title="another embedding model", kind="model",
            code=(
                "other = wb.config.replace(embedding__model=NAME, index__name='other')\n"
                "wb.compare(QUESTIONS, {'now': wb.config, 'other': other})"
            ),
            alter=lambda scene: scene,
            untried="no other model was named, and the whole corpus would be embedded by it",
        )  # fmt: skip


_NO_TABLE: Final = (
    "rows changed in memory have no approximate index to search: make the change, build, ask again"
)

_CUTTING: Final = {"S2a", "S2b", "S2c", "S3a"}


def search(
    case: Case,
    diagnosis: Diagnosis,
    *,
    rebuilds: Rebuilds | None = None,
    population: Population | None = None,
    rebuild: bool = True,
    progress: Progress | None = None,
) -> tuple[Repair, ...]:
    """Try every change on the case by running it; price those that rescue the question.

    Parameters
    ----------
    population : labelled questions; without them nothing is priced.
    rebuild : whether changes are tried for which the whole index has to be made anew.
    progress : called with (what, done, total).
    """
    if diagnosis.ending not in ("lost", "wrong answer"):
        return ()
    found = []
    changes = changes_for(case, diagnosis, rebuilds or Rebuilds())
    for number, change in enumerate(changes):
        if progress is not None:
            progress(f"repair: {change.title}", number, len(changes))
        found.append(_tried(case, change, population, rebuild=rebuild))
    return tuple(sorted(found, key=_preference))


def _preference(repair: Repair) -> tuple[bool, bool, int]:
    """Rescues first, then the untried, then by what the kind costs."""
    return repair.rescues is not True, repair.rescues is False, COST[repair.kind]


def _tried(case: Case, change: Change, population: Population | None, *, rebuild: bool) -> Repair:
    repair = Repair(
        title=change.title, kind=change.kind, base=case.scene.config, code=change.code,
        changes=change.changes, where=change.where,
    )  # fmt: skip
    if change.untried:
        return replace(repair, because=change.untried)
    if change.rebuilds and not rebuild:
        return replace(repair, because="it needs the whole index anew, which was not asked for")
    scene = change.alter(case.scene)
    if scene.config.index.ann != "none" and scene.space.snapshot.table is None:
        return replace(repair, because=_NO_TABLE)
    run = case.lab.run(scene)
    rescued = run.ending == "healthy" if case.run.delivered else run.delivered
    repair = replace(
        repair,
        rescues=rescued,
        answered=run.grounds.sound if run.grounds is not None else None,
        added_tokens=run.context.n_tokens - case.run.context.n_tokens,
    )
    if not rescued:
        return replace(repair, unpriced_because="it does not rescue the question")
    if change.unpriced:
        return replace(repair, unpriced_because=change.unpriced)
    if population is None or not len(population):
        return replace(repair, unpriced_because="no labelled questions were given")
    return replace(repair, price=population.price(case.scene, scene, change.for_query))
