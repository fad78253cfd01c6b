"""What stands near what in an index: one object, each part computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from whymiss.evaluation.pinning import pin
from whymiss.frames import records
from whymiss.neighbourhood.boilerplate import Boilerplate
from whymiss.neighbourhood.confusable import Confusable
from whymiss.neighbourhood.duplicates import near_duplicates
from whymiss.neighbourhood.families import families, family_of, links_frame
from whymiss.neighbourhood.gaps import Gaps
from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.hubs import Hubs
from whymiss.neighbourhood.links import Link, Links
from whymiss.neighbourhood.notebook import notebook_html
from whymiss.text import counted

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.evaluation.labels import Question
    from whymiss.models import Models
    from whymiss.spaces import Spaces

TABLES: Final = (
    "summary", "families", "links", "duplicates", "hubs", "occurrences", "confusable", "gaps",
    "uncovered", "boilerplate", "boilerplate_chunks",
)  # fmt: skip
"""The tables of a `Neighbourhood`."""

SUMMARY: Final = ("part", "n", "of", "says", "undefined_because")


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Reports on an index and the labelled questions asked of it: `Workbench.neighbourhood`.

    Every table is a DataFrame, computed when first asked for; `summary` and showing the object in
    a notebook compute all of them.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import whymiss
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> text = "Phone support is free for all who pay by the year and have five seats or more."
    >>> made = wb.ingest([whymiss.Document(doc_id=name, text=text) for name in ("old", "new")])
    >>> found = neighbourhood_of(wb.config, models=wb._models, spaces=wb._spaces)
    >>> found.families["members"].tolist()
    [('new', 'old')]
    >>> found.summary["undefined_because"][2]
    '2 sentinels and 0 questions are too few to tell what is close to many; 20 are needed'
    """

    ground: Ground

    @cached_property
    def duplicates(self) -> pd.DataFrame:
        """Pairs of chunks that repeat each other: see `duplicates.near_duplicates`."""
        return near_duplicates(self.ground)

    @cached_property
    def families(self) -> pd.DataFrame:
        """Documents that are versions or copies of one thing: see `families.families`."""
        return families(self.ground, self._links)

    @cached_property
    def links(self) -> pd.DataFrame:
        """Which two documents of a family belong together, and why: see `links.Links`."""
        return links_frame(self.families, self._links)

    @property
    def occurrences(self) -> pd.DataFrame:
        """How often each chunk is among the nearest: see `hubs.Hubs.table`."""
        return self._hubs.table

    @property
    def hubs(self) -> pd.DataFrame:
        """Chunks close to many questions, and what their removal does: see `hubs.Hubs.hubs`."""
        return self._hubs.hubs

    @cached_property
    def confusable(self) -> pd.DataFrame:
        """Close pairs that differ in what decides: see `confusable.Confusable.pairs`."""
        return self._confusable.pairs

    @property
    def gaps(self) -> pd.DataFrame:
        """How far each question is from everything: see `gaps.Gaps.questions`."""
        return self._gaps.questions

    @property
    def uncovered(self) -> pd.DataFrame:
        """Documents that no question comes near: see `gaps.Gaps.uncovered`."""
        return self._gaps.uncovered

    @property
    def boilerplate(self) -> pd.DataFrame:
        """Lines that many documents repeat: see `boilerplate.Boilerplate.lines`."""
        return self._boilerplate.lines

    @property
    def boilerplate_chunks(self) -> pd.DataFrame:
        """Chunks with boilerplate: see `boilerplate.Boilerplate.chunks`."""
        return self._boilerplate.chunks

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per part: how many of what was looked at, in words, or why it is undefined.

        `n` and `of` are NA where the part is undefined.
        """
        frame = pd.DataFrame(list(self._parts()), columns=list(SUMMARY))
        return frame.astype({"n": "Int64", "of": "Int64"})

    def __repr__(self) -> str:
        return "\n".join([self.headline, *(f"  {line}" for line in self.told)])

    def _repr_html_(self) -> str:
        return notebook_html(self)

    @property
    def told(self) -> list[str]:
        """The summary in words, a line for each part."""
        rows = records(self.summary)
        return [f"{row['part']}: {row['says'] or 'undefined, ' + row['undefined_because']}"
                for row in rows]  # fmt: skip

    @property
    def headline(self) -> str:
        """What was looked at."""
        ground = self.ground
        said = (
            f"Neighbourhood of {counted(len(ground.chunks), 'chunk')} of "
            f"{counted(len(ground.doc_ids), 'document')}, "
            f"{counted(len(ground.questions), 'labelled question')}"
        )
        left = counted(ground.left_out, "question")
        return said + (f"; {left} left out: a label does not fit" if ground.left_out else "")

    @cached_property
    def _links(self) -> Sequence[Link]:
        return Links(self.ground, self.duplicates).all()

    @cached_property
    def _hubs(self) -> Hubs:
        return Hubs(self.ground)

    @cached_property
    def _confusable(self) -> Confusable:
        return Confusable(self.ground)

    @cached_property
    def _gaps(self) -> Gaps:
        return Gaps(self.ground)

    @cached_property
    def _boilerplate(self) -> Boilerplate:
        return Boilerplate(self.ground, family_of(self.families))

    def _parts(self) -> Iterator[dict[str, Any]]:
        n_chunks, n_documents = len(self.ground.chunks), len(self.ground.doc_ids)
        copies = self.duplicates
        repeated = len({*copies["chunk_id"], *copies["other_id"]})
        apart = int((copies["doc_id"] != copies["other_doc_id"]).sum())
        yield _part("near duplicates", repeated, n_chunks,
                    f"{counted(repeated, 'chunk repeats', 'chunks repeat')} another in "
                    f"{counted(len(copies), 'pair')}, {apart} of two documents")  # fmt: skip
        members = sum(self.families["n"])
        versions = int((self.families["relation"] == "versions").sum())
        yield _part("families", members, n_documents,
                    f"{counted(members, 'document')} in {counted(versions, 'family', 'families')} "
                    f"of versions and {len(self.families) - versions} of copies")  # fmt: skip
        yield self._hub_part(n_chunks)
        pairs = self.confusable.drop_duplicates(["chunk_id", "other_id"])
        misleading = int((pairs["n_questions"] > 0).sum())
        yield _part("confusable pairs", len(pairs), None,
                    f"{counted(len(pairs), 'pair')} of cosine {self._confusable.cosine:.2f} or "
                    f"more differ in what decides; {misleading} mislead a question")  # fmt: skip
        yield self._gap_part()
        lines = self.boilerplate
        touched = len(self.boilerplate_chunks)
        yield _part("boilerplate", touched, n_chunks,
                    f"{counted(len(lines), 'line')} in three documents or more, in "
                    f"{counted(touched, 'chunk')}: {sum(lines['wasted_tokens'])} tokens "
                    "are repeats")  # fmt: skip

    def _hub_part(self, n_chunks: int) -> dict[str, Any]:
        hubs = self._hubs
        if hubs.undefined_because:
            return _part("hubs", None, None, because=hubs.undefined_because)
        harmful = int(self.hubs["harmful"].sum())
        standing = int(self.hubs["n"].sum())
        says = (
            f"{counted(standing, 'chunk stands', 'chunks stand')} out (k-occurrence over "
            f"{hubs.n_queries} {hubs.told_by} from {hubs.threshold:.1f} on, skewness "
            f"{hubs.skewness:.2f}); the removal of {harmful} of {len(self.hubs)} rescues more "
            "questions than it loses"
        )
        return _part("hubs", standing, n_chunks, says)

    def _gap_part(self) -> dict[str, Any]:
        gaps = self._gaps
        if gaps.undefined_because:
            return _part("coverage gaps", None, None, because=gaps.undefined_because)
        far = int(self.gaps["far"].sum())
        says = (
            f"{counted(far, 'question is', 'questions are')} farther from everything than 95 % of "
            f"the answerable ones; no question comes near "
            f"{counted(len(self.uncovered), 'document')}"
        )
        return _part("coverage gaps", far, len(self.ground.questions), says)


def neighbourhood_of(
    config: PipelineConfig,
    *,
    models: Models,
    spaces: Spaces,
    questions: Sequence[Question] = (),
) -> Neighbourhood:
    """The reports on the index of a configuration; `Workbench.neighbourhood` tells the parameters.

    Raises
    ------
    IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
    """
    space = spaces.space(config)
    wanted = {span.doc_id for q in questions for spans in q.evidence for span in spans}
    wanted |= {doc_id for question in questions for doc_id in question.documents}
    sound = pin(questions, spaces.documents(sorted(wanted)).values()).sound
    return Neighbourhood(
        Ground(
            space=space,
            config=config,
            encoder=models.encoder(config),
            reranker_over=lambda searched: models.reranker(config, searched),
            read_documents=spaces.documents,
            questions=sound,
            left_out=len(questions) - len(sound),
        )
    )


def _part(
    part: str, n: int | None, of: int | None, says: str = "", *, because: str = ""
) -> dict[str, Any]:
    return {"part": part, "n": n, "of": of, "says": says, "undefined_because": because}
