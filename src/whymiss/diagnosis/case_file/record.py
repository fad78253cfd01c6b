"""What a case file is made of: a diagnosis, and what a reader elsewhere does not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from whymiss.config import PipelineConfig
from whymiss.diagnosis.records import Diagnosis
from whymiss.errors import InvalidRecordError
from whymiss.records import Chunk
from whymiss.text import excerpt

_WIDTH: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Enough of a chunk to know it by: its document, the headings above it, how it begins."""

    doc_id: str
    headings: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """One diagnosis with all that is needed to read it, and to make it again.

    store : address of the store, as `whymiss.open` takes it.
    config : the configuration that was diagnosed.
    labelled : path of the labelled questions that priced the repairs; empty where there were none.
    excerpts : of the chunks that displaced the evidence, by chunk id.

    Raises
    ------
    InvalidRecordError : the diagnosis, or a repair in it, is of another configuration.
    """

    diagnosis: Diagnosis
    store: str
    config: PipelineConfig
    labelled: str = ""
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = self.config.fingerprint()
        wanted = {self.diagnosis.config_fingerprint}
        wanted |= {repair.base.fingerprint() for repair in self.diagnosis.repairs}
        if wanted != {own}:
            raise InvalidRecordError(
                f"a case file needs the configuration that was diagnosed, "
                f"{', '.join(sorted(wanted))}; got {own}. Give config=."
            )


def excerpts_of(diagnosis: Diagnosis, chunks: Iterable[Chunk]) -> dict[str, Excerpt]:
    """Excerpts of the chunks that displaced the evidence, in the order of the funnel.

    Parameters
    ----------
    chunks : those of the index, as in `Snapshot.chunks`; an id that is not there is left out, and
        the file shows the bare id.
    """
    wanted = dict.fromkeys(i for view in diagnosis.funnel for i in view.displaced_by)
    found = {chunk.chunk_id: chunk for chunk in chunks if chunk.chunk_id in wanted}
    return {
        chunk_id: Excerpt(
            doc_id=found[chunk_id].doc_id,
            headings=found[chunk_id].headings,
            text=excerpt(found[chunk_id].text, (), _WIDTH),
        )
        for chunk_id in wanted
        if chunk_id in found
    }
