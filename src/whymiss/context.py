"""From chosen chunks to the text that a generator reads: parents, merging, budget and order.

Nothing is lost in silence: every chunk ends in a passage or among the dropped, with a reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Final

from whymiss.config import ContextConfig
from whymiss.errors import InvalidRecordError
from whymiss.protocols import Tokenizer
from whymiss.records import Chunk, Context, Document, DropReason, Passage
from whymiss.text import intersection_length, normalise_whitespace, words

GRAM_WORDS: Final = 5
"""Words of a run when two passages are compared."""

CONTAINED: Final = 0.9
"""Share of a passage's word runs that an earlier passage must hold to make it a repeat."""

_LABEL_CHARACTERS: Final = 200
"""Longest title and heading path of a header: one absurd heading must not eat the budget."""

_SEPARATOR: Final = "\n\n"
_LINE_BREAKS: Final = r"\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
# What a reader could take for a passage's header: brackets of any width around digits of any
# script at the start of a line, after spaces, quotation marks or characters that do not show.
_HEADER_LIKE: Final = re.compile(
    rf"(?:\A|(?<=[{_LINE_BREAKS}]))"
    rf"(?=(?:[^\S{_LINE_BREAKS}]|[>\u00ad\u200b-\u200d\u2060\ufeff])*"
    r"[\[［【〔]\s*\d+\s*[\]］】〕])"
)
_BRACKET: Final = frozenset("[［【〔")
_PROFILES_KEPT: Final = 2048


