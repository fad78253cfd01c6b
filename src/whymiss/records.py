"""The records that flow through the pipeline: frozen, checked when built, one thing each.

Many things are a DataFrame (see `frames`), vectors are an array aligned to ids; one thing is a
record from this page.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from whymiss.errors import FilterError, InvalidRecordError

EVERYONE: Final = "*"
"""The principal that stands for everybody. A document that names no principal is read by nobody."""

Syntax = Literal["markdown", "rst", "asciidoc", "plain", "code", "openapi"]
"""How the structure of a document's text is written: where its headings, tables and code are."""

Metadata = Mapping[str, Any]


def digest(*parts: str | bytes) -> str:
    """SHA-256 of length-prefixed parts, in hex, so that ("ab", "c") and ("a", "bc") differ.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    hasher = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.hexdigest()


def freeze_metadata(metadata: Metadata) -> Metadata:
    """A read-only copy whose values are JSON scalars or tuples of them.

    Raises
    ------
    InvalidRecordError : a value is neither a scalar nor a list of scalars.

    >>> freeze_metadata({"tags": ["a", "b"]})["tags"]
    ('a', 'b')
    """
    frozen: dict[str, Any] = {}
    for key, given in metadata.items():
        several = isinstance(given, (list, tuple))
        items = tuple(_scalar(item) for item in (given if several else [given]))
        for item in items:
            if not (item is None or isinstance(item, (str, int, float, bool))):
                raise InvalidRecordError(
                    f"metadata {key!r} must be text, a number, true/false or a list of these; "
                    f"got {type(item).__name__}. Flatten it or leave it out."
                )
            if isinstance(item, float) and not math.isfinite(item):
                raise InvalidRecordError(f"metadata {key!r} must be finite; got {item}.")
            _check_text(f"metadata {key!r}", item)
        _check_text("metadata", str(key))
        frozen[str(key)] = items if several else items[0]
    return MappingProxyType(frozen)


def _scalar(value: Any) -> Any:
    """The Python value of a NumPy scalar, which is what a cell of a frame often is."""
    is_scalar = getattr(value, "ndim", None) == 0 and hasattr(value, "item")
    return value.item() if is_scalar else value


def _check_text(who: str, value: Any) -> None:
    # Half a surrogate pair (from a broken file name, say) can neither be stored nor tokenised.
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidRecordError(
                f"{who} holds text that is not Unicode (character {error.start}); decode it first, "
                "replacing what is broken."
            ) from error


def _principals(who: str, names: Any) -> tuple[str, ...]:
    """Names of users and groups, sorted, none twice."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        hint = f" Write [{names!r}]." if isinstance(names, str) else ""
        raise InvalidRecordError(f"{who} must be a list of names; got {names!r}.{hint}")
    found = set(names)
    for name in found:
        if not isinstance(name, str) or not name.strip():
            raise InvalidRecordError(f"{who}: a principal is a name; got {name!r}.")
        _check_text(who, name)
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Half-open character range [start, end) of a document, with the wider range to read.

    `parent_start` and `parent_end` name the passage handed to the reader when this span matches
    (small to match, parent to read); they equal the span itself where there is no parent.
    """

    start: int
    end: int
    parent_start: int = -1
    parent_end: int = -1

    def __post_init__(self) -> None:
        if self.parent_start < 0 and self.parent_end < 0:
            object.__setattr__(self, "parent_start", self.start)
            object.__setattr__(self, "parent_end", self.end)
        if not 0 <= self.parent_start <= self.start < self.end <= self.parent_end:
            raise InvalidRecordError(
                f"Span needs 0 <= parent_start <= start < end <= parent_end; got "
                f"{self.parent_start}, {self.start}, {self.end}, {self.parent_end}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One source text with its metadata and the principals that may read it.

    `doc_id` is stable over runs (for files: the path relative to the ingested folder). `allowed`
    empty means nobody; `("*",)` means everybody. `content_hash` is derived from text and syntax.

    >>> Document(doc_id="faq", text="Refunds take ten days.").allowed
    ()
    """

    doc_id: str
    text: str
    source: str = ""
    title: str = ""
    metadata: Metadata = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    syntax: Syntax = "markdown"
    modified: str = ""
    content_hash: str = ""

    def __post_init__(self) -> None:
        if not self.doc_id or self.doc_id != self.doc_id.strip():
            raise InvalidRecordError(
                f"Document needs a doc_id without surrounding white space; got {self.doc_id!r}."
            )
        for name in ("doc_id", "text", "source", "title"):
            _check_text(f"Document {self.doc_id!r}: {name}", getattr(self, name))
        who = f"Document {self.doc_id!r}: allowed"
        object.__setattr__(self, "allowed", _principals(who, self.allowed))
        object.__setattr__(self, "metadata", freeze_metadata(self.metadata))
        object.__setattr__(self, "content_hash", digest(self.syntax, self.text))

    def readable_by(self, principals: Iterable[str]) -> bool:
        """Whether one of the principals may read this document (deny unless said otherwise)."""
        return EVERYONE in self.allowed or not set(self.allowed).isdisjoint(principals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document as it stands in an index: `text == document.text[start:end]`.

    `prefix` is text put before the chunk for matching only (its heading path, say); it is not part
    of the source. `n_tokens` counts what the encoder is given, prefix and special tokens included.
    `n_truncated` is how many of those lie beyond the encoder's limit and are never seen by it.
    `metadata` holds what the sections touched by the chunk say of themselves; it refines the
    document's own metadata.
    """

    chunk_id: str
    doc_id: str
    start: int
    end: int
    text: str
    n_tokens: int
    n_truncated: int = 0
    prefix: str = ""
    headings: tuple[str, ...] = ()
    parent_start: int
    parent_end: int
    metadata: Metadata = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.text) != self.end - self.start:
            raise InvalidRecordError(
                f"Chunk {self.chunk_id!r}: text has {len(self.text)} characters but its span "
                f"[{self.start}, {self.end}) has {self.end - self.start}."
            )
        object.__setattr__(self, "metadata", freeze_metadata(self.metadata))

    @property
    def indexed_text(self) -> str:
        """What the encoder and BM25 are given: the prefix, then the text."""
        return self.prefix + self.text


Operator = Literal["eq", "ne", "in", "lt", "le", "gt", "ge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One condition on metadata, compared literally; clauses of a query are joined by AND.

    A field with several values satisfies a clause when one of them does; a missing field
    satisfies only "ne".
    """

    field: str
    op: Operator
    value: Any

    def __post_init__(self) -> None:
        if self.op not in ("eq", "ne", "in", "lt", "le", "gt", "ge"):
            raise FilterError(
                f"Clause on {self.field!r}: unknown operator {self.op!r}; "
                "use eq, ne, in, lt, le, gt or ge."
            )
        if not isinstance(self.field, str) or not self.field:
            raise FilterError(f"a clause needs the name of a field; got {self.field!r}.")
        several = isinstance(self.value, (list, tuple, set, frozenset))
        value = tuple(map(_scalar, self.value)) if several else _scalar(self.value)
        if (self.op == "in") != isinstance(value, tuple):
            raise FilterError(
                f"Clause on {self.field!r}: operator {self.op!r} cannot take {self.value!r}; "
                "'in' takes a list, every other operator one value."
            )
        for item in value if isinstance(value, tuple) else (value,):
            if not isinstance(item, (str, int, float, bool)):
                raise FilterError(
                    f"Clause on {self.field!r}: a value must be text, a number or true/false; "
                    f"got {type(item).__name__}."
                )
            if isinstance(item, float) and not math.isfinite(item):
                raise FilterError(f"Clause on {self.field!r}: a value must be finite; got {item}.")
            _check_text(f"Clause on {self.field!r}", item)
        _check_text("Clause", self.field)
        object.__setattr__(self, "value", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question: its text, who asks, and the metadata clauses that limit the search.

    `principals` are the names the asker goes by (user and groups); with none, only what everybody
    may read is found.
    """

    query_id: str
    text: str
    principals: tuple[str, ...] = ()
    where: tuple[Clause, ...] = ()
    expected_answer: str | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise InvalidRecordError(
                f"Query {self.query_id!r} needs a text with at least one word; got {self.text!r}."
            )
        _check_text(f"Query {self.query_id!r}", self.text)
        who = f"Query {self.query_id!r}: principals"
        object.__setattr__(self, "principals", _principals(who, self.principals))
        object.__setattr__(self, "where", tuple(self.where))
        object.__setattr__(self, "tags", tuple(self.tags))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One chunk in a ranking. Higher score is better; `parts` names what the score is made of."""

    chunk_id: str
    doc_id: str
    start: int
    score: float
    rank: int
    parts: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not math.isfinite(self.score):
            raise InvalidRecordError(
                f"Hit on {self.chunk_id!r} needs a finite score; got {self.score}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The hits of one query at one stage: ranks 1..n without gaps, no chunk twice."""

    query_id: str
    stage: str
    hits: tuple[Hit, ...]

    def __post_init__(self) -> None:
        if [hit.rank for hit in self.hits] != list(range(1, len(self.hits) + 1)):
            raise InvalidRecordError(
                f"Ranking {self.query_id!r}/{self.stage!r} needs ranks 1..{len(self.hits)} in "
                f"order; got {[hit.rank for hit in self.hits][:10]}."
            )
        if len({hit.chunk_id for hit in self.hits}) != len(self.hits):
            raise InvalidRecordError(
                f"Ranking {self.query_id!r}/{self.stage!r} holds a chunk more than once."
            )

    @property
    def chunk_ids(self) -> tuple[str, ...]:
        """Chunk ids, best first."""
        return tuple(hit.chunk_id for hit in self.hits)

    def top(self, k: int) -> Ranking:
        """The same ranking cut after rank k."""
        return Ranking(query_id=self.query_id, stage=self.stage, hits=self.hits[:k])

    @classmethod
    def of(
        cls, query_id: str, stage: str, scored: Iterable[tuple[Chunk, float, Mapping[str, float]]]
    ) -> Ranking:
        """Rank chunks by score, best first; ties by (doc_id, start, chunk_id), always the same."""
        ordered = sorted(
            scored, key=lambda item: (-item[1], item[0].doc_id, item[0].start, item[0].chunk_id)
        )
        hits = tuple(
            Hit(
                chunk_id=chunk.chunk_id,
                doc_id=chunk.doc_id,
                start=chunk.start,
                score=float(score),
                rank=rank,
                parts=dict(parts),
            )
            for rank, (chunk, score, parts) in enumerate(ordered, start=1)
        )
        return cls(query_id=query_id, stage=stage, hits=hits)


DropReason = Literal["over budget", "duplicate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One numbered passage of a context: the characters [start, end) of a document, as read.

    `chunk_ids` are the retrieved chunks it stands for (several when they share a parent).
    """

    number: int
    chunk_ids: tuple[str, ...]
    doc_id: str
    start: int
    end: int
    text: str
    title: str = ""
    headings: tuple[str, ...] = ()
    n_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the generator may read: passages within a token budget, and what was left out and why.

    Every chunk that went in is in a passage or in `dropped`; `n_tokens <= budget`.
    """

    passages: tuple[Passage, ...]
    dropped: tuple[tuple[str, DropReason], ...]
    text: str
    n_tokens: int
    budget: int

    def __post_init__(self) -> None:
        if self.n_tokens > self.budget:
            raise InvalidRecordError(
                f"Context of {self.n_tokens} tokens exceeds its budget of {self.budget}."
            )

    @property
    def chunk_ids(self) -> tuple[str, ...]:
        """Chunks that reached the generator, in reading order."""
        return tuple(cid for passage in self.passages for cid in passage.chunk_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A claim of the answer (characters [start, end) of its text) and the passage it points to."""

    start: int
    end: int
    passage: int
    chunk_id: str
    doc_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Text with citations into the context, or an abstention with its reason."""

    text: str
    citations: tuple[Citation, ...] = ()
    abstained: bool = False
    reason: str = ""
    generator: str
    prompt: str = ""
    n_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One measured number, or NaN with the reason why it is undefined."""

    measure: str
    value: float
    undefined_because: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.value) != bool(self.undefined_because) or math.isinf(self.value):
            raise InvalidRecordError(
                f"Score {self.measure!r}: a value is NaN exactly when a reason is given, and "
                f"never infinite; got "
                f"{self.value} with reason {self.undefined_because!r}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything one request did: enough to diagnose it without running it again.

    `query_hash` is a keyed hash; `query_text` is None unless the workspace opted in to raw text.
    `rankings` holds one ranking per stage that ran, in the order of `STAGES`.
    `seconds` maps stage to wall time. `flags` names what an operator should look at.
    """

    trace_id: str
    asked_at: str
    query_hash: str
    query_text: str | None
    principals: tuple[str, ...]
    where: tuple[Clause, ...]
    config_fingerprint: str
    index_name: str
    index_version: str
    model_version: str
    rankings: tuple[Ranking, ...]
    context: Context | None
    answer: Answer | None
    scores: tuple[Score, ...]
    seconds: Mapping[str, float]
    flags: tuple[str, ...]

    def ranking(self, stage: str) -> Ranking | None:
        """The ranking of a stage, or None when that stage did not run."""
        return next((r for r in self.rankings if r.stage == stage), None)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the same text for equal values.

    >>> canonical_json({"b": 1, "a": (2, 3)})
    '{"a":[2,3],"b":1}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
