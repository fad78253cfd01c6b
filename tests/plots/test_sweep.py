"""Charts of a sweep draw the frame's values, and words where there are none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.plots import heatmap, pareto

NAN = float("nan")


def sweep(*, modes: tuple[str, ...] = ("dense",)) -> pd.DataFrame:
    """k 10 and 3 by size 64 and 128; k=10 size=128 was not run, k=3 size=64 is undefined."""
    rows = []
    for mode, k, size in product(modes, (10, 3), (64, 128)):
        if (k, size) == (10, 128):
            continue
        recall = NAN if (k, size) == (3, 64) else k / 20 + size / 1000
        for measure, value, unit in (
            ("recall@5", recall, "share"),
            ("context_tokens", float(k * size), "tokens"),
        ):
            rows.append(
                {
                    "config": f"k={k} size={size} mode={mode}", "fingerprint": "f",
                    "retrieval.k": k, "chunking.size": size, "retrieval.mode": mode,
                    "measure": measure, "unit": unit, "value": value, "low": value - 0.1,
                    "high": value + 0.1, "n": 40, "n_undefined": 2,
                    "note": "nothing is judged" if np.isnan(value) else "", "reused": False,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def drawn_heatmap(table: pd.DataFrame, **settings: Any) -> Any:
    return heatmap(table, measure="recall@5", x="retrieval.k", y="chunking.size", **settings)


def test_cells_hold_the_values_with_numbers_ascending() -> None:
    cells = drawn_heatmap(sweep()).data[0]
    # Rows are sizes 64 and 128, columns k 3 and 10.
    np.testing.assert_allclose(cells.z, [[NAN, 0.564], [0.278, NAN]])
    assert cells.text.tolist() == [["", "0.564"], ["0.278", ""]]


def test_axes_name_the_knobs_and_their_values() -> None:
    layout = drawn_heatmap(sweep()).layout
    assert layout.xaxis.ticktext.tolist() == ["3", "10"]
    assert layout.yaxis.ticktext.tolist() == ["64", "128"]
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("retrieval.k", "chunking.size")
    assert layout.yaxis.range == (1.5, -0.5)


def test_a_cell_shows_its_interval_and_count_under_the_pointer() -> None:
    text = drawn_heatmap(sweep()).data[0].hovertext[0][1]
    assert "recall@5: 0.564 [0.464, 0.664]" in text
    assert "n = 40, undefined for 2" in text


def test_blank_cells_say_why() -> None:
    gaps = drawn_heatmap(sweep()).data[1]
    said = dict(zip(zip(gaps.x, gaps.y, strict=True), gaps.text, strict=True))
    assert said == {(0, 0): "undefined", (1, 1): "not run"}
    assert "nothing is judged" in gaps.hovertext[0]
    assert "no such combination" in gaps.hovertext[1]


def test_another_varied_knob_must_be_held() -> None:
    table = sweep(modes=("dense", "hybrid"))
    with pytest.raises(ConfigError, match=r"also varies retrieval\.mode \(dense, hybrid\)"):
        drawn_heatmap(table)
    table.loc[table["retrieval.mode"] == "hybrid", "value"] += 0.1
    held = drawn_heatmap(table, where={"retrieval.mode": "hybrid"})
    np.testing.assert_allclose(held.data[0].z, [[NAN, 0.664], [0.378, NAN]])
    assert held.layout.title.text.endswith("at retrieval.mode = hybrid")


def test_a_knob_that_is_not_set_is_a_value_like_others() -> None:
    table = sweep().assign(**{"chunking.size": [None, None, 64, 64, 128, 128]})
    assert drawn_heatmap(table).layout.yaxis.ticktext.tolist() == ["not set", "64", "128"]
    only = drawn_heatmap(table, where={"chunking.size": None})
    assert only.data[0].z.shape == (1, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measure": "mrr"}, "no measure 'mrr'; it has recall@5, context_tokens"),
        ({"x": "retrieval.depth"}, r"does not vary 'retrieval\.depth'; it varies retrieval\.k"),
        ({"y": "retrieval.k"}, r"two different knobs; got 'retrieval\.k'"),
        ({"where": {"retrieval.mode": "x"}}, r"has retrieval\.mode = x; there are dense"),
        ({"where": {"mode": "x"}}, "does not vary 'mode'"),
    ],
)
def test_a_heatmap_of_what_is_not_there_is_refused(settings: dict[str, Any], message: str) -> None:
    asked = {"measure": "recall@5", "x": "retrieval.k", "y": "chunking.size", **settings}
    with pytest.raises(ConfigError, match=message):
        heatmap(sweep(), **asked)


def test_two_rows_in_one_cell_are_refused() -> None:
    table = sweep()
    with pytest.raises(InvalidRecordError, match=r"both have retrieval\.k = 10, chunking\.size"):
        drawn_heatmap(pd.concat([table, table]))
    with pytest.raises(InvalidRecordError, match="'unit' is missing"):
        drawn_heatmap(table.drop(columns="unit"))


def test_the_front_is_a_step_line_through_its_members() -> None:
    table = sweep()
    table.loc[table["config"].str.startswith("k=3 size=64"), "note"] = "nothing is judged"
    drawn = pareto(table, quality="recall@5", cost="context_tokens")
    line = drawn.data[0]
    # 3 * 128 = 384 tokens for 0.278, 10 * 64 = 640 for 0.564: neither beats the other.
    assert line.x.tolist() == [384.0, 640.0]
    assert line.y.tolist() == pytest.approx([0.278, 0.564])
    assert line.line.shape == "hv"


def test_members_of_the_front_have_another_mark_and_a_number_that_the_key_explains() -> None:
    table = sweep()
    table.loc[(table["config"].str.startswith("k=10")) & (table["unit"] == "share"), "value"] = 0.1
    drawn = pareto(table, quality="recall@5", cost="context_tokens")
    line, others, first = drawn.data[:3]
    assert line.x.tolist() == [384.0]
    assert (others.x.tolist(), others.marker.symbol) == ([640.0], "circle-open")
    assert (first.x.tolist(), first.marker.symbol) == ([384.0], "square")
    assert (first.text.tolist(), first.name) == (["1"], "1. k=3 size=128 mode=dense")
    assert "beaten by k=3 size=128" in others.hovertext[0]


def test_bars_are_the_intervals_of_the_quality() -> None:
    point = pareto(sweep(), quality="recall@5", cost="context_tokens").data[2]
    assert point.error_y.array.tolist() == pytest.approx([0.1])
    assert point.error_y.arrayminus.tolist() == pytest.approx([0.1])


def test_an_undefined_configuration_is_told_and_not_drawn() -> None:
    drawn = pareto(sweep(), quality="recall@5", cost="context_tokens")
    told = [trace for trace in drawn.data if "not drawn" in trace.name]
    assert [trace.name.replace("<br>", " ") for trace in told] == [
        "not drawn: k=3 size=64 mode=dense: recall@5: undefined, nothing is judged"
    ]
    xs = np.concatenate([trace.x for trace in drawn.data])
    assert set(xs[~np.isnan(xs)]) == {384.0, 640.0}


def test_a_sweep_without_any_value_shows_no_made_up_numbers() -> None:
    table = sweep().assign(value=NAN, low=NAN, high=NAN)
    layout = pareto(table, quality="recall@5", cost="context_tokens").layout
    assert layout.xaxis.showticklabels is layout.yaxis.showticklabels is False


def test_hostile_text_stays_text(hostile_text: str, harmless: Callable[[Any], bool]) -> None:
    table = sweep(modes=(hostile_text,)).assign(note=hostile_text, unit=hostile_text)
    assert harmless(heatmap(table, measure="recall@5", x="retrieval.k", y="retrieval.mode",
                            where={"chunking.size": 64}))  # fmt: skip
    assert harmless(pareto(table, quality="recall@5", cost="context_tokens"))