def pack(
    chunks: Sequence[Chunk],
    *,
    documents: Mapping[str, Document],
    tokenizer: Tokenizer,
    config: ContextConfig,
) -> Context:
    """Read the best chunks into numbered passages, as many as the token budget holds.

    Chunks are taken in rank order, and each ends in one of these ways:

    1. It is read as its parent (`document.text[parent_start:parent_end]`) when it has a wider one.
       A chunk whose text is no longer what the document says there comes from a stale index; it is
       read as the index has it, alone, without a parent. So is one whose document is unknown.
    2. When that overlaps a passage of the same document, touches it, or only white space stands
       between, both become one passage; chunks of one parent therefore share one passage.
    3. Otherwise, with `config.deduplicate`, it is dropped as "duplicate" when an earlier passage
       says the same: at least 0.9 of its runs of five words stand there and no word of it, counted
       with repeats, is missing there. Two texts that differ in one number, name or "not" are both
       kept.
    4. When the passage does not fit, the chunk is tried without its parent, and then dropped as
       "over budget". Later, smaller chunks may still fit: the budget is filled greedily.

    In `Context.text` each passage is a header line, `[1] Title > Heading path (doc_id)`, then its
    text; empty lines stand between passages. A line of a document that looks like such a header
    gets "> " in front, as mail programs write it: so every line that begins with "[" and a number
    is a header. `Passage.text` stays as the document has it.

    Parameters
    ----------
    chunks : best first, no chunk twice.
    documents : by doc_id; one that is missing costs its chunks their parents and titles.
    tokenizer : counts the final text, headers included, special tokens not.
    config : budget, order ("edges" puts the best at both ends, since models read the middle with
        less care: Liu et al. 2024, "Lost in the Middle") and de-duplication.

    Returns
    -------
    Context
        Passages numbered in reading order, each with its chunk ids best first; the dropped in
        rank order. `n_tokens` never exceeds the budget.

    Raises
    ------
    InvalidRecordError : a chunk is given twice.

    Examples
    --------
    >>> from whymiss.testing import RegexTokenizer
    >>> text = "Refunds take ten days."
    >>> chunk = Chunk(chunk_id="c1", doc_id="faq", start=0, end=22, text=text, n_tokens=5,
    ...               parent_start=0, parent_end=22)
    >>> context = pack([chunk], documents={"faq": Document(doc_id="faq", text=text, title="FAQ")},
    ...                tokenizer=RegexTokenizer(), config=ContextConfig())
    >>> print(context.text)
    [1] FAQ (faq)
    Refunds take ten days.
    """
    repeated = [cid for cid, n in Counter(chunk.chunk_id for chunk in chunks).items() if n > 1]
    if repeated:
        raise InvalidRecordError(
            f"pack needs every chunk once; got {repeated[0]!r} more than once. Pack one ranking."
        )
    packer = _Packer(tokenizer, config, digits=len(str(len(chunks))))
    dropped: dict[str, DropReason] = {}
    for rank, chunk in enumerate(chunks):
        reason = packer.admit(chunk, rank, documents.get(chunk.doc_id))
        if reason:
            dropped[chunk.chunk_id] = reason
    drafts = packer.drafts
    passages, text, n_tokens = _written(_ordered(drafts, config.order), tokenizer)
    while n_tokens > config.token_budget:
        # Sizes were added passage by passage; a tokenizer that joins across lines may count more.
        worst = max(drafts, key=lambda draft: draft.rank)
        drafts = [draft for draft in drafts if draft is not worst]
        dropped.update(dict.fromkeys((c.chunk_id for c in worst.chunks), "over budget"))
        passages, text, n_tokens = _written(_ordered(drafts, config.order), tokenizer)
    return Context(
        passages=passages,
        dropped=tuple((c.chunk_id, dropped[c.chunk_id]) for c in chunks if c.chunk_id in dropped),
        text=text,
        n_tokens=n_tokens,
        budget=config.token_budget,
    )


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A passage before it has a number; its chunks stand best first, each with its rank."""

    document: Document | None
    fresh: bool
    start: int
    end: int
    text: str
    ranked: tuple[tuple[int, Chunk], ...]

    @property
    def rank(self) -> int:
        return self.ranked[0][0]

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        return tuple(chunk for _, chunk in self.ranked)

    @property
    def doc_id(self) -> str:
        return self.ranked[0][1].doc_id

    @property
    def title(self) -> str:
        return self.document.title if self.document else ""

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings that all chunks of the passage stand under."""
        columns = zip(*(chunk.headings for chunk in self.chunks), strict=False)
        return tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, columns))

    def block(self, number: int | str) -> str:
        """The passage as the generator reads it."""
        return f"[{number}] {self._header}\n{self._body}"

    @cached_property
    def _header(self) -> str:
        """Title, headings and document in one line, whatever they are made of."""
        path = self.headings if self.title in self.headings[:1] else (self.title, *self.headings)
        label = normalise_whitespace(" > ".join(part for part in path if part.strip()))
        if len(label) > _LABEL_CHARACTERS:
            label = label[: _LABEL_CHARACTERS - 1] + "…"
        return normalise_whitespace(f"{label} ({self.doc_id})")

    @cached_property
    def _body(self) -> str:
        if _BRACKET.isdisjoint(self.text):
            return self.text
        return _HEADER_LIKE.sub("> ", self.text)


class _Packer:
    """The drafts of one context, and what is known of their texts, each looked at once."""

    def __init__(self, tokenizer: Tokenizer, config: ContextConfig, *, digits: int) -> None:
        self.drafts: list[_Draft] = []
        self._tokenizer = tokenizer
        self._config = config
        # A passage is counted under a number as long as any that it may get in the end.
        self._number = "9" * digits
        self._sizes: dict[str, int] = {}

    def admit(self, chunk: Chunk, rank: int, document: Document | None) -> DropReason | None:
        """Take the chunk in, or say why it stays out."""
        reason: DropReason = "over budget"
        for draft in _readings(chunk, rank, document):
            neighbours = [other for other in self.drafts if _joins(draft, other)]
            if not neighbours and self._config.deduplicate and self._repeats(draft):
                reason = "duplicate"
                continue
            others = [other for other in self.drafts if other not in neighbours]
            trial = [*others, _join([draft, *neighbours])]
            if self._size(trial) <= self._config.token_budget:
                self.drafts = trial
                return None
            reason = "over budget"
        return reason

    def _size(self, drafts: Sequence[_Draft]) -> int:
        blocks = [draft.block(self._number) + _SEPARATOR for draft in drafts]
        missing = [block for block in blocks if block not in self._sizes]
        if missing:
            self._sizes.update(zip(missing, self._tokenizer.count(missing), strict=True))
        return sum(self._sizes[block] for block in blocks)

    def _repeats(self, draft: _Draft) -> bool:
        """Whether an earlier passage says all that this one says, in the same runs of words."""
        said = _words_of(draft.text)
        for earlier in self.drafts:
            known = _words_of(earlier.text)
            if said.total() < GRAM_WORDS:
                # Few words mean what their heading makes of them: only the same is a repeat.
                if said == known and draft.headings == earlier.headings:
                    return True
            elif said.keys() <= known.keys() and said <= known:
                runs = _runs_of(draft.text)
                if len(runs & _runs_of(earlier.text)) >= CONTAINED * len(runs):
                    return True
        return False


