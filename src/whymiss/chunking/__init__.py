"""From documents to chunks: one strategy per file, one way to build chunks from their spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from whymiss.chunking.build import build_chunks
from whymiss.chunking.custom import ChunkFunction, from_callable
from whymiss.chunking.document import Whole
from whymiss.chunking.fixed import Fixed
from whymiss.chunking.heading import ByHeading
from whymiss.chunking.openapi import OpenApi
from whymiss.chunking.parent_child import ParentChild
from whymiss.chunking.recursive import Recursive
from whymiss.chunking.semantic import Semantic
from whymiss.chunking.sentence import Sentence
from whymiss.chunking.sentences import sentence_starts
from whymiss.chunking.structure import outline
from whymiss.config import ChunkingConfig
from whymiss.errors import ChunkingError
from whymiss.protocols import Chunker, Encoder, Tokenizer

__all__ = [
    "ByHeading",
    "ChunkFunction",
    "Fixed",
    "OpenApi",
    "ParentChild",
    "Recursive",
    "Semantic",
    "Sentence",
    "Whole",
    "build_chunks",
    "from_callable",
    "make_chunker",
    "outline",
    "sentence_starts",
]

_NO_CUSTOM: Final[Mapping[str, ChunkFunction]] = MappingProxyType({})

_MAKERS: Final[Mapping[str, Callable[[ChunkingConfig, Tokenizer], Chunker]]] = {
    "fixed": lambda c, t: Fixed(size=c.size, overlap=c.overlap, tokenizer=t),
    "recursive": lambda c, t: Recursive(size=c.size, overlap=c.overlap, tokenizer=t),
    "sentence": lambda c, t: Sentence(size=c.size, overlap=c.overlap, tokenizer=t),
    "heading": lambda c, t: ByHeading(
        size=c.size, overlap=c.overlap, tokenizer=t, oversize=c.oversize
    ),
    "openapi": lambda c, t: OpenApi(
        size=c.size, overlap=c.overlap, tokenizer=t, oversize=c.oversize
    ),
    "parent_child": lambda c, t: ParentChild(
        size=c.size, parent_size=c.parent_size, overlap=c.overlap, tokenizer=t, oversize=c.oversize
    ),
    "document": lambda c, t: Whole(),
}


def make_chunker(
    config: ChunkingConfig,
    tokenizer: Tokenizer,
    *,
    encoder: Encoder | None = None,
    custom: Mapping[str, ChunkFunction] = _NO_CUSTOM,
) -> Chunker:
    """The chunker that a configuration names.

    Parameters
    ----------
    encoder : needed by "semantic" only.
    custom : functions by name, for strategies written "custom:NAME".

    Raises
    ------
    ChunkingError : "semantic" without an encoder, or a custom name that was not passed.

    Examples
    --------
    >>> from whymiss.testing import RegexTokenizer
    >>> make_chunker(ChunkingConfig(strategy="fixed", size=64), RegexTokenizer()).size
    64
    """
    if config.strategy == "semantic":
        if encoder is None:
            raise ChunkingError(
                "make_chunker needs an encoder for the strategy 'semantic'; got none. Pass "
                "encoder=, or choose 'sentence'."
            )
        return Semantic(
            size=config.size,
            overlap=config.overlap,
            percentile=config.breakpoint_percentile,
            tokenizer=tokenizer,
            encoder=encoder,
        )
    if config.strategy.startswith("custom:"):
        name = config.strategy.removeprefix("custom:")
        if name not in custom:
            raise ChunkingError(
                f"make_chunker needs the function of strategy {config.strategy!r}; got "
                f"{', '.join(map(repr, custom)) or 'none'}. Pass custom={{{name!r}: fn}}."
            )
        return from_callable(custom[name], name)
    return _MAKERS[config.strategy](config, tokenizer)
