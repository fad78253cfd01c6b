"""Charts of diagnoses draw the frame's values, and words where there are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.diagnosis.headroom import STEPS, headroom
from whymiss.errors import InvalidRecordError
from whymiss.plots import cause_bars, headroom_steps, stage_funnel
from whymiss.plots.theme import GREEN, VERMILLION
from whymiss.stages import STAGES


def failures(*rows: tuple[str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(
        {"stage": stage, "cause": cause, "name": f"Name{cause}" if cause else "", "n": n,
         "share": n / 50, "query_ids": tuple(f"{cause}q{i}" for i in range(n))}
        for stage, cause, n in rows
    )  # fmt: skip


def view(stage: str, **fields: Any) -> dict[str, Any]:
    empty = {"holds": True, "rank": None, "n": 0, "cut": None, "margin": None}
    return {"stage": stage, **empty, "displaced_by": (), "note": "", **fields}


def funnel(*views: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(views, dtype=object)


FUNNEL = funnel(
    view("chunk", note="1 of 1 spans whole"),
    view("dense", rank=21, n=50, cut=50, margin=0.25),
    view("bm25", holds=False, n=50, cut=50),
    view("fuse", rank=34, n=79, cut=50),
    view("rerank", holds=False, rank=18, n=79, cut=5, margin=-0.125, displaced_by=("c1", "c2")),
    view("select", holds=False, n=5, cut=5),
    view("answer", holds=None, note="not judged"),
)


def bars(drawn: Any) -> list[Any]:
    return [trace for trace in drawn.data if trace.type == "bar"]


def base(bar: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(bar.base, dtype=np.float64)


def words(drawn: Any) -> list[str]:
    found: list[str] = drawn.layout.yaxis2.ticktext.tolist()
    return [text.replace("\u00a0", " ") for text in found]


COUNTS = st.lists(
    st.tuples(
        st.sampled_from(["chunk", "embed", "dense, bm25", "select"]),
        st.sampled_from(["", "S1", "S8"]),
        st.integers(1, 40),
    ),
    min_size=1, unique_by=lambda row: row[:2],
)  # fmt: skip


@settings(max_examples=15)
@given(COUNTS)
def test_each_cause_is_as_long_as_it_is_frequent_and_begins_where_the_last_one_ends(
    rows: list[tuple[str, str, int]],
) -> None:
    drawn = cause_bars(failures(*rows))
    places = dict(zip(drawn.layout.yaxis.ticktext, drawn.layout.yaxis.tickvals, strict=True))

    for stage, place in places.items():
        mine = [bar for bar in bars(drawn) if bar.y[0] == place]
        counts = [n for name, _, n in rows if name == stage]
        assert [bar.x[0] for bar in mine] == counts
        assert [bar.base[0] for bar in mine] == [sum(counts[:i]) for i in range(len(counts))]
    assert sum(len(bar.x) for bar in bars(drawn)) == len(rows)


def test_stages_stand_in_the_order_of_the_pipeline() -> None:
    drawn = cause_bars(failures(*((stage, "S1", 1) for stage in reversed(STAGES))))

    assert drawn.layout.yaxis.ticktext.tolist() == list(STAGES)
    assert np.all(np.diff(drawn.layout.yaxis.tickvals) > 0)
    assert drawn.layout.yaxis.range[0] > drawn.layout.yaxis.range[1]


def test_every_cause_is_named_in_words_and_in_its_bar_where_there_is_room() -> None:
    drawn = cause_bars(failures(("chunk", "S2a", 30), ("chunk", "S2b", 1), ("chunk", "", 9)))

    assert words(drawn) == ["40: S2a NameS2a 30, S2b NameS2b 1,<br>unexplained 9"]
    assert [bar.text[0] if bar.text is not None else None for bar in bars(drawn)] == [
        "S2a", None, "?",
    ]  # fmt: skip


def test_questions_are_named_under_the_pointer() -> None:
    (bar,) = bars(cause_bars(failures(("chunk", "S2a", 2))))

    assert bar.hovertext[0] == "S2a NameS2a at chunk: 2 (4.0%)<br>S2aq0, S2aq1"


ENDS = st.lists(st.sampled_from(["", *STEPS]), min_size=1, max_size=40)


@settings(max_examples=15)
@given(ENDS)
def test_the_ladder_runs_from_the_score_to_1_without_a_gap(ends: list[str]) -> None:
    table = headroom({f"q{i}": step for i, step in enumerate(ends)}, answers=True)
    steps, score = bars(headroom_steps(table))

    np.testing.assert_array_equal(steps.x, table["share"])
    assert score.base[0] == 0
    assert score.x[0] == pytest.approx(ends.count("") / len(ends))
    tops = base(steps) + steps.x
    np.testing.assert_allclose(tops, table["score_after"])
    np.testing.assert_allclose(base(steps), [*tops[1:], score.x[0]], atol=1e-12)
    assert tops[0] == pytest.approx(1)


def test_a_step_says_what_it_would_bring_and_when_it_is_perfect() -> None:
    table = headroom({"a": "rerank", "b": "", "c": "", "d": "rerank"}, answers=False)
    drawn = headroom_steps(table)

    assert drawn.layout.yaxis.ticktext.tolist() == [*table["step"], "score as it is"]
    assert words(drawn) == [*["+0"] * 6, "+0.500 (2)", "+0", "0.500"]
    said = bars(drawn)[0].hovertext[6]
    assert said.startswith("rerank: 2 questions, 0.500 [0.150, 0.850]<br>perfect: ")
    assert said.endswith("score after: 1.000<br>a, d")


def test_evidence_within_the_cut_is_a_dot_and_behind_it_a_cross() -> None:
    marks = stage_funnel(FUNNEL).data[-1]

    np.testing.assert_array_equal(marks.x, [21, np.nan, 34, 18, np.nan])
    assert marks.marker.symbol.tolist() == ["circle", "x", "circle", "x", "x"]
    assert marks.marker.color.tolist()[0] == GREEN
    assert marks.marker.color.tolist()[3] == VERMILLION


def test_what_a_stage_handed_on_and_its_cut_are_drawn_on_the_row_of_the_stage() -> None:
    drawn = stage_funnel(FUNNEL)
    (handed_on,) = bars(drawn)
    lines = drawn.data[-2]
    rows = dict(zip(drawn.layout.yaxis.ticktext, drawn.layout.yaxis.tickvals, strict=True))

    np.testing.assert_allclose(base(handed_on) + handed_on.x, np.array([50, 50, 79, 79, 5]) + 0.5)
    assert handed_on.y.tolist() == [rows[s] for s in ("dense", "bm25", "fuse", "rerank", "select")]
    np.testing.assert_allclose(lines.x[::3], np.array([50, 50, 50, 5, 5]) + 0.5)
    assert np.isnan(lines.x[2::3]).all()
    np.testing.assert_allclose((lines.y[::3] + lines.y[1::3]) / 2, handed_on.y)


def test_every_stage_says_in_words_whether_the_evidence_is_there() -> None:
    assert words(stage_funnel(FUNNEL)) == [
        "✓ there; 1 of 1 spans whole",
        "✓ there: rank 21 of 50",
        "✗ not there: not among 50",
        "✓ there: rank 34 of 79, cut 50",
        "✗ not there: rank 18 of 79, cut 5",
        "✗ not there: not among 5",
        "– not told; not judged",
    ]


def test_the_margin_and_what_is_in_front_stand_under_the_pointer() -> None:
    said = stage_funnel(FUNNEL).data[-1].hovertext

    assert said[3] == (
        "rerank: ✗ not there: rank 18 of 79, cut 5<br>margin to the cut: -0.125<br>in front: c1, c2"
    )
    assert said[2] == "fuse: ✓ there: rank 34 of 79, cut 50"


def test_stages_of_a_funnel_are_put_in_order() -> None:
    drawn = stage_funnel(FUNNEL.iloc[::-1])

    names = drawn.layout.yaxis.ticktext.tolist()
    assert names == FUNNEL["stage"].tolist()
    assert drawn.data[-1].x.tolist()[0] == 21


def test_a_funnel_without_any_order_has_no_numbers_on_its_axis() -> None:
    drawn = stage_funnel(funnel(view("parse", holds=False, note="not in the store: a")))

    assert drawn.layout.xaxis.showticklabels is False
    assert words(drawn) == ["✗ not there; not in the store: a"]


@pytest.mark.parametrize(
    ("draw", "frame", "said"),
    [
        (cause_bars, failures(("chunk", "S1", 1))[:0], "No question failed."),
        (headroom_steps, headroom({}, answers=True), "No question can be judged."),
        (stage_funnel, FUNNEL[:0], "No stage was gone through."),
    ],
)
def test_an_empty_frame_says_so_in_words(
    draw: Callable[[pd.DataFrame], Any], frame: pd.DataFrame, said: str
) -> None:
    drawn = draw(frame)

    assert [note.text for note in drawn.layout.annotations] == [said]
    assert not drawn.data


@pytest.mark.parametrize(
    ("draw", "frame"),
    [
        (cause_bars, failures(("chunk", "S1", 1))),
        (headroom_steps, headroom({"a": ""}, answers=True)),
        (stage_funnel, FUNNEL),
    ],
)
def test_a_missing_column_is_named(
    draw: Callable[[pd.DataFrame], Any], frame: pd.DataFrame
) -> None:
    with pytest.raises(InvalidRecordError, match=rf"{draw.__name__} needs the columns .* 'n' is"):
        draw(frame.drop(columns="n"))


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match=r"cause_bars needs stages of .*; got 'guess'"):
        cause_bars(failures(("guess", "S1", 1)))
    with pytest.raises(InvalidRecordError, match=r"stage_funnel needs stages of .*; got 'guess'"):
        stage_funnel(funnel(view("guess")))


def test_hostile_text_is_drawn_as_it_is_written(
    hostile_text: str, harmless: Callable[[Any], bool]
) -> None:
    bad = failures(("chunk", "S1", 2)).assign(name=hostile_text, query_ids=[(hostile_text,)])
    table = headroom({hostile_text: "rerank", "b": ""}, answers=True)
    noted = view("pack", note=hostile_text)
    front = view("select", n=5, cut=5, rank=3, displaced_by=(hostile_text,), note=hostile_text)

    assert harmless(cause_bars(bad))
    assert harmless(headroom_steps(table))
    assert harmless(stage_funnel(funnel(noted, front)))