@lru_cache(maxsize=_PROFILES_KEPT)
def _words_of(text: str) -> Counter[str]:
    return Counter(words(text))


def _runs_of(text: str) -> set[tuple[str, ...]]:
    said = words(text)
    return set(zip(*(said[n:] for n in range(GRAM_WORDS)), strict=False))


def _readings(chunk: Chunk, rank: int, document: Document | None) -> list[_Draft]:
    """How the chunk may be read, widest first: as its parent, then by itself."""
    fresh = document is not None and document.text[chunk.start : chunk.end] == chunk.text
    own = _Draft(
        document=document,
        fresh=fresh,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        ranked=((rank, chunk),),
    )
    start, end = max(0, chunk.parent_start), chunk.parent_end
    if document is None or not fresh or not (start <= chunk.start and chunk.end <= end):
        return [own]
    parent = replace(own, start=start, end=end, text=document.text[start:end])
    parent = replace(parent, end=start + len(parent.text))
    return [own] if parent == own else [parent, own]


def _joins(one: _Draft, other: _Draft) -> bool:
    """Whether two drafts are one stretch of one document, give or take white space."""
    if one.document is None or one.doc_id != other.doc_id or not (one.fresh and other.fresh):
        return False
    if intersection_length((one.start, one.end), (other.start, other.end)):
        return True
    gap = one.document.text[min(one.end, other.end) : max(one.start, other.start)]
    return not gap.strip()


def _join(drafts: Sequence[_Draft]) -> _Draft:
    first = drafts[0]
    if len(drafts) == 1 or first.document is None:
        return first
    start, end = min(d.start for d in drafts), max(d.end for d in drafts)
    ranked = sorted((pair for d in drafts for pair in d.ranked), key=lambda pair: pair[0])
    text = first.document.text[start:end]
    return replace(first, start=start, end=end, text=text, ranked=tuple(ranked))


def _ordered(drafts: Sequence[_Draft], order: str) -> list[_Draft]:
    ranked = sorted(drafts, key=lambda draft: draft.rank)
    if order == "reverse":
        return ranked[::-1]
    if order == "edges":
        return ranked[::2] + ranked[1::2][::-1]
    if order == "document":
        first_seen = {draft.doc_id: draft.rank for draft in reversed(ranked)}
        return sorted(ranked, key=lambda draft: (first_seen[draft.doc_id], draft.start, draft.rank))
    return ranked


def _written(
    drafts: Sequence[_Draft], tokenizer: Tokenizer
) -> tuple[tuple[Passage, ...], str, int]:
    """The drafts numbered in this order, their text, and its tokens."""
    if not drafts:
        return (), "", 0
    blocks = [draft.block(number) for number, draft in enumerate(drafts, start=1)]
    text = _SEPARATOR.join(blocks)
    *counts, n_tokens = tokenizer.count([*blocks, text])
    passages = tuple(
        Passage(
            number=number,
            chunk_ids=tuple(chunk.chunk_id for chunk in draft.chunks),
            doc_id=draft.doc_id,
            start=draft.start,
            end=draft.end,
            text=draft.text,
            title=draft.title,
            headings=draft.headings,
            n_tokens=count,
        )
        for number, (draft, count) in enumerate(zip(drafts, counts, strict=True), start=1)
    )
    return passages, text, n_tokens
