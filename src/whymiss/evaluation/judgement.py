"""The records of a judgement: what a ranking brings of the evidence, rank by rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from whymiss.errors import ConfigError, InvalidRecordError


class Find(NamedTuple):
    """At `rank`, `gained` characters of required item number `item` are seen first."""

    rank: int
    item: int
    gained: int


class Required(NamedTuple):
    """What one required item asks for.

    `size` are its characters that count (1 for a document); it is found once `needed` of them are
    seen. `grade` is how much it matters.
    """

    size: int
    needed: int
    grade: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One way to answer the question: its required items and what the ranking brings of them."""

    required: tuple[Required, ...]
    finds: tuple[Find, ...]

    def top(self, k: int | None) -> Alternative:
        """The same with only what the first k ranks bring; None is all of them."""
        if k is None or not self.finds or self.finds[-1].rank <= k:
            return self
        kept = tuple(find for find in self.finds if find.rank <= k)
        return Alternative(required=self.required, finds=kept)

    @property
    def coverage(self) -> float:
        """Mean over the required items of the share that is covered, from 0 to 1."""
        got = [0] * len(self.required)
        for find in self.finds:
            got[find.item] += find.gained
        shares = [g / item.size for g, item in zip(got, self.required, strict=True)]
        return sum(shares) / len(shares)

    @property
    def found(self) -> tuple[tuple[int, int], ...]:
        """(rank, item) of each required item at the rank where enough of it has been seen."""
        missing = [item.needed for item in self.required]
        found = []
        for rank, item, gained in self.finds:
            if missing[item] > 0 >= missing[item] - gained:
                found.append((rank, item))
            missing[item] -= gained
        return tuple(found)

    @property
    def complete(self) -> bool:
        """Whether enough of every required item is there."""
        return len(self.found) == len(self.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A ranking judged against a question, for every cutoff at once.

    `n_retrieved` counts what was ranked: hits, or different documents. Exactly one of
    `alternatives` and `undefined_because` is empty.
    """

    unit: Literal["span", "document"]
    n_retrieved: int
    alternatives: tuple[Alternative, ...]
    undefined_because: str = ""

    @property
    def complete(self) -> bool:
        """Whether enough is there of every required item of an alternative."""
        return any(alternative.complete for alternative in self.alternatives)

    def best(self, k: int | None = None) -> Alternative:
        """The alternative that counts at a cutoff, as far as the first k ranks bring it.

        It is the one of greatest coverage; of equals the one covered at the earliest rank, then
        the one of fewer spans, then the one written first.

        Raises
        ------
        ConfigError : k is below 1.
        InvalidRecordError : nothing is judged.
        """
        check_cutoff(k)
        if not self.alternatives:
            raise InvalidRecordError(f"no alternative to choose: {self.undefined_because}.")
        cut = [alternative.top(k) for alternative in self.alternatives]
        return cut[0] if len(cut) == 1 else min(cut, key=_preference)

    def first_found(self, k: int | None = None) -> int | None:
        """First rank, at most k, that completes a required item of any alternative."""
        check_cutoff(k)
        ranks = (rank for a in self.alternatives for rank, _ in a.found)
        return min((rank for rank in ranks if k is None or rank <= k), default=None)


def _preference(alternative: Alternative) -> tuple[float, int, int]:
    last = max((find.rank for find in alternative.finds), default=0)
    return -alternative.coverage, last, len(alternative.required)


def check_cutoff(k: int | None) -> None:
    """Refuse a cutoff below 1.

    Raises
    ------
    ConfigError : it is.
    """
    if k is not None and k < 1:
        raise ConfigError(f"a cutoff k must be at least 1; got {k}.")
