"""The whole error tree on one page.

Every message says who complains, what was needed, what came and what to do about it.
"""

from __future__ import annotations


class WhymissError(Exception):
    """Base of every error that whymiss raises on purpose."""


class ConfigError(WhymissError, ValueError):
    """A knob is unknown, out of range or of the wrong type."""


class InvalidRecordError(WhymissError, ValueError):
    """A record was built with fields that contradict each other."""


class MixedQueriesError(WhymissError, ValueError):
    """Rankings of different queries, or scores of different question sets, were combined."""


class LabelError(WhymissError, ValueError):
    """A file of questions or relevance judgements cannot be understood or written.

    `where` is the file and line, or the place in it, when it is known.
    """

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class DocumentError(WhymissError):
    """A document could not be read or accepted."""


class RefusedFileError(DocumentError):
    """A file is of a kind, size or place that is not read at all."""


class ChunkingError(WhymissError):
    """A chunker returned spans that do not fit the document."""


class ModelError(WhymissError):
    """A model is missing, damaged or not the one that was asked for."""


class ModelMismatchError(ModelError):
    """Vectors of one model would be compared with vectors of another."""


class StoreError(WhymissError):
    """The store cannot be opened, read or written."""


class IndexNotFoundError(StoreError, LookupError):
    """The named index does not exist in this store."""


class IndexMismatchError(StoreError):
    """The index was built with other chunking or embedding settings than those asked for."""


class FilterError(WhymissError, ValueError):
    """A metadata filter cannot be understood."""


class GenerationError(WhymissError):
    """A generator could not produce an answer."""


class TraceError(WhymissError, LookupError):
    """A trace does not exist or cannot be read."""


class DrillError(WhymissError, ValueError):
    """A drill cannot be set, a probe or hint is used up, or a hand-in is not understood."""
