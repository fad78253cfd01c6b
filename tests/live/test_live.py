from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from desks import ContextEncoder, Desk, GatedEncoder, config, corpus

from whymiss.config import PipelineConfig
from whymiss.errors import ChunkingError, ConfigError
from whymiss.index import sync_documents
from whymiss.live import Live, LiveResult
from whymiss.records import Clause, Document, Query
from whymiss.retrieval import BM25Retriever, DenseRetriever
from whymiss.retrieval.fusion import fuse_candidates
from whymiss.spaces import Spaces
from whymiss.testing import HashingEncoder

QUESTION = "When is the annual invoice due for a team member?"


def full_index(desk: Desk, asked: PipelineConfig, query: Query) -> list[tuple[str, float]]:
    """What an index built without the live engine gives: chunk ids and scores."""
    space = Spaces(desk.store, desk.models).trial(asked)
    encoder, knobs = desk.models.encoder(asked), asked.retrieval
    dense = DenseRetriever(space, encoder, retrieval=knobs, index=asked.index)
    bm25 = BM25Retriever(space, retrieval=knobs)
    depth = knobs.candidate_depth
    vectors = encoder.encode_queries([query.text])
    branches = {
        "dense": lambda: dense.find([query], vectors, depth=depth)[0],
        "bm25": lambda: bm25.find([query], depth=depth)[0],
    }
    found = (
        fuse_candidates([branches["dense"](), branches["bm25"]()], knobs)
        if knobs.mode == "hybrid"
        else branches[knobs.mode]()
    ).top(knobs.k)
    chunks = space.snapshot.chunks
    return [(chunks[r].chunk_id, s) for r, s in zip(found.rows, found.scores, strict=True)]


def shown(result: LiveResult | None) -> list[tuple[str, float]]:
    assert result is not None
    return [(hit.chunk_id, hit.score) for hit in result.ranking.hits]


