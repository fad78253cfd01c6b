"""What each knob of a sweep does by itself, and which knobs act on each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.measures import parse_measure
from whymiss.evaluation.run import as_html
from whymiss.evaluation.statistics import compare
from whymiss.evaluation.statistics.arrays import NOISE, Floats
from whymiss.evaluation.sweeping import Sweep

_JUDGED: Final = (
    "measure", "n", "n_undefined", "difference", "low", "high", "confidence", "p", "p_holm", "wins",
    "losses", "ties", "mde", "verdict", "test", "note",
)  # fmt: skip
MAIN: Final = ("config", "knob", "level", "reference", "n_settings", *_JUDGED)
INTERACTIONS: Final = (
    "config", "knob", "level", "reference", "with_knob", "with_level", "with_reference",
    "n_settings", *_JUDGED,
)  # fmt: skip

_NOTHING: Final = "nothing changed"
_Change = tuple[str, Any]
_Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """The effects of a sweep's knobs on one measure: what `effects` gives.

    `main` has one row per level of a knob beside its reference: `difference` is the mean over
    questions of the level's score minus the reference's, averaged over `n_settings` pairs of
    settings that differ in nothing else. `interactions` has one row per two such changes of two
    knobs: what both together do more than the sum of what each does alone, averaged over
    `n_settings` squares of settings. The other columns are those of `Comparison.table`: the
    sign-flip test over questions, Holm over all rows of the table, an interval that holds zero
    exactly when the verdict is "undecided". `plots.compare_dots` draws both.

    A row without settings has no value, and its note says so.
    """

    measure: str
    references: Mapping[str, Any]
    main: pd.DataFrame
    interactions: pd.DataFrame

    def __repr__(self) -> str:
        at = ", ".join(f"{knob} = {value}" for knob, value in self.references.items())
        return f"Effects on {self.measure}, beside {at}"

    def _repr_html_(self) -> str:
        shown = ["config", "n_settings", "difference", "low", "high", "p_holm", "verdict", "note"]
        both = pd.concat([self.main[shown], self.interactions[shown]])
        return as_html(both.rename(columns={"config": f"effect on {self.measure}"}), index=False)


def effects(
    sweep: Sweep,
    measure: str,
    *,
    references: Mapping[str, Any] | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> Effects:
    """Main effects and two-way interactions of the knobs that a sweep varies.

    Each is a contrast within questions: first taken for one question, averaged over all settings
    of the other knobs, then tested over the questions, which are what was sampled (Box, Hunter and
    Hunter 2005, chapter 5, for the contrasts). Settings that the sweep skipped leave gaps; a pair
    or square with a gap in it is left out, never filled, so that both sides of a difference always
    rest on the same settings.

    Parameters
    ----------
    sweep : every combination of knob values, or most of them.
    measure : one that the sweep measured. Of one such as context tokens, less is better.
    references : the level of a knob that its others are held against; by default that of the
        sweep's first configuration.
    alpha : how often, at most, any row of a table may be called different by luck.

    Raises
    ------
    ConfigError : the sweep varies nothing, or it has no such measure, knob or level.
    InvalidRecordError : two configurations have the same knobs.

    Examples
    --------
    >>> import whymiss
    >>> from tempfile import mkdtemp
    >>> from whymiss.evaluation import EvidenceSpan, Question
    >>> from whymiss.records import Document, Query
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> faq = Document(doc_id="faq", text="Refunds take ten days. Seats cost ten euros.",
    ...                allowed=["*"])
    >>> report = wb.ingest([faq])
    >>> span = EvidenceSpan(doc_id="faq", start=0, end=22)
    >>> asked = Question(query=Query(query_id="q", text="Refunds?"), evidence=[[span]])
    >>> made = wb.sweep([asked], {"chunking.size": [200, 8], "retrieval.mode": ["dense", "bm25"]})
    >>> found = effects(made, "context_tokens")
    >>> found
    Effects on context_tokens, beside chunking.size = 200, retrieval.mode = dense
    >>> found.main[["config", "n_settings"]].values.tolist()
    [['chunking.size 8, not 200', 2], ['retrieval.mode bm25, not dense', 2]]
    """
    less_is_better = _checked(sweep, measure)
    cells, query_ids = _cells(sweep, measure)
    levels = _levels(sweep, cells)
    held = _references(sweep, levels, references or {})
    changes = [(knob, level) for knob in levels for level in levels[knob] if level != held[knob]]
    pairs = [(a, b) for a, b in combinations(changes, 2) if a[0] != b[0]]

    def table(wanted: Sequence[tuple[_Change, ...]], columns: Sequence[str]) -> pd.DataFrame:
        found = [_contrast(cells, sweep.knobs, held, some) for some in wanted]
        judged = _judged(
            found, query_ids, measure, alpha=alpha, seed=seed, less_is_better=less_is_better
        )
        return pd.DataFrame(judged, columns=list(columns))

    return Effects(
        measure=measure,
        references=held,
        main=table([(change,) for change in changes], MAIN),
        interactions=table(pairs, INTERACTIONS),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contrast:
    """What some changes do together beyond what fewer of them do, for each question.

    values : averaged over `n_settings` places of the design; NaN where a score is undefined.
    """

    changes: tuple[_Change, ...]
    held: Mapping[str, Any]
    values: Floats
    n_settings: int

    @property
    def name(self) -> str:
        return " x ".join(f"{knob} {level}, not {self.held[knob]}" for knob, level in self.changes)

    def described(self) -> dict[str, Any]:
        """The columns that say which contrast it is."""
        row: dict[str, Any] = {"config": self.name, "n_settings": self.n_settings}
        for prefix, (knob, level) in zip(("", "with_"), self.changes, strict=False):
            named = {"knob": knob, "level": level, "reference": self.held[knob]}
            row |= {f"{prefix}{name}": value for name, value in named.items()}
        return row


def _contrast(
    cells: Mapping[_Key, Floats],
    knobs: Sequence[str],
    held: Mapping[str, Any],
    changes: tuple[_Change, ...],
) -> _Contrast:
    at_reference = [
        key for key in cells if all(key[knobs.index(knob)] == held[knob] for knob, _ in changes)
    ]
    squares = [_corners(key, knobs, changes) for key in at_reference]
    complete = [corners for corners in squares if all(key in cells for _, key in corners)]
    every = np.array(list(cells.values()))
    if not complete:
        missing = np.full(every.shape[1], np.nan)
        return _Contrast(changes=changes, held=held, values=missing, n_settings=0)
    values = np.mean([_difference(cells, corners) for corners in complete], axis=0)
    # What cancels but for rounding is an exact tie.
    largest = np.nanmax(np.abs(every), initial=0.0)
    values = np.where(np.abs(values) <= 4 * NOISE * largest, 0.0, values)
    return _Contrast(changes=changes, held=held, values=values, n_settings=len(complete))


def _difference(cells: Mapping[_Key, Floats], corners: Sequence[tuple[int, _Key]]) -> Floats:
    signs = np.array([sign for sign, _ in corners], dtype=np.float64)
    found: Floats = signs @ np.array([cells[key] for _, key in corners])
    return found


def _corners(
    key: _Key, knobs: Sequence[str], changes: tuple[_Change, ...]
) -> list[tuple[int, _Key]]:
    """A setting and all that some of the changes make of it, each with its sign."""
    here = dict(zip(knobs, key, strict=True))
    return [
        ((-1) ** (len(changes) - n), tuple({**here, **dict(some)}.values()))
        for n in range(len(changes) + 1)
        for some in combinations(changes, n)
    ]


def _judged(
    contrasts: Sequence[_Contrast],
    query_ids: Sequence[str],
    measure: str,
    *,
    alpha: float,
    seed: int,
    less_is_better: bool,
) -> list[dict[str, Any]]:
    """Every contrast tested against no difference, and judged beside the others."""
    if not contrasts:
        return []
    frames = {
        contrast.name: pd.DataFrame({"query_id": query_ids, measure: contrast.values})
        for contrast in contrasts
    }
    nothing = pd.DataFrame({"query_id": query_ids, measure: np.zeros(len(query_ids))})
    compared = compare(
        {_NOTHING: nothing, **frames}, baseline=_NOTHING, measures=[measure], alpha=alpha,
        seed=seed, lower_is_better=[measure] if less_is_better else [],
    )  # fmt: skip
    is_share = parse_measure(measure).unit == "share"
    return [
        {
            **{str(name): value for name, value in row.items()},
            **contrast.described(),
            **_unmoved(row, contrast, is_share=is_share),
        }
        for row, contrast in zip(compared.table.to_dict(orient="records"), contrasts, strict=True)
    ]


def _unmoved(row: Mapping[Any, Any], contrast: _Contrast, *, is_share: bool) -> dict[str, Any]:
    """What is to be said otherwise of a contrast that is zero everywhere, or rests on nothing."""
    if not contrast.n_settings:
        return {"note": "no settings differ in this alone: the sweep has gaps here"}
    if row["n"] == 0 or row["wins"] or row["losses"]:
        return {}
    # `compare` allows for questions not seen that move by 1. A score in 0..1 can move by as much
    # as there are knobs, any other without limit.
    reach = float(len(contrast.changes)) if is_share else math.inf
    return {name: row[name] * reach for name in ("low", "high", "mde")}


def _checked(sweep: Sweep, measure: str) -> bool:
    """Whether less of the measure is better; it must be one of this sweep that has a mean."""
    measured = next(iter(sweep.runs.values())).measures
    if measure not in measured:
        raise ConfigError(
            f"effects: the sweep did not measure {measure!r}; it has {', '.join(measured)}."
        )
    if parse_measure(measure).percentile is not None:
        raise ConfigError(
            f"effects tests means over questions; {measure} is a percentile of all of them."
        )
    if not sweep.knobs:
        raise ConfigError("effects needs a sweep in which a knob varies; none does in this one.")
    return not parse_measure(measure).higher_is_better


def _cells(sweep: Sweep, measure: str) -> tuple[dict[_Key, Floats], list[str]]:
    """The scores of every setting by its knob values, all over the same questions."""
    scores = pd.DataFrame(
        {name: run.table.set_index("query_id")[measure] for name, run in sweep.runs.items()}
    )
    cells: dict[_Key, Floats] = {}
    for name, run in sweep.runs.items():
        knobs = run.config.flat()
        key = tuple(knobs[knob] for knob in sweep.knobs)
        if key in cells:
            raise InvalidRecordError(
                f"effects needs one run of each setting; {name!r} has the knobs of another."
            )
        cells[key] = scores[name].to_numpy(dtype=np.float64)
    return cells, scores.index.tolist()


def _levels(sweep: Sweep, cells: Iterable[_Key]) -> dict[str, list[Any]]:
    """The values of each knob, in the order of the sweep."""
    columns = zip(*cells, strict=True)
    return {k: list(dict.fromkeys(some)) for k, some in zip(sweep.knobs, columns, strict=True)}


def _references(
    sweep: Sweep, levels: Mapping[str, Sequence[Any]], given: Mapping[str, Any]
) -> dict[str, Any]:
    for knob, level in given.items():
        if level not in levels.get(knob, ()):
            known = ", ".join(map(repr, levels.get(knob, ()))) or "not varied"
            raise ConfigError(f"effects: {knob!r} is never {level!r} in this sweep; it is {known}.")
    first = sweep.runs[sweep.baseline].config.flat()
    return {knob: given.get(knob, first[knob]) for knob in levels}
