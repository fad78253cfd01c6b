"""Milliseconds of requests, by the same rule as the measures of latency."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.latency import ALL_STAGES, LATENCY, latency_frame
from whymiss.evaluation.measures.latency import latency_percentile
from whymiss.frames import traces_frame
from whymiss.records import Trace
from whymiss.stages import STAGES

ASKING = [stage for stage in STAGES if stage not in ("parse", "chunk", "index")]


def trace(number: int, seconds: dict[str, float]) -> Trace:
    return Trace(
        trace_id=f"{number}", asked_at="", query_hash="", query_text=None, principals=(), where=(),
        config_fingerprint="", index_name="", index_version="", model_version="", rankings=(),
        context=None, answer=None, scores=(), seconds=seconds, flags=(),
    )  # fmt: skip


TIMES = st.dictionaries(st.sampled_from(ASKING), st.floats(0.0001, 9), min_size=1)


@given(st.lists(TIMES, min_size=1, max_size=12))
def test_percentiles_are_those_of_the_measure_over_the_same_traces(
    timed: list[dict[str, float]],
) -> None:
    found = latency_frame(traces_frame(trace(i, s) for i, s in enumerate(timed)))
    found = found.set_index("stage")

    for stage in [*ASKING, None]:
        row = found.loc[stage or ALL_STAGES]
        for percentile in (50, 95):
            score = latency_percentile(timed, percentile, stage=stage)
            np.testing.assert_allclose(row[f"p{percentile}"], score.value)
        ran = [s for s in timed if stage is None or stage in s]
        assert (row["n"], row["n_undefined"]) == (len(ran), len(timed) - len(ran))
        assert row["note"] == ("" if ran else "did not run")


def test_stages_stand_in_the_order_of_the_pipeline_and_all_of_them_last() -> None:
    found = latency_frame(traces_frame([trace(0, {"dense": 0.5})]))
    assert list(found.columns) == list(LATENCY)
    assert found["stage"].tolist() == [*ASKING, ALL_STAGES]


def test_one_request_has_its_own_times() -> None:
    found = latency_frame(traces_frame([trace(0, {"dense": 0.5, "select": 0.25})]))
    found = found.set_index("stage")
    assert found.loc["dense", ["p50", "p95"]].tolist() == [500, 500]
    assert found.loc[ALL_STAGES, "p50"] == 750
    assert math.isnan(found.loc["rerank", "p50"])


def test_an_empty_log_times_nothing_and_says_so() -> None:
    found = latency_frame(traces_frame([]))
    assert set(found["note"]) == {"nothing was timed"}
    assert found["p50"].isna().all()


def test_a_frame_that_is_no_log_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match=r"'ms_embed' is missing.*workbench\.trace"):
        latency_frame(pd.DataFrame({"stage": []}))
