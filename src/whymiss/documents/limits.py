"""How much one file may cost before its reading is stopped."""

from __future__ import annotations

from dataclasses import dataclass, fields

from whymiss.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on the child process that reads one file.

    On POSIX all of them hold. Windows has no `resource` module: there only `wall_seconds`,
    `file_bytes` and `text_chars` are enforced.

    memory_bytes : address space of the child.
    cpu_seconds : processor time of the child.
    wall_seconds : time on the clock, after which the child and all it started are killed.
    file_bytes : a larger file is refused unread.
    text_chars : a longer text is cut there and the document marked partial.

    >>> Limits(wall_seconds=5).cpu_seconds
    10
    """

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 10
    wall_seconds: float = 15
    file_bytes: int = 64 << 20
    text_chars: int = 20_000_000

    def __post_init__(self) -> None:
        for knob in fields(self):
            value = getattr(self, knob.name)
            if not value > 0:
                raise ConfigError(f"Limits.{knob.name} must be above 0; got {value}.")
