"""A sweep shares what configurations share, goes on where it stopped, and tells all of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError, GenerationError, InvalidRecordError, StoreError
from whymiss.evaluation import EvidenceSpan, Question, Sweep, evaluate, grid, sweep
from whymiss.evaluation.log import EvaluationLog
from whymiss.evaluation.sweeping import Trial
from whymiss.pipeline import Pipeline
from whymiss.records import Document, Query
from whymiss.retrieval import BM25Retriever, DenseRetriever
from whymiss.workbench import Workbench

COLUMNS = ["measure", "unit", "value", "low", "high", "n", "n_undefined", "note", "reused"]


# The grid


def test_every_combination_stands_in_order_under_a_label_of_its_own() -> None:
    knobs = {"retrieval.k": [3, 5], "retrieval.mode": ("dense", "bm25")}
    configs, skipped = grid(PipelineConfig(), knobs)
    assert list(configs) == ["k=3 mode=dense", "k=3 mode=bm25", "k=5 mode=dense", "k=5 mode=bm25"]
    assert not skipped
    for label, config in configs.items():
        assert label == f"k={config.retrieval.k} mode={config.retrieval.mode}"


def test_knobs_of_one_short_name_are_named_in_full() -> None:
    configs, _ = grid(
        PipelineConfig(), {"embedding.model": ["a"], "rerank.model": ["b"], "retrieval.k": [3]}
    )
    assert list(configs) == ["embedding.model=a rerank.model=b k=3"]


def test_texts_whose_ends_could_not_be_told_are_quoted() -> None:
    values = ["", "query: ", "x k=3", "plain"]
    configs, _ = grid(PipelineConfig(), {"embedding.query_prefix": values, "retrieval.k": [3]})
    assert list(configs) == [
        "query_prefix='' k=3", "query_prefix='query: ' k=3", "query_prefix='x k=3' k=3",
        "query_prefix=plain k=3",
    ]  # fmt: skip


def test_combinations_that_are_no_configuration_are_skipped_with_the_reason() -> None:
    base = PipelineConfig()
    configs, skipped = grid(
        base, {"retrieval.k": [5, 20, "many"], "retrieval.candidate_depth": [10, 50]}
    )
    assert list(configs) == [
        "k=5 candidate_depth=10", "k=5 candidate_depth=50", "k=20 candidate_depth=50",
    ]  # fmt: skip
    assert skipped["k=20 candidate_depth=10"].startswith("retrieval.candidate_depth must be at")
    assert "must be int" in skipped["k=many candidate_depth=50"]
    assert len(skipped) == 3


@pytest.mark.parametrize(
    ("knobs", "what"),
    [
        ({"retrieval.kk": [3]}, "unknown knob 'retrieval.kk'"),
        ({}, "got no knob"),
        ({"retrieval.k": []}, r"got \[\] for 'retrieval.k'"),
        ({"retrieval.k": 3}, "got 3 for 'retrieval.k'"),
        ({"retrieval.mode": "dense"}, "a list of values for each knob; got 'dense'"),
    ],
)
def test_a_grid_that_is_none_is_refused(knobs: Any, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        grid(PipelineConfig(), knobs)


def test_values_may_come_from_anything_that_can_be_gone_through_once() -> None:
    configs, _ = grid(PipelineConfig(), {"retrieval.k": (k for k in (3, 5)), "rerank.depth": [7]})
    assert [(c.retrieval.k, c.rerank.depth) for c in configs.values()] == [(3, 7), (5, 7)]


# Doubles


class Opened:
    """Trials over one space in memory; remembers what was opened, and may forget its version."""

    def __init__(self, base: Pipeline, version: str = "v1") -> None:
        self.base = base
        self.version = version
        self.opened: list[PipelineConfig] = []

    def __call__(self, config: PipelineConfig) -> Trial:
        return Trial(version=self.version, pipeline=lambda: self._open(config))

    def _open(self, config: PipelineConfig) -> Pipeline:
        self.opened.append(config)
        return replace(self.base, config=config)


TEXTS = ["refund ten days", "phone plan", "annual seat plan", "mail support", "refund mail days"]


@pytest.fixture
def base(pipeline_of: Callable[..., Pipeline]) -> Pipeline:
    return pipeline_of(
        [Document(doc_id=f"d{i}", text=text, allowed=["*"]) for i, text in enumerate(TEXTS)]
    )


@pytest.fixture
def log(tmp_path: Any) -> Iterator[EvaluationLog]:
    made = EvaluationLog(tmp_path / "log.sqlite")
    yield made
    made.close()


def labelled(n: int = 12) -> list[Question]:
    return [
        Question(
            query=Query(query_id=f"q{i:02d}", text=f"{TEXTS[i % 5]} {i}"),
            evidence=((EvidenceSpan(doc_id=f"d{(i * 3) % 5}", start=0, end=6),),),
        )
        for i in range(n)
    ]


def by_k(*values: int) -> dict[str, PipelineConfig]:
    return grid(PipelineConfig(), {"retrieval.k": values})[0]


# The table


def test_the_table_is_tidy(base: Pipeline) -> None:
    knobs = {"retrieval.k": [1, 3], "retrieval.mode": ["dense", "hybrid"], "rerank.depth": [9]}
    configs, skipped = grid(PipelineConfig(), knobs)
    made = sweep(configs, labelled(), trial=Opened(base), measures=["recall@2"], skipped=skipped)
    table = made.table
    # One value is no variation.
    assert made.knobs == ("retrieval.mode", "retrieval.k")
    assert table.columns.tolist() == ["config", "fingerprint", *made.knobs, *COLUMNS]
    assert table[["config", "measure"]].values.tolist() == [
        [name, measure]
        for name in configs
        for measure in ("recall@2", "context_tokens", "ms_per_question")
    ]
    assert made.baseline == "k=1 mode=dense depth=9"
    assert list(made.runs) == list(configs)
    for line in table.to_dict("records"):
        config = configs[line["config"]]
        assert line["fingerprint"] == config.fingerprint()
        assert (line["retrieval.k"], line["retrieval.mode"]) == (
            config.retrieval.k, config.retrieval.mode,
        )  # fmt: skip
        assert line["n"] == 12
        assert line["reused"] is False
    assert set(table.query("measure == 'ms_per_question'")["unit"]) == {"ms"}
    assert set(table.query("measure == 'context_tokens'")["unit"]) == {"tokens"}
    assert (table.query("config.str.startswith('k=1') and measure == 'recall@2'")["note"]
            .str.endswith("the configuration hands on only 1").all())  # fmt: skip


def test_each_run_is_what_evaluating_it_alone_gives(base: Pipeline) -> None:
    configs = grid(
        PipelineConfig(), {"retrieval.k": [1, 2, 4], "retrieval.fusion": ["rrf", "weighted"]}
    )[0]
    made = sweep(configs, labelled(), trial=Opened(base))
    for name, config in configs.items():
        alone = evaluate({name: replace(base, config=config)}, labelled())[name]
        pd.testing.assert_frame_equal(made.runs[name].table, alone.table)
        value = made.table.query("config == @name and measure == 'recall@5'")["value"].item()
        assert value == alone.score("recall@5").estimate


def test_time_is_the_sum_of_the_stages_by_question(base: Pipeline) -> None:
    made = sweep(by_k(1, 2), labelled(), trial=Opened(base))
    lines = made.table.query("measure == 'ms_per_question'").set_index("config")
    for name, run in made.runs.items():
        assert set(run.seconds) == {"embed", "dense", "bm25", "fuse", "select", "pack"}
        assert lines.loc[name, "value"] == pytest.approx(1000 * sum(run.seconds.values()) / 12)
        assert lines.loc[name, "value"] > 0
        assert math.isnan(lines.loc[name, "low"])
        assert lines.loc[name, "note"]


def test_without_a_question_to_ask_time_is_undefined(base: Pipeline) -> None:
    broken = Question(
        query=Query(query_id="q", text="?x"),
        evidence=((EvidenceSpan(doc_id="d0", quote="not there"),),),
    )
    made = sweep(by_k(1, 2), [broken], trial=Opened(base))
    lines = made.table.query("measure == 'ms_per_question'")
    assert lines["value"].isna().all()
    assert set(lines["note"]) == {"no question was asked"}
    assert "NaN" not in made._repr_html_()


def test_a_sweep_shows_itself_with_every_measure_also_an_undefined_one(base: Pipeline) -> None:
    made = sweep(by_k(2, 1), labelled(), trial=Opened(base), measures=["answer_f1", "mrr"])
    html = made._repr_html_()
    assert html.index("k=2") < html.index("k=1")
    assert html.index("answer_f1") < html.index("mrr") < html.index("context_tokens")
    assert repr(made) == "Sweep of 2 configurations over retrieval.k"
    assert repr(replace(made, skipped={"k=9": "why"})).endswith("; 1 skipped")


def test_configurations_are_compared_with_the_first_unless_another_is_named(
    base: Pipeline,
) -> None:
    made = sweep(by_k(1, 2, 3), labelled(), trial=Opened(base), measures=["recall@3"])
    assert made.compare(["recall@3"]).baseline == "k=1"
    assert made.compare(["recall@3"], baseline="k=3").baseline == "k=3"


def test_fewer_context_tokens_are_better(base: Pipeline) -> None:
    made = sweep(by_k(3, 1), labelled(), trial=Opened(base), measures=["recall@3"])
    (row,) = made.compare(["context_tokens"]).table.to_dict("records")
    assert row["difference"] < 0
    assert row["verdict"] == "better"
    assert row["wins"] > row["losses"]


def test_a_percentile_is_no_mean_to_be_compared(base: Pipeline) -> None:
    made = sweep(by_k(3, 1), labelled(), trial=Opened(base), measures=["latency_p95"])
    with pytest.raises(ConfigError, match="latency_p95 is a percentile"):
        made.compare(["latency_p95"])


# What is refused


def test_nothing_is_opened_for_a_sweep_that_cannot_run(base: Pipeline) -> None:
    opened = Opened(base)
    with pytest.raises(ConfigError, match="did you mean recall@5"):
        sweep(by_k(1), labelled(), trial=opened, measures=["recal@5"])
    with pytest.raises(InvalidRecordError, match="got 'q00' twice"):
        sweep(by_k(1), [*labelled(2), *labelled(1)], trial=opened)
    with pytest.raises(InvalidRecordError, match="got none"):
        sweep(by_k(1), [], trial=opened)
    with pytest.raises(ConfigError, match=r"at least one valid configuration; got none\. because"):
        sweep({}, labelled(), trial=opened, skipped={"k=99": "because"})
    assert opened.opened == []


# Kept and taken again


def test_finished_configurations_are_taken_from_the_log(base: Pipeline, log: EvaluationLog) -> None:
    first = sweep(by_k(1, 2), labelled(), trial=Opened(base), log=log)
    opened = Opened(base)
    second = sweep(by_k(3, 2, 1), labelled(), trial=opened, log=log)
    assert [config.retrieval.k for config in opened.opened] == [3]
    assert second.reused == {"k=1", "k=2"}
    assert list(second.runs) == ["k=3", "k=2", "k=1"]
    assert second.baseline == "k=3"
    for name in ("k=1", "k=2"):
        pd.testing.assert_frame_equal(first.runs[name].table, second.runs[name].table)
        assert first.runs[name].seconds == second.runs[name].seconds
    reused = second.table.drop_duplicates("config").set_index("config")["reused"].to_dict()
    assert reused == {"k=3": False, "k=2": True, "k=1": True}


def test_without_resume_or_a_log_nothing_is_taken(base: Pipeline, log: EvaluationLog) -> None:
    sweep(by_k(1, 2), labelled(), trial=Opened(base), log=log)
    for resume, kept in ((False, log), (True, None)):
        opened = Opened(base)
        made = sweep(by_k(1, 2), labelled(), trial=opened, log=kept, resume=resume)
        assert len(opened.opened) == 2
        assert made.reused == frozenset()


def test_a_trial_without_a_version_is_neither_kept_nor_taken(
    base: Pipeline, log: EvaluationLog
) -> None:
    for _ in range(2):
        opened = Opened(base, version="")
        assert sweep(by_k(1), labelled(), trial=opened, log=log).reused == frozenset()
        assert len(opened.opened) == 1
    assert sweep(by_k(1), labelled(), trial=Opened(base), log=log).reused == frozenset()


def test_other_questions_measures_versions_or_answers_are_not_taken(
    base: Pipeline, log: EvaluationLog
) -> None:
    def reused(questions: Any = None, version: str = "v1", **asked: Any) -> int:
        return len(
            sweep(
                by_k(1), questions or labelled(), trial=Opened(base, version), log=log, **asked
            ).reused
        )

    assert reused() == 0
    assert reused() == 1
    assert reused(labelled(11)) == 0
    edited = labelled()
    edited[0] = replace(edited[0], query=replace(edited[0].query, text="other"))
    assert reused(edited) == 0
    assert reused(labelled()[::-1]) == 0
    assert reused(measures=["mrr"]) == 0
    assert reused(version="v2") == 0
    assert reused(answers=True) == 0
    assert reused() == 1


def test_what_was_kept_under_other_knobs_that_change_no_number_has_the_new_ones(
    base: Pipeline, log: EvaluationLog
) -> None:
    old = {"old": PipelineConfig().replace({"trace.keep": False, "index.name": "old"})}
    new = {"new": PipelineConfig().replace({"trace.keep": True, "index.name": "new"})}
    sweep(old, labelled(), trial=Opened(base), log=log)
    made = sweep(new, labelled(), trial=Opened(base), log=log)
    assert made.reused == {"new"}
    run = made.runs["new"]
    assert (run.name, run.config, run.index_name) == ("new", new["new"], "new")
    assert run.fingerprint == made.table["fingerprint"][0] == new["new"].fingerprint()


def test_a_stopped_sweep_repeats_no_finished_configuration_and_no_finished_question(
    base: Pipeline, log: EvaluationLog, echo: type
) -> None:
    # Two indexes, each with two configurations of 20 questions.
    configs = grid(PipelineConfig(), {"chunking.size": [64, 128], "retrieval.k": [1, 2]})[0]
    dying = echo(fail_after=40 + 16 + 16 + 2)
    measures = ["mrr", "answer_f1"]
    with pytest.raises(GenerationError, match="gone"):
        sweep(configs, labelled(20), trial=Opened(replace(base, generator=dying)),
              measures=measures, answers=True, log=log)  # fmt: skip
    going_on = echo()
    opened = Opened(replace(base, generator=going_on))
    made = sweep(configs, labelled(20), trial=opened, measures=measures, answers=True, log=log)
    assert made.reused == {"size=64 k=1", "size=64 k=2"}
    assert [c.chunking.size for c in opened.opened] == [128, 128]
    assert len(going_on.asked) == 4 + 4
    assert [made.runs[name].n_reused for name in made.runs if name not in made.reused] == [16, 16]
    whole = sweep(configs, labelled(20), trial=Opened(replace(base, generator=echo())),
                  measures=measures, answers=True)  # fmt: skip
    for name in configs:
        pd.testing.assert_frame_equal(made.runs[name].table, whole.runs[name].table)


def test_configurations_are_opened_index_by_index(base: Pipeline) -> None:
    changes = [
        {}, {"chunking.size": 64}, {"retrieval.k": 2}, {"embedding.query_prefix": "q: "},
        {"index.name": "other"}, {"chunking.size": 64, "retrieval.k": 3}, {"index.ann": "ivf_pq"},
    ]  # fmt: skip
    # No branch that needs vectors, so that nobody asks for an approximate index.
    plain = PipelineConfig().replace({"retrieval.mode": "bm25"})
    configs = {str(i): plain.replace(one) for i, one in enumerate(changes)}
    opened = Opened(base)
    made = sweep(configs, labelled(3), trial=opened)
    order = [next(n for n, c in configs.items() if c == config) for config in opened.opened]
    assert order == ["0", "2", "1", "5", "3", "4", "6"]
    assert list(made.runs) == list(configs)


# Over a store


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each branch searched."""
    counted = {"dense": 0, "bm25": 0}
    for name, kind in (("dense", DenseRetriever), ("bm25", BM25Retriever)):
        find = kind.find

        def counting(
            self: Any, *given: Any, _find: Any = find, _name: str = name, **kw: Any
        ) -> Any:
            counted[_name] += 1
            return _find(self, *given, **kw)

        monkeypatch.setattr(kind, "find", counting)
    return counted


