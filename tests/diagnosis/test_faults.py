from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest

from whymiss.config import PipelineConfig
from whymiss.diagnosis.faults import (
    FAULTS,
    PlantedCase,
    compatible,
    controls,
    planted,
    planted_pair,
)
from whymiss.diagnosis.faults.passages import moved
from whymiss.diagnosis.faults.recut import Skipper, without
from whymiss.diagnosis.faults.texts import confused, earlier_wording, free_ids
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene
from whymiss.embedding import VectorCache
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.index import Store, index_in_memory, read_catalogue, read_documents, sync_documents
from whymiss.models import Models
from whymiss.records import Chunk, Document, Query, Span
from whymiss.retrieval import SearchSpace
from whymiss.stages import STAGES
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


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """Questions over sixty guides, one scene each."""
    folder = tmp_path_factory.mktemp("faults")
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


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


Plant = Callable[[str], PlantedCase]


@pytest.fixture(scope="module")
def plant(scenes: list[Scene], lab: Lab) -> Plant:
    """The first planting of a fault, kept."""
    kept: dict[str, PlantedCase] = {}

    def planting(name: str) -> PlantedCase:
        if name not in kept:
            made = (
                planted(scene, BY_NAME[name], np.random.default_rng(n), lab)
                for n, scene in enumerate(scenes)
            )
            found = next((case for case in made if case is not None), None)
            assert found is not None, f"{name} is planted on no question"
            kept[name] = found
        return kept[name]

    return planting


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


NAMES = sorted(BY_NAME)


def test_faults_stand_in_the_order_of_stages_and_have_names_of_their_own() -> None:
    stages = [(*STAGES, "branch").index(f.stage) for f in FAULTS if f.stage != "branch"]
    assert stages == sorted(stages)
    assert len(BY_NAME) == len(FAULTS) == 32


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_turns_a_healthy_scene_unhealthy(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)

    assert lab.run(case.base).ending == "healthy"
    wrong = BY_NAME[name].stage == "answer" or name == "bad_order"
    assert lab.run(case.scene).ending == ("wrong answer" if wrong else "lost")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"ann_miss"}))
