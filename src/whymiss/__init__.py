"""whymiss: walk a wrong RAG answer down to the retrieval step that lost the evidence.

>>> from whymiss import STAGES
>>> STAGES[0], STAGES[-1]
('parse', 'answer')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from whymiss.stages import STAGES

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.records import EVERYONE, Clause, Document, Query
    from whymiss.workbench import Workbench, open

__version__ = "0.1.0"

_HOMES = {
    "Clause": "whymiss.records",
    "Document": "whymiss.records",
    "EVERYONE": "whymiss.records",
    "PipelineConfig": "whymiss.config",
    "Query": "whymiss.records",
    "Workbench": "whymiss.workbench",
    "open": "whymiss.workbench",
}

__all__ = [
    "EVERYONE",
    "STAGES",
    "Clause",
    "Document",
    "PipelineConfig",
    "Query",
    "Workbench",
    "open",
]


def __getattr__(name: str) -> Any:
    # Public names load on first use, so that `import whymiss` costs milliseconds.
    if name not in _HOMES:
        raise AttributeError(f"module 'whymiss' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
