"""Failures stand together where they share a cause, a stage and something to take hold of."""

from __future__ import annotations

import pandas as pd
from handmade import GOLD, filler, handmade, question
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import PipelineConfig
from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.clusters import (
    CLUSTERS,
    KNOBS,
    Handle,
    Outcome,
    clusters,
    handles_of,
)
from whymiss.diagnosis.lab import Lab
from whymiss.evaluation.statistics import wilson

FAQ, TERMS = Handle("document", "faq.md"), Handle("document", "terms.md")
ANNUAL = Handle("metadata", "plan = annual")
NEWS = Handle("in front", "news.md")
DEPTH = Handle("knob", "retrieval.candidate_depth")


def failed(query_id: str, *handles: Handle, cause: str = "S4", stage: str = "dense") -> Outcome:
    return Outcome(
        query_id=query_id, handles=frozenset(handles), failed=True, cause=cause,
        name=f"Name{cause}" if cause else "", stage=stage, patch=f"patch of {query_id}",
    )  # fmt: skip


def healthy(n: int, *handles: Handle) -> list[Outcome]:
    return [
        Outcome(query_id=f"h{i}{handles}", handles=frozenset(handles), failed=False)
        for i in range(n)
    ]


def handles(table: pd.DataFrame) -> list[tuple[str, ...]]:
    return table["handles"].tolist()


def test_two_failures_about_one_document_are_a_cluster() -> None:
    table = clusters([failed("a", FAQ), failed("b", FAQ), failed("c", TERMS), *healthy(20, TERMS)])

    (row,) = table.to_dict(orient="records")
    assert row["query_ids"] == ("a", "b")
    assert (row["n"], row["of"]) == (2, 2)
    assert row["says"] == "2 of 2 questions about faq.md fail by NameS4 (S4) at dense."


def test_other_causes_and_stages_are_other_clusters() -> None:
    some = [failed("a", FAQ), failed("b", FAQ, cause="S8"), failed("c", FAQ, stage="bm25")]

    assert clusters([*some, *healthy(20)]).empty


def test_what_most_questions_have_tells_nothing() -> None:
    """2 of 30 with the value fail, and 2 of 32 of all."""
    some = [failed("a", ANNUAL), failed("b", ANNUAL), *healthy(28, ANNUAL), *healthy(2)]

    assert clusters(some).empty


def test_a_value_counts_from_where_its_interval_is_above_the_usual_rate() -> None:
    """7 of 14 at a usual rate of 7 in 100: from 0.27 on. 7 of 60: from 0.06 on, which is below."""
    sevens = [failed(f"q{n}", ANNUAL) for n in range(7)]
    assert wilson(7, 14).low > 0.07 > wilson(7, 60).low

    assert len(clusters([*sevens, *healthy(7, ANNUAL), *healthy(86)])) == 1
    assert clusters([*sevens, *healthy(53, ANNUAL), *healthy(40)]).empty


def test_handles_with_the_same_failures_are_one_cluster_told_by_the_first() -> None:
    table = clusters([failed("a", ANNUAL, FAQ), failed("b", FAQ, ANNUAL), *healthy(20)])

    assert handles(table) == [("document faq.md", "metadata plan = annual")]
    assert "about faq.md" in table["says"][0]


def test_one_knob_joins_all_failures_of_its_cause_and_tells_what_proved_them() -> None:
    other = failed("d", DEPTH, cause="S5")
    table = clusters([failed("a", DEPTH), failed("b", DEPTH), failed("c", DEPTH), other])

    assert table["of"].tolist() == [3]
    assert table["says"].tolist() == [
        "3 questions fail by NameS4 (S4) at dense; retrieval.candidate_depth governs it "
        "(proven with patch of a; patch of b; patch of c)."
    ]


def test_unexplained_failures_cluster_too() -> None:
    some = [failed("a", FAQ, cause=""), failed("b", FAQ, cause=""), *healthy(20)]

    assert clusters(some)["says"].tolist() == [
        "2 of 2 questions about faq.md fail unexplained at dense."
    ]


