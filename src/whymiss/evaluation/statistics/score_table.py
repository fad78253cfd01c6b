"""Per-question scores of several configurations as one cube: measure by question by config."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.statistics.arrays import Floats

LONG: Final = ("config", "query_id", "measure", "value")

PerQuery = Mapping[str, pd.DataFrame] | pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTable:
    """`values[measure, question, config]`, NaN where undefined; `present` says what was run."""

    measures: tuple[str, ...]
    query_ids: tuple[Hashable, ...]
    configs: tuple[str, ...]
    values: Floats
    present: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, per_query: PerQuery, measures: Sequence[str]) -> Self:
        """Read a long frame, or one wide frame per config; questions are sorted by id.

        Raises
        ------
        InvalidRecordError : a column is missing, a score is not a finite number, or a question
            has two scores for one measure in one config.
        ConfigError : a measure is asked for that no config has, or one is named twice.
        """
        asked = (measures,) if isinstance(measures, str) else tuple(measures)
        if not asked or len(set(asked)) < len(asked):
            raise ConfigError(f"compare needs at least one measure, each once; got {asked}.")
        if isinstance(per_query, pd.DataFrame):
            configs, long = _from_long(per_query)
        else:
            configs, long = tuple(per_query), _from_wide(per_query, asked)
        known = _measures(per_query)
        if unknown := [name for name in asked if name not in known]:
            raise ConfigError(
                f"compare: no scores for {unknown[0]!r}; the measures are "
                f"{', '.join(map(repr, sorted(known, key=str)))}."
            )
        return cls._filled(configs, asked, long[long["measure"].isin(asked)])

    @classmethod
    def _filled(cls, configs: tuple[str, ...], measures: tuple[str, ...], long: Any) -> Self:
        if long[["config", "query_id"]].isna().to_numpy().any():
            raise InvalidRecordError("compare needs a config and a query_id in every row.")
        query_ids = tuple(sorted(long["query_id"].unique().tolist(), key=_id_order))
        at = (
            pd.Index(measures).get_indexer(long["measure"]),
            pd.Index(query_ids).get_indexer(long["query_id"]),
            pd.Index(configs).get_indexer(long["config"]),
        )
        shape = (len(measures), len(query_ids), len(configs))
        seen = np.zeros(shape, dtype=np.int64)
        np.add.at(seen, at, 1)
        if (seen > 1).any():
            measure, query, config = (int(i[0]) for i in np.nonzero(seen > 1))
            raise InvalidRecordError(
                f"compare needs one score per question; {query_ids[query]!r} has "
                f"{seen[measure, query, config]} for {measures[measure]!r} in {configs[config]!r}."
            )
        values = np.full(shape, np.nan)
        values[at] = _numbers(long["value"])
        return cls(
            measures=measures,
            query_ids=query_ids,
            configs=configs,
            values=values,
            present=seen == 1,
        )

    def missing(self) -> pd.DataFrame:
        """Questions that some config has and another lacks, one row per gap."""
        measure, config, query = np.nonzero(~self.present.transpose(0, 2, 1))
        return pd.DataFrame(
            {
                "config": [self.configs[i] for i in config],
                "measure": [self.measures[i] for i in measure],
                "query_id": [self.query_ids[i] for i in query],
            }
        )


def _id_order(name: Hashable) -> tuple[str, str]:
    # The number 7 and the text "7" are different ids and still need an order.
    return str(name), type(name).__name__


def _measures(per_query: PerQuery) -> set[Hashable]:
    if isinstance(per_query, pd.DataFrame):
        return set(per_query["measure"].unique())
    names: set[Hashable] = {name for frame in per_query.values() for name in frame.columns}
    return names - {"query_id"}


def _from_long(frame: pd.DataFrame) -> tuple[tuple[str, ...], pd.DataFrame]:
    if lacking := [name for name in LONG if name not in frame.columns]:
        raise InvalidRecordError(
            f"compare needs the columns {', '.join(LONG)}; {lacking[0]!r} is missing."
        )
    # Sorted: the order of rows in a long frame means nothing and must not change the result.
    return tuple(sorted(frame["config"].unique().tolist(), key=_id_order)), frame


def _from_wide(frames: Mapping[str, pd.DataFrame], measures: tuple[str, ...]) -> pd.DataFrame:
    pieces = []
    for config, given in frames.items():
        frame = given.reset_index() if given.index.name == "query_id" else given
        if "query_id" not in frame.columns:
            raise InvalidRecordError(
                f"compare needs a column query_id; the frame of {config!r} has none."
            )
        here = [name for name in measures if name in frame.columns]
        piece = frame[["query_id", *here]].melt(id_vars="query_id", var_name="measure")
        pieces.append(piece.assign(config=config))
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=list(LONG))


def _numbers(column: pd.Series[Any]) -> Floats:
    try:
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidRecordError(f"compare needs numbers as scores; {error}.") from error
    if np.isinf(numbers).any():
        raise InvalidRecordError(
            "compare needs finite scores; got an infinite one. Write an undefined score as NaN."
        )
    return numbers
