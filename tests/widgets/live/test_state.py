"""What the live panel shows as plain data: knobs that move together, and the code of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whymiss
from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError, FilterError, InvalidRecordError
from whymiss.records import Clause
from whymiss.widgets.base.knobs import companions, turned
from whymiss.widgets.live.state import LiveState
from whymiss.workbench import Workbench

SLIDERS = {
    "chunking.size": (8, 512),
    "chunking.overlap": (0, 256),
    "chunking.parent_size": (8, 2000),
    "retrieval.k": (1, 50),
    "retrieval.candidate_depth": (1, 200),
}
"""The knobs that limit each other, and how far each slider reaches."""


@st.composite
def a_move(draw: st.DrawFn) -> tuple[str, int, PipelineConfig]:
    """A knob, its new value, and a pipeline reached by earlier moves of any knobs."""
    strategy = draw(st.sampled_from(["heading", "fixed", "parent_child"]))
    config = PipelineConfig().replace({"chunking.strategy": strategy})
    moves = st.sampled_from(sorted(SLIDERS)).flatmap(
        lambda knob: st.tuples(st.just(knob), st.integers(*SLIDERS[knob]))
    )
    for knob, value in draw(st.lists(moves, max_size=4)):
        try:
            config = config.replace({knob: value})
        except ConfigError:
            continue
    return (*draw(moves), config)


@given(a_move())
def test_every_place_of_a_slider_can_be_reached(move: tuple[str, int, PipelineConfig]) -> None:
    knob, value, config = move
    along = companions(knob, value, config)
    assert knob not in along
    assert config.replace({knob: value, **along}).flat()[knob] == value


@given(a_move())
def test_nothing_moves_along_that_need_not(move: tuple[str, int, PipelineConfig]) -> None:
    knob, value, config = move
    try:
        config.replace({knob: value})
    except ConfigError:
        assert companions(knob, value, config) != {}
    else:
        assert companions(knob, value, config) == {}


@pytest.mark.parametrize(
    ("knob", "value", "there", "along"),
    [
        ("chunking.size", 64, {"chunking.overlap": 80}, {"chunking.overlap": 63}),
        ("chunking.overlap", 200, {}, {"chunking.size": 201}),
        ("chunking.overlap", 3, {"chunking.size": 8}, {}),
        ("retrieval.k", 40, {"retrieval.candidate_depth": 30}, {"retrieval.candidate_depth": 40}),
        ("retrieval.candidate_depth", 2, {}, {"retrieval.k": 2}),
        ("chunking.size", 700, {"chunking.strategy": "parent_child"},
         {"chunking.parent_size": 700}),
        ("chunking.parent_size", 100, {"chunking.strategy": "parent_child"},
         {"chunking.size": 100}),
        ("chunking.overlap", 700,
         {"chunking.strategy": "parent_child", "chunking.parent_size": 600},
         {"chunking.size": 701, "chunking.parent_size": 701}),
        ("chunking.parent_size", 100, {}, {}),
    ],
)  # fmt: skip
def test_what_moves_along_with_a_knob(
    knob: str, value: int, there: dict[str, Any], along: dict[str, int]
) -> None:
    assert companions(knob, value, PipelineConfig().replace(there)) == along


def test_a_turned_knob_leaves_the_state_before_as_it_was() -> None:
    before = LiveState(question="Refunds?", query_id="q", principals=("ann",))
    after = before.turned({"retrieval.k": 9})
    assert (before.config.retrieval.k, after.config.retrieval.k) == (5, 9)
    assert replace(after, config=before.config) == before


def test_unknown_knobs_and_values_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"retrieval\.kk"):
        LiveState().turned({"retrieval.kk": 1})
    with pytest.raises(ConfigError, match="k"):
        LiveState().turned({"retrieval.k": 0})
    with pytest.raises(ConfigError, match="size"):
        turned("chunking.size", "many", PipelineConfig())


def test_filters_are_taken_as_texts_too_and_refused_where_they_are_none() -> None:
    state = LiveState(question="Refunds?", where=["plan=annual"])  # type: ignore[arg-type]
    assert state.where == (Clause(field="plan", op="eq", value="annual"),)
    assert state.query().where == state.where
    with pytest.raises(FilterError, match="field=value"):
        LiveState(where=["annual"])  # type: ignore[arg-type]


def test_there_is_no_query_before_there_is_a_question() -> None:
    with pytest.raises(InvalidRecordError, match="text"):
        LiveState().query()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"principals": ("support",)},
        {"where": ("plan=monthly",)},
        {"config": {"retrieval.mode": "bm25", "retrieval.k": 6, "chunking.size": 50}},
        {"question": "It's \"7annual\" \\ '''\n$x$ {refunds}?"},
    ],
)
def test_the_code_finds_the_same(
    guide_wb: Workbench, open_guide: Callable[..., Workbench], fields: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    config = guide_wb.config.replace(fields.get("config", {}))
    state = LiveState(**{"question": "How long for order 7monthly?", **fields, "config": config})
    here = guide_wb.live.search(state.query(), state.config).wait("exact", 20)
    monkeypatch.setattr(whymiss, "open", open_guide)
    told: dict[str, Any] = {}
    exec(state.to_code(str(guide_wb.store.uri)), told)
    with told["wb"]:
        there = told["found"]
        assert here is not None
        assert there.config == state.config
        assert [(hit.doc_id, hit.start, hit.score) for hit in there.ranking.hits] == [
            (hit.doc_id, hit.start, hit.score) for hit in here.ranking.hits
        ]
        assert len(there.ranking.hits) == config.retrieval.k
