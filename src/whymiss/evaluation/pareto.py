"""Which configurations of a sweep are worth choosing: nobody beats them at every price."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.measures.registry import parse_measure

_NEEDED: Final = ("config", "measure", "value", "low", "high", "n", "note")
_FEWEST_IS_BEST: Final = ("context_tokens", "ms_per_question")


def pareto_front(table: pd.DataFrame, *, quality: str, costs: Sequence[str]) -> pd.DataFrame:
    """The trade-off between quality and cost: one row per configuration, the best ones marked.

    A configuration is on the front when no other is at least as good in the quality and in every
    cost, and better in one (Pareto). More quality is better, less cost is. The values decide, not
    their intervals: a point near the front may belong to it.

    Parameters
    ----------
    table : the tidy table of a sweep, one row per configuration and measure. Columns with a dot
        in their name ("retrieval.k") are knobs and are kept.
    quality : a measure of the table of which more is better.
    costs : one or more measures of it of which less is better.

    Returns
    -------
    DataFrame
        In the order of the table: config, the knobs, a column named as the quality, its low, high
        and n, a column per cost, then `on_front`, `beaten_by` (the first configuration of the
        front that beats this one, "" for none) and `note`. A configuration with an undefined value
        is never on the front and beats nobody; `note` says which value is undefined and why.

    Raises
    ------
    ConfigError : a measure is not in the table, is named twice or points the other way.
    InvalidRecordError : a column is missing, or a configuration has two values of one measure.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "config": ["k=3", "k=5", "k=9"] * 2,
    ...     "measure": ["recall@9"] * 3 + ["context_tokens"] * 3,
    ...     "value": [0.6, 0.8, 0.8, 300.0, 500.0, 900.0],
    ...     "low": float("nan"), "high": float("nan"), "n": 40, "note": "",
    ... })
    >>> front = pareto_front(table, quality="recall@9", costs=["context_tokens"])
    >>> front[["config", "on_front", "beaten_by"]].to_dict(orient="list")
    {'config': ['k=3', 'k=5', 'k=9'], 'on_front': [True, True, False], 'beaten_by': ['', '', 'k=5']}
    """
    measures = _checked(table, quality, costs)
    wide = table[["config", *knob_columns(table)]].drop_duplicates("config")
    wide = wide.set_index("config")
    by_measure = {name: table[table["measure"] == name].set_index("config") for name in measures}
    of_quality = by_measure[quality].reindex(wide.index)
    wide[quality] = of_quality["value"].astype("float64")
    wide[["low", "high"]] = of_quality[["low", "high"]].astype("float64")
    wide["n"] = of_quality["n"].astype("Int64")
    for name in costs:
        wide[name] = by_measure[name]["value"].reindex(wide.index).astype("float64")
    # More is better everywhere, so that one comparison serves all.
    gains = wide[measures].to_numpy(dtype=np.float64) * [1.0, *[-1.0] * len(costs)]
    beats = _beats(gains)
    wide["on_front"] = ~beats.any(axis=0) & ~np.isnan(gains).any(axis=1)
    wide["beaten_by"] = _first_beater(beats, wide["on_front"].to_numpy(), list(wide.index))
    rows = {name: part.to_dict(orient="index") for name, part in by_measure.items()}
    wide["note"] = [_note(config, rows, quality) for config in wide.index]
    return wide.reset_index()


def knob_columns(table: pd.DataFrame) -> list[str]:
    """The columns of a sweep's table that hold knobs, such as "retrieval.k".

    >>> knob_columns(pd.DataFrame(columns=["config", "retrieval.k", "measure"]))
    ['retrieval.k']
    """
    return [str(name) for name in table.columns if "." in str(name)]


def _checked(table: pd.DataFrame, quality: str, costs: Sequence[str]) -> list[str]:
    """The measures asked for, quality first, once nothing is wrong with them."""
    if missing := [name for name in _NEEDED if name not in table.columns]:
        raise InvalidRecordError(
            f"pareto_front needs the table of a sweep; it has no column {missing[0]!r}."
        )
    if isinstance(costs, str) or not costs:
        raise ConfigError(f"pareto_front needs a list of one or more costs; got {costs!r}.")
    measures = [quality, *costs]
    if len(set(measures)) < len(measures):
        raise ConfigError(f"pareto_front needs different measures; got {', '.join(measures)}.")
    known = list(dict.fromkeys(table["measure"]))
    for name in measures:
        if name not in known:
            raise ConfigError(
                f"pareto_front: the sweep has no measure {name!r}; "
                f"it has {', '.join(known) or 'none'}."
            )
        _check_direction(name, is_cost=name != quality)
    rows = table[table["measure"].isin(measures)]
    twice = rows[rows.duplicated(["config", "measure"])]
    if len(twice):
        first = twice.iloc[0]
        raise InvalidRecordError(
            f"pareto_front needs one value per configuration and measure; {first['config']!r} has "
            f"more than one of {first['measure']!r}."
        )
    return measures


def _check_direction(name: str, *, is_cost: bool) -> None:
    less_is_better = name in _FEWEST_IS_BEST or not parse_measure(name).higher_is_better
    if less_is_better and not is_cost:
        raise ConfigError(f"pareto_front: less {name!r} is better; name it as a cost.")
    if is_cost and not less_is_better:
        raise ConfigError(f"pareto_front: more {name!r} is better; it cannot be a cost.")


def _beats(gains: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether row i beats row j, at [i, j]; comparisons with NaN are false, as they should be."""
    as_good = (gains[:, None, :] >= gains[None, :, :]).all(axis=2)
    better = (gains[:, None, :] > gains[None, :, :]).any(axis=2)
    return np.logical_and(as_good, better)


def _first_beater(
    beats: npt.NDArray[np.bool_], on_front: npt.NDArray[np.bool_], configs: list[str]
) -> list[str]:
    # Whoever is beaten is beaten by somebody on the front, since "beats" is transitive.
    by_front = beats & on_front[:, None]
    return [configs[int(column.argmax())] if column.any() else "" for column in by_front.T]


def _note(
    config: Hashable, by_measure: Mapping[str, Mapping[Hashable, Mapping[Any, Any]]], quality: str
) -> str:
    """Why a value does not exist, and whatever limits the quality's."""
    notes = []
    for name, rows in by_measure.items():
        row = rows.get(config)
        if row is None:
            notes.append(f"{name}: undefined, it was not measured")
            continue
        value, note = row["value"], row["note"]
        if pd.isna(value):
            notes.append(f"{name}: undefined, {note or 'the table does not say why'}")
        elif note and name == quality:
            notes.append(f"{name}: {note}")
    return "; ".join(notes)
