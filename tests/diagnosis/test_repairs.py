"""Repairs: what is called a rescue rescues when it is made and run without the diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handmade import GOLD, TableReranker, Writer, filler, handmade, pipeline, question, where

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.repairs.change import Change
from whymiss.diagnosis.repairs.pricing import Population
from whymiss.diagnosis.repairs.repair import Repair
from whymiss.diagnosis.repairs.search import COST, changes_for, search
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.judging import delivered
from whymiss.evaluation.labels import Question
from whymiss.evaluation.statistics import difference_interval

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
FRONT = {**COSINES, "Refunds": 0.9}
BEHIND = {**COSINES, "Refunds": 0.1}


def scene(cosines: dict[str, float] = BEHIND, asked: Question = LABELLED, **how: Any) -> Scene:
    return handmade(TEXTS, asked, cosines, **how)


def tags(gold: str, others: str) -> dict[str, dict[str, Any]]:
    about: dict[str, dict[str, Any]] = {d: {"metadata": {"plan": others}} for d in FILLER}
    return {**about, "gold.md": {"metadata": {"plan": gold}}}


ANNUAL = question(TEXTS, ("gold.md", GOLD), text="How long until annual money is back?")
FILTERED = question(TEXTS, ("gold.md", GOLD), where=where(plan="annual"))
WORDED = question(TEXTS, ("gold.md", GOLD), text="How many business days do refunds take?")


def ignoring_all_but_the_first() -> Writer:
    return Writer(lambda context: (p.text, [1]) if (p := next(iter(context.passages), None))
                  else ("Nothing.", []))  # fmt: skip


BROKEN: dict[str, Callable[[], Scene]] = {
    "k": lambda: scene({**COSINES, "Refunds": 0.45}),
    "depth": lambda: scene(
        knobs={"retrieval.candidate_depth": 5, "rerank.blend": "replace"},
        reranker=TableReranker({"Refunds": 0.9, "Topic": 0.5}),
    ),
    "weights": lambda: scene(
        asked=WORDED, knobs={"retrieval.mode": "hybrid", "retrieval.dense_weight": 0.95}
    ),
    "mode": lambda: scene(asked=WORDED, knobs={"context.token_budget": 60}),
    "terms": lambda: scene(
        {**COSINES, "Refunds": 0.2},
        question(TEXTS, ("gold.md", GOLD), text="Taking a refunding?"),
        knobs={"retrieval.mode": "bm25", "retrieval.stemmer": ""},
    ),
    "filter": lambda: scene(asked=ANNUAL, about=tags("annual", "monthly")),
    "post filter": lambda: scene(
        asked=FILTERED, about=tags("annual", "monthly"),
        knobs={"retrieval.filter_mode": "post", "retrieval.candidate_depth": 5},
    ),
    "context": lambda: scene({**COSINES, "Refunds": 0.66}, knobs={"context.token_budget": 25}),
    "order": lambda: scene(
        FRONT, knobs={"context.order": "reverse"}, generator=ignoring_all_but_the_first()
    ),
    "permission": lambda: scene(FRONT, about={"gold.md": {"allowed": ("staff",)}}),
    "metadata": lambda: scene(FRONT, FILTERED, about=tags("monthly", "annual")),
    "rows": lambda: scene(FRONT, indexed={"gold.md": GOLD.replace("ten", "twenty")}),
    "copies": lambda: handmade(
        {**TEXTS, **{f"more{n}.md": "Money is a matter of trust." for n in range(6)}},
        LABELLED, {"Money": 0.9, "Refunds": 0.8, **COSINES}, knobs={"context.token_budget": 60},
    ),
    "chunking": lambda: under_no_heading(),
}  # fmt: skip


def under_no_heading() -> Scene:
    """Rows without the headings, under the package's own chunker."""
    texts = {**FILLER, "gold.md": f"# Money back\n\n{GOLD}"}
    asked = question(texts, ("gold.md", GOLD))
    return handmade(
        texts, asked, {"Money back": 0.9, **COSINES, "Refunds": 0.1},
        knobs={"chunking.heading_prefix": False},
    )  # fmt: skip


