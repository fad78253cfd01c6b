"""Every knob refuses what it cannot use, and a configuration survives every way of writing it."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import (
    AnswerConfig,
    ChunkingConfig,
    ContextConfig,
    EmbeddingConfig,
    IndexConfig,
    PipelineConfig,
    RerankConfig,
    RetrievalConfig,
    TraceConfig,
)
from whymiss.errors import ConfigError

GROUPS: dict[str, type] = {
    "chunking": ChunkingConfig, "embedding": EmbeddingConfig, "index": IndexConfig,
    "retrieval": RetrievalConfig, "rerank": RerankConfig, "context": ContextConfig,
    "answer": AnswerConfig, "trace": TraceConfig,
}  # fmt: skip
KINDS: dict[str, Any] = {
    f"{group}.{knob.name}": typing.get_type_hints(kind)[knob.name]
    for group, kind in GROUPS.items()
    for knob in dataclasses.fields(kind)
}
WRONG: dict[Any, list[Any]] = {
    int: ["5", 5.0, True, None, [5]],
    float: ["0.5", True, None, [0.5], float("nan"), float("inf"), -float("inf"), 10**400],
    bool: [1, 0, "true", None],
    str: [5, None, True, ["a"], b"a"],
}
OUT_OF_RANGE: dict[str, list[Any]] = {
    "chunking.strategy": ["", "headings", "Heading"],
    "chunking.size": [7, 0, -1, 2**31],
    "chunking.overlap": [-1, 200],
    "chunking.breakpoint_percentile": [-0.1, 100.1],
    "embedding.model": [""],
    "embedding.max_tokens": [-1],
    "embedding.precision": ["", "float16", "int8"],
    "index.name": ["", ".", "..", "a/b", "a b", "é", "a\n", "-", "a" * 101, "../a"],
    "index.nprobes": [-1],
    "index.refine_factor": [-1],
    "index.ef": [-1],
    "retrieval.k": [0, -1, 51],
    "retrieval.candidate_depth": [4, 0],
    "retrieval.rank_constant": [0],
    "retrieval.dense_weight": [-0.1, 1.1],
    "retrieval.mmr_lambda": [-0.1, 1.1],
    "retrieval.min_score": [-1.1, 1.1],
    "retrieval.bm25_k1": [-0.1],
    "retrieval.bm25_b": [-0.1, 1.1],
    "rerank.depth": [0],
    "context.token_budget": [0],
    "answer.temperature": [-0.1, 2.1],
    "answer.max_output_tokens": [0],
    "answer.timeout_seconds": [0],
    "answer.min_support": [-0.1, 1.1],
    "answer.max_sentences": [0],
    "trace.low_score": [-1.1, 1.1],
}


def wrong_values() -> list[Any]:
    cases = []
    for path, kind in KINDS.items():
        values = (
            ["no such choice", 5, None, True] if typing.get_origin(kind) is Literal else WRONG[kind]
        )
        cases += [pytest.param(path, v, id=f"{path} {str(v)[:20]!r}") for v in values]
    cases += [
        pytest.param(path, v, id=f"{path} {str(v)[:20]!r} out")
        for path, values in OUT_OF_RANGE.items()
        for v in values
    ]
    return cases


@pytest.mark.parametrize(("path", "value"), wrong_values())
def test_a_value_that_a_knob_cannot_take_gives_one_clear_error(path: str, value: Any) -> None:
    group, knob = path.split(".")
    with pytest.raises(ConfigError, match=rf"{group}\.{knob}") as by_replace:
        PipelineConfig().replace({path: value})
    with pytest.raises(ConfigError, match=rf"{group}\.{knob}") as built:
        GROUPS[group](**{knob: value})
    assert str(by_replace.value) == str(built.value)
    assert len(str(built.value)) < 300


def test_every_knob_is_in_these_tests_and_every_range_too() -> None:
    assert set(KINDS) == set(PipelineConfig().flat())
    numeric = {path for path, kind in KINDS.items() if kind in (int, float)}
    # Without a bound of its own: the parent size is only looked at beside parent_child.
    assert numeric - set(OUT_OF_RANGE) == {"chunking.parent_size"}


@pytest.mark.parametrize("path", [p for p, k in KINDS.items() if k is float])
def test_a_whole_number_may_stand_for_a_float_and_is_the_same_knob(path: str) -> None:
    whole, exact = (PipelineConfig().replace({path: one}) for one in (1, 1.0))
    assert whole == exact
    assert whole.fingerprint() == exact.fingerprint()
    assert isinstance(whole.flat()[path], float)


def test_minus_zero_is_zero() -> None:
    here, there = (RetrievalConfig(min_score=s) for s in (0.0, -0.0))
    configs = [PipelineConfig(retrieval=r) for r in (here, there)]
    assert configs[0].fingerprint() == configs[1].fingerprint()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"retrieval.kk": 5}, r"does not know 'retrieval\.kk'\. Did you mean 'retrieval\.k'"),
        ({"retrieval": 5}, "does not know 'retrieval'"),
        ({"": 5}, "does not know ''"),
        ({"retrieval.k.x": 5}, r"does not know 'retrieval\.k\.x'"),
        (
            {"retrieval.mode": "dens"},
            r"retrieval\.mode does not know 'dens'\. Did you mean 'dense'\?",
        ),
        (
            {"chunking.overlap": 100, "chunking.size": 50},
            "overlap must be smaller than chunking.size",
        ),
        ({"chunking.strategy": "parent_child", "chunking.parent_size": 100}, "parent_size must be"),
        ({"answer.generator": "openai"}, "needs answer.base_url and answer.model"),
    ],
)
def test_knobs_that_do_not_exist_or_contradict_each_other_are_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        PipelineConfig().replace(changes)


def test_a_group_must_be_a_group() -> None:
    with pytest.raises(ConfigError, match=r"PipelineConfig\.retrieval must be RetrievalConfig"):
        PipelineConfig(retrieval={"k": 5})  # type: ignore[arg-type]


def test_a_configuration_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="k"):
        PipelineConfig().retrieval.k = 9  # type: ignore[misc]


def test_knobs_change_by_path_or_by_keyword_and_diff_names_them() -> None:
    config = PipelineConfig().replace({"retrieval.k": 8}, chunking__size=128)
    assert config.diff(PipelineConfig()) == {"chunking.size": (128, 200), "retrieval.k": (8, 5)}
    assert PipelineConfig().diff(PipelineConfig()) == {}


def test_the_default_configuration_keeps_its_fingerprint() -> None:
    # Stored traces name configurations by it. A new knob or default changes it on purpose: then
    # write the new value here and say so in the change log.
    assert PipelineConfig().fingerprint() == "8096cc9bf7ec"


def test_the_fingerprint_follows_every_single_knob() -> None:
    prints = {PipelineConfig().fingerprint()}
    for path, value in PipelineConfig().flat().items():
        needed = {"answer.base_url": "u", "answer.model": "m"} if path == "answer.generator" else {}
        other = PipelineConfig().replace({**needed, path: other_than(path, value)})
        assert set(other.diff(PipelineConfig())) == {path, *needed}
        prints.add(other.fingerprint())
    assert len(prints) == len(KINDS) + 1


def other_than(path: str, value: Any) -> Any:
    kind = KINDS[path]
    if typing.get_origin(kind) is Literal:
        return next(choice for choice in typing.get_args(kind) if choice != value)
    if path == "chunking.strategy":
        return "fixed"
    return {bool: lambda: not value, int: lambda: value + 1, float: lambda: value / 2 + 0.1}.get(
        kind, lambda: f"{value}x"
    )()


def test_only_knobs_that_act_at_query_time_are_left_out_of_an_index() -> None:
    knobs = PipelineConfig().index_knobs()
    assert set(knobs) == {
        "chunking.strategy", "chunking.size", "chunking.overlap", "chunking.parent_size",
        "chunking.heading_prefix", "chunking.oversize", "chunking.breakpoint_percentile",
        "embedding.model", "embedding.document_prefix", "embedding.max_tokens",
        "embedding.precision", "embedding.late_chunking",
    }  # fmt: skip


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
changes = st.fixed_dictionaries(
    {},
    optional={
        "chunking.strategy": st.sampled_from(["fixed", "semantic", "custom:mine"]),
        "chunking.size": st.integers(8, 2**31 - 1),
        "chunking.heading_prefix": st.booleans(),
        "chunking.breakpoint_percentile": st.floats(0, 100),
        "embedding.model": words,
        "embedding.query_prefix": st.text(st.characters(exclude_categories=["Cs"])),
        "embedding.document_prefix": st.text(st.characters(exclude_categories=["Cs"])),
        "embedding.precision": st.sampled_from(["float32", "bfloat16"]),
        "index.name": st.from_regex(r"[a-z][A-Za-z0-9._-]{0,30}", fullmatch=True),
        "retrieval.mode": st.sampled_from(["dense", "bm25", "hybrid"]),
        "retrieval.k": st.integers(1, 50),
        "retrieval.dense_weight": st.floats(0, 1),
        "retrieval.bm25_k1": st.floats(0, 100),
        "trace.raw_text": st.booleans(),
        "answer.base_url": words,
    },
)


@given(changes=changes)
def test_toml_gives_back_the_same_configuration(changes: dict[str, Any]) -> None:
    config = PipelineConfig().replace(changes)
    again = PipelineConfig.from_toml(config.to_toml())
    assert again == config
    assert again.fingerprint() == config.fingerprint()


@given(here=changes, there=changes)
def test_equal_knobs_and_equal_fingerprints_are_the_same(
    here: dict[str, Any], there: dict[str, Any]
) -> None:
    one, other = PipelineConfig().replace(here), PipelineConfig().replace(there)
    assert (one == other) == (one.fingerprint() == other.fingerprint()) == (not one.diff(other))
    assert (
        PipelineConfig().replace({p: v for p, (v, _) in one.diff(PipelineConfig()).items()}) == one
    )


def test_a_file_may_name_some_knobs_and_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "whymiss.toml"
    path.write_bytes(b"\xef\xbb\xbf[retrieval]\nk = 3\nmmr_lambda = 1\n")
    assert PipelineConfig.from_toml(path) == PipelineConfig().replace({"retrieval.k": 3})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[retrieval", "is not TOML"),
        (b"[retrieval]\nk = 3\nk = 4", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"k = 3", "'k' outside a table"),
        (b"[retrieval]\nkk = 3", r"does not know 'retrieval\.kk'"),
        (b"[retrieval.k]\nx = 3", r"retrieval\.k must be int"),
        (b"[retrieving]\nk = 3", r"does not know 'retrieving\.k'"),
        (b"[retrieval]\nk = '3'", r"retrieval\.k must be int"),
        (b"[retrieval]\nmode = ['dense']", r"retrieval\.mode does not know"),
        (b"[retrieval]\nbm25_k1 = nan", r"retrieval\.bm25_k1 must be a number"),
        (b"[[retrieval]]\nk = 3", "'retrieval' outside a table"),
        (b"x = " + b"[" * 100_000, "is not TOML"),
    ],
)
def test_a_broken_file_is_told_in_one_error(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "whymiss.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint):
        PipelineConfig.from_toml(path)


def test_a_missing_file_and_a_path_given_as_text_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.toml"):
        PipelineConfig.from_toml(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot read"):
        PipelineConfig.from_toml(tmp_path)
    with pytest.raises(ConfigError, match="A file is passed as a Path"):
        PipelineConfig.from_toml("whymiss.toml")


def test_every_group_documents_every_knob() -> None:
    for group, kind in GROUPS.items():
        for knob in dataclasses.fields(kind):
            told = (kind.__doc__ or "").replace("\n", " ")
            assert knob.name in told, f"{group}.{knob.name} is not explained"
