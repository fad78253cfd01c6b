"""The token vectors of a store's documents, kept up to date for those who read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from whymiss.config import LATE_INTERACTION
from whymiss.embedding import TokenPlan
from whymiss.index import read_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from whymiss.config import PipelineConfig
    from whymiss.index import Catalogue, Progress, Store
    from whymiss.models import Models
    from whymiss.records import Document

_NOTHING: Final = TokenPlan(n_documents=0, n_tokens=0, n_bytes=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReport:
    """What was added to the token store, or why nothing was; `note` is for the user."""

    plan: TokenPlan = _NOTHING
    note: str = ""


def add_tokens(
    store: Store,
    models: Models,
    config: PipelineConfig,
    catalogue: Catalogue,
    *,
    progress: Progress | None = None,
) -> TokenReport:
    """Encode the tokens of documents that have none stored, where the configuration reads them.

    A store that may not grow so large, and an encoder that cannot, are no failure: the report says
    why, and what happens instead. Stopped at any point, a second call does what was left.

    Parameters
    ----------
    progress : called with ("tokens, so many MB", done, total) once before anything is computed, and
        then as tokens are done.
    """
    if not models.reads_tokens(config):
        return TokenReport()
    hashes = catalogue.content_hashes

    def read(missing: set[str]) -> list[Document]:
        wanted = [doc_id for doc_id, found in hashes.items() if found in missing]
        return list(read_documents(store, wanted).values())

    plan, documents = plan_tokens(models, config, hashes.values(), read)
    if plan.refused_because:
        if not plan.n_documents:
            return TokenReport(note=_without(plan.refused_because))
        return TokenReport(plan=plan, note=_slowly(plan))
    if plan.n_documents:
        what = f"tokens, {plan.n_bytes / 1e6:,.1f} MB"
        if progress is not None:
            progress(what, 0, plan.n_tokens)
        build_tokens(models, config, documents, plan, what=what, progress=progress)
    return TokenReport(plan=plan)


def plan_tokens(
    models: Models,
    config: PipelineConfig,
    content_hashes: Iterable[str],
    read: Callable[[set[str]], list[Document]],
) -> tuple[TokenPlan, list[Document]]:
    """What the token store lacks of some texts, and the documents with those texts.

    The plan's `refused_because` says why they cannot be added. Where that lies with the encoder
    nothing was read or counted: the plan then has no documents.

    Parameters
    ----------
    read : from content hashes to documents; called where some are missing and the encoder can.
    """
    encoder = models.token_encoder(config)
    if encoder is None:
        version = models.encoder(config).model_version
        return replace(_NOTHING, refused_because=f"encoder {version} offers no token vectors"), []
    tokens = models.token_store(config)
    missing = set(tokens.missing(content_hashes))
    if not missing:
        return _NOTHING, []
    if encoder.no_token_vectors_because:
        return replace(_NOTHING, refused_because=encoder.no_token_vectors_because), []
    documents = read(missing)
    return tokens.plan(documents, encoder), documents


def build_tokens(
    models: Models,
    config: PipelineConfig,
    documents: Sequence[Document],
    plan: TokenPlan,
    *,
    what: str,
    progress: Progress | None = None,
) -> None:
    """Add what `plan_tokens` planned and did not refuse.

    Parameters
    ----------
    progress : called with (what, done, total) as tokens are done.
    """
    encoder = models.token_encoder(config)
    assert encoder is not None
    done = 0

    def report(n: int) -> None:
        nonlocal done
        done += n
        if progress is not None:
            progress(what, done, plan.n_tokens)

    models.token_store(config).build(documents, encoder, progress=report)


def drop_tokens(models: Models, config: PipelineConfig, catalogue: Catalogue) -> int:
    """Erase the tokens of texts that are no longer stored: they tell much of the text.

    Returns how many records went, over all models. Call under `store.writing()`, or a document that
    another process has just written would lose its tokens.
    """
    if not models.token_folder.exists():
        return 0
    tokens = models.token_store(config)
    return tokens.drop(tokens.hashes() - set(catalogue.content_hashes.values()))


def _without(why: str) -> str:
    return (
        f"late interaction (rerank.model {LATE_INTERACTION!r}) does not run: {why}. Candidates "
        "keep their order; an empty rerank.model says the same without this note."
    )


def _slowly(plan: TokenPlan) -> str:
    return (
        f"no token vectors are kept of {plan.n_documents} documents ({plan.n_tokens:,} tokens): "
        f"{plan.refused_because}. Late interaction encodes their chunks while a question waits, "
        "which takes seconds; an empty rerank.model or a lower rerank.depth avoids it."
    )