def test_the_same_seed_plants_the_same_scene(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)
    fault, run = case.faults[0], lab.run(case.base)
    one, other = (fault.plant(run, case.severities[0], np.random.default_rng(5)) for _ in range(2))

    assert one is not None
    assert other is not None
    assert rows(one) == rows(other)
    assert (one.config, one.question) == (other.config, other.question)
    assert one.space.catalogue == other.space.catalogue
    assert lab.run(one, answer_always=True).answer == lab.run(other, answer_always=True).answer


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_planted_scene_names_its_fault(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    ids = [c.chunk_id + c.doc_id + c.prefix for c in scene.space.snapshot.chunks]
    documents = scene.read_documents(list(scene.space.catalogue.documents)).values()
    told = [
        *ids,
        *(f"{d.doc_id} {d.title} {d.text} {dict(d.metadata)} {d.allowed}" for d in documents),
        json.dumps({k: str(v) for k, v in scene.config.flat().items()}),
        str(scene.question),
        scene.models.generator(scene.config).name,
        scene.encoder.model_version,
        scene.reranker.model_version if scene.reranker else "",
        str(asdict(scene.space.snapshot.manifest)),
    ]
    # A cause is looked for as a word: hashes hold anything.
    leaks = rf"{name}|fault|planted|planting|mutat|\b{BY_NAME[name].cause}\b"
    found = re.search(leaks, " ".join(told))
    assert found is None


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_catalogue_of_a_planted_scene_belong_together(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    snapshot, catalogue = scene.space.snapshot, scene.space.catalogue
    places = [(c.doc_id, c.start, c.chunk_id) for c in snapshot.chunks]

    assert places == sorted(places)
    assert len(set(snapshot.row_of)) == len(snapshot) == len(snapshot.vectors)
    assert set(snapshot.states) == set(snapshot.doc_ids)
    assert set(snapshot.doc_ids) <= set(catalogue.documents)
    assert catalogue.documents.keys() == catalogue.states.keys() == catalogue.content_hashes.keys()
    stored = scene.read_documents(list(catalogue.documents))
    assert {d: doc.content_hash for d, doc in stored.items()} == dict(catalogue.content_hashes)
    assert all(stored[d].metadata == doc.metadata for d, doc in catalogue.documents.items())
    assert snapshot.manifest.model_version == scene.encoder.model_version


HONEST = sorted(set(NAMES) - {"wrong_model_rows", "wrong_metric"})


@pytest.mark.parametrize("name", HONEST)
def test_vectors_are_what_the_encoder_makes_of_the_rows(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    texts = [chunk.indexed_text for chunk in scene.space.snapshot.chunks]
    encoded = scene.encoder.encode_documents(texts)

    assert np.allclose(scene.space.snapshot.vectors, encoded, atol=1e-6)


FAITHFUL = sorted(set(NAMES) - {"stale_version", "orphan_rows"})


@pytest.mark.parametrize("name", FAITHFUL)
def test_rows_say_what_their_documents_say_there(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    stored = scene.read_documents(list(scene.space.catalogue.documents))

    assert scene.space.stale_documents() == frozenset()
    assert all(
        stored[c.doc_id].text[c.start : c.end] == c.text for c in scene.space.snapshot.chunks
    )


RECUT = ("boundary_cut", "oversized_chunks", "contextless_chunks", "dropped_text")
OWN_ROWS = (*RECUT, "overlong_chunks", "missing_rows", "stale_version", "parse_loss", "corpus_gap")


@pytest.mark.parametrize("name", OWN_ROWS)
def test_rows_of_other_documents_stay(name: str, plant: Plant) -> None:
    case = plant(name)
    gone, came = differing(case)

    assert gone | came
    assert documents_of(case.base, gone) <= {gold(case).doc_id}
    assert documents_of(case.scene, came) <= {gold(case).doc_id}


@pytest.mark.parametrize("name", [*RECUT, "overlong_chunks", "parse_loss"])
def test_the_chunker_of_a_recut_scene_cuts_as_its_rows_are(name: str, plant: Plant) -> None:
    scene, doc_id = plant(name).scene, gold(plant(name)).doc_id
    stored = scene.document(doc_id)
    assert stored is not None
    spans = scene.models.chunker(scene.config).spans(stored)
    held = [(c.start, c.end) for c in scene.space.snapshot.chunks if c.doc_id == doc_id]

    assert [(s.start, s.end) for s in spans] == held
    other = scene.configured({"chunking.strategy": "fixed"})
    usual = plant(name).base.configured({"chunking.strategy": "fixed"})
    assert list(other.models.chunker(other.config).spans(stored)) == list(
        usual.models.chunker(usual.config).spans(stored)
    )


@pytest.mark.parametrize("name", ["boundary_cut", "oversized_chunks", "contextless_chunks"])
def test_recutting_loses_no_text_and_truncates_nothing(name: str, plant: Plant) -> None:
    case = plant(name)
    before, after = (covered(scene, gold(case).doc_id) for scene in (case.base, case.scene))

    assert before == after
    assert not any(c.n_truncated for c in case.scene.space.snapshot.chunks)


def covered(scene: Scene, doc_id: str) -> set[int]:
    """Visible characters of a document that stand in a row."""
    return {
        place
        for c in scene.space.snapshot.chunks
        if c.doc_id == doc_id
        for place in range(c.start, c.end)
        if not c.text[place - c.start].isspace()
    }


def test_a_cut_boundary_lies_inside_the_evidence(plant: Plant) -> None:
    case = plant("boundary_cut")
    start, end = gold(case).interval
    chunks = [c for c in case.scene.space.snapshot.chunks if c.doc_id == gold(case).doc_id]

    assert any(start < c.start < end for c in chunks)
    assert not any(c.start <= start and end <= c.end for c in chunks)


def test_dropped_text_is_the_evidence_and_the_chunker_drops_it(plant: Plant) -> None:
    case = plant("dropped_text")
    span = gold(case)
    lost = covered(case.base, span.doc_id) - covered(case.scene, span.doc_id)

    assert lost & set(range(*span.interval))
    assert lost <= set(range(*span.interval)) or case.severities[0] > 1


@pytest.mark.parametrize("name", ["encoder_truncation", "overlong_chunks"])
def test_truncated_rows_know_how_much_the_encoder_does_not_see(name: str, plant: Plant) -> None:
    scene = plant(name).scene
    chunks = scene.space.snapshot.chunks

    assert any(c.n_truncated for c in chunks)
    assert all(c.n_truncated == max(0, c.n_tokens - scene.encoder.max_tokens) for c in chunks)


def test_rows_of_another_model_are_turned_and_nothing_else_changes(plant: Plant) -> None:
    case = plant("wrong_model_rows")
    before, after = case.base.space.snapshot, case.scene.space.snapshot
    turned = np.flatnonzero(np.abs(before.vectors - after.vectors).max(axis=1) > 1e-6)

    assert before.chunks == after.chunks
    assert before.manifest == after.manifest
    assert gold(case).doc_id in {after.chunks[row].doc_id for row in turned}
    assert np.allclose(np.linalg.norm(after.vectors, axis=1), 1.0, atol=1e-5)


def test_rows_without_a_length_of_one_keep_their_direction(plant: Plant) -> None:
    case = plant("wrong_metric")
    before, after = (s.space.snapshot.vectors for s in (case.base, case.scene))
    lengths = np.linalg.norm(after, axis=1)

    assert lengths.max() > 1.1
    assert lengths.min() >= 1.0 - 1e-6
    assert np.allclose(after / lengths[:, None], before, atol=1e-5)


def test_a_stale_document_has_another_state_and_other_words(plant: Plant) -> None:
    case = plant("stale_version")
    doc_id = gold(case).doc_id

    assert case.scene.space.stale_documents() == {doc_id}
    assert case.scene.document(doc_id) == case.base.document(doc_id)
    stored = case.base.document(doc_id)
    assert stored is not None
    quote = stored.text[slice(*gold(case).interval)]
    assert not any(quote in c.text for c in case.scene.space.snapshot.chunks if c.doc_id == doc_id)


def test_orphans_say_what_no_document_says_any_more(plant: Plant) -> None:
    case = plant("orphan_rows")
    gone, came = differing(case)
    stored = case.scene.read_documents(list(case.scene.space.catalogue.documents))
    orphans = [c for c in case.scene.space.snapshot.chunks if c.chunk_id in came]

    assert not gone
    assert orphans
    assert not any(c.text in stored[c.doc_id].text for c in orphans)
    assert case.scene.space.stale_documents() == frozenset()


ADDING = ("duplicate_rows", "orphan_rows", "near_duplicate_displacer", "hub")


@pytest.mark.parametrize("name", ADDING)
def test_what_crowds_the_evidence_out_only_adds_rows(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)
    gone, came = differing(case)
    run = lab.run(case.scene)
    selected = {chunk.chunk_id for chunk in run.chunks(run.stages["select"])}

    assert not gone
    assert selected & came


def test_duplicates_repeat_words_that_are_there_already(plant: Plant) -> None:
    case = plant("duplicate_rows")
    _, came = differing(case)
    texts = {chunk.text for chunk in case.base.space.snapshot.chunks}

    assert all(c.text in texts for c in case.scene.space.snapshot.chunks if c.chunk_id in came)


def test_look_alikes_differ_from_the_evidence_and_from_each_other(plant: Plant) -> None:
    case = plant("near_duplicate_displacer")
    new = case.scene.space.catalogue.documents.keys() - case.base.space.catalogue.documents.keys()
    stored = case.base.document(gold(case).doc_id)
    assert stored is not None
    quote = stored.text[slice(*gold(case).interval)]
    made = case.scene.read_documents(sorted(new))

    assert len({d.text for d in made.values()}) == len(made) >= case.base.config.retrieval.k
    assert not any(quote in d.text for d in made.values())
    assert all(set(d.text.split()) & set(quote.split()) for d in made.values())


def test_hubs_are_near_to_more_questions_than_others(plant: Plant, scenes: list[Scene]) -> None:
    case = plant("hub")
    snapshot = case.scene.space.snapshot
    _, came = differing(case)
    asked = case.scene.encoder.encode_queries([s.question.query.text for s in scenes])
    nearest = np.argsort(-(asked @ snapshot.vectors.T), axis=1)[:, :10]
    times = np.bincount(nearest.ravel(), minlength=len(snapshot))
    hubs = [row for row, chunk in enumerate(snapshot.chunks) if chunk.chunk_id in came]
    others = np.delete(times, hubs)

    assert times[hubs].max() > np.quantile(others, 0.95)


@pytest.mark.parametrize("name", ["filter_mistag", "permission_mistag"])
def test_a_mistag_changes_the_evidences_document_alone(name: str, plant: Plant) -> None:
    case = plant(name)
    before, after = (s.space.catalogue.documents for s in (case.base, case.scene))
    changed = {doc_id for doc_id in before if before[doc_id] != after[doc_id]}

    assert changed == {gold(case).doc_id}
    assert differing(case) == (set(), set())
    assert case.scene.question == case.base.question
    assert case.scene.config == case.base.config


KNOBS = {
    "postfilter_starvation": "retrieval.filter_mode",
    "shallow_depth": "retrieval.candidate_depth",
    "blind_branch": "retrieval.mode",
    "bad_fusion_weight": "retrieval.dense_weight",
    "small_k": "retrieval.k",
    "small_budget": "context.token_budget",
    "bad_order": "context.order",
}


@pytest.mark.parametrize("name", sorted(KNOBS))
def test_a_wrong_knob_is_the_only_difference(name: str, plant: Plant) -> None:
    case = plant(name)

    assert list(case.scene.config.diff(case.base.config)) == [KNOBS[name]]
    assert case.scene.space is case.base.space
    assert case.scene.models is case.base.models


@pytest.mark.parametrize(
    "name",
    [
        "inverted_reranker",
        "truncating_reranker",
        "ignoring_generator",
        "unsupported_claim",
        "wrong_citation",
    ],
)
def test_a_wrong_model_is_the_only_difference(name: str, plant: Plant) -> None:
    case = plant(name)

    assert case.scene.config == case.base.config
    assert case.scene.space is case.base.space
    assert case.scene.models is not case.base.models


@pytest.mark.parametrize("name", ["shallow_depth", "blind_branch"])
def test_a_fault_of_a_branch_is_told_of_the_branch_that_runs(name: str, plant: Plant) -> None:
    case = plant(name)
    ((_, stage),) = case.keys

    assert stage == case.scene.config.retrieval.mode
    both = case.scene.configured({"retrieval.mode": "hybrid"})
    assert BY_NAME[name].stage_in(both) == "dense, bm25"


def test_an_answer_from_memory_is_the_same_for_every_context(plant: Plant, lab: Lab) -> None:
    case = plant("ignoring_generator")
    fewer = case.scene.configured({"retrieval.k": 1})
    one, other = (lab.run(s, answer_always=True).answer for s in (case.scene, fewer))

    assert one is not None
    assert other is not None
    assert one.text == other.text


@pytest.mark.parametrize("name", ["wrong_citation", "unsupported_claim"])
def test_an_edited_answer_keeps_what_it_said(name: str, plant: Plant, lab: Lab) -> None:
    case = plant(name)
    before, after = (lab.run(s).answer for s in (case.base, case.scene))

    assert before is not None
    assert after is not None
    old = [before.text[c.start : c.end] for c in before.citations]
    new = [after.text[c.start : c.end] for c in after.citations]
    assert new[: len(old)] == old
    assert (len(new) > len(old)) == (name == "unsupported_claim")


def test_a_lost_document_leaves_a_quote_and_nothing_else(plant: Plant) -> None:
    case = plant("corpus_gap")
    (span,) = case.scene.question.evidence[0]

    assert not span.pinned
    assert span.quote
    assert case.scene.document(span.doc_id) is None
    assert span.doc_id not in case.scene.space.catalogue.documents
    assert span.doc_id not in case.scene.space.snapshot.doc_ids


def test_a_passage_lost_in_parsing_is_quoted_and_the_rest_is_stored(plant: Plant) -> None:
    case = plant("parse_loss")
    (span,) = case.scene.question.evidence[0]
    stored, before = case.scene.document(span.doc_id), case.base.document(span.doc_id)

    assert stored is not None
    assert before is not None
    assert not span.pinned
    assert span.quote == before.text[slice(*gold(case).interval)]
    assert span.quote not in stored.text
    assert len(stored.text) <= len(before.text) - len(span.quote)


def test_other_labels_move_when_a_passage_before_them_is_lost(
    scenes: list[Scene], lab: Lab
) -> None:
    scene = next(s for s in scenes if lab.run(s).ending == "healthy")
    (span,) = scene.question.evidence[0]
    stored = scene.document(span.doc_id)
    assert stored is not None
    last = stored.text.rindex("An owner of")
    tail = EvidenceSpan(doc_id=span.doc_id, start=last, end=last + 20)
    both = replace(scene.question, evidence=((span, tail),))
    made = BY_NAME["parse_loss"].plant(
        lab.run(replace(scene, question=both)), 1, np.random.default_rng(0)
    )

    assert made is not None
    moved_tail = made.question.evidence[0][1]
    less = made.document(span.doc_id)
    assert less is not None
    assert less.text[slice(*moved_tail.interval)] == stored.text[last : last + 20]


PAIRS = [
    ("missing_rows", "small_budget"),
    ("boundary_cut", "permission_mistag"),
    ("stale_version", "blind_branch"),
    ("hub", "inverted_reranker"),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_a_pair_each_fault_fails_by_itself_and_both_together(
    first: str, second: str, scenes: list[Scene], lab: Lab
) -> None:
    one, other = BY_NAME[first], BY_NAME[second]
    assert compatible(one, other)
    made = (planted_pair(s, one, other, np.random.default_rng(2), lab) for s in scenes)
    case = next((case for case in made if case is not None), None)

    assert case is not None
    assert [cause for cause, _ in case.keys] == [one.cause, other.cause]
    assert lab.run(case.base).ending == "healthy"
    assert lab.run(case.scene).ending != "healthy"


def test_controls_are_healthy_and_of_many_kinds(scenes: list[Scene], lab: Lab) -> None:
    healthy = [s for s in scenes if lab.run(s).ending == "healthy"][:2]
    made = [c for s in healthy for c in controls(s, np.random.default_rng(1), lab)]

    assert all(lab.run(c.scene).ending == "healthy" for c in made)
    assert len({c.name for c in made}) >= 9
    assert any(c.scene.space.stale_documents() for c in made)


def test_a_question_that_is_lost_already_gets_no_fault_and_no_control(
    scenes: list[Scene], lab: Lab
) -> None:
    nothing = scenes[0].configured({"context.token_budget": 1})
    assert lab.run(nothing).ending == "lost"

    assert planted(nothing, BY_NAME["missing_rows"], np.random.default_rng(0), lab) is None
    assert controls(nothing, np.random.default_rng(0), lab) == ()


def test_decisive_words_are_turned_round_inside_the_evidence_only() -> None:
    text = "Monthly plans: 3. Annual plans cost 12 euros."
    for seed in range(20):
        made = confused(text, np.random.default_rng(seed), (18, len(text)))
        assert made.startswith("Monthly plans: 3. ")
        assert made != text


@pytest.mark.parametrize("text", ["Refunds take ten days.", "0", "a", "9" * 40, "ÄÖ 7 €"])
def test_every_text_has_an_earlier_wording_that_is_no_longer(text: str) -> None:
    made = earlier_wording(text, np.random.default_rng(0))

    assert made != text
    assert len(made) <= len(text)


def test_ids_of_siblings_are_free() -> None:
    assert free_ids("a/faq.md", 2, {"a/faq-1.md"}) == ["a/faq-2.md", "a/faq-3.md"]


def test_places_move_with_the_text_around_them() -> None:
    # "abcdefgh" -> "abXgh": [2, 6) becomes one character.
    assert moved([(0, 2), (2, 6), (1, 3), (5, 8), (6, 8)], (2, 6), 1) == [
        (0, 2), (2, 3), (1, 3), (3, 5), (3, 5),
    ]  # fmt: skip


def test_what_is_passed_over_is_cut_out_of_spans() -> None:
    text = "one two three four"

    assert without(text, Span(start=0, end=18), [(4, 7)]) == [
        Span(start=0, end=3),
        Span(start=8, end=18),
    ]
    assert without(text, Span(start=8, end=13), [(4, 7)]) == [Span(start=8, end=13)]
    whole = type("Whole", (), {"spans": lambda self, d: [Span(start=0, end=len(d.text))]})()
    known = Document(doc_id="d", text=text)
    skipper = Skipper(whole, {known.content_hash: ((0, 18),)})
    assert list(skipper.spans(known)) == []
    assert list(skipper.spans(Document(doc_id="d", text="other"))) == [Span(start=0, end=5)]
