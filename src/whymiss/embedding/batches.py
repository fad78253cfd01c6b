"""Batches of texts of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def batches_by_length(lengths: Sequence[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Group texts of like length, longest first, so that padding wastes little.

    A batch padded to its longest text holds at most `tokens_per_batch` tokens, or one text.

    >>> list(batches_by_length([5, 100, 4, 90], 200))
    [[1, 3], [0, 2]]
    """
    batch: list[int] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * longest > tokens_per_batch:
            yield batch
            batch = []
        if not batch:
            longest = max(lengths[i], 1)
        batch.append(i)
    if batch:
        yield batch
