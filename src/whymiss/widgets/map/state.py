"""What the map panel shows, as plain data: a question, a colouring, what is selected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from whymiss.config import PipelineConfig
from whymiss.diagnosis.case_file.recipe import source
from whymiss.evaluation.labels import Question
from whymiss.records import Query
from whymiss.widgets.base.written import config_code

WRITTEN: Final = 200
"""Most ids that the page writes into its code: thousands would make every click slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapState:
    """Everything that decides what the map panel shows, but for where a person looks.

    question : what is looked at, as text, as a query, or with its label; "" for none.
    colour_by : a column of the map's frame.
    selected : ids of points, in the order of the frame.
    neighbours_of : id of the point whose true neighbours are joined to it; "" for none.
    page : of the list of what is selected, from 0.
    config : the pipeline whose chunks are shown and that answers the question.

    Examples
    --------
    >>> state = MapState(question="Refunds?", selected=["7c1b"], neighbours_of="7c1b")
    >>> print(state.to_code("store"))
    import whymiss
    from whymiss.config import PipelineConfig
    <BLANKLINE>
    config = PipelineConfig()
    wb = whymiss.open('store', config=config)
    found = wb.map(question='Refunds?')
    selected = ['7c1b']
    selection = found.frame[found.frame["id"].isin(selected)]
    figure = found.figure(colour_by='cluster_label', edges_of='7c1b')
    """

    question: str | Query | Question = ""
    colour_by: str = "cluster_label"
    selected: tuple[str, ...] = ()
    neighbours_of: str = ""
    page: int = 0
    config: PipelineConfig = field(default_factory=PipelineConfig)

    def __post_init__(self) -> None:
        object.__setattr__(self, "selected", tuple(self.selected))

    @property
    def text(self) -> str:
        """The question in words."""
        asked = self.question
        if isinstance(asked, str):
            return asked
        return asked.query.text if isinstance(asked, Question) else asked.text

    @property
    def query_id(self) -> str:
        """The id of a labelled question; "" for any other."""
        return self.question.query_id if isinstance(self.question, Question) else ""

    def to_code(self, store: str, *, most: int | None = None) -> str:
        """Lines of Python that make the same map, selection and figure.

        Parameters
        ----------
        most : how many ids are written; of more it is said where they are. None for all.
        """
        n = len(self.selected)
        ids = repr(list(self.selected))
        if most is not None and n > most:
            ids = f"...  # the {n:,} ids: panel.to_code() writes them all"
        edges = f", edges_of={self.neighbours_of!r}" if self.neighbours_of else ""
        return "\n".join(
            [
                "import whymiss",
                "from whymiss.config import PipelineConfig",
                *_imports(self.question),
                "",
                f"config = {config_code(self.config)}",
                f"wb = whymiss.open({store!r}, config=config)",
                f"found = wb.map({_argument(self.question)})",
                f"selected = {ids}",
                'selection = found.frame[found.frame["id"].isin(selected)]',
                f"figure = found.figure(colour_by={self.colour_by!r}{edges})",
            ]
        )


def _imports(question: str | Query | Question) -> list[str]:
    if isinstance(question, str):
        return []
    labels = ["from whymiss.evaluation import EvidenceSpan, Question"]
    records = ["from whymiss.records import Clause, Query"]
    return [*(labels if isinstance(question, Question) else []), *records]


def _argument(question: str | Query | Question) -> str:
    return f"question={source(question)}" if question else ""
