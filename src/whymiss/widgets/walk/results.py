"""What the steps of the walk found: records of lower rooms, none of them made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whymiss.config import PipelineConfig
from whymiss.diagnosis.locating import Located
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.repairs.repair import Repair
from whymiss.records import Chunk, Query, Trace

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A repair that was applied, and what the question came to with it.

    query, config : as the question was asked again.
    trace, diagnosis : of that; None where it could not be asked, and `because` says why.
    in_live : whether the live panel holds it.
    buildable : whether an index of its own would let it be asked.
    """

    repair: Repair
    query: Query
    config: PipelineConfig
    trace: Trace | None = None
    diagnosis: Diagnosis | None = None
    because: str = ""
    in_live: bool = False
    buildable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What each step found; None, or empty, before it is taken.

    trace : of the request. unanswered : why no answer was written.
    chunks : all that the request ranked, by chunk id.
    located : where what was pasted may stand.
    diagnosis : the verdict; `repairs_for` is whether repairs were looked for too.
    flow : how the candidates went from stage to stage (`evaluation.flow`); `no_flow` is why there
        is none.
    outcome : of the repair that was applied last.
    saved : where the case file was written.
    """

    trace: Trace | None = None
    unanswered: str = ""
    chunks: Mapping[str, Chunk] = field(default_factory=dict)
    located: Located | None = None
    diagnosis: Diagnosis | None = None
    flow: pd.DataFrame | None = None
    no_flow: str = ""
    outcome: Outcome | None = None
    saved: str = ""

    @property
    def repaired(self) -> bool:
        """Whether repairs were looked for."""
        return self.diagnosis is not None and self.diagnosis.options.get("repairs", False)
