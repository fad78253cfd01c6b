"""The map draws every row of the frame once, marks roles by shape, and says what is undefined."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.plots.colouring import HOLLOW, PALETTE
from whymiss.plots.map_figure import embedding_map
from whymiss.plots.plane import WEBGL_FROM
from whymiss.plots.theme import BLUE, GREEN, INK, VERMILLION, Figure

NAN = float("nan")
COLUMNS = (
    "kind", "id", "doc_id", "title", "section", "start", "n_tokens", "x", "y", "cluster",
    "cluster_label", "kept", "hubness", "score", "rank", "role", "left_at", "year", "tags",
)  # fmt: skip


def chunk(name: str, **fields: Any) -> dict[str, Any]:
    number = int(name[1:])
    return {
        "kind": "chunk", "id": name, "doc_id": f"{number % 3}.md", "title": f"Page {number % 3}",
        "section": "Refunds > Cards", "start": 10 * number, "end": 10 * number + 9,
        "excerpt": f"Passage {number}.", "n_tokens": 128, "x": float(number % 7),
        "y": float(number % 5), "cluster": number % 2, "cluster_label": f"topic {number % 2}",
        "kept": 0.5, "hubness": 0.01 * number, "score": NAN, "rank": pd.NA, "role": "",
        "left_at": pd.NA, "year": 2020 + number % 2, "tags": None if number % 2 else "old",
        **fields,
    }  # fmt: skip


def question(name: str, **fields: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("doc_id", "title", "section", "start", "end", "n_tokens", "tags"))
    return chunk(
        name, **empty, kind="question", excerpt="How long?", cluster=-1, cluster_label="",
        kept=NAN, hubness=NAN, year=None, **fields,
    )  # fmt: skip


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    whole = dict.fromkeys(("start", "end", "n_tokens", "cluster", "rank"), "Int64")
    return pd.DataFrame(rows).astype(whole)


PLAIN = frame(*(chunk(f"c{i}") for i in range(8)))
ASKED = frame(
    chunk("c1", role="evidence", rank=6, score=0.4, left_at="select"),
    chunk("c2", role="displacing", rank=1, score=0.9, left_at=""),
    chunk("c3", role="retrieved", rank=2, score=0.8, left_at=""),
    chunk("c4", rank=7, score=0.3, left_at="select"),
    chunk("c5", left_at="dense, bm25"),
    question("q1", role="question", left_at="select"),
    question("q2"),
)


def drawn_points(drawn: Figure) -> list[Any]:
    """The traces whose marks are rows; rings, lines and their middles are none."""
    invisible = [np.isscalar(t.marker.opacity) and t.marker.opacity == 0 for t in drawn.data]
    return [
        t
        for t, skip in zip(drawn.data, invisible, strict=True)
        if t.hovertext is not None and not skip
    ]


def places(traces: Sequence[Any]) -> list[tuple[float, float]]:
    return sorted(
        (float(x), float(y)) for t in traces for x, y in zip(t.x, t.y, strict=True) if x == x
    )


def key(drawn: Figure, name: str) -> Any:
    """The trace of this line of the legend, which may say how many there are."""
    (found,) = [t for t in drawn.data if t.showlegend and t.name.rpartition(" (")[0] == name]
    return found


def said(drawn: Figure) -> list[str]:
    return [text for trace in drawn_points(drawn) for text in trace.hovertext]


def caption(drawn: Figure) -> str:
    (note,) = [note for note in drawn.layout.annotations if note.yref == "paper"]
    return str(note.text).replace("<br>", " ")


def written(drawn: Figure) -> list[str]:
    return [note.text for note in drawn.layout.annotations if note.yref != "paper"]


ROWS = st.lists(
    st.builds(
        lambda make, role, score, cluster, kept, tags: make(role, score, cluster, kept, tags),
        st.sampled_from(
            [
                lambda role, score, cluster, kept, tags: {
                    "kind": "chunk", "role": role, "score": score, "cluster": cluster,
                    "cluster_label": f"t{cluster}" if cluster >= 0 else "", "kept": kept,
                    "tags": tags,
                },
                lambda role, score, cluster, kept, tags: {"kind": "question", "score": score},
            ]
        ),
        st.sampled_from(["", "", "evidence", "retrieved", "displacing"]),
        st.sampled_from([NAN, 0.2, 0.9]),
        st.integers(-1, 12),
        st.sampled_from([NAN, 0.0, 1.0]),
        st.sampled_from([None, "", "a", "b", 3, True]),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, colour_by=st.sampled_from(COLUMNS), seed=st.integers(0, 3))
def test_every_row_is_drawn_once_and_counted_once_in_any_colouring(
    rows: list[dict[str, Any]], colour_by: str, seed: int
) -> None:
    makers = {"chunk": chunk, "question": question}
    table = frame(*(makers[row["kind"]](f"c{i}") | row for i, row in enumerate(rows)))
    rng = np.random.default_rng(seed)
    table[["x", "y"]] = rng.random((len(table), 2))

    drawn = embedding_map(table, colour_by=colour_by)

    assert places(drawn_points(drawn)) == sorted(map(tuple, table[["x", "y"]].to_numpy().tolist()))
    assert sum(text != "" for text in said(drawn)) == len(table)
    lines = [t for t in drawn.data if t.showlegend and t.legend is None]
    counts = [int(t.name.rpartition("(")[2].strip(")").replace(",", "")) for t in lines]
    on_the_bar = [t for t in drawn.data if t.name == ""]
    assert sum(counts) == len(table) or (on_the_bar and sum(counts) < len(table))


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(len(ASKED))), st.sampled_from(COLUMNS))
def test_the_order_of_the_rows_changes_nothing(order: list[int], colour_by: str) -> None:
    one, other = (embedding_map(f, colour_by=colour_by) for f in (ASKED, ASKED.iloc[order]))
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize(
    ("name", "symbol", "colour"),
    [
        ("evidence", "star", GREEN),
        ("retrieved ahead of the evidence", "triangle-up", VERMILLION),
        ("the question looked at", "diamond", PALETTE[3]),
        ("question", "diamond", INK),
    ],
)
def test_a_role_has_its_shape_and_its_outline(name: str, symbol: str, colour: str) -> None:
    mark = key(embedding_map(ASKED), name)

    assert mark.name == f"{name} (1)"
    assert (mark.marker.symbol, mark.marker.line.color) == (symbol, colour)


def test_what_was_retrieved_has_a_ring_around_its_mark() -> None:
    drawn = embedding_map(ASKED)
    ring = key(drawn, "retrieved")
    (mark,) = [t for t in drawn_points(drawn) if t.legendgroup == "retrieved"]

    assert (ring.marker.symbol, ring.marker.color) == ("circle-open", BLUE)
    assert ring.marker.size > mark.marker.size
    assert (ring.x[0], ring.y[0]) == (mark.x[0], mark.y[0]) == (3.0, 3.0)


def test_marks_lie_on_top_with_the_question_and_the_evidence_last() -> None:
    marks = [t for t in drawn_points(embedding_map(ASKED)) if t.legend]

    assert [t.name.rpartition(" (")[0] for t in marks] == [
        "question", "retrieved", "retrieved ahead of the evidence", "evidence",
        "the question looked at",
    ]  # fmt: skip


def test_a_mark_is_told_of_before_the_small_points_that_it_covers() -> None:
    drawn = embedding_map(ASKED)
    mark = key(drawn, "evidence")
    (target,) = [t for t in drawn.data if t.name == mark.name and t is not mark]

    assert (target.x[0], target.y[0], target.hovertext[0]) == (
        mark.x[0], mark.y[0], mark.hovertext[0],
    )  # fmt: skip
    # plotly treats marks of up to 6 pixels alike, and prefers them to all larger ones.
    assert (target.marker.size, target.marker.opacity) == (6, 0)


def test_the_marks_of_many_questions_are_small() -> None:
    few, many = (
        embedding_map(frame(chunk("c1"), *(question(f"q{i}", role="question") for i in range(n))))
        for n in (2, 30)
    )

    assert (
        key(many, "the question looked at").marker.size
        < key(few, "the question looked at").marker.size
    )
    assert key(many, "the question looked at").name == "the question looked at (30)"


def test_other_points_step_back_but_stay_where_a_question_is_looked_at() -> None:
    drawn = embedding_map(ASKED, colour_by="kind")
    plain = key(drawn, "chunk")
    faint, clear = sorted(plain.marker.opacity)

    # c4 was ranked, c5 was not.
    assert plain.marker.opacity[plain.y.tolist().index(0.0)] == faint
    assert 0.1 < faint < clear / 2
    assert set(key(embedding_map(PLAIN), "topic 0").marker.opacity) == {clear}


def test_a_mark_is_filled_with_its_value_and_hollow_without_one() -> None:
    by_topic = embedding_map(ASKED)
    # The evidence is in topic 1, as are c3 and c5, the most frequent.
    assert key(by_topic, "evidence").marker.color.tolist() == [BLUE]
    assert key(by_topic, "question").marker.color.tolist() == [HOLLOW]
    by_rank = embedding_map(ASKED, colour_by="rank")
    # Rank 1 is the yellow end of the scale, 7 the dark one.
    assert key(by_rank, "retrieved ahead of the evidence").marker.color[0] == "rgb(254, 232, 56)"


def test_numbers_are_on_a_scale_and_undefined_ones_hollow_and_in_words() -> None:
    table = frame(*(chunk(f"c{i}", kept=(0.25, NAN, 0.75, np.inf)[i]) for i in range(4)))
    drawn = embedding_map(table, colour_by="kept")
    hollow = key(drawn, "kept undefined")
    (scaled,) = [t for t in drawn.data if t.name == ""]

    assert hollow.name == "kept undefined (2)"
    assert (hollow.marker.symbol, hollow.marker.color) == ("circle-open", INK)
    assert hollow.x.tolist() == [1.0, 3.0]
    assert scaled.marker.color.tolist() == [0.25, 0.75]
    assert (drawn.layout.coloraxis.cmin, drawn.layout.coloraxis.cmax) == (0.25, 0.75)
    assert drawn.layout.coloraxis.colorbar.title.text == "coloured by kept"
    assert any(text.endswith("kept: undefined") for text in hollow.hovertext)


def test_numbers_that_are_undefined_everywhere_have_no_scale() -> None:
    drawn = embedding_map(PLAIN, colour_by="score")

    assert [t.name for t in drawn.data] == ["not ranked (8)"]
    assert drawn.layout.coloraxis.colorbar.title.text is None


def test_one_value_alone_still_has_a_scale() -> None:
    axis = embedding_map(PLAIN, colour_by="kept").layout.coloraxis

    assert axis.cmin < 0.5 < axis.cmax


def test_the_most_frequent_values_get_a_colour_and_the_others_share_the_grey() -> None:
    # Document d stands on d + 1 chunks.
    docs = [f"d{d:02}.md" for d in range(11) for _ in range(d + 1)]
    table = frame(*(chunk(f"c{i}", doc_id=doc) for i, doc in enumerate(docs)))
    drawn = embedding_map(table, colour_by="doc_id")

    assert [(t.name, t.marker.color) for t in drawn.data[1:]] == [
        (f"d{d:02}.md ({d + 1})", hue) for d, hue in zip(range(10, 2, -1), PALETTE, strict=True)
    ]
    assert (drawn.data[0].name, drawn.data[0].marker.color) == ("3 other values (6)", INK)


def test_stages_stand_in_the_order_of_the_pipeline() -> None:
    stages = ["select", "select", "select", "fuse", "fuse", "dense, bm25", "", ""]
    table = frame(*(chunk(f"c{i}", left_at=stage) for i, stage in enumerate(stages)))
    drawn = embedding_map(table, colour_by="left_at")

    assert [t.name for t in drawn.data] == [
        "fuse (2)", "select (3)", "reached the context (2)", "dense, bm25 (1)",
    ]  # fmt: skip


def test_hover_tells_document_section_excerpt_rank_and_what_became_of_it() -> None:
    texts = said(embedding_map(ASKED, colour_by="hubness"))

    assert (
        "evidence: Page 1 (1.md)<br>Refunds &gt; Cards<br>Passage 1.<br>"
        "rank 6, score 0.400, lost at select<br>cluster: topic 1<br>"
        "50% of its true neighbours are near it<br>hubness: 0.010"
    ) in texts
    asked = (
        "the question looked at<br>How long?<br>its evidence lost at select<br>hubness: undefined"
    )
    assert asked in texts


def test_the_caption_tells_how_far_the_map_can_be_trusted() -> None:
    table = frame(chunk("c1", kept=0.25), chunk("c2", kept=0.5), chunk("c3", kept=NAN))

    assert (
        "of the true nearest neighbours of a point, 38% are among its nearest on the map "
        "(mean of 2 points; undefined for 1)."
    ) in caption(embedding_map(table))
    undefined = caption(embedding_map(table.assign(kept=NAN)))
    assert undefined.endswith("is undefined for every point.")


def test_axes_are_equal_and_bear_no_numbers() -> None:
    layout = embedding_map(PLAIN).layout

    assert (layout.yaxis.scaleanchor, layout.yaxis.scaleratio) == ("x", 1)
    assert layout.xaxis.showticklabels is layout.yaxis.showticklabels is False


def test_a_cluster_is_named_at_the_point_in_its_middle() -> None:
    # A bow: the medians of x and y meet at (1, 1), where no point is.
    bow = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.1), (2.0, 1.0), (2.0, 0.0)]
    rows = [
        chunk(f"c{i}", x=x, y=y, cluster=4, cluster_label="bow") for i, (x, y) in enumerate(bow)
    ]
    (note, _) = embedding_map(frame(*rows)).layout.annotations

    assert (note.x, note.y, note.text) == (1.0, 1.1, "bow")


def test_cluster_labels_do_not_lie_on_each_other_and_the_largest_comes_first() -> None:
    near = [chunk(f"c{i}", x=0.001 * i, y=0.0, cluster=i > 0, cluster_label=f"t{i > 0}")
            for i in range(3)]  # fmt: skip
    far = chunk("c9", x=9.0, y=9.0, cluster=2, cluster_label="far")
    drawn = embedding_map(frame(*near, far))

    assert written(drawn) == ["tTrue", "far"]
    assert "2 of 3 cluster labels are written" in caption(drawn)
    assert "labels are written" not in caption(embedding_map(frame(near[0], far)))


def test_no_cluster_label_lies_on_a_mark_of_the_question() -> None:
    here = chunk("c1", x=0.0, y=0.0, cluster=1, cluster_label="here")
    far = chunk("c2", x=9.0, y=9.0, cluster=2, cluster_label="far")

    assert written(embedding_map(frame(here, far))) == ["here", "far"]
    assert written(embedding_map(frame({**here, "role": "evidence"}, far))) == ["far"]


def edges(*rows: tuple[str, str, int, bool]) -> pd.DataFrame:
    return pd.DataFrame(
        {"from_id": a, "to_id": b, "neighbour": n, "cosine": 0.9 - n / 10, "kept": kept}
        for a, b, n, kept in rows
    )


def test_true_neighbours_are_joined_by_solid_lines_if_kept_and_dashed_ones_if_not() -> None:
    lines = edges(("c1", "c2", 2, False), ("c1", "c3", 1, True), ("c1", "c5", 3, False))
    drawn = embedding_map(PLAIN, edges=lines)
    kept = key(drawn, "true neighbour, kept by the map")
    torn = key(drawn, "true neighbour, torn off by the map")

    assert (kept.line.dash, torn.line.dash) == ("solid", "dash")
    np.testing.assert_array_equal(kept.x, [1, 3, NAN])
    np.testing.assert_array_equal(torn.x, [1, 2, NAN, 1, 5, NAN])
    np.testing.assert_array_equal(torn.y, [1, 2, NAN, 1, 0, NAN])
    middles = [t for t in drawn.data if t not in drawn_points(drawn) and t.mode == "markers"]
    assert middles[1].x.tolist() == [1.5, 3.0]
    assert middles[1].hovertext[0].endswith("neighbour 2, cosine 0.700")
    assert len(drawn_points(drawn)) == len(drawn_points(embedding_map(PLAIN)))


def test_points_that_no_line_reaches_step_back() -> None:
    drawn = embedding_map(PLAIN, edges=edges(("c1", "c2", 1, True)), colour_by="kind")
    (chunks,) = drawn_points(drawn)

    clear = chunks.marker.opacity == chunks.marker.opacity.max()
    assert chunks.x[clear].tolist() == [1.0, 2.0]


def test_an_edge_to_a_point_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="edges between points of the map; 'c99' is not"):
        embedding_map(PLAIN, edges=edges(("c1", "c99", 1, True)))
    with pytest.raises(InvalidRecordError, match=r"with edges needs .* 'kept' is missing"):
        embedding_map(PLAIN, edges=edges(("c1", "c2", 1, True)).drop(columns="kept"))


def test_all_of_a_large_map_is_drawn_by_webgl_and_of_a_small_one_as_svg() -> None:
    # WebGL lies above all SVG: one mark as SVG would be hidden.
    many = pd.concat([ASKED, frame(*(chunk(f"c{i}") for i in range(9, 9 + WEBGL_FROM)))])
    lines = edges(("c1", "c2", 1, True), ("c1", "c3", 2, False))

    assert {t.type for t in embedding_map(many, edges=lines).data} == {"scattergl"}
    assert {t.type for t in embedding_map(ASKED, edges=lines).data} == {"scatter"}


def test_a_map_without_points_says_so_in_words() -> None:
    drawn = embedding_map(PLAIN[:0])

    assert [note.text for note in drawn.layout.annotations] == ["There is no point to draw."]
    assert not drawn.data


@pytest.mark.parametrize("column", ["kind", "doc_id", "excerpt", "kept", "left_at"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(InvalidRecordError, match=f"embedding_map needs .* '{column}' is missing"):
        embedding_map(PLAIN.drop(columns=column))


def test_an_unknown_column_to_colour_by_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"cannot colour by 'topic'; the frame has kind, id, .*"):
        embedding_map(PLAIN, colour_by="topic")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"kind": "answer"}, "needs a kind of 'chunk', 'question'; got 'answer'"),
        ({"role": "asked"}, "needs a role of .*; got 'asked'"),
        ({"x": NAN}, "finite x, y for every point; 1 of 2 lack one, the first is 'c2'"),
    ],
)
def test_a_row_that_cannot_be_drawn_is_refused(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidRecordError, match=match):
        embedding_map(frame(chunk("c1"), chunk("c2", **fields)))


@pytest.mark.parametrize("colour_by", ["doc_id", "tags", "kept", "cluster_label", "hostile"])
def test_hostile_text_is_drawn_as_it_is_written(
    colour_by: str, hostile_text: str, harmless: Callable[[Any], bool]
) -> None:
    bad = dict.fromkeys(("doc_id", "title", "section", "excerpt", "cluster_label", "tags"))
    table = ASKED.assign(**dict.fromkeys(bad, hostile_text))
    table["left_at"] = hostile_text
    named = table.rename(columns={"hubness": hostile_text})

    assert harmless(embedding_map(table, colour_by="tags" if colour_by == "hostile" else colour_by))
    assert harmless(embedding_map(named, colour_by=hostile_text, title=hostile_text))
    assert harmless(
        embedding_map(
            table.assign(id=[f"{hostile_text}{i}" for i in range(len(table))]),
            edges=edges((f"{hostile_text}1", f"{hostile_text}2", 1, True)),
        )
    )


def test_no_hostile_text_of_the_collection_gets_out_of_its_place(
    hostile_strings: tuple[str, ...],
) -> None:
    rows = [
        chunk(f"c{i}", title=text, section=text, excerpt=text, cluster=i, cluster_label=text,
              x=float(i), y=float(i % 40), doc_id=f"{i}", tags=text)
        for i, text in enumerate(hostile_strings)
    ]  # fmt: skip
    drawn = embedding_map(frame(*rows), colour_by="tags")
    texts = [*said(drawn), *(t.name for t in drawn.data), *written(drawn)]

    assert not any(mark in text.replace("<br>", "") for text in texts for mark in "<$")
    found = {tuple(place): text for t in drawn_points(drawn)
             for *place, text in zip(t.x, t.y, t.hovertext, strict=False)}  # fmt: skip
    for row in rows:
        # Shown are the words themselves, not an escape of an escape.
        shown = html.unescape(found[row["x"], row["y"]].replace("<br>", ""))
        assert "".join(row["title"].split())[:10] in "".join(shown.split())


def test_an_undefined_stage_says_why() -> None:
    (hollow,) = embedding_map(PLAIN, colour_by="left_at").data

    assert hollow.name.replace("<br>", " ") == (
        "undefined: no question looked at, or no evidence known (8)"
    )
