"""Healthy scenes over guides of made-up products, and what planting a fault in one changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from whymiss.config import PipelineConfig
from whymiss.diagnosis.faults import (
    FAULTS,
    PlantedCase,
)
from whymiss.diagnosis.scene import Scene
from whymiss.embedding import VectorCache
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.index import Store, index_in_memory, read_catalogue, read_documents, sync_documents
from whymiss.models import Models
from whymiss.records import Chunk, Document, Query
from whymiss.retrieval import SearchSpace
from whymiss.testing import HashingEncoder

PRODUCTS = (
    *("Alder", "Birch", "Cedar", "Dogwood", "Elm"),
    *("Fir", "Ginkgo", "Hazel", "Iris", "Juniper"),
)
PARTS = {
    "Export": "files columns archive spreadsheet download attachment",
    "Billing": "invoice card refund receipt account currency",
    "Alerts": "message channel threshold silence escalation pager",
    "Backup": "snapshot restore copy schedule disk retention",
}
BY_NAME = {fault.name: fault for fault in FAULTS}


def fact(product: str, part: str, number: int) -> str:
    noun = PARTS[part].split()[number % 6]
    return f"The annual {product} plan allows {10 + number} {noun} jobs per day in the {part} area."


def sentence(rng: np.random.Generator, product: str, part: str) -> str:
    words = PARTS[part].split()
    a, b, c = rng.choice(words, size=3, replace=False).tolist()
    verb = rng.choice(["keeps", "moves", "checks", "changes", "shows"])
    return f"An owner of {product} {verb} the {a} before the {b} is sent to the {c} of the team."


def document(number: int) -> tuple[Document, list[tuple[str, str]]]:
    """One product's guide of three parts, and the facts that stand in it."""
    rng = np.random.default_rng(number)
    product = PRODUCTS[number % len(PRODUCTS)] + ("" if number < 10 else f" {number // 10 + 1}")
    lines, facts = [f"# {product} guide"], []
    for place, part in enumerate(rng.permutation(sorted(PARTS)).tolist()[:3]):
        said = fact(product, part, int(rng.integers(80)))
        before = [sentence(rng, product, part) for _ in range(int(rng.integers(1, 9)))]
        behind = [sentence(rng, product, part) for _ in range(int(rng.integers(0, 5)))]
        lines += [f"## {part}", " ".join([*before, said, *behind])]
        facts.append((said, f"How many jobs per day does {product} allow in {part.lower()}?"))
        if place == 1:
            lines += ["### Notes", " ".join(sentence(rng, product, part) for _ in range(3))]
    made = Document(
        doc_id=f"guides/{product.lower().replace(' ', '_')}.md",
        text="\n\n".join(lines),
        title=f"{product} guide",
        allowed=("*",),
    )
    return made, facts


def guide_scenes(folder: Path) -> list[Scene]:
    """Questions over sixty guides, one scene each."""
    store, config = Store(folder / "store"), PipelineConfig()
    found = [document(number) for number in range(60)]
    with store.writing():
        sync_documents(store, [made for made, _ in found])
    models = Models(
        VectorCache(folder / "vectors.sqlite"),
        tokens=folder / "tokens",
        encoder=HashingEncoder(dimension=128),
    )
    catalogue, encoder = read_catalogue(store), models.encoder(config)
    snapshot = index_in_memory(
        store, config, catalogue, chunker=models.chunker(config), encoder=encoder
    )
    read = partial(read_documents, store)
    texts = {made.doc_id: read([made.doc_id])[made.doc_id] for made, _ in found}
    space = SearchSpace(snapshot, catalogue)
    everything = tuple(asked for _, facts in found for _, asked in facts[:2])
    return [
        Scene(
            question=question(made, said, asked),
            config=config,
            space=space,
            models=models,
            read_documents=lambda wanted: {d: texts[d] for d in wanted if d in texts},
            others=everything,
        )
        for made, facts in found
        for said, asked in facts[:2]
    ]


def question(made: Document, said: str, asked: str) -> Question:
    start = made.text.index(said)
    span = EvidenceSpan(doc_id=made.doc_id, start=start, end=start + len(said))
    return Question(query=Query(query_id=asked, text=asked), evidence=((span,),))


Plant = Callable[[str], PlantedCase]


def shape(chunk: Chunk) -> tuple[object, ...]:
    return (chunk.doc_id, chunk.start, chunk.end, chunk.text, chunk.prefix, chunk.n_truncated)


def rows(scene: Scene) -> dict[str, tuple[tuple[object, ...], bytes]]:
    snapshot = scene.space.snapshot
    return {
        chunk.chunk_id: (shape(chunk), vector.tobytes())
        for chunk, vector in zip(snapshot.chunks, snapshot.vectors, strict=True)
    }


def differing(case: PlantedCase) -> tuple[set[str], set[str]]:
    """Chunk ids that went or changed, and those that came or changed."""
    before, after = rows(case.base), rows(case.scene)
    return (
        {name for name in before if after.get(name) != before[name]},
        {name for name in after if before.get(name) != after[name]},
    )


def gold(case: PlantedCase) -> EvidenceSpan:
    return case.base.question.evidence[0][0]


def documents_of(scene: Scene, names: set[str]) -> set[str]:
    return {c.doc_id for c in scene.space.snapshot.chunks if c.chunk_id in names}
