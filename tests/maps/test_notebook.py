"""What a notebook shows of a map: its size, how far it is true, and nothing of a text as markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mapping import PlainJob, drawn, opened, piece, spread

from whymiss.evaluation.labels import Question
from whymiss.maps.notebook import map_html
from whymiss.projection.distortion import distortion
from whymiss.projection.job import Step
from whymiss.records import Document, Query
from whymiss.workbench import Workbench

OURS = {"div", "p", "strong", "code", "bdi", "table", "caption", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"class", "style", "scope"}


class Page(HTMLParser):
    """The elements, attributes and text of a page, as a browser reads them."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.text = ""
        self.other: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_decl(self, decl: str) -> None:
        self.other.append(decl)

    def handle_pi(self, data: str) -> None:
        self.other.append(data)


def harmless(source: str) -> Page:
    """The page, in which only our own elements and styles are markup, and nothing is a formula."""
    page = Page(source)
    assert page.tags <= OURS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert not any(
        "url" in (value or "") or "expression" in (value or "") for _, value in page.attributes
    )
    assert page.other == []
    assert "$" not in source
    assert source.startswith('<div class="mathjax_ignore">')
    return page


def test_a_map_tells_its_size_how_far_it_is_true_and_its_topics(wb: Workbench) -> None:
    made = wb.map()
    page = harmless(made._repr_html_())
    assert "Embedding map: 30 chunks by UMAP" in page.text
    assert f"Of a chunk's 10 true neighbours {made.summary['kept']:.0%} are among" in page.text
    assert f"trustworthiness {made.summary['trustworthiness']:.3f}" in page.text
    assert f"continuity {made.summary['continuity']:.3f}" in page.text
    for row in made.topics.itertuples():
        assert f"{row.cluster_label}{row.n_chunks}{row.n_documents}" in page.text
    assert "hubness is by 57 sentences" in page.text


def test_a_map_that_is_not_fitted_says_what_goes_on(wb: Workbench, jobs: type[PlainJob]) -> None:
    jobs.gate.clear()
    made = wb.map(wait=False)
    page = harmless(made._repr_html_())
    assert "30 chunks by principal components" in page.text
    assert "UMAP is being fitted in the background (landmarks)" in page.text
    assert "Topics" not in page.text
    made.fitting.cancel()  # type: ignore[union-attr]


def test_a_map_that_is_not_measured_says_so_and_measures_nothing() -> None:
    page = harmless(map_html(drawn([piece("d", 0, 9)], spread(1))))
    assert "How far neighbours are true is not measured yet: distortion" in page.text


def test_what_is_undefined_is_shown_with_its_reason() -> None:
    found = distortion(spread(3), np.zeros((3, 2)))
    made = drawn([piece("d", 10 * i, 10 * i + 9) for i in range(3)], spread(3), measured=found)
    page = harmless(map_html(made))
    assert "undefined: 3 points are too few for 10 neighbours" in page.text
    assert "nan" not in page.text


@pytest.mark.parametrize(("n", "caption"), [(12, "Topics"), (15, "Topics, the largest 12 of 15")])
def test_topics_that_are_not_shown_are_counted(n: int, caption: str) -> None:
    chunks = [piece("d", 10 * i, 10 * i + 9) for i in range(n)]
    made = drawn(chunks, spread(n), topics=np.arange(n), labels=[f"topic{i}." for i in range(n)])
    source = map_html(made)
    assert f">{caption}</caption>" in source
    assert sum(f"topic{i}." in source for i in range(n)) == 12


def test_hostile_labels_notes_and_steps_are_text(hostile: str) -> None:
    made = drawn(
        [piece("d", 0, 9)], spread(1), labels=[hostile], notes=(hostile,),
        fitting=SimpleNamespace(step=Step(what=hostile, done=0, total=1)),
    )  # fmt: skip
    page = harmless(map_html(made))
    plain = hostile.replace("\r\n", "\n")
    if plain.isprintable():
        assert page.text.count(plain) >= 3


def test_hostile_texts_titles_metadata_and_questions_are_nowhere_markup(
    tmp_path: Path, jobs: type[PlainJob], hostile_strings: tuple[str, ...]
) -> None:
    documents = [
        Document(
            doc_id=f"d{i}", text=f"{text} stands here.\n\n{text}", title=text, allowed=["*"],
            metadata={"said": text, "kind": text},
        )
        for i, text in enumerate(hostile_strings)
    ]  # fmt: skip
    with opened(tmp_path) as wb:
        wb.ingest(documents)
        marked = "<script>alert(1)</script> $x$ \u202e"
        asked = Question(query=Query(query_id=marked, text=marked))
        run = wb.evaluate([asked], name=marked, resume=False)
        made = wb.map(question=marked, run=run)
    assert made.questions["excerpt"].tolist() == [marked] * 2
    assert set(made.frame["kind"]) == {"chunk", "question"}
    assert {"metadata.kind", "said"} <= set(made.frame.columns)
    page = harmless(made._repr_html_())
    # The name of the run is told, as text in which every character is seen.
    assert "<script>alert(1)</script> $x$" in page.text
    assert "\u202e" not in page.text
