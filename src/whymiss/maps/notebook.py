"""A map below a notebook cell: what it shows and how far it can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from whymiss.pages.markup import IN_NOTEBOOK, Child, Markup, foreign, join, number, table, tag

if TYPE_CHECKING:
    from whymiss.maps.embedding_map import EmbeddingMap

_TOPICS_SHOWN: Final = 12


def map_html(shown: EmbeddingMap) -> Markup:
    """Size, distortion, topics and notes; `figure()` draws the points."""
    pieces = [tag("p", tag("strong", "Embedding map"), f": {shown.title}"), *_fit(shown)]
    pieces.append(tag("p", _believed(shown)))
    if len(shown.topics):
        pieces.append(_topics(shown))
    pieces += [tag("p", note) for note in shown.notes]
    # MathJax leaves this class alone, so that a price in dollars is no formula.
    return tag("div", join(pieces), class_="mathjax_ignore")


def _fit(shown: EmbeddingMap) -> list[Markup]:
    if shown.fitting is None:
        return []
    step = shown.fitting.step
    said = f"UMAP is being fitted in the background ({step.what}); ask for the map again later."
    return [tag("p", said)]


def _believed(shown: EmbeddingMap) -> Markup:
    if shown.measured is None:
        return join(
            ["How far neighbours are true is not measured yet: ", tag("code", "distortion")]
        )
    if shown.measured.undefined_because:
        return join(
            ["How far neighbours are true is undefined: ", shown.measured.undefined_because]
        )
    found = shown.summary
    return join(
        [
            f"Of a chunk's {shown.measured.k} true neighbours {found['kept']:.0%} are among its "
            f"{shown.measured.k} nearest here (trustworthiness {number(found['trustworthiness'])}, "
            f"continuity {number(found['continuity'])}). Distances on a map are no measure: ",
            tag("code", "edges(id)"),
            " gives the true neighbours.",
        ]
    )


def _topics(shown: EmbeddingMap) -> Markup:
    rows: list[list[Child]] = [
        [foreign(row["cluster_label"]), str(row["n_chunks"]), str(row["n_documents"])]
        for row in shown.topics.head(_TOPICS_SHOWN).to_dict("records")
    ]
    more = len(shown.topics) - len(rows)
    caption = "Topics" + (f", the largest {len(rows)} of {len(shown.topics)}" if more > 0 else "")
    return table(caption, ("Words", "Chunks", "Documents"), rows, numeric=(1, 2), style=IN_NOTEBOOK)