def repaired(broken: Scene, population: Population | None = None) -> tuple[Repair, ...]:
    lab = Lab()
    made = diagnose(broken, lab=lab)
    return search(Case(lab, lab.run(broken)), made, population=population)


def changes(broken: Scene) -> tuple[Diagnosis, list[Change]]:
    lab = Lab()
    made = diagnose(broken, lab=lab)
    return made, changes_for(Case(lab, lab.run(broken)), made, Rebuilds())


def comes_through(altered: Scene) -> bool:
    """Run through the pipeline, and judged by the evaluation alone."""
    trace = pipeline(altered).run(altered.question.query)
    assert trace.context is not None
    spans = []
    for passage in trace.context.passages:
        document = altered.document(passage.doc_id)
        assert document is not None
        if document.text[passage.start : passage.end] == passage.text:
            spans.append((passage.doc_id, passage.start, passage.end))
    there = delivered(spans, altered.question)
    return there and (trace.answer is None or trace.answer.text.startswith(GOLD))


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_repair_says_that_it_rescues_exactly_where_it_does(kind: str) -> None:
    broken = BROKEN[kind]()
    said = {repair.title: repair for repair in repaired(broken)}
    _, tried = changes(broken)
    assert not comes_through(broken)
    assert sorted(said) == sorted(change.title for change in tried)

    for change in tried:
        if said[change.title].rescues is not None:
            assert said[change.title].rescues == comes_through(change.alter(broken)), change.title
    assert any(repair.rescues for repair in said.values())


