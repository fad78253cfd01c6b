"""The rank flow draws every candidate at its rank, and says where it left and what is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flows import LOST, ROLES, Ranks, flow
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.plots.candidates import MARKS
from whymiss.plots.ranks import rank_flow


def marks(drawn: Any, role: str) -> Any:
    """The trace with the ranked marks of a role."""
    (trace,) = [t for t in drawn.data if t.name and t.legendgroup == role]
    return trace


def crosses(drawn: Any, role: str) -> Any:
    (trace,) = [t for t in drawn.data if t.legendgroup == role and t.marker.symbol == "x-thin"]
    return trace


def places(trace: Any) -> set[tuple[float, float]]:
    return set(zip(np.asarray(trace.x).tolist(), np.asarray(trace.y).tolist(), strict=True))


@st.composite
def any_ranks(draw: st.DrawFn) -> Ranks:
    ids = [f"c{i}" for i in range(draw(st.integers(1, 12)))]
    by_stage = []
    for _ in range(3):
        found = draw(st.permutations(ids))[: draw(st.integers(0, len(ids)))]
        by_stage.append({chunk_id: rank for rank, chunk_id in enumerate(found, start=1)})
    return {chunk_id: [found.get(chunk_id) for found in by_stage] for chunk_id in ids}


@settings(max_examples=30)
@given(any_ranks(), st.integers(0, 12))
def test_every_candidate_is_drawn_once_at_each_of_its_ranks(ranks: Ranks, n_others: int) -> None:
    wanted = sorted(
        (float(at), float(rank))
        for found in ranks.values()
        for at, rank in enumerate(found)
        if rank is not None
    )
    drawn = rank_flow(flow(ranks), n_others=n_others)
    points = [
        t for t in drawn.data
        if t.mode == "markers" and t.marker.symbol == "circle" and t.hovertext is not None
    ]  # fmt: skip
    assert sorted(place for t in points for place in zip(t.x, t.y, strict=True)) == wanted


def test_each_role_has_a_mark_a_width_and_words_of_its_own() -> None:
    drawn = rank_flow(flow(LOST, roles=ROLES))
    assert places(marks(drawn, "evidence")) == {(0, 3), (1, 4)}
    assert places(marks(drawn, "in front")) == {(0, 1), (1, 2), (2, 1), (0, 2), (1, 1), (2, 2)}
    assert marks(drawn, "evidence").name == "holds evidence"
    kinds = [(m.symbol, m.line, m.words) for role, m in MARKS.items() if role != "other"]
    for kind in zip(*kinds, strict=True):
        assert len(set(kind)) > 1
    assert len({m.symbol for role, m in MARKS.items() if role != "other"}) == 3


def test_a_chunk_that_leaves_has_a_cross_before_the_stage_and_words() -> None:
    drawn = rank_flow(flow(LOST, roles=ROLES))
    cross = crosses(drawn, "evidence")
    ((x, y),) = places(cross)
    assert 1 < x < 2
    assert y == 4
    assert "select: not among 2" in cross.hovertext[0]
    names = drawn.layout.yaxis2.ticktext.tolist()
    assert names == [
        "1. a.md › Annual",
        "2. b.md › Annual",
        "✗ not among 2: evidence: gold.md › Annual",
    ]


def test_a_chunk_that_is_passed_over_by_one_stage_goes_on_dotted() -> None:
    drawn = rank_flow(flow({"gold": [2, None, 1], "a": [1, 1, 2]}, roles={"gold": "evidence"}))
    ((x, y),) = places(crosses(drawn, "evidence"))
    assert 0 < x < 1
    assert 1 < y < 2
    (dotted,) = [t for t in drawn.data if t.legendgroup == "evidence" and t.line.dash == "dot"]
    assert dotted.x.tolist()[:2] == [0, 2]


def test_evidence_that_comes_later_has_a_cross_where_it_was_not_found() -> None:
    drawn = rank_flow(flow({"gold": [None, 2, 1], "a": [1, 1, 2]}, roles={"gold": "evidence"}))
    ((x, y),) = places(crosses(drawn, "evidence"))
    assert x < 0
    assert y == 2


def test_cuts_are_drawn_at_their_stage_and_told_in_words() -> None:
    drawn = rank_flow(flow(LOST))
    (cut,) = [t for t in drawn.data if t.name and t.name.startswith("cut")]
    assert cut.y.tolist()[::3] == [2.5, 2.5, 2.5]
    np.testing.assert_allclose((cut.x[::3] + cut.x[1::3]) / 2, [0, 1, 2])
    assert drawn.layout.xaxis.ticktext.tolist() == [
        "dense<br>3 listed<br>first 2 go on",
        "fuse<br>4 listed<br>first 2 go on",
        "select<br>2 listed<br>all go on",
    ]


def test_stages_stand_in_the_order_of_the_pipeline() -> None:
    drawn = rank_flow(flow(LOST).iloc[::-1])
    assert [text.split("<br>")[0] for text in drawn.layout.xaxis.ticktext] == [
        "dense", "fuse", "select",
    ]  # fmt: skip


def test_what_has_no_line_is_counted_in_words() -> None:
    ranks: Ranks = {f"c{i}": [i, i, None] for i in range(1, 31)}
    said = rank_flow(flow(ranks), n_others=8).layout.xaxis.title.text
    assert said.startswith("22 other candidates are dots without a line")
    assert not rank_flow(flow(ranks), n_others=30).layout.xaxis.title.text


def test_evidence_in_no_list_is_named_in_words() -> None:
    ranks: Ranks = {"gold": [None, None, None], "a": [1, 1, 1]}
    drawn = rank_flow(flow(ranks, roles={"gold": "evidence"}))
    assert drawn.layout.xaxis.title.text == "Evidence in no list: gold.md › Annual."


@settings(max_examples=30)
@given(st.integers(1, 60))
def test_names_never_stand_on_each_other_nor_off_the_chart(k: int) -> None:
    ranks: Ranks = {f"c{i}": [i, i, i] for i in range(1, k + 1)}
    drawn = rank_flow(flow(ranks, roles=dict.fromkeys(ranks, "selected")))
    axis = drawn.layout.yaxis2
    at = np.log10(axis.tickvals)
    per_pixel = (axis.range[0] - axis.range[1]) / (drawn.layout.height - 240)
    assert len(at) == k
    assert np.all(np.diff(at) >= 15 * per_pixel)
    assert np.all((at <= axis.range[0] + 1e-9) & (at >= axis.range[1] - 1e-9))


def test_the_pointer_shows_document_section_and_excerpt() -> None:
    drawn = rank_flow(flow(LOST, roles=ROLES))
    assert marks(drawn, "evidence").hovertext[0] == (
        "gold.md<br>Plans &gt; Annual<br>dense: rank 3 of 3, score 0.3333<br>"
        "holds evidence (50% of it)<br>text of gold"
    )


def test_a_stage_that_found_nothing_says_so() -> None:
    drawn = rank_flow(flow({"a": [None, 1, 1]}))
    assert drawn.layout.xaxis.ticktext[0] == "dense<br>0 listed<br>nothing found"


def test_frames_without_candidates_say_so() -> None:
    for frame in (flow({}), flow({"a": [None, None, None]})):
        drawn = rank_flow(frame)
        assert [note.text for note in drawn.layout.annotations] == ["No stage found a candidate."]
        assert not drawn.data


def test_what_is_no_flow_is_refused() -> None:
    with pytest.raises(
        InvalidRecordError, match=r"rank_flow needs the columns .* 'cut' is missing"
    ):
        rank_flow(flow(LOST).drop(columns="cut"))
    with pytest.raises(InvalidRecordError, match=r"rank_flow needs stages of .*; got 'guess'"):
        rank_flow(flow(LOST, stage="guess"))
    with pytest.raises(InvalidRecordError, match=r"needs the roles evidence, .*; got 'hero'"):
        rank_flow(flow(LOST, roles={"gold": "hero"}))


def test_hostile_text_is_drawn_as_it_is_written(
    hostile_text: str, harmless: Callable[[Any], bool], hostile_strings: tuple[str, ...]
) -> None:
    fields = {"doc_id": hostile_text, "section": hostile_text, "excerpt": hostile_text,
              "fate": hostile_text}  # fmt: skip
    assert harmless(rank_flow(flow(LOST, roles=ROLES, **fields)))
    ranks: Ranks = {f"{hostile_text}{i}": [i, i, None] for i in range(1, 1 + len(hostile_strings))}
    frame = flow(ranks, roles=dict.fromkeys(ranks, "selected"), fate=hostile_text)
    for column in ("doc_id", "section", "excerpt"):
        frame[column] = [*hostile_strings] * 3
    drawn = rank_flow(frame)
    assert harmless(drawn)
    assert len(drawn.layout.yaxis2.ticktext) == len(hostile_strings)
