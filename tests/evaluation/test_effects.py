"""Effects are differences within questions, averaged over settings that have both sides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation import Sweep, compare_runs
from whymiss.evaluation.effects import INTERACTIONS, MAIN, effects
from whymiss.evaluation.run import EvaluationRun
from whymiss.plots import compare_dots

SIZE, OVERLAP, MODE = "chunking.size", "chunking.overlap", "retrieval.mode"
Scores = Mapping[tuple[Any, ...], Sequence[float]]


def made(scores: Scores, knobs: tuple[str, ...], measure: str = "recall@5") -> Sweep:
    runs = {}
    for values, column in scores.items():
        config = PipelineConfig().replace(dict(zip(knobs, values, strict=True)))
        table = pd.DataFrame(
            {"query_id": [f"q{i:03d}" for i in range(len(column))], measure: column}
        )
        name = " ".join(map(str, values))
        runs[name] = EvaluationRun(
            name=name, config=config, fingerprint="", index_name="", index_version="",
            model_version="", created="", measures=(measure,), table=table,
            undefined=pd.DataFrame(), seconds={},
        )  # fmt: skip
    return Sweep(runs=runs, knobs=knobs, baseline=next(iter(runs)), reused=frozenset(), skipped={})


def row(table: pd.DataFrame, config: str) -> dict[str, Any]:
    (found,) = table[table["config"] == config].to_dict(orient="records")
    return found


# Two knobs of two levels, worked by hand. Per question (two questions, repeated ten times):
#   reference 0.2, 0.4; size alone 0.4, 0.4; overlap alone 0.3, 0.6; both 0.9, 0.8
# size: ((0.2 + 0.6) / 2 + (0.0 + 0.2) / 2) / 2 = 0.25
# overlap: ((0.1 + 0.5) / 2 + (0.2 + 0.4) / 2) / 2 = 0.3
# both: (0.9 - 0.4 - 0.3 + 0.2 + 0.8 - 0.4 - 0.6 + 0.4) / 2 = 0.3
WORKED = {
    (200, 0): [0.2, 0.4] * 10, (64, 0): [0.4, 0.4] * 10,
    (200, 32): [0.3, 0.6] * 10, (64, 32): [0.9, 0.8] * 10,
}  # fmt: skip


def test_effects_of_a_square_are_those_worked_by_hand() -> None:
    found = effects(made(WORKED, (SIZE, OVERLAP)), "recall@5")
    assert found.references == {SIZE: 200, OVERLAP: 0}
    assert row(found.main, "chunking.size 64, not 200")["difference"] == pytest.approx(0.25)
    assert row(found.main, "chunking.overlap 32, not 0")["difference"] == pytest.approx(0.3)
    both = row(found.interactions, "chunking.size 64, not 200 x chunking.overlap 32, not 0")
    assert both["difference"] == pytest.approx(0.3)
    assert (both["n_settings"], both["n"], both["wins"], both["losses"]) == (1, 20, 20, 0)
    assert (both["knob"], both["level"], both["reference"]) == (SIZE, 64, 200)
    assert (both["with_knob"], both["with_level"], both["with_reference"]) == (OVERLAP, 32, 0)
    assert set(found.main["n_settings"]) == {2}


def test_a_design_of_one_knob_says_what_a_comparison_says() -> None:
    rng = np.random.default_rng(7)
    scores = {(size,): rng.choice([0.0, 0.5, 1.0], 60).tolist() for size in (200, 128, 64)}
    sweep = made(scores, (SIZE,))
    found = effects(sweep, "recall@5")
    plain = compare_runs(sweep.runs, ["recall@5"]).table
    same = ["n", "difference", "low", "high", "p", "p_holm", "wins", "losses", "mde", "verdict"]
    pd.testing.assert_frame_equal(found.main[same], plain[same])
    assert found.interactions.empty


def test_knobs_that_add_up_do_not_interact() -> None:
    rng = np.random.default_rng(3)
    base, size, overlap = rng.integers(0, 9, (3, 40)) / 10
    scores = {
        (200, 0): base, (64, 0): base + size,
        (200, 32): base + overlap, (64, 32): base + size + overlap,
    }  # fmt: skip
    found = effects(made(scores, (SIZE, OVERLAP)), "recall@5")
    assert found.interactions["difference"].tolist() == [0.0]
    assert found.interactions["ties"].tolist() == [40]
    assert row(found.main, "chunking.size 64, not 200")["difference"] == pytest.approx(size.mean())


LEVELS = {SIZE: (200, 64, 128), OVERLAP: (0, 16), MODE: ("hybrid", "dense", "bm25")}


@st.composite
def designs(draw: st.DrawFn) -> dict[tuple[Any, ...], list[float]]:
    """Some settings of the full design, the reference of all knobs always among them."""
    every = list(itertools.product(*LEVELS.values()))
    kept = [every[0], *draw(st.lists(st.sampled_from(every[1:]), unique=True))]
    n = draw(st.integers(2, 5))
    score = st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan])
    return {key: draw(st.lists(score, min_size=n, max_size=n)) for key in kept}


def by_brute_force(scores: Scores, change: Mapping[int, Any]) -> tuple[int, list[float]]:
    """Loop over everything: (settings, the contrast of each question)."""
    reference = next(iter(scores))
    columns = []
    for key in scores:
        if any(key[place] != reference[place] for place in change):
            continue
        corners = [
            ([change[p] if p in turned else v for p, v in enumerate(key)], turned)
            for n in range(len(change) + 1)
            for turned in itertools.combinations(change, n)
        ]
        if any(tuple(corner) not in scores for corner, _ in corners):
            continue
        column = [0.0] * len(scores[key])
        for corner, turned in corners:
            sign = 1 if (len(change) - len(turned)) % 2 == 0 else -1
            column = [a + sign * b for a, b in zip(column, scores[tuple(corner)], strict=True)]
        columns.append(column)
    return len(columns), [sum(values) / len(columns) for values in zip(*columns, strict=True)]


@given(designs())
def test_gaps_are_left_out_and_the_rest_is_what_brute_force_gives(scores: Scores) -> None:
    knobs = tuple(LEVELS)
    sweep = made(scores, knobs)
    found = effects(sweep, "recall@5")
    for table, prefixes in ((found.main, ("",)), (found.interactions, ("", "with_"))):
        for one in table.to_dict(orient="records"):
            change = {knobs.index(one[f"{p}knob"]): one[f"{p}level"] for p in prefixes}
            n_settings, values = by_brute_force(scores, change)
            known = [value for value in values if not math.isnan(value)]
            assert one["n_settings"] == n_settings
            assert one["n"] == len(known)
            if known:
                assert one["difference"] == pytest.approx(sum(known) / len(known))
                assert one["low"] <= 1e-12 + one["difference"] <= one["high"] + 2e-12
            else:
                assert math.isnan(one["difference"])
                assert one["verdict"] == "undecided"
                assert one["note"]


def test_a_level_that_never_stands_beside_its_reference_has_no_effect_and_says_so() -> None:
    scores = {(200, 0): [0.5, 1.0], (64, 16): [0.5, 1.0]}
    found = effects(made(scores, (SIZE, OVERLAP)), "recall@5")
    one = row(found.main, "chunking.size 64, not 200")
    assert (one["n_settings"], one["n"], one["verdict"]) == (0, 0, "undecided")
    assert one["note"] == "no settings differ in this alone: the sweep has gaps here"


def test_of_a_cost_less_is_better() -> None:
    scores = {(200,): [300.0, 310.0] * 10, (64,): [100.0, 90.0] * 10}
    found = effects(made(scores, (SIZE,), "context_tokens"), "context_tokens")
    assert found.main["difference"].tolist() == [-210.0]
    assert found.main["verdict"].tolist() == ["better"]


def test_other_references_turn_the_signs() -> None:
    sweep = made(WORKED, (SIZE, OVERLAP))
    found = effects(sweep, "recall@5", references={SIZE: 64})
    assert row(found.main, "chunking.size 200, not 64")["difference"] == pytest.approx(-0.25)
    assert row(found.main, "chunking.overlap 32, not 0")["difference"] == pytest.approx(0.3)
    both = row(found.interactions, "chunking.size 200, not 64 x chunking.overlap 32, not 0")
    assert both["difference"] == pytest.approx(-0.3)


def test_where_nothing_moved_the_interval_allows_for_what_was_not_seen() -> None:
    # 1 - 0.05 ** (1 / 40) of the questions may still differ, by 1 under one change and by 2 under
    # two; a number of tokens by any amount.
    unseen = 1 - 0.05 ** (1 / 40)
    scores = {key: [0.5] * 40 for key in itertools.product((200, 64), (0, 16))}
    shares = effects(made(scores, (SIZE, OVERLAP)), "recall@5")
    two_changes = shares.interactions.iloc[0]
    assert (two_changes["low"], two_changes["high"]) == pytest.approx((-2 * unseen, 2 * unseen))
    one_change = effects(made(scores, (SIZE, OVERLAP)), "recall@5", alpha=0.1).main.iloc[0]
    # Two rows of main effects share an alpha of 0.1.
    assert one_change["high"] == pytest.approx(unseen)
    tokens = effects(made(scores, (SIZE, OVERLAP), "context_tokens"), "context_tokens")
    assert set(tokens.main["high"]) == {math.inf}


def test_the_tables_can_be_drawn_and_their_columns_are_a_contract() -> None:
    found = effects(made(WORKED, (SIZE, OVERLAP)), "recall@5")
    assert tuple(found.main.columns) == MAIN
    assert tuple(found.interactions.columns) == INTERACTIONS
    names = compare_dots(found.main).layout.yaxis.ticktext.tolist()
    assert names == ["chunking.size 64, not 200", "chunking.overlap 32, not 0"]
    assert "chunking.size 64, not 200 x chunking.overlap 32, not 0" in found._repr_html_()
    assert repr(found) == "Effects on recall@5, beside chunking.size = 200, chunking.overlap = 0"


def test_what_has_no_effects_is_refused() -> None:
    sweep = made(WORKED, (SIZE, OVERLAP))
    with pytest.raises(ConfigError, match="did not measure 'mrr'; it has recall@5"):
        effects(sweep, "mrr")
    with pytest.raises(ConfigError, match="is never 99 in this sweep; it is 200, 64"):
        effects(sweep, "recall@5", references={SIZE: 99})
    with pytest.raises(ConfigError, match="is never 3 in this sweep; it is not varied"):
        effects(sweep, "recall@5", references={"retrieval.k": 3})
    alone = made({(200,): [0.5]}, (SIZE,))
    with pytest.raises(ConfigError, match="in which a knob varies"):
        effects(Sweep(**{**vars(alone), "knobs": ()}), "recall@5")
    with pytest.raises(ConfigError, match="latency_p95 is a percentile"):
        effects(made({(200,): [1.0], (64,): [2.0]}, (SIZE,), "latency_p95"), "latency_p95")
    twice = made({(200, 0): [0.5], (200, 16): [0.5]}, (SIZE, OVERLAP))
    with pytest.raises(InvalidRecordError, match="has the knobs of another"):
        effects(Sweep(**{**vars(twice), "knobs": (SIZE,)}), "recall@5")
