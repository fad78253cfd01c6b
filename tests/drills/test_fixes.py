"""Fixes as plain data: what is accepted, what is refused, and what comes back from JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.drills.fixes import (
    MOST_STEPS,
    Fix,
    allow,
    checked_fix,
    fix_from,
    index_again,
    read_again,
    remove_rows,
    set_knobs,
    swap,
    tag,
)
from whymiss.errors import ConfigError, DrillError

EVERY = (
    set_knobs({"retrieval.k": 8}),
    index_again("faq.md"),
    index_again("all"),
    read_again("faq.md"),
    tag("faq.md", {"plan": "annual", "years": [1, 2]}),
    allow("faq.md", "support"),
    remove_rows(["a", "b"]),
    swap("reranker"),
)


@pytest.mark.parametrize("fix", EVERY, ids=repr)
def test_a_fix_comes_back_from_json_as_it_was(fix: Fix) -> None:
    assert fix_from(json.loads(json.dumps(fix.as_json()))).steps == fix.steps


@pytest.mark.parametrize("fix", EVERY, ids=repr)
def test_the_text_of_a_fix_is_the_code_that_makes_it(fix: Fix) -> None:
    made = eval(
        repr(fix + swap("chunker")),
        {
            f.__name__: f
            for f in (set_knobs, index_again, read_again, tag, allow, remove_rows, swap)
        },
    )
    assert made.steps == (fix + swap("chunker")).steps


@pytest.mark.parametrize(
    "knob",
    [
        *("embedding.model", "answer.base_url", "answer.generator", "answer.api_key_env"),
        *("rerank.allow_download", "embedding.allow_download", "index.name", "chunking.strategy"),
    ],
)
def test_a_knob_that_names_a_model_a_folder_or_an_address_is_refused(knob: str) -> None:
    with pytest.raises(DrillError, match="a drill does not change"):
        set_knobs({knob: "http://example.org"})


def test_a_reranker_from_elsewhere_is_refused() -> None:
    assert set_knobs({"rerank.model": ""}).steps
    with pytest.raises(DrillError, match=r"rerank\.model is '' or 'maxsim'"):
        set_knobs({"rerank.model": "/tmp/model"})


def test_knobs_out_of_range_are_refused_by_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"retrieval\.k must be at least 1"):
        set_knobs({"retrieval.k": 0})
    with pytest.raises(ConfigError, match=r"retrieval\.mode|does not know"):
        set_knobs({"retrieval.mode": "both"})
    assert set_knobs({"retrieval.k": 80}).steps == (("set_knobs", {"retrieval.k": 80}),)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: set_knobs({}), "knobs are given as"),
        (lambda: index_again([]), "index_again takes 1 to"),
        (lambda: index_again(["a", 3]), "index_again needs a name"),
        (lambda: read_again(""), "read_again needs a name"),
        (lambda: tag("a", {"b": object()}), "tag needs metadata"),
        (lambda: tag("a", [1]), "tag needs metadata"),
        (lambda: swap("encoder"), "swap takes one of chunker, generator, reranker"),
        (lambda: checked_fix("k=8"), "a fix is made by"),
        (lambda: checked_fix(Fix(steps=swap("chunker").steps * (MOST_STEPS + 1))), "at most 2"),
    ],
)
def test_what_is_no_fix_is_refused_with_what_to_do(make: Any, said: str) -> None:
    with pytest.raises(DrillError, match=said):
        make()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_VERB = st.sampled_from(
    ["set_knobs", "index_again", "read_again", "tag", "allow", "remove_rows", "swap", "eval"]
)


@given(data=_JSON | st.lists(st.tuples(_VERB, _JSON).map(list), max_size=3))
def test_any_json_is_a_fix_or_refused_and_never_anything_else(data: Any) -> None:
    try:
        made = fix_from(data)
    except (DrillError, ConfigError):
        return
    assert fix_from(made.as_json()).steps == made.steps
