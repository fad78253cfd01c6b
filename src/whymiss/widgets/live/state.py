"""What the live panel shows, as plain data: a question, who asks it, and the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from whymiss.config import PipelineConfig
from whymiss.records import Query
from whymiss.retrieval import parse_where
from whymiss.widgets.base.written import config_code

_LEAST_SIZE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """Everything that decides what the live panel shows.

    question : its text; empty before one is asked.
    query_id : of the labelled question that it is; empty for a free one.
    principals : the names the asker goes by. where : filters such as "plan_type=annual".
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
    for result in wb.live.search('Refunds?', config):
        print(result.kind, [(hit.rank, hit.doc_id, hit.start) for hit in result.ranking.hits])
    """

    question: str = ""
    query_id: str = ""
    principals: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    config: PipelineConfig = field(default_factory=PipelineConfig)
    baseline: PipelineConfig | None = None

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
        FilterError : a filter is not understood.
        InvalidRecordError : there is no question yet.
        """
        return Query(
            query_id=self.query_id or "live",
            text=self.question,
            principals=self.principals,
            where=parse_where(self.where),
        )

    def to_code(self, store: str) -> str:
        """Lines of Python that search the same."""
        lines = ["import whymiss", "from whymiss.config import PipelineConfig"]
        asked = repr(self.question)
        if self.principals or self.where:
            lines += [
                "from whymiss.records import Query",
                "from whymiss.retrieval import parse_where",
            ]
            asked = "query"
        lines += ["", f"config = {config_code(self.config)}"]
        lines += [f"wb = whymiss.open({store!r}, config=config)"]
        if asked == "query":
            lines += [
                f"query = Query(query_id={self.query_id or 'live'!r}, text={self.question!r},",
                f"              principals={self.principals!r}, where=parse_where({self.where!r}))",
            ]
        lines += [
            f"for result in wb.live.search({asked}, config):",
            "    print(result.kind, [(hit.rank, hit.doc_id, hit.start) "
            "for hit in result.ranking.hits])",
        ]
        return "\n".join(lines)


def companions(knob: str, value: Any, config: PipelineConfig) -> dict[str, Any]:
    """What has to move along with a knob, because the two limit each other.

    An overlap stays below the size, the depth of candidates does not go below top-K, and a parent
    is not smaller than its child.

    >>> companions("chunking.size", 64, PipelineConfig().replace({"chunking.overlap": 80}))
    {'chunking.overlap': 63}
    """
    moved: dict[str, Any] = {}
    knobs = {**config.flat(), knob: value}
    if knob == "chunking.size" and knobs["chunking.overlap"] >= value:
        moved["chunking.overlap"] = value - 1
    if knob == "chunking.overlap" and value >= knobs["chunking.size"]:
        moved["chunking.size"] = max(value + 1, _LEAST_SIZE)
    size = moved.get("chunking.size", knobs["chunking.size"])
    if knobs["chunking.strategy"] == "parent_child" and knobs["chunking.parent_size"] < size:
        moved["chunking.parent_size" if knob != "chunking.parent_size" else "chunking.size"] = (
            size if knob != "chunking.parent_size" else value
        )
    if knob == "retrieval.k" and knobs["retrieval.candidate_depth"] < value:
        moved["retrieval.candidate_depth"] = value
    if knob == "retrieval.candidate_depth" and knobs["retrieval.k"] > value:
        moved["retrieval.k"] = value
    return moved