def test_larger_clusters_stand_first() -> None:
    some = [failed(q, FAQ) for q in "ab"] + [failed(q, TERMS) for q in "cde"]

    assert clusters([*some, *healthy(40)])["n"].tolist() == [3, 2]


def test_nothing_failed_is_no_cluster() -> None:
    for outcomes in ([], healthy(3, FAQ)):
        table = clusters(outcomes)
        assert table.empty
        assert table.columns.tolist() == list(CLUSTERS)


POOL = [FAQ, TERMS, ANNUAL, NEWS, DEPTH]
OUTCOMES = st.lists(
    st.tuples(st.sets(st.sampled_from(POOL)), st.sampled_from(["", "S4", "S8"]), st.booleans()),
    max_size=30,
).map(
    lambda drawn: [
        Outcome(
            query_id=f"q{n}", handles=frozenset(shared), failed=bad,
            cause=cause if bad else "", stage="dense" if bad else "",
        )
        for n, (shared, cause, bad) in enumerate(drawn)
    ]
)  # fmt: skip


@given(OUTCOMES)
def test_every_member_failed_in_this_way_and_has_every_handle(outcomes: list[Outcome]) -> None:
    by_id = {outcome.query_id: outcome for outcome in outcomes}
    by_name = {str(handle): handle for handle in POOL}
    for row in clusters(outcomes).itertuples():
        members = [by_id[query_id] for query_id in row.query_ids]
        shared = [by_name[name] for name in row.handles]
        expected = [
            o for o in outcomes if o.failed and (o.cause, o.stage) == (row.cause, row.stage)
            and shared[0] in o.handles
        ]  # fmt: skip
        assert members == expected
        assert all(set(shared) <= member.handles for member in members)
        assert row.n == len(members) >= 2
        having = sum(shared[0] in outcome.handles for outcome in outcomes)
        assert row.of == (row.n if shared[0] == DEPTH else having)


@given(OUTCOMES, st.randoms(use_true_random=False))
def test_the_order_of_questions_changes_only_the_order_of_their_ids(
    outcomes: list[Outcome], random: object
) -> None:
    shuffled = list(outcomes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def told(some: list[Outcome]) -> list[tuple[object, ...]]:
        table = clusters(some)
        return [
            (r.cause, r.stage, r.handles, r.n, r.of, set(r.query_ids)) for r in table.itertuples()
        ]

    assert told(shuffled) == told(outcomes)


@given(OUTCOMES)
def test_no_two_clusters_of_one_cause_have_the_same_questions(outcomes: list[Outcome]) -> None:
    table = clusters(outcomes)

    assert not table.duplicated(["cause", "stage", "query_ids"]).any()


def test_every_knob_that_governs_a_cause_exists() -> None:
    assert set(KNOBS.values()) <= set(PipelineConfig().flat())
    assert KNOBS.keys() <= {cause.code for cause in CAUSES}


def test_a_run_is_taken_hold_of_by_its_documents_their_metadata_and_what_is_in_front() -> None:
    texts, cosines = filler(4)
    texts["gold.md"] = GOLD
    scene = handmade(
        texts, question(texts, ("gold.md", GOLD)), {"Refunds": 0.65, **cosines},
        about={"gold.md": {"metadata": {"plan": "annual", "tags": ["a", "b"]}},
               "filler00.md": {"metadata": {"plan": "monthly"}}},
    )  # fmt: skip

    # 0.7 and 0.567 are the nearest others, and k is 3.
    assert handles_of(Lab().run(scene)) == {
        Handle("document", "gold.md"),
        Handle("metadata", "plan = annual"),
        Handle("metadata", "tags = a"),
        Handle("metadata", "tags = b"),
        Handle("in front", "filler00.md"),
        Handle("in front", "filler01.md"),
    }