def test_knobs_behind_the_search_encode_and_search_nothing_again(
    open_lab: Callable[..., Workbench],
    questions: list[Question],
    counting_encoder: type,
    searches: dict[str, int],
) -> None:
    encoder = counting_encoder()
    wb = open_lab(encoder=encoder)
    before = encoder.n_passages
    made = wb.sweep(
        questions,
        {"retrieval.k": [1, 2, 3], "retrieval.fusion": ["rrf", "weighted"],
         "retrieval.dense_weight": [0.2, 0.8], "context.token_budget": [40, 400]},
    )  # fmt: skip
    assert len(made.runs) == 24
    assert searches == {"dense": 1, "bm25": 1}
    # All questions in one call, and no passage.
    assert [len(asked) for asked in encoder.asked] == [len(questions)]
    assert encoder.n_passages == before


def test_a_knob_of_one_branch_searches_that_branch_alone(
    open_lab: Callable[..., Workbench], questions: list[Question], searches: dict[str, int]
) -> None:
    open_lab().sweep(questions, {"retrieval.bm25_b": [0.2, 0.5, 0.8], "retrieval.k": [1, 2]})
    assert searches == {"dense": 1, "bm25": 3}


def test_another_chunk_size_is_embedded_once_over_sweeps(
    open_lab: Callable[..., Workbench], questions: list[Question], counting_encoder: type
) -> None:
    encoder = counting_encoder()
    wb = open_lab(encoder=encoder)
    first = encoder.n_passages
    wb.sweep(questions, {"chunking.size": [12, 20], "retrieval.k": [1, 2]})
    once = encoder.n_passages
    assert once > first
    wb.sweep(questions, {"chunking.size": [12, 20], "retrieval.k": [2, 3]}, resume=False)
    assert encoder.n_passages == once
    assert wb.indexes["name"].tolist() == ["main"]


