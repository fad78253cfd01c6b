"""What changed between two maps, by their true neighbours and not by where points are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from mapping import CONFIG, SMALLER, drawn, nearest_by_hand, piece, spread

from whymiss.maps.comparing import COMPARED, compare
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.workbench import Workbench


def by_id(frame: pd.DataFrame, column: str = "id_after") -> dict[str, dict[str, Any]]:
    return {row[column]: row for row in frame.to_dict("records") if pd.notna(row[column])}


def test_a_map_compared_with_itself_has_not_changed(wb: Workbench) -> None:
    made = wb.map()
    found = compare(made, made)
    assert tuple(found.columns) == COMPARED
    assert found["changed"].tolist() == [0.0] * 30
    assert found["id_before"].tolist() == found["id_after"].tolist() == made.frame["id"].tolist()
    assert found["shared_text"].tolist() == [1.0] * 30
    assert set(found["entered"]) == set(found["left"]) == {()}
    assert found["x_before"].tolist() == found["x_after"].tolist()


def test_where_points_are_drawn_changes_nothing() -> None:
    chunks = [piece("d", 10 * i, 10 * i + 9) for i in range(20)]
    one, other = (
        drawn(chunks, spread(20), np.random.default_rng(i).normal(size=(20, 2))) for i in range(2)
    )
    assert compare(one, other)["changed"].tolist() == [0.0] * 20


def named(doc_id: str, start: int, end: int) -> Any:
    return piece(doc_id, start, end, headings=(f"s{start}",) if doc_id == "d" else ())


def test_a_small_case_worked_by_hand() -> None:
    before = drawn(
        [named("d", 0, 100), named("d", 100, 200), named("e", 0, 100), named("f", 0, 100)],
        spread(4), [[i, -i] for i in range(4)],
    )  # fmt: skip
    after = drawn(
        [named("d", 0, 50), named("d", 50, 150), named("d", 150, 200), named("e", 0, 100),
         named("g", 0, 100)],
        spread(5, seed=9), [[10 + i, i] for i in range(5)],
    )  # fmt: skip
    found = compare(before, after)
    rows = by_id(found)

    # Half of [0, 100) is all of [0, 50); [50, 150) shares as much with both, and takes the first.
    new = rows.pop("g:0-100")
    assert {i: row["id_before"] for i, row in rows.items()} == {
        "d:0-50": "d:0-100", "d:50-150": "d:0-100", "d:150-200": "d:100-200", "e:0-100": "e:0-100",
    }  # fmt: skip
    shared = {i: row["shared_text"] for i, row in rows.items()}
    assert shared == {
        "d:0-50": 0.5, "d:50-150": pytest.approx(1 / 3), "d:150-200": 0.5, "e:0-100": 1.0,
    }  # fmt: skip
    # Each had all three others as neighbours, and of these f is gone: one of three.
    assert [rows[i]["changed"] for i in shared] == pytest.approx([1 / 3] * 4)
    assert all(rows[i]["left"] == ("f",) for i in shared)
    assert {i: set(rows[i]["entered"]) for i in shared} == {
        "d:0-50": {"g"},
        # [0, 50) is no neighbour that [0, 100) had: it is a part of itself.
        "d:50-150": {"g", "d: s0"},
        "d:150-200": {"g"},
        "e:0-100": {"g"},
    }
    assert pd.isna(new["id_before"])
    assert np.isnan([new["changed"], new["shared_text"], new["x_before"]]).all()
    assert (new["x_after"], new["y_after"], new["entered"], new["left"]) == (14, 4, (), ())
    # What none answers to comes last.
    gone = found.iloc[-1]
    assert (gone["id_before"], gone["x_before"]) == ("f:0-100", 3)
    assert pd.isna(gone["id_after"])
    assert np.isnan(gone["x_after"])
    assert len(found) == 6
    assert found["changed"].isna().tolist() == [False] * 4 + [True] * 2


def test_most_changed_come_first_and_neighbours_are_told_nearest_first() -> None:
    # Twelve documents along a line of angles; in the second map the last stands at the front.
    angles = np.linspace(0, 1.1, 12)
    before = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    moved = np.array([*angles[:11], -0.1])
    after = np.stack([np.cos(moved), np.sin(moved)], axis=1).astype(np.float32)
    chunks = [piece(f"d{i:02}", 0, 9) for i in range(12)]
    found = compare(drawn(chunks, before), drawn(chunks, after))
    rows = by_id(found)
    # The first had all but the last near; now all but d10.
    assert (rows["d00:0-9"]["left"], rows["d00:0-9"]["entered"]) == (("d10",), ("d11",))
    assert rows["d00:0-9"]["changed"] == 0.1
    # The one that moved had all but d00 near; now all but d10.
    assert (rows["d11:0-9"]["left"], rows["d11:0-9"]["entered"]) == (("d10",), ("d00",))
    assert found["changed"].tolist() == sorted(found["changed"], reverse=True)
    assert {name: row["changed"] for name, row in rows.items()} == pytest.approx(
        oracle(drawn(chunks, before), drawn(chunks, after))
    )


def test_text_of_ones_own_is_no_neighbour_that_comes_or_goes() -> None:
    # Five windows that all share some text, with one vector, in place of one chunk.
    windows = [piece("d", start, start + 50) for start in range(0, 50, 10)]
    others = [piece(f"o{i}", 0, 9) for i in range(12)]
    vectors = spread(13)
    whole = drawn([piece("d", 0, 90), *others], vectors)
    cut = drawn([*windows, *others], np.concatenate([vectors[[0] * 5], vectors[1:]]))
    found = by_id(compare(whole, cut))
    for window in windows:
        row = found[window.chunk_id]
        assert (row["changed"], row["left"], row["entered"]) == (0.0, (), ())
    assert compare(cut, cut)["changed"].tolist() == [0.0] * 17


def oracle(before: EmbeddingMap, after: EmbeddingMap) -> dict[str, float]:
    """`changed` of each chunk, by looking at all pairs; chunks here do not overlap."""
    old, new = (
        [(r.doc_id, r.start, r.end) for r in m.chunks.itertuples()] for m in (before, after)
    )

    def same(a: Any, b: Any) -> bool:
        shared = len(set(range(a[1], a[2])) & set(range(b[1], b[2])))
        return a[0] == b[0] and 2 * shared >= min(a[2] - a[1], b[2] - b[1])

    changed = {}
    for j, span in enumerate(new):
        best, most = None, 0.0
        for i, other in enumerate(old):
            one, two = set(range(span[1], span[2])), set(range(other[1], other[2]))
            if same(span, other) and len(one & two) / len(one | two) > most:
                best, most = i, len(one & two) / len(one | two)
        if best is not None:
            was = [
                old[k] for k in nearest_by_hand(before.vectors[best], before.vectors, 10, {best})
            ]
            now = [new[k] for k in nearest_by_hand(after.vectors[j], after.vectors, 10, {j})]
            gone = [one for one in was if not any(same(one, two) for two in now)]
            changed[after.chunks["id"].iloc[j]] = len(gone) / len(was)
    return changed


@pytest.mark.parametrize("reverse", [False, True])
def test_two_chunk_sizes_are_compared_as_looking_at_all_pairs_does(
    wb: Workbench, reverse: bool
) -> None:
    maps = wb.map(config=CONFIG), wb.map(config=SMALLER)
    before, after = maps[::-1] if reverse else maps
    found = by_id(before.compare(after))
    expected = oracle(before, after)
    assert len(expected) == len(after.chunks)
    assert 0 < np.mean(list(expected.values())) < 1
    assert {name: found[name]["changed"] for name in expected} == pytest.approx(expected)


def test_empty_maps_are_compared_too() -> None:
    empty, one = drawn([], spread(0)), drawn([piece("d", 0, 9)], spread(1))
    assert len(compare(empty, empty)) == 0
    assert compare(empty, one)["id_before"].isna().tolist() == [True]
    assert compare(one, empty)["id_after"].isna().tolist() == [True]
    # Without neighbours there is no share of them.
    assert compare(one, one)["changed"].isna().tolist() == [True]
