"""What the live panel shows, as plain data: a question, who asks it, and the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from whymiss.config import PipelineConfig
from whymiss.diagnosis.case_file.recipe import source
from whymiss.records import Clause, Query
from whymiss.retrieval import parse_where
from whymiss.widgets.base.written import config_code


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """Everything that decides what the live panel shows.

    question : its text; empty before one is asked.
    query_id : of the labelled question that it is; empty for a free one.
    principals : the names the asker goes by.
    where : filters, as clauses or as texts such as "plan_type=annual".
    config : every knob. baseline : the pipeline that is compared with, if one is pinned.

    Examples
    --------
    >>> state = LiveState(question="Refunds?").turned({"retrieval.k": 3})
    >>> state.config.retrieval.k
    3
    >>> print(state.to_code("store"))
    import whymiss
    from whymiss.config import PipelineConfig
    <BLANKLINE>
    config = PipelineConfig().replace({'retrieval.k': 3})
    wb = whymiss.open('store', config=config)
    found = wb.live.search('Refunds?', config).wait("exact")
    print([(hit.rank, hit.doc_id, hit.start) for hit in found.ranking.hits])
    """

    question: str = ""
    query_id: str = ""
    principals: tuple[str, ...] = ()
    where: tuple[Clause, ...] = ()
    config: PipelineConfig = field(default_factory=PipelineConfig)
    baseline: PipelineConfig | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", parse_where(self.where))

    def turned(self, changes: Mapping[str, Any]) -> Self:
        """With some knobs of the pipeline changed.

        Raises
        ------
        ConfigError : a knob is unknown or out of range.
        """
        return replace(self, config=self.config.replace(changes))

    def query(self) -> Query:
        """The question as the pipeline is asked it.

        Raises
        ------
        InvalidRecordError : there is no question yet.
        """
        return Query(
            query_id=self.query_id or "live",
            text=self.question,
            principals=self.principals,
            where=self.where,
        )

    def to_code(self, store: str) -> str:
        """Lines of Python that search the same."""
        lines = ["import whymiss", "from whymiss.config import PipelineConfig"]
        asked = repr(self.question)
        if self.principals or self.where:
            lines.append("from whymiss.records import Clause, Query")
            asked = source(self.query())
        lines += [
            "",
            f"config = {config_code(self.config)}",
            f"wb = whymiss.open({store!r}, config=config)",
            f'found = wb.live.search({asked}, config).wait("exact")',
            "print([(hit.rank, hit.doc_id, hit.start) for hit in found.ranking.hits])",
        ]
        return "\n".join(lines)