def test_a_sweep_has_the_numbers_of_a_built_index(
    open_lab: Callable[..., Workbench], questions: list[Question]
) -> None:
    wb = open_lab()
    made = wb.sweep(questions, {"chunking.size": [12, 20], "chunking.strategy":
                                ["heading", "fixed", "parent_child"]})  # fmt: skip
    for number, (name, run) in enumerate(made.runs.items()):
        config = run.config.replace({"index.name": f"i{number}"})
        wb.build(config)
        built = wb.evaluate(questions, config=config)
        pd.testing.assert_frame_equal(run.table, built.table, obj=name)
    assert list(made.skipped) == []


def test_documents_that_change_are_evaluated_anew(
    open_lab: Callable[..., Workbench], questions: list[Question], documents: list[Document]
) -> None:
    wb = open_lab()
    knobs = {"retrieval.k": [1, 2]}
    assert wb.sweep(questions, knobs).reused == frozenset()
    assert wb.sweep(questions, knobs).reused == {"k=1", "k=2"}
    wb.ingest([replace(documents[0], allowed=("staff",))])
    changed = wb.sweep(questions, knobs)
    assert changed.reused == frozenset()
    wb.ingest([documents[0]])
    assert wb.sweep(questions, knobs).reused == {"k=1", "k=2"}


