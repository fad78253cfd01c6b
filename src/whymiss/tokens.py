"""The token vectors of a store's documents, kept up to date for those who read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from whymiss.config import LATE_INTERACTION
from whymiss.embedding import TokenPlan
from whymiss.index import read_documents

if TYPE_CHECKING:
    from collections.abc import Callable

    from whymiss.config import PipelineConfig
    from whymiss.index import Catalogue, Progress, Store
    from whymiss.models import Models

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
    encoder = models.token_encoder(config)
    if encoder is None:
        version = models.encoder(config).model_version
        return TokenReport(note=_without(f"encoder {version} offers no token vectors"))
    tokens = models.token_store(config)
    missing = set(tokens.missing(catalogue.content_hashes.values()))
    if not missing:
        return TokenReport()
    if encoder.no_token_vectors_because:
        return TokenReport(note=_without(encoder.no_token_vectors_because))
    wanted = [doc_id for doc_id, found in catalogue.content_hashes.items() if found in missing]
    documents = list(read_documents(store, wanted).values())
    plan = tokens.plan(documents, encoder)
    if plan.refused_because:
        return TokenReport(plan=plan, note=_slowly(plan))
    report = _told(progress, plan)
    report(0)
    tokens.build(documents, encoder, progress=report)
    return TokenReport(plan=plan)


def drop_tokens(models: Models, config: PipelineConfig, catalogue: Catalogue) -> int:
    """Erase the tokens of texts that are no longer stored: they tell much of the text.

    Returns how many records went, over all models. Call under `store.writing()`, or a document that
    another process has just written would lose its tokens.
    """
    if not models.token_folder.exists():
        return 0
    tokens = models.token_store(config)
    return tokens.drop(tokens.hashes() - set(catalogue.content_hashes.values()))


def _told(progress: Progress | None, plan: TokenPlan) -> Callable[[int], None]:
    done = 0
    what = f"tokens, {plan.n_bytes / 1e6:,.1f} MB"

    def report(n: int) -> None:
        nonlocal done
        done += n
        if progress is not None:
            progress(what, done, plan.n_tokens)

    return report


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
