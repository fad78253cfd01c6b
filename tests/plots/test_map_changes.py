"""The comparison draws every passage on both sides and tells change of neighbours, not motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.plots.map_changes import map_comparison
from whymiss.plots.plane import WEBGL_FROM
from whymiss.plots.theme import INK, SCALE, Figure

NAN = float("nan")


def passages(*changed: float) -> pd.DataFrame:
    """One row per change; the places are all different."""
    n = np.arange(len(changed), dtype=np.float64)
    return pd.DataFrame(
        {
            "id_before": [f"b{i:04.0f}" for i in n], "id_after": [f"a{i:04.0f}" for i in n],
            "doc_id": [f"{i:.0f}.md" for i in n], "section": "Refunds > Cards",
            "excerpt": "Ten days.", "x_before": n, "y_before": n / 2, "x_after": n + 0.25,
            "y_after": -n, "changed": list(changed), "shared_text": 0.9,
            "entered": [("new.md",) if c > 0 else () for c in changed],
            "left": [("old.md", "older.md") if c > 0 else () for c in changed],
        }
    )  # fmt: skip


def sides(drawn: Figure) -> tuple[list[Any], list[Any]]:
    """The traces of passages before and after; rings have no words."""
    traces = [t for t in drawn.data if t.hovertext is not None]
    before = [t for t in traces if t.xaxis == "x"]
    return before, [t for t in traces if t.xaxis == "x2"]


def caption(drawn: Figure) -> list[str]:
    text = str(drawn.layout.annotations[-1].text).replace("<br>", " ")
    return text.replace(" The most changed", "\nThe most changed").split("\n")


def numbers(drawn: Figure, axis: str) -> list[tuple[str, float, float]]:
    return [(note.text, note.x, note.y) for note in drawn.layout.annotations if note.xref == axis]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([NAN, 0.0, 0.1, 0.5, 1.0]), min_size=1, max_size=30))
def test_every_passage_is_drawn_once_on_each_side_in_the_colour_of_its_change(
    changed: list[float],
) -> None:
    table = passages(*changed)
    for side, traces in zip(("before", "after"), sides(map_comparison(table)), strict=True):
        found = [
            (x, y, c if t.name == "" else NAN)
            for t in traces
            for x, y, c in zip(
                t.x, t.y, t.marker.color if t.name == "" else [NAN] * len(t.x), strict=True
            )
        ]
        expected = table[[f"x_{side}", f"y_{side}", "changed"]].to_numpy()
        np.testing.assert_array_equal(np.array(sorted(found)), expected[expected[:, 0].argsort()])


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_the_rows_changes_nothing(order: list[int]) -> None:
    table = passages(0.5, 0.5, NAN, 0.0, 1.0, 0.2, 0.5, 0.5, 0.5, 0.5, NAN, 0.5)
    assert map_comparison(table).to_json() == map_comparison(table.iloc[order]).to_json()


def test_both_sides_share_the_plane_and_one_scale_from_0_to_1() -> None:
    layout = map_comparison(passages(0.2, 0.4)).layout

    assert (layout.xaxis.matches or layout.xaxis2.matches) in ("x", "x2")
    assert (layout.yaxis.matches or layout.yaxis2.matches) in ("y", "y2")
    assert layout.yaxis.scaleanchor == "x"
    axis = layout.coloraxis
    assert (axis.cmin, axis.cmax, axis.colorscale[0][1]) == (0, 1, "#00224e"), SCALE
    assert layout.xaxis.showticklabels is layout.xaxis2.showticklabels is False


def test_an_undefined_change_is_hollow_and_named_once() -> None:
    drawn = map_comparison(passages(NAN, 0.5, NAN))
    named = [t for t in drawn.data if t.showlegend]

    assert [t.name for t in named] == ["undefined (2)"]
    assert (named[0].marker.symbol, named[0].marker.color) == ("circle-open", INK)
    assert "change of neighbours: undefined" in named[0].hovertext[0]


def test_what_changed_most_is_drawn_last_and_largest() -> None:
    (trace,), _ = sides(map_comparison(passages(0.9, 0.0, 0.3)))

    assert trace.x.tolist() == [1.0, 2.0, 0.0]
    assert np.all(np.diff(trace.marker.size) > 0)


def test_the_most_changed_are_numbered_on_both_sides_and_told_in_words() -> None:
    drawn = map_comparison(passages(0.25, 0.0, 1.0, NAN))

    assert numbers(drawn, "x") == [("1", 2.0, 1.0), ("2", 0.0, 0.0)]
    assert numbers(drawn, "x2") == [("1", 2.25, -2.0), ("2", 0.25, 0.0)]
    assert caption(drawn)[1] == (
        "The most changed, 2 of 2: "
        "1. 2.md, Refunds &gt; Cards: 100% of its neighbours are others now; came: new.md; "
        "went: old.md, older.md "
        "2. 0.md, Refunds &gt; Cards: 25% of its neighbours are others now; came: new.md; "
        "went: old.md, older.md"
    )


def test_passages_that_are_not_told_are_counted() -> None:
    drawn = map_comparison(passages(*([0.5] * 11), 0.0))

    assert len(numbers(drawn, "x")) == 8
    assert caption(drawn)[1].startswith("The most changed, 8 of 11:")


def test_neighbours_that_are_not_named_are_counted() -> None:
    table = passages(0.5).assign(entered=[("a", "b", "c", "d", "e")])

    assert "came: a, b, c and 2 more; went: old.md" in caption(map_comparison(table))[1]
    (trace,), _ = sides(map_comparison(table))
    assert "came: a; b; c; d; e" in trace.hovertext[0]


def test_the_summary_counts_what_changed() -> None:
    (words,) = caption(map_comparison(passages(0.0, 0.0, 0.0, NAN)))
    assert words.startswith("4 passages are in both configurations.")
    assert words.endswith(
        "3 kept all true neighbours, 0 kept none, the mean change is 0%; undefined for 1."
    )
    half = caption(map_comparison(passages(0.0, 1.0)))[0]
    assert half.endswith("1 kept all true neighbours, 1 kept none, the mean change is 50%.")
    (none,) = caption(map_comparison(passages(NAN)))
    assert none.endswith("The change is undefined for all of them.")


def test_hover_tells_what_came_and_went_and_how_much_text_is_the_same() -> None:
    (trace,), _ = sides(map_comparison(passages(0.5)))

    assert trace.hovertext[0] == (
        "0.md<br>Refunds &gt; Cards<br>Ten days.<br>50% of its neighbours are others now<br>"
        "came: new.md<br>went: old.md; older.md<br>90% of the text is the same"
    )


def test_all_of_a_large_comparison_is_drawn_by_webgl() -> None:
    assert {t.type for t in map_comparison(passages(*[0.5] * WEBGL_FROM)).data} == {"scattergl"}
    assert {t.type for t in map_comparison(passages(0.5)).data} == {"scatter"}


def test_nothing_in_common_is_said_in_words() -> None:
    drawn = map_comparison(passages(0.5)[:0])

    assert [note.text for note in drawn.layout.annotations] == [
        "No passage is in both configurations."
    ]
    assert not drawn.data


@pytest.mark.parametrize("column", ["id_after", "y_before", "changed", "left"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(InvalidRecordError, match=f"map_comparison needs .* '{column}' is missing"):
        map_comparison(passages(0.5).drop(columns=column))


def test_a_passage_without_a_place_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="1 of 2 lack one, the first is 'b0001'"):
        map_comparison(passages(0.1, 0.2).assign(y_after=[0.0, NAN]))


def test_hostile_text_is_drawn_as_it_is_written(
    hostile_text: str, harmless: Callable[[Any], bool]
) -> None:
    table = passages(0.5, NAN, 0.0).assign(doc_id=hostile_text)
    bad = [(hostile_text,), (hostile_text, hostile_text), ()]

    assert harmless(map_comparison(table, title=hostile_text))
    assert harmless(map_comparison(table.assign(section=hostile_text, excerpt=hostile_text)))
    assert harmless(map_comparison(passages(0.5, NAN, 0.0).assign(entered=bad, left=bad)))