def test_documents_that_change_during_a_sweep_are_told_and_not_mixed(
    open_lab: Callable[..., Workbench], questions: list[Question], documents: list[Document]
) -> None:
    wb = open_lab()
    told: list[str] = []

    def ingest_when_first_done(what: str, done: int, total: int) -> None:
        if what == "evaluate" and not told:
            told.append(what)
            wb.ingest([replace(documents[0], allowed=("staff",))])

    with pytest.raises(StoreError, match="the documents changed while the sweep ran"):
        wb.sweep(questions, {"chunking.size": [12, 20]}, progress=ingest_when_first_done)
    assert told


def halves(text: str) -> list[tuple[int, int]]:
    middle = text.index(" ", len(text) // 2)
    return [(0, middle), (middle, len(text))]


def whole(text: str) -> list[tuple[int, int]]:
    return [(0, len(text))]


def test_a_custom_chunker_is_never_taken_from_the_log_or_a_stored_index(
    open_lab: Callable[..., Workbench], questions: list[Question]
) -> None:
    knobs = {"chunking.strategy": ["custom:mine"], "retrieval.k": [1, 2]}
    first = open_lab(chunkers={"mine": halves})
    config = first.config.replace({"chunking.strategy": "custom:mine", "index.name": "mine"})
    first.build(config)
    one = first.sweep(questions, knobs, config=config)
    again = first.sweep(questions, knobs, config=config)
    assert again.reused == frozenset()
    second = open_lab(chunkers={"mine": whole})
    other = second.sweep(questions, knobs, config=config)
    assert other.reused == frozenset()
    for name in one.runs:
        pd.testing.assert_frame_equal(one.runs[name].table, again.runs[name].table)
        hits = [run.table["n_context_tokens"].sum() for run in (one.runs[name], other.runs[name])]
        assert hits[0] < hits[1]


def test_a_sweep_is_what_was_asked_for(
    open_lab: Callable[..., Workbench], questions: list[Question]
) -> None:
    wb = open_lab()
    made = wb.sweep(questions, {"retrieval.k": [3, 99, 1]}, measures=["mrr"], split="holdout")
    assert isinstance(made, Sweep)
    assert list(made.runs) == ["k=3", "k=1"]
    assert list(made.skipped) == ["k=99"]
    assert {run.n_questions for run in made.runs.values()} == {7}
