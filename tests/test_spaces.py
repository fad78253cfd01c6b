"""What a configuration would search: the stored index if it is just that, else one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whymiss.config import PipelineConfig
from whymiss.embedding import VectorCache
from whymiss.errors import ConfigError
from whymiss.index import Store, build_index, read_catalogue
from whymiss.index.documents import delete_documents, write_documents
from whymiss.models import Models
from whymiss.records import Document
from whymiss.retrieval import SearchSpace
from whymiss.spaces import Spaces
from whymiss.testing import HashingEncoder

CONFIG = PipelineConfig()


class Lab:
    """A store, its models and spaces; `fn` is the custom chunker "mine"."""

    def __init__(self, place: Path) -> None:
        self.store = Store(place)
        self.place = place
        self.cache = VectorCache(place / "vectors.sqlite")
        self.restart(lambda text: [(0, len(text))])

    def restart(self, fn: Callable[[str], Any]) -> None:
        self.models = Models(
            self.cache,
            tokens=self.place / "tokens",
            encoder=HashingEncoder(),
            chunkers={"mine": fn},
        )
        self.spaces = Spaces(self.store, self.models)

    def write(self, **texts: str) -> None:
        made = [Document(doc_id=k, text=v, allowed=["*"]) for k, v in texts.items()]
        with self.store.writing():
            write_documents(self.store, made)

    def build(self, config: PipelineConfig = CONFIG) -> None:
        with self.store.writing():
            build_index(
                self.store,
                config,
                read_catalogue(self.store),
                chunker=self.models.chunker(config),
                encoder=self.models.encoder(config),
                rebuild=True,
            )

    def trial(self, config: PipelineConfig = CONFIG) -> SearchSpace:
        return self.spaces.trial(config)


def is_stored(space: SearchSpace) -> bool:
    return space.snapshot.table is not None


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "store")
    made.write(a="Refunds take ten days.", b="Plans have seats.")
    yield made
    made.cache.close()


def test_without_a_stored_index_one_is_made_in_memory(lab: Lab) -> None:
    space = lab.trial()
    assert not is_stored(space)
    assert space.snapshot.doc_ids == ("a", "b")
    assert lab.store.index_names() == []


def test_a_current_index_is_the_stored_one_and_loaded_once(lab: Lab) -> None:
    lab.build()
    assert is_stored(lab.trial())
    assert lab.trial() is lab.trial() is lab.spaces.space(CONFIG)
    # Knobs of asking do not matter.
    assert lab.trial(CONFIG.replace({"retrieval.k": 9})) is lab.trial()


@pytest.mark.parametrize(
    "knobs", [{"chunking.size": 64}, {"embedding.document_prefix": "passage: "}]
)
def test_an_index_of_other_settings_is_not_used(lab: Lab, knobs: dict[str, Any]) -> None:
    lab.build()
    assert not is_stored(lab.trial(CONFIG.replace(knobs)))


def edited(lab: Lab) -> None:
    lab.write(a="Refunds take nine days.")


def added(lab: Lab) -> None:
    lab.write(c="A new one.")


def removed(lab: Lab) -> None:
    with lab.store.writing():
        delete_documents(lab.store, ["b"])


@pytest.mark.parametrize("change", [edited, added, removed])
def test_an_index_behind_the_documents_is_not_used(lab: Lab, change: Callable[[Lab], None]) -> None:
    lab.build()
    change(lab)
    space = lab.trial()
    assert not is_stored(space)
    assert not space.stale_documents()
    assert set(space.snapshot.doc_ids) == set(read_catalogue(lab.store).states)
    lab.build()
    assert is_stored(lab.trial())


def test_documents_that_have_no_chunks_leave_an_index_current(lab: Lab) -> None:
    lab.write(blank=" \n\t ")
    lab.build()
    assert is_stored(lab.trial())


def test_what_was_written_by_another_process_is_seen(lab: Lab) -> None:
    lab.build()
    first = lab.trial()
    other = Lab(lab.place)
    other.write(a="Refunds take nine days.")
    other.build()
    assert is_stored(lab.trial())
    assert lab.trial() is not first
    assert lab.trial().snapshot.chunks[0].text == "Refunds take nine days."


def test_a_custom_chunker_may_be_another_function_by_now(lab: Lab) -> None:
    config = CONFIG.replace({"chunking.strategy": "custom:mine"})
    lab.build(config)
    lab.restart(lambda text: [(0, 8), (8, len(text))])
    space = lab.trial(config)
    assert not is_stored(space)
    assert len(space.snapshot) == 4


def test_approximate_search_needs_a_stored_index_that_is_current(lab: Lab) -> None:
    config = CONFIG.replace({"index.ann": "ivf_pq"})
    with pytest.raises(ConfigError, match=r"'ivf_pq' needs a stored index; .* 'main'"):
        lab.trial(config)
    lab.build()
    assert is_stored(lab.trial(config))
    edited(lab)
    with pytest.raises(ConfigError, match=r"Build it, or try with index\.ann none"):
        lab.trial(config)