MODES = ("dense", "bm25", "hybrid")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few tokens at a time that stopping too early shows."""
    monkeypatch.setattr("whymiss.live.exact._TOKENS_AT_A_TIME", 40)


def test_a_search_gives_a_preview_then_exact_hits_then_those_of_the_whole_index(desk: Desk) -> None:
    results = list(desk.live().search(QUESTION, config()))
    kinds = [result.kind for result in results]
    assert kinds[0] == "preview"
    assert kinds[-2:] == ["exact", "filled"]
    assert set(kinds[:-2]) == {"preview"}


def test_a_preview_embeds_nothing(desk_of: Callable[..., Desk]) -> None:
    encoder = GatedEncoder()
    live = desk_of(encoder=encoder).live()
    before = encoder.arrived._value
    encoder.gate.clear()
    preview = live.search(QUESTION, config()).latest
    assert preview is not None
    assert (preview.kind, preview.n_embedded) == ("preview", 0)
    assert encoder.arrived._value - before <= 1  # the worker's first batch, held at the gate
    live.cancel()
    encoder.gate.set()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [8, 24])
def test_with_everything_embedded_the_settled_result_is_that_of_the_full_index(
    desk: Desk, mode: str, size: int
) -> None:
    live, asked = desk.live(), config(retrieval__mode=mode, chunking__size=size)
    Spaces(desk.store, desk.models).trial(asked)  # everything is in the cache now
    run = live.search(QUESTION, asked)
    results = list(run)
    truth = full_index(desk, asked, Query(query_id="live", text=QUESTION))
    assert shown(run.wait("exact")) == truth
    assert shown(results[-1]) == truth
    assert results[-1].confirmed in (True, None)


@pytest.mark.parametrize("mode", MODES)
def test_unless_chance_has_it_the_settled_result_is_right_with_an_empty_cache(
    desk_of: Callable[..., Desk], mode: str, small_batches: None
) -> None:
    desk = desk_of(corpus(12))
    live = desk.live(fill=False)
    rng = np.random.default_rng(5)
    right = []
    for number in range(12):
        words = rng.choice(
            ["refund", "annual", "plan", "renew", "ticket", "export", "team", "tax", "key"], 3
        )
        question = " ".join(map(str, words))
        asked = config(
            retrieval__mode=mode, chunking__size=16 + number, chunking__overlap=4 * (number % 2)
        )
        exact = live.search(question, asked).wait()
        truth = full_index(desk, asked, Query(query_id="live", text=question))
        assert exact is not None
        # Weighted fusion scales scores by those of all candidates; what is settled is the order.
        right.append(list(exact.ranking.chunk_ids) == [chunk_id for chunk_id, _ in truth])
    assert sum(right) >= 11


def test_not_everything_is_embedded_to_settle(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(corpus(30))
    exact = desk.live(fill=False).search(QUESTION, config()).wait()
    assert exact is not None
    assert exact.n_embedded < exact.n_chunks / 2
    assert 0 < exact.risk.value < 0.01


def test_a_lower_risk_embeds_more_and_is_kept(
    desk_of: Callable[..., Desk], small_batches: None
) -> None:
    found = []
    for risk in (0.5, 0.001):
        desk = desk_of(corpus(30))
        exact = desk.live(fill=False, risk=risk).search(QUESTION, config()).wait()
        assert exact is not None
        assert exact.risk.value < risk
        found.append(exact.n_embedded)
    assert found[0] < found[1]


def test_filling_makes_the_space_of_the_configuration(desk: Desk) -> None:
    live = desk.live()
    assert live.space(config()) is None
    live.search(QUESTION, config())
    assert live.flush(20)
    space, trial = live.space(config()), Spaces(desk.store, desk.models).trial(config())
    assert space is not None
    assert space.snapshot.chunks == trial.snapshot.chunks
    assert np.array_equal(space.snapshot.vectors, trial.snapshot.vectors)
    assert space.snapshot.manifest == trial.snapshot.manifest
    assert space.snapshot.states == trial.snapshot.states


def test_where_token_vectors_make_up_exact_ones_the_preview_is_right(
    desk_of: Callable[..., Desk],
) -> None:
    desk = desk_of(encoder=HashingEncoder())
    results = list(desk.live().search(QUESTION, config()))
    assert results[0].ranking.chunk_ids == results[-1].ranking.chunk_ids
    assert results[-1].agreement.value == 1.0


def test_agreement_is_undefined_until_something_is_settled(desk: Desk) -> None:
    live = desk.live()
    first, *_, last = live.search(QUESTION, config())
    assert first.agreement.undefined_because == "no exact result of this configuration yet"
    right = set(first.ranking.chunk_ids) & set(last.ranking.chunk_ids)
    assert last.agreement.value == pytest.approx(len(right) / 3)


def test_asking_again_does_not_count_twice(desk: Desk) -> None:
    live = desk.live()
    one = list(live.search(QUESTION, config()))[-1].agreement
    assert list(live.search(QUESTION, config()))[-1].agreement == one


def test_equal_texts_are_one_vector_and_stand_by_place(desk_of: Callable[..., Desk]) -> None:
    documents = [Document(doc_id=d, text="Annual plans renew.", allowed=["*"]) for d in "cab"]
    *_, filled = desk_of(documents).live().search("annual plans", config())
    assert [hit.doc_id for hit in filled.ranking.hits] == ["a", "b", "c"]
    assert len({hit.score for hit in filled.ranking.hits}) == 1


def test_changed_documents_are_found_by_the_next_search(desk: Desk) -> None:
    live = desk.live()
    list(live.search(QUESTION, config()))
    with desk.store.writing():
        sync_documents(
            desk.store, [Document(doc_id="new", text="Zebra crossing rules.", allowed=["*"])]
        )
    assert live.prepare(config()) == ""
    *_, filled = live.search("zebra crossing", config())
    assert filled.chunks[0].doc_id == "new"


# Permissions and filters


def secret_corpus() -> list[Document]:
    open_, hidden = corpus(4), corpus(4, seed=1)
    return [
        *(replace(d, metadata={"plan": "annual" if n % 2 else "monthly"}) for n, d in
          enumerate(open_)),
        *(replace(d, doc_id=f"x{d.doc_id}", allowed=("boss",)) for d in hidden),
    ]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_hidden_documents_show_in_nothing_that_is_said(
    desk_of: Callable[..., Desk], mode: str
) -> None:
    asked = config(retrieval__mode=mode)
    alone = desk_of(secret_corpus()[:4]).live()
    beside = desk_of(secret_corpus()).live()
    for one, other in zip(
        alone.search(QUESTION, asked), beside.search(QUESTION, asked), strict=False
    ):
        assert one.n_chunks == other.n_chunks
        if one.kind == other.kind == "filled":
            assert shown(one) == shown(other)
        assert all(not chunk.doc_id.startswith("x") for chunk in other.chunks)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("filter_mode", ["pre", "post"])
def test_conditions_hold_in_every_result(
    desk_of: Callable[..., Desk], mode: str, filter_mode: str
) -> None:
    desk = desk_of(secret_corpus())
    where = (Clause(field="plan", op="eq", value="annual"),)
    query = Query(query_id="live", text=QUESTION, where=where)
    asked = config(retrieval__mode=mode, retrieval__filter_mode=filter_mode)
    results = list(desk.live().search(query, asked))
    assert {c.doc_id for r in results for c in r.chunks} <= {"d1", "d3"}
    assert shown(results[-1]) == full_index(desk, asked, query)


def test_dense_hits_below_the_least_score_are_left_out(desk: Desk) -> None:
    asked = config(retrieval__min_score=0.99)
    *_, exact, filled = desk.live().search(QUESTION, asked)
    assert exact.ranking.hits == filled.ranking.hits == ()


# The newest wins


def test_a_newer_search_ends_the_older_and_keeps_what_it_embedded(
    desk_of: Callable[..., Desk],
) -> None:
    encoder = GatedEncoder()
    desk = desk_of(corpus(30), encoder)
    live = desk.live()
    encoder.gate.clear()
    older = live.search(QUESTION, config())
    while encoder.arrived._value == 0:
        pass
    newer = live.search(QUESTION, config(chunking__size=20))
    encoder.gate.set()
    kinds = [result.kind for result in older]
    assert "exact" not in kinds
    assert older.superseded
    assert [result.kind for result in newer][-1] == "filled"
    encoded = desk.models.encoder(config()).n_encoded
    assert encoded > len(Spaces(desk.store, desk.models).trial(
        config(chunking__size=20)).snapshot.chunks)  # fmt: skip


def test_cancelling_ends_the_search_and_another_goes_on_from_there(
    desk_of: Callable[..., Desk],
) -> None:
    encoder = GatedEncoder()
    live = desk_of(corpus(30), encoder).live()
    encoder.gate.clear()
    run = live.search(QUESTION, config())
    while encoder.arrived._value == 0:
        pass
    live.cancel()
    encoder.gate.set()
    assert live.flush(20)
    assert [result.kind for result in run][-1] == "preview"
    again = live.search(QUESTION, config()).latest
    assert again is not None
    assert again.n_embedded > 0


@pytest.mark.parametrize("seed", range(5))
def test_no_result_mixes_configurations_or_kinds_whatever_is_cancelled_when(
    desk_of: Callable[..., Desk], seed: int
) -> None:
    """Searches come at random moments; every result is wholly of its configuration and kind."""
    rng = np.random.default_rng(seed)
    desk = desk_of(corpus(10, seed=seed))
    live = desk.live()
    sizes = [8, 12, 16, 20]
    asked = {s: config(chunking__size=s, retrieval__k=5) for s in sizes}
    seen: list[LiveResult] = []
    live.subscribe(seen.append)
    for _ in range(25):
        size = int(rng.choice(sizes))
        live.search(QUESTION, asked[size])
        if rng.random() < 0.2:
            live.cancel()
        live.flush(float(rng.random() * 0.02))
    live.search(QUESTION, asked[sizes[0]])
    assert live.flush(20)
    by_print = {c.fingerprint(): c for c in asked.values()}
    query = Query(query_id="live", text=QUESTION)
    vector = desk.models.encoder(config()).encode_queries([QUESTION])[0]
    for result in seen:
        own = by_print[result.fingerprint]
        truth = {c.chunk_id: c for c in Spaces(desk.store, desk.models).trial(own).snapshot.chunks}
        assert all(truth[chunk.chunk_id] == chunk for chunk in result.chunks)
        if result.kind != "preview":
            texts = [chunk.indexed_text for chunk in result.chunks]
            exact = desk.models.encoder(own).encode_documents(texts) @ vector
            assert [hit.score for hit in result.ranking.hits] == pytest.approx(exact, abs=2e-6)
        if result.kind == "filled":
            assert shown(result) == full_index(desk, own, query)


def test_listeners_hear_only_the_newest_and_can_stop_listening(desk: Desk) -> None:
    live, heard = desk.live(), []
    end = live.subscribe(heard.append)
    live.search(QUESTION, config())
    live.search(QUESTION, config(chunking__size=20))
    live.flush(20)
    last = config(chunking__size=20).fingerprint()
    first = [result.fingerprint for result in heard].index(last)
    assert {result.fingerprint for result in heard[first:]} == {last}
    assert live.latest() == heard[-1]
    end()
    n_heard = len(heard)
    list(live.search(QUESTION, config()))
    assert len(heard) == n_heard


def test_a_result_that_comes_behind_a_newer_search_is_not_shown(desk: Desk) -> None:
    """Between the last check of an older search and its telling, a newer one may have come."""
    live, heard = desk.live(), []
    older = live.search(QUESTION, config())
    late = older.latest
    assert late is not None
    live.search(QUESTION, config(chunking__size=20))
    live.flush(20)
    live.subscribe(heard.append)
    live._tell(older, late)
    assert heard == []
    assert live.latest() != late


def test_a_listener_may_search(desk: Desk) -> None:
    live, heard = desk.live(), []

    def listen(result: LiveResult) -> None:
        heard.append(result.fingerprint)
        if result.kind == "exact" and result.fingerprint == config().fingerprint():
            live.search(QUESTION, config(chunking__size=20))

    live.subscribe(listen)
    live.search(QUESTION, config())
    assert live.flush(20)
    assert live.flush(20)
    assert heard[-1] == config(chunking__size=20).fingerprint()


# What cannot be


class NoTokens:
    """An encoder without token vectors."""

    def __init__(self) -> None:
        self._inner = HashingEncoder()
        for name in ("model_version", "dimension", "max_tokens", "tokenizer"):
            setattr(self, name, getattr(self._inner, name))
        self.encode_documents = self._inner.encode_documents
        self.encode_queries = self._inner.encode_queries


def test_without_token_vectors_there_is_no_preview_and_each_result_says_why(
    desk_of: Callable[..., Desk],
) -> None:
    desk = desk_of(encoder=NoTokens())
    live = desk.live(prepared=False)
    assert "offers no token vectors" in live.prepare(config())
    results = list(live.search(QUESTION, config()))
    assert [result.kind for result in results] == ["exact", "filled"]
    assert all("offers no token vectors" in result.reason for result in results)
    assert shown(results[0]) == full_index(desk, config(), Query(query_id="live", text=QUESTION))


def test_documents_without_token_vectors_are_counted_in_the_reason(desk: Desk) -> None:
    live = desk.live(prepared=False)
    results = list(live.search(QUESTION, config()))
    assert [result.kind for result in results] == ["exact", "filled"]
    assert results[0].reason.startswith("6 documents have no token vectors yet (")
    assert live.prepare(config()) == ""
    assert next(iter(live.search(QUESTION, config(chunking__size=20)))).kind == "preview"


def test_an_error_in_the_background_is_raised_to_who_looks(
    desk_of: Callable[..., Desk],
) -> None:
    class Failing(ContextEncoder):
        def encode_documents(self, texts: Sequence[str], *, progress: object = None) -> object:
            raise ChunkingError("out of order")

        def encode_queries(self, texts: Sequence[str]) -> object:
            return HashingEncoder().encode_documents(texts)

    live = desk_of(encoder=Failing()).live()
    run = live.search(QUESTION, config())
    with pytest.raises(ChunkingError, match="out of order"):
        list(run)
    with pytest.raises(ChunkingError, match="out of order"):
        live.flush(20)
    with pytest.raises(ChunkingError, match="out of order"):
        run.wait()


def test_approximate_search_and_late_chunking_are_refused(desk: Desk) -> None:
    live = desk.live()
    with pytest.raises(ConfigError, match=r"index.ann is 'ivf_pq'"):
        live.search(QUESTION, config(index__ann="ivf_pq"))
    with pytest.raises(ConfigError, match="late_chunking is on"):
        live.search(QUESTION, config(embedding__late_chunking=True))


@pytest.mark.parametrize("risk", [0.0, 1.0, -1.0])
def test_a_risk_is_between_none_and_all(desk: Desk, risk: float) -> None:
    with pytest.raises(ConfigError, match="risk between 0 and 1"):
        Live(desk.store, desk.models, risk=risk)


def test_an_empty_store_gives_empty_results(desk_of: Callable[..., Desk]) -> None:
    for mode in MODES:
        results = list(desk_of([]).live().search(QUESTION, config(retrieval__mode=mode)))
        assert [result.ranking.hits for result in results] == [()] * len(results)
        assert results[-1].n_chunks == 0
