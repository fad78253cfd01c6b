"""From a context to a cited answer, quoted or written by a model, and how well it is borne out."""

from __future__ import annotations

from whymiss.answering.claims import Claim, claims
from whymiss.answering.extractive import ExtractiveGenerator
from whymiss.answering.openai_compatible import OpenAICompatibleGenerator
from whymiss.answering.prompt import ABSTENTION, Prompt, build_prompt
from whymiss.answering.support import (
    ClaimSupport,
    citation_precision,
    citation_recall,
    lexical_faithfulness,
    sentence_support,
)
from whymiss.config import AnswerConfig
from whymiss.protocols import Encoder, Generator

__all__ = [
    "ABSTENTION",
    "Claim",
    "ClaimSupport",
    "ExtractiveGenerator",
    "OpenAICompatibleGenerator",
    "Prompt",
    "build_prompt",
    "citation_precision",
    "citation_recall",
    "claims",
    "lexical_faithfulness",
    "make_generator",
    "sentence_support",
]


def make_generator(config: AnswerConfig, encoder: Encoder) -> Generator:
    """The generator that the configuration names.

    Raises
    ------
    GenerationError : the endpoint's address cannot be used.

    >>> from whymiss.testing import HashingEncoder
    >>> make_generator(AnswerConfig(), HashingEncoder()).name
    'extractive'
    """
    if config.generator == "openai":
        return OpenAICompatibleGenerator(config, encoder.tokenizer)
    return ExtractiveGenerator(encoder, config)