EXPECTED = {
    "k": "k 8 instead of 3",
    "depth": "candidate depth 50",
    "weights": "dense weight 0.5",
    "mode": "mode bm25",
    "terms": "BM25 with the usual stemmer and stop words",
    "filter": "filter plan = annual",
    "post filter": "the filter before the search",
    "context": "budget of ",
    "order": "passages in order 'rank'",
    "permission": "gold.md readable to everybody",
    "metadata": "gold.md tagged {'plan': 'annual'}",
    "rows": "gold.md indexed again",
    "copies": "5 repeated and 0 orphaned rows removed",
    "chunking": "headings before each chunk",
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_what_is_broken_is_repaired_by_its_opposite(kind: str) -> None:
    rescues = [repair.title for repair in repaired(BROKEN[kind]()) if repair.rescues]

    assert any(title.startswith(EXPECTED[kind]) for title in rescues), rescues


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_applying_a_repair_gives_the_configuration_with_its_knobs_and_no_others(kind: str) -> None:
    broken = BROKEN[kind]()
    for repair in repaired(broken):
        made = repair.apply()

        assert repair.base == broken.config
        assert {knob: after for knob, (after, _) in made.diff(broken.config).items()} == {
            knob: value
            for knob, value in repair.changes.items()
            if broken.config.flat()[knob] != value
        }
        if repair.changes:
            assert repr(dict(repair.changes)) in repair.code
        elif repair.where:
            assert all(repr(clause.value) in repair.code for clause in repair.where)
        compile(repair.code, "repair", "exec")


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_rescues_come_first_then_the_untried_and_each_group_the_cheapest_first(kind: str) -> None:
    found = repaired(BROKEN[kind]())
    groups = [{True: 0, None: 1, False: 2}[repair.rescues] for repair in found]
    costs = [(group, COST[repair.kind]) for group, repair in zip(groups, found, strict=True)]

    assert costs == sorted(costs)


def test_knobs_stand_before_the_store_the_store_before_all_chunks_and_a_model_last() -> None:
    order = sorted(COST, key=lambda kind: COST[kind])

    assert order.index("k") < order.index("reranker") < order.index("filter")
    assert order.index("answer") < order.index("permission") < order.index("rows")
    assert order.index("rows") < order.index("chunking") < order.index("model") == len(COST) - 1


def test_k_is_no_repair_of_what_was_selected_and_did_not_fit() -> None:
    assert "k" not in {repair.kind for repair in repaired(BROKEN["context"]())}


def test_a_healthy_question_and_an_unjudged_one_need_no_repair() -> None:
    assert repaired(scene(FRONT)) == ()
    assert repaired(scene(FRONT, question(TEXTS))) == ()


def test_what_needs_the_whole_index_anew_is_tried_only_when_asked_for() -> None:
    broken, lab = under_no_heading(), Lab()
    made = diagnose(broken, lab=lab)
    case = Case(lab, lab.run(broken))
    without = search(case, made, rebuild=False)
    untried = [repair for repair in without if repair.rescues is None]

    assert untried
    assert {repair.kind for repair in untried} == {"chunking"}
    assert {repair.because for repair in untried} == {
        "it needs the whole index anew, which was not asked for"
    }
    assert all(repair.price is None and repair.added_tokens is None for repair in untried)


def test_rows_that_would_change_cannot_be_tried_beneath_an_approximate_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def search_table(snapshot: Any, query: Any, permitted: Any, *, depth: int, config: Any) -> Any:
        assert snapshot.table is not None
        cosines = snapshot.vectors @ query
        return [(row, float(cosines[row])) for row in np.argsort(-cosines).tolist()][:depth]

    monkeypatch.setattr("whymiss.retrieval.dense.search_ann", search_table)
    made = scene(FRONT, indexed={"gold.md": "Old words."}, knobs={"index.ann": "ivf_pq"})
    table = replace(made.space, snapshot=replace(made.space.snapshot, table=object()))
    found = {repair.title: repair for repair in repaired(replace(made, space=table))}

    assert found["gold.md indexed again"].rescues is None
    assert "build, ask again" in found["gold.md indexed again"].because
    assert found["exact search"].rescues is False


def test_a_document_that_is_lost_can_only_be_taken_from_its_source() -> None:
    gone = question(FILLER, ("gold.md", GOLD))
    found = repaired(handmade(FILLER, gone, {**COSINES, "Refunds": 0.9}))
    (document,) = (repair for repair in found if repair.kind == "document")

    assert document.rescues is None
    assert "take it from the source" in document.because
    assert "'gold.md'" in document.code


def test_every_repair_that_was_run_tells_what_it_adds_and_why_it_has_no_price() -> None:
    for repair in repaired(scene({**COSINES, "Refunds": 0.45})):
        assert repair.added_tokens is not None
        assert repair.price is None
        assert repair.unpriced_because == (
            "no labelled questions were given"
            if repair.rescues
            else "it does not rescue the question"
        )


# Prices


def population() -> list[Question]:
    """Each filler is asked for by its name; one question cannot be judged."""
    named = [
        replace(
            question(TEXTS, (doc_id, FILLER[doc_id]), text=f"Which Topic {doc_id[:-3]} is that?"),
        )
        for doc_id in sorted(FILLER)
    ]
    numbered = [
        replace(asked, query=replace(asked.query, query_id=f"q{n}"))
        for n, asked in enumerate(named)
    ]
    unlabelled = question(TEXTS, text="What else is there?")
    return [*numbered, replace(unlabelled, query=replace(unlabelled.query, query_id="none"))]


def spans_of(broken: Scene, asked: Question) -> tuple[list[tuple[str, int, int]], int]:
    trace = pipeline(broken).run(asked.query)
    assert trace.context is not None
    return [(p.doc_id, p.start, p.end) for p in trace.context.passages], trace.context.n_tokens


@pytest.mark.parametrize(
    ("cosine", "knobs"),
    [
        (0.65, {"retrieval.k": 1}),
        (0.45, {}),
        (0.1, {"retrieval.mode": "hybrid", "retrieval.dense_weight": 0.95}),
        (0.1, {}),
    ],
)
def test_wins_losses_and_added_tokens_are_those_of_asking_every_question_by_itself(
    cosine: float, knobs: dict[str, Any]
) -> None:
    broken = scene({**COSINES, "Refunds": cosine}, WORDED, knobs=knobs)
    asked = [q for q in population() if q.evidence]
    priced = [
        repair
        for repair in repaired(broken, Population(population(), broken))
        if repair.price is not None and not repair.where
    ]
    assert priced
    for repair in priced:
        assert repair.price is not None
        other = replace(broken, config=repair.apply())
        before = [spans_of(broken, q) for q in asked]
        after = [spans_of(other, q) for q in asked]
        here, there = (
            [delivered(spans, q) for (spans, _), q in zip(found, asked, strict=True)]
            for found in (before, after)
        )

        assert repair.price.n_questions == len(asked)
        assert repair.price.wins == tuple(
            q.query_id for q, a, b in zip(asked, here, there, strict=True) if b and not a
        )
        assert repair.price.losses == tuple(
            q.query_id for q, a, b in zip(asked, here, there, strict=True) if a and not b
        )
        assert repair.price.interval == difference_interval(
            np.array(there, float) - np.array(here, float)
        )
        added = np.mean([b - a for (_, a), (_, b) in zip(before, after, strict=True)])
        assert repair.price.added_tokens == pytest.approx(float(added))


def test_some_repairs_win_and_some_lose() -> None:
    # Otherwise the test above would compare nothing with nothing.
    broken = scene({**COSINES, "Refunds": 0.65}, WORDED, knobs={"retrieval.k": 1})
    prices = [
        repair.price
        for repair in repaired(broken, Population(population(), broken))
        if repair.price is not None
    ]

    assert any(price.wins for price in prices)


def test_questions_that_cannot_be_judged_are_counted_and_priced_nowhere() -> None:
    made = Population(population(), scene())

    assert (len(made), made.left_out) == (12, 1)
    assert "none" not in [q.query_id for q in made.questions]


def test_a_filter_is_priced_as_a_rule_for_questions_that_name_one_value() -> None:
    about = tags("annual", "monthly")
    broken = scene(asked=ANNUAL, about=about)
    (found,) = (r for r in repaired(broken, Population(rules(), broken)) if r.where)
    assert found.price is not None

    # "named" gets the filter and with it only gold.md; "both" and "none" are asked as they are.
    assert found.price.wins == ("named",)
    assert found.price.losses == ("wrong",)
    assert found.where == where(plan="annual")


def test_a_filter_that_separates_but_is_not_asked_for_rescues_and_has_no_price() -> None:
    broken = scene(about=tags("annual", "monthly"))
    (found,) = (r for r in repaired(broken, Population(rules(), broken)) if r.where)

    assert found.rescues
    assert found.price is None
    assert "no rule for other questions" in found.unpriced_because


def test_a_field_in_which_nothing_in_front_differs_is_no_filter() -> None:
    broken = scene(about=tags("annual", "annual"))

    assert not [r for r in repaired(broken) if r.where]


def test_another_model_is_named_where_the_meaning_was_missed_and_is_left_to_somebody() -> None:
    found = [r for r in repaired(scene(asked=ANNUAL, about=tags("annual", "monthly")))
             if r.kind == "model"]  # fmt: skip

    assert [r.rescues for r in found] == [None]
    assert "no other model was named" in found[0].because
    assert not [r for r in repaired(scene(knobs={"retrieval.k": 1})) if r.kind == "model"]


def rules() -> list[Question]:
    texts = {
        "named": ("How long until annual money comes?", "gold.md"),
        "both": ("How long until annual or monthly money comes?", "gold.md"),
        "none": ("How long until some money comes?", "gold.md"),
        # Its evidence is the first filler, of the monthly plan, and it says annual.
        "wrong": ("How long until annual topics?", "filler00.md"),
    }
    made = []
    for query_id, (text, doc_id) in texts.items():
        asked = question(TEXTS, (doc_id, TEXTS[doc_id]), text=text)
        made.append(replace(asked, query=replace(asked.query, query_id=query_id)))
    return made


def test_two_prices_are_equal_whatever_the_clock_says() -> None:
    def prices() -> list[object]:
        broken = scene({**COSINES, "Refunds": 0.45})
        return [r.price for r in repaired(broken, Population(population(), broken))]

    assert prices() == prices()
