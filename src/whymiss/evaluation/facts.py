"""What was found out about a store by trying: records, for the readiness checklist to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What doing the same work a second time did; or why it was not done.

    kind : "ingest" of one source, or "build" of the index from the stored documents.
    n_written : documents and chunks added, changed or removed.
    before, after : version by table, around the work.
    """

    kind: Literal["ingest", "build"]
    what: str
    n_embedded: int = 0
    n_written: int = 0
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    not_tried_because: str = ""

    @property
    def moved(self) -> tuple[str, ...]:
        """Tables whose version is another one afterwards."""
        names = sorted(self.before.keys() | self.after.keys())
        return tuple(name for name in names if self.before.get(name) != self.after.get(name))

    @property
    def idle(self) -> bool:
        """Whether it was done and changed nothing."""
        done = not (self.not_tried_because or self.n_embedded or self.n_written)
        return done and not self.moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question made to fail: the flag it must raise, and the flags read back from a log."""

    flag: str
    logged: tuple[str, ...] = ()
    note: str = ""
    not_tried_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """What was found out about a store; None is "not looked at".

    reruns : the second ingest of every source, the second build.
    models : of every index, rows by the model version they carry; "" is none.
    probes : questions made to fail.
    keeps_traces : whether requests are logged at all.
    logged : of the requests in the log, how many raised each flag.
    n_logged : requests in the log.
    timed : seconds by stage of questions asked one at a time.
    """

    reruns: tuple[Rerun, ...] = ()
    models: Mapping[str, Mapping[str, int]] | None = None
    probes: tuple[Probe, ...] = ()
    keeps_traces: bool | None = None
    logged: Mapping[str, int] = field(default_factory=dict)
    n_logged: int = 0
    timed: tuple[Mapping[str, float], ...] = ()
