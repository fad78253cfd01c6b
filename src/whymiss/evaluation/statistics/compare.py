"""Which configuration is better, on the same questions, and whether that is more than noise."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.errors import ConfigError, MixedQueriesError
from whymiss.evaluation.statistics.arrays import Floats, check_share, is_yes_no
from whymiss.evaluation.statistics.intervals import unseen_rate
from whymiss.evaluation.statistics.mcnemar import mcnemar_exact
from whymiss.evaluation.statistics.multiple import holm, holm_levels
from whymiss.evaluation.statistics.paired import (
    SignFlipResult,
    difference_interval,
    flip_size,
    paired_differences,
    sign_flip_test,
)
from whymiss.evaluation.statistics.power import changes_needed, minimum_detectable_difference
from whymiss.evaluation.statistics.score_table import PerQuery, ScoreTable

COMPARISON: Final = (
    "config", "measure", "n", "n_undefined", "mean_baseline", "mean", "difference", "low", "high",
    "confidence", "p", "p_holm", "p_mcnemar", "wins", "losses", "ties", "mde", "verdict", "test",
    "note",
)  # fmt: skip
QUESTIONS: Final = (
    "config", "measure", "query_id", "baseline", "value", "difference", "outcome",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Every configuration against one baseline, measure by measure.

    `table` has one row per config and measure. `difference` is the mean over the `n` questions on
    which both are defined, config minus baseline; `n_undefined` more were run in both but scored
    in one or none. `p` is the sign-flip test, `p_holm` the same after Holm over the configs of
    this measure, and the verdict ("better", "worse", "undecided") is `p_holm` against `alpha`.
    `p_mcnemar` is given for yes/no measures, for which it is the same test. `low` to `high` is an
    interval of the stated `confidence`: 1 minus the level at which Holm judged the row. It holds
    zero exactly when the verdict is "undecided". `mde` is the difference that would be found with
    the stated power at the strictest of Holm's levels. `wins` are questions on which the config
    did better. `note` says what limits the row.

    `questions` has one row per config, measure and question run in both, with its outcome: "win",
    "loss", "tie" or "undefined". `missing` lists the questions that one config has and another
    lacks.
    """

    table: pd.DataFrame
    questions: pd.DataFrame
    missing: pd.DataFrame
    baseline: str
    alpha: float
    power: float
    seed: int

    def __repr__(self) -> str:
        return "\n".join([f"Comparison with {self.baseline!r}", *self.sentences()])

    def _repr_html_(self) -> str:
        return self.table.round(4).to_html(index=False, na_rep="")

    def sentences(self) -> tuple[str, ...]:
        """One sentence per row of the table, for a log, a terminal or a report."""
        return tuple(_sentence(row) for row in self.table.to_dict(orient="records"))


