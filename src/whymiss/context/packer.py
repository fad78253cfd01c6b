"""Packing: which chunks become passages of a context, which are left out, and why.

Nothing is lost in silence: every chunk ends in a passage or among the dropped, with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from whymiss.config import ContextConfig
from whymiss.context.reading import Reading, joins, readings_of, repeats, stretch
from whymiss.errors import InvalidRecordError
from whymiss.protocols import Tokenizer
from whymiss.records import Chunk, Context, Document, DropReason, Passage

_SEPARATOR: Final = "\n\n"
_DIGITS: Final = 2
"""Sizes are counted under numbers of so many digits at least, whatever the length of a ranking."""


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
    return Packer(tokenizer=tokenizer, config=config).pack(chunks, documents=documents)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Draft:
    """A passage before it has a number; its chunks stand best first, each with its rank."""

    reading: Reading
    ranked: tuple[tuple[int, Chunk], ...]

    @property
    def rank(self) -> int:
        return self.ranked[0][0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    """What the chunks taken so far have led to; `size` is that of all drafts."""

    drafts: tuple[_Draft, ...] = ()
    dropped: tuple[tuple[str, DropReason], ...] = ()
    size: int = 0


class Packer:
    """Packs context after context under one configuration, and looks at nothing twice.

    What is known of chunks, of pairs of passages and of the first chunks of a ranking is kept as
    long as the packer is: many rankings of one index begin alike. A document must not change
    meanwhile.
    """

    def __init__(self, *, tokenizer: Tokenizer, config: ContextConfig) -> None:
        self._tokenizer = tokenizer
        self._words_add_up = bool(getattr(tokenizer, "words_add_up", False))
        self._config = config
        self._readings: dict[str, tuple[Reading, ...]] = {}
        self._joined: dict[tuple[str, int, int, tuple[str, ...]], Reading] = {}
        self._repeat: dict[tuple[Reading, Reading], bool] = {}
        self._sizes: dict[tuple[Reading, int | str], int] = {}
        self._bare_sizes: dict[Reading | int | str, int] = {}
        self._passages: dict[tuple[Reading, int, tuple[str, ...]], Passage] = {}
        self._states: dict[tuple[str, ...], _State] = {}

    def pack(self, chunks: Sequence[Chunk], *, documents: Mapping[str, Document]) -> Context:
        """As `pack`."""
        ids = tuple(chunk.chunk_id for chunk in chunks)
        if len(set(ids)) < len(ids):
            twice = next(chunk_id for chunk_id in ids if ids.count(chunk_id) > 1)
            raise InvalidRecordError(
                f"pack needs every chunk once; got {twice!r} more than once. Pack one ranking."
            )
        # A passage is counted under a number as long as any that it may get in the end.
        number = "9" * max(_DIGITS, len(str(len(chunks))))
        state = _State()
        for rank, chunk in enumerate(chunks):
            key = (number, *ids[: rank + 1])
            if key not in self._states:
                document = documents.get(chunk.doc_id)
                self._states[key] = self._admit(state, chunk, rank, document, number)
            state = self._states[key]
        return self._finished(state, ids)

    def look_at(self, chunks: Sequence[Chunk], *, documents: Mapping[str, Document]) -> None:
        """Learn of chunks that will be packed, all at once: that is quicker than one by one."""
        new = [
            reading
            for chunk in {chunk.chunk_id: chunk for chunk in chunks}.values()
            if chunk.chunk_id not in self._readings
            for reading in self._readings_of(chunk, documents.get(chunk.doc_id))
        ]
        if self._words_add_up:
            sizes = self._tokenizer.count([reading.unnumbered for reading in new])
            self._bare_sizes.update(zip(new, sizes, strict=True))

    def _readings_of(self, chunk: Chunk, document: Document | None) -> tuple[Reading, ...]:
        if chunk.chunk_id not in self._readings:
            self._readings[chunk.chunk_id] = readings_of(chunk, document)
        return self._readings[chunk.chunk_id]

    def _admit(
        self, state: _State, chunk: Chunk, rank: int, document: Document | None, number: str
    ) -> _State:
        """Take the chunk in, or note why it stays out."""
        reason: DropReason = "over budget"
        for reading in self._readings_of(chunk, document):
            doc_id = reading.doc_id
            neighbours = [
                draft
                for draft in state.drafts
                if draft.reading.doc_id == doc_id and joins(reading, draft.reading)
            ]
            if not neighbours and self._config.deduplicate and self._repeated(reading, state):
                reason = "duplicate"
                continue
            others = [draft for draft in state.drafts if draft not in neighbours]
            new = self._joining([_Draft(reading=reading, ranked=((rank, chunk),)), *neighbours])
            given_up = sum(self._size(draft.reading, number) for draft in neighbours)
            size = state.size - given_up + self._size(new.reading, number)
            if size <= self._budget:
                return _State(drafts=(*others, new), dropped=state.dropped, size=size)
            reason = "over budget"
        dropped = (*state.dropped, (chunk.chunk_id, reason))
        return _State(drafts=state.drafts, dropped=dropped, size=state.size)

    @property
    def _budget(self) -> int:
        return self._config.token_budget

    def _repeated(self, reading: Reading, state: _State) -> bool:
        for draft in state.drafts:
            pair = reading, draft.reading
            if pair not in self._repeat:
                self._repeat[pair] = repeats(*pair)
            if self._repeat[pair]:
                return True
        return False

    def _joining(self, drafts: Sequence[_Draft]) -> _Draft:
        """The first of the drafts joined with the others, its neighbours."""
        if len(drafts) == 1:
            return drafts[0]
        readings = [draft.reading for draft in drafts]
        start, end = min(r.start for r in readings), max(r.end for r in readings)
        ranked = sorted((pair for d in drafts for pair in d.ranked), key=lambda pair: pair[0])
        headings = _shared([chunk.headings for _, chunk in ranked])
        key = readings[0].doc_id, start, end, headings
        if key not in self._joined:
            self._joined[key] = stretch(readings[0], start, end, headings)
        return _Draft(reading=self._joined[key], ranked=tuple(ranked))

    def _size(self, reading: Reading, number: int | str) -> int:
        """Tokens of the passage under a number, with what separates it from the next."""
        if self._words_add_up:
            return self._bare_size(reading) + self._bare_size(number)
        key = reading, number
        if key not in self._sizes:
            (self._sizes[key],) = self._tokenizer.count([reading.block(number) + _SEPARATOR])
        return self._sizes[key]

    def _bare_size(self, part: Reading | int | str) -> int:
        """Tokens of a passage without its number, or of a number in brackets."""
        if part not in self._bare_sizes:
            text = part.unnumbered if isinstance(part, Reading) else f"[{part}]"
            (self._bare_sizes[part],) = self._tokenizer.count([text])
        return self._bare_sizes[part]

    def _finished(self, state: _State, ids: tuple[str, ...]) -> Context:
        drafts, dropped = list(state.drafts), dict(state.dropped)
        passages, text, n_tokens = self._written(_ordered(drafts, self._config.order))
        while n_tokens > self._budget:
            # Sizes were added passage by passage; a tokenizer that joins across lines may count
            # more.
            worst = max(drafts, key=lambda draft: draft.rank)
            drafts = [draft for draft in drafts if draft is not worst]
            dropped.update(dict.fromkeys((c.chunk_id for _, c in worst.ranked), "over budget"))
            passages, text, n_tokens = self._written(_ordered(drafts, self._config.order))
        return Context(
            passages=passages,
            dropped=tuple((cid, dropped[cid]) for cid in ids if cid in dropped),
            text=text,
            n_tokens=n_tokens,
            budget=self._budget,
        )

    def _written(self, drafts: Sequence[_Draft]) -> tuple[tuple[Passage, ...], str, int]:
        """The drafts numbered in this order, their text, and its tokens."""
        if not drafts:
            return (), "", 0
        text = _SEPARATOR.join(draft.reading.block(n) for n, draft in enumerate(drafts, start=1))
        passages = tuple(self._passage(draft, n) for n, draft in enumerate(drafts, start=1))
        if self._words_add_up:
            n_tokens = sum(passage.n_tokens for passage in passages)
        else:
            (n_tokens,) = self._tokenizer.count([text])
        return passages, text, n_tokens

    def _passage(self, draft: _Draft, number: int) -> Passage:
        reading = draft.reading
        chunk_ids = tuple(chunk.chunk_id for _, chunk in draft.ranked)
        key = reading, number, chunk_ids
        if key not in self._passages:
            self._passages[key] = Passage(
                number=number,
                chunk_ids=chunk_ids,
                doc_id=reading.doc_id,
                start=reading.start,
                end=reading.end,
                text=reading.text,
                title=reading.title,
                headings=reading.headings,
                n_tokens=self._size(reading, number),
            )
        return self._passages[key]


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that all paths begin with."""
    columns = zip(*paths, strict=False)
    return tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, columns))


def _ordered(drafts: Sequence[_Draft], order: str) -> list[_Draft]:
    ranked = sorted(drafts, key=lambda draft: draft.rank)
    if order == "reverse":
        return ranked[::-1]
    if order == "edges":
        return ranked[::2] + ranked[1::2][::-1]
    if order == "document":
        first_seen = {draft.reading.doc_id: draft.rank for draft in reversed(ranked)}
        return sorted(
            ranked,
            key=lambda d: (first_seen[d.reading.doc_id], d.reading.start, d.rank),
        )
    return ranked
