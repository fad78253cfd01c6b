"""Scores of candidates: each drawn on the scale of its stage, with the cut and the evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flows import LOST, ROLES, flow

from whymiss.errors import InvalidRecordError
from whymiss.plots.scores import score_distributions


def strokes(drawn: Any) -> list[list[float]]:
    """The scores of each stage."""
    return [t.x.tolist() for t in drawn.data if t.marker.symbol == "line-ns-open"]


def words(drawn: Any) -> list[str]:
    axes = sorted(drawn.select_yaxes(), key=lambda axis: int(axis.plotly_name[5:] or 1))
    return [text for axis in axes[1::2] for text in axis.ticktext]


def test_every_score_of_the_frame_is_drawn_on_the_axis_of_its_stage() -> None:
    drawn = score_distributions(flow(LOST, roles=ROLES))
    assert strokes(drawn) == [[1, 1 / 2, 1 / 3], [1, 1 / 2, 1 / 3, 1 / 4], [1, 1 / 2]]
    axes = [t.xaxis for t in drawn.data if t.marker.symbol == "line-ns-open"]
    assert len(set(axes)) == 3


def test_the_cut_is_the_score_of_the_last_that_goes_on() -> None:
    drawn = score_distributions(flow(LOST, roles=ROLES))
    lines = [t for t in drawn.data if t.line.dash == "dash"]
    assert [line.x.tolist() for line in lines] == [[0.5, 0.5]] * 3
    assert [line.showlegend for line in lines] == [True, False, False]


def test_evidence_has_its_mark_and_its_words() -> None:
    drawn = score_distributions(flow(LOST, roles=ROLES))
    marks = [t for t in drawn.data if t.legendgroup == "evidence"]
    assert [mark.x.tolist() for mark in marks] == [[1 / 3], [1 / 4]]
    assert [mark.showlegend for mark in marks] == [True, False]
    assert words(drawn) == [
        "first 2 go on, down to 0.5<br>evidence: 0.3333, rank 3 of 3",
        "first 2 go on, down to 0.5<br>evidence: 0.25, rank 4 of 4",
        "all go on, down to 0.5<br>evidence: not among 2",
    ]


def test_without_evidence_there_is_no_word_of_it() -> None:
    said = words(score_distributions(flow(LOST)))
    assert said[0] == "first 2 go on, down to 0.5"


def test_the_pointer_shows_document_section_and_excerpt() -> None:
    drawn = score_distributions(flow(LOST, roles=ROLES))
    (mark, _) = [t for t in drawn.data if t.legendgroup == "evidence"]
    assert mark.hovertext[0].startswith("gold.md<br>Plans &gt; Annual<br>dense: rank 3 of 3")
    assert mark.hovertext[0].endswith("text of gold")


def test_stages_stand_in_order_and_one_that_found_nothing_says_so() -> None:
    drawn = score_distributions(flow({"a": [None, 1, 1]}).iloc[::-1])
    axes = sorted(drawn.select_yaxes(), key=lambda axis: int(axis.plotly_name[5:] or 1))
    assert [axis.ticktext[0] for axis in axes[::2]] == ["dense", "fuse", "select"]
    assert words(drawn)[0] == "nothing found"
    assert drawn.layout.xaxis.showticklabels is False


def test_frames_without_candidates_say_so() -> None:
    for frame in (flow({}), flow({"a": [None, None, None]})):
        drawn = score_distributions(frame)
        assert [note.text for note in drawn.layout.annotations] == ["No stage found a candidate."]


def test_what_is_no_flow_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match=r"needs the columns .* 'score' is missing"):
        score_distributions(flow(LOST).drop(columns="score"))
    with pytest.raises(InvalidRecordError, match=r"score_distributions needs stages .* 'guess'"):
        score_distributions(flow(LOST, stage="guess"))


def test_hostile_text_is_drawn_as_it_is_written(
    hostile_text: str, harmless: Callable[[Any], bool]
) -> None:
    fields = {"doc_id": hostile_text, "section": hostile_text, "excerpt": hostile_text,
              "fate": hostile_text}  # fmt: skip
    assert harmless(score_distributions(flow(LOST, roles=ROLES, **fields)))