def compare(
    per_query: PerQuery,
    *,
    baseline: str,
    measures: Sequence[str],
    alpha: float = 0.05,
    power: float = 0.8,
    seed: int = 0,
    lower_is_better: Collection[str] = (),
    on_missing: Literal["refuse", "drop"] = "refuse",
) -> Comparison:
    """Compare configurations with a baseline on the same questions.

    Choose the measure that decides before looking: Holm guards against many configurations, not
    against many measures. Under "no difference" the signs are exchangeable; configs that differ
    in kind but not in mean (many small gains, rare total losses) are called different up to 9 %
    of the time at 60 questions, as by any test of a mean.

    Parameters
    ----------
    per_query : one frame per config with a column `query_id` and one per measure, or one long
        frame with the columns config, query_id, measure, value. NaN is undefined.
    alpha : how often, at most, any config of a measure may be called different by luck.
    lower_is_better : measures, such as latency, of which less is a win.
    on_missing : "refuse" question sets that differ, or "drop" to compare each config with the
        baseline on what both have, the gaps listed in `Comparison.missing`.

    Returns
    -------
    Comparison
        The same for any order of rows, configs or measures, and for every run with this seed.

    Raises
    ------
    MixedQueriesError : a config lacks a question that another has, unless told to drop it.
    ConfigError : the baseline, a measure, alpha, the power or `on_missing` is unknown or out of
        range, or there is nothing to compare the baseline with.
    InvalidRecordError : a column is missing, a score is not a finite number or stands twice.

    Examples
    --------
    >>> ids = [f"q{i}" for i in range(40)]
    >>> dense = pd.DataFrame({"query_id": ids, "recall@5": [0.0, 0.5, 1.0, 1.0] * 10})
    >>> hybrid = pd.DataFrame({"query_id": ids, "recall@5": [0.5, 0.5, 1.0, 1.0] * 10})
    >>> compare({"dense": dense, "hybrid": hybrid}, baseline="dense", measures=["recall@5"])
    Comparison with 'dense'
    recall@5: 'hybrid' is better by 0.125 [0.042, 0.197] (p 0.00195; 10 wins, 0 losses, 30 ties)
    """
    check_share("alpha", alpha, who="compare")
    check_share("power", power, who="compare")
    if on_missing not in ("refuse", "drop"):
        raise ConfigError(f'compare needs on_missing "refuse" or "drop"; got {on_missing!r}.')
    scores = ScoreTable.of(per_query, measures)
    others = [config for config in scores.configs if config != baseline]
    if baseline not in scores.configs or not others:
        raise ConfigError(
            f"compare needs the baseline and at least one other config; got baseline "
            f"{baseline!r} among {', '.join(map(repr, scores.configs)) or 'none'}."
        )
    if unknown := sorted(set(lower_is_better) - set(scores.measures)):
        raise ConfigError(f"compare: lower_is_better names {unknown[0]!r}, which is not compared.")
    missing = scores.missing()
    if on_missing == "refuse" and len(missing):
        raise MixedQueriesError(_refusal(missing, len(scores.query_ids)))
    rows, everything = [], []
    for measure in scores.measures:
        pairs = [_Pair.of(scores, measure, baseline, config) for config in others]
        sign = -1 if measure in lower_is_better else 1
        rows += _judged(pairs, sign=sign, alpha=alpha, power=power, seed=seed)
        everything += pairs
    return Comparison(
        table=pd.DataFrame(rows, columns=list(COMPARISON)),
        questions=_questions(everything, scores, lower_is_better),
        missing=missing,
        baseline=baseline,
        alpha=alpha,
        power=power,
        seed=seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    """The scores of one config and the baseline on the questions that both were asked.

    `asked` are the positions of these questions in the score table.
    """

    config: str
    measure: str
    asked: npt.NDArray[np.intp]
    before: Floats
    after: Floats
    change: Floats

    @classmethod
    def of(cls, scores: ScoreTable, measure: str, baseline: str, config: str) -> _Pair:
        """Cut one pair out of the table."""
        at = scores.measures.index(measure)
        left, right = scores.configs.index(baseline), scores.configs.index(config)
        both = scores.present[at, :, left] & scores.present[at, :, right]
        before, after = scores.values[at, both, left], scores.values[at, both, right]
        return cls(
            config=config,
            measure=measure,
            asked=np.flatnonzero(both),
            before=before,
            after=after,
            change=paired_differences(before, after),
        )


def _questions(pairs: Sequence[_Pair], scores: ScoreTable, less: Collection[str]) -> pd.DataFrame:
    """One row per pair and question, with who won it."""
    sizes = [pair.change.size for pair in pairs]
    sign = np.repeat([-1.0 if pair.measure in less else 1.0 for pair in pairs], sizes)
    change = np.concatenate([pair.change for pair in pairs])
    better = np.sign(change) * sign
    # Ids go through a Series, so that numbers stay numbers and text stays text.
    ids = pd.Series(list(scores.query_ids)).take(np.concatenate([pair.asked for pair in pairs]))
    columns = {
        "config": np.repeat([pair.config for pair in pairs], sizes),
        "measure": np.repeat([pair.measure for pair in pairs], sizes),
        "query_id": ids.reset_index(drop=True),
        "baseline": np.concatenate([pair.before for pair in pairs]),
        "value": np.concatenate([pair.after for pair in pairs]),
        "difference": change,
        "outcome": np.select(
            [better > 0, better < 0, better == 0], ["win", "loss", "tie"], "undefined"
        ),
    }
    return pd.DataFrame(columns, columns=list(QUESTIONS))


def _judged(
    pairs: Sequence[_Pair], *, sign: int, alpha: float, power: float, seed: int
) -> list[dict[str, Any]]:
    """The rows of one measure: tested one by one, then judged together."""
    tests = [sign_flip_test(pair.change, seed=seed) for pair in pairs]
    p_values = [test.p for test in tests]
    adjusted, levels = holm(p_values), holm_levels(p_values, alpha=alpha)
    # Before the data are seen any config may have to pass the first, strictest step.
    strictest = alpha / max(1, sum(not math.isnan(p) for p in p_values))
    return [
        {
            **_seen(pair, test, sign=sign),
            **_concluded(pair, test, level=float(level), different=bool(p_holm <= alpha)),
            "p_holm": float(p_holm),
            "mde": _detectable(pair, alpha=strictest, power=power),
            "verdict": _verdict(test.mean * sign) if p_holm <= alpha else "undecided",
        }
        for pair, test, p_holm, level in zip(pairs, tests, adjusted, levels, strict=True)
    ]


def _seen(pair: _Pair, test: SignFlipResult, *, sign: int) -> dict[str, Any]:
    """What was counted and tested, before judging it beside the other configs."""
    kept = ~np.isnan(pair.change)
    better = np.sign(pair.change) * sign
    yes_no = test.n > 0 and is_yes_no(pair.before) and is_yes_no(pair.after)
    return {
        "config": pair.config,
        "measure": pair.measure,
        "n": test.n,
        "n_undefined": test.n_undefined,
        "mean_baseline": float(pair.before[kept].mean()) if test.n else math.nan,
        "mean": float(pair.after[kept].mean()) if test.n else math.nan,
        "difference": test.mean,
        "p": test.p,
        "p_mcnemar": mcnemar_exact(pair.before, pair.after).p if yes_no else math.nan,
        "wins": int((better > 0).sum()),
        "losses": int((better < 0).sum()),
        "ties": int((better == 0).sum()),
        "test": f"sign-flip, {'exact' if test.exact else 'sampled'}",
    }


def _concluded(
    pair: _Pair, test: SignFlipResult, *, level: float, different: bool
) -> dict[str, Any]:
    low, high = _agreeing_interval(pair, test, level=level, different=different)
    return {"low": low, "high": high, "confidence": 1.0 - level, "note": _note(test, level)}


def _verdict(gain: float) -> str:
    return "better" if gain > 0 else "worse"


def _agreeing_interval(
    pair: _Pair, test: SignFlipResult, *, level: float, different: bool
) -> tuple[float, float]:
    """An interval at the level of the test that holds zero exactly when the test does not reject.

    Test and interval rest on different assumptions and part ways near the border now and then.
    There the test decides. If it finds nothing, the interval is stretched to zero, which only
    makes it safer. If it rejects zero, it rejects what lies beyond zero too, and the end on that
    side becomes the nearest value that the flips themselves allow.
    """
    if test.n == 0:
        return math.nan, math.nan
    if test.n_changed == 0 and _within_unit(pair):
        # A score between 0 and 1 cannot move the mean further than the share of questions it
        # moves on, and n questions on which it did not move bound that share.
        unseen = unseen_rate(test.n, level=level)
        return -unseen, unseen
    interval = difference_interval(pair.change, confidence=1.0 - level)
    if interval.undefined_because:
        return -math.inf, math.inf
    low, high = interval.low, interval.high
    if not different:
        return min(low, 0.0), max(high, 0.0)
    if low <= 0.0 <= high:
        # The level may miss p by rounding, as alpha / m does p * m.
        nearest = test.nearest_to_zero(max(level, test.p))
        return (nearest, high) if nearest > 0 else (low, nearest)
    return low, high


def _within_unit(pair: _Pair) -> bool:
    known = np.concatenate([pair.before, pair.after])
    known = known[~np.isnan(known)]
    return bool(((known >= 0) & (known <= 1)).all())


def _detectable(pair: _Pair, *, alpha: float, power: float) -> float:
    change = pair.change[~np.isnan(pair.change)]
    if change.size < 2:
        return math.nan
    flip = flip_size(change)
    if math.isnan(flip):
        # Nothing moved: the size of a flip is unknown, and 1 is the most a share can move.
        flip = 1.0 if _within_unit(pair) else math.nan
    return minimum_detectable_difference(
        float(change.std(ddof=1)), change.size, alpha=alpha, power=power, flip=flip
    )


def _note(test: SignFlipResult, level: float) -> str:
    if test.n == 0:
        return "no question is defined in both"
    if test.n_changed == 0:
        return "the same on every question"
    needed = changes_needed(level)
    if test.n_changed < needed:
        return f"only {test.n_changed} changed; a verdict needs at least {needed}, all one way"
    return ""


def _refusal(missing: pd.DataFrame, n_questions: int) -> str:
    config, measure = missing.iloc[0][["config", "measure"]]
    gap = missing[(missing["config"] == config) & (missing["measure"] == measure)]["query_id"]
    shown = ", ".join(map(repr, gap.head(5))) + (", ..." if len(gap) > 5 else "")
    return (
        f"compare needs the same questions in every config; {config!r} lacks {len(gap)} of "
        f'{n_questions} for {measure!r}: {shown}. Run them, or pass on_missing="drop" to compare '
        "what both have and list the rest."
    )


def _sentence(row: dict[Any, Any]) -> str:
    head = f"{row['measure']}: {row['config']!r}"
    counts = f"{row['wins']} wins, {row['losses']} losses, {row['ties']} ties"
    if row["n"] == 0:
        return f"{head} cannot be compared: {row['note']}"
    interval = f"[{row['low']:.3f}, {row['high']:.3f}]"
    if row["verdict"] == "undecided":
        seen = f"{row['difference']:+.3f} {interval}, detectable {row['mde']:.3f}"
        why = f"; {row['note']}" if row["note"] else ""
        return f"{head} is undecided: {seen} (p {row['p_holm']:.3g}; {counts}{why})"
    by = f"{abs(row['difference']):.3f}"
    if row["difference"] < 0:
        interval = f"[{-row['high']:.3f}, {-row['low']:.3f}]"
    return f"{head} is {row['verdict']} by {by} {interval} (p {row['p_holm']:.3g}; {counts})"
