"""Token vectors beside the documents: added, stated, missing, stale, erased."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.embedding import TokenStore
from whymiss.protocols import TokenVectors
from whymiss.records import Document, Query, Trace
from whymiss.reranking import EncodedTokens, LateInteractionReranker
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

OFF = PipelineConfig().replace({"rerank.model": ""})
TEXTS = {
    "refunds": "Refunds take ten days.",
    "plans": "Annual plans include phone support.",
    "seats": "A seat is for one person.",
}


class InContext(HashingEncoder):
    """Token vectors that depend on the whole text, and a count of the tokens it was asked for."""

    n_read = 0

    def document_tokens(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> list[TokenVectors]:
        found = HashingEncoder.document_tokens(self, texts, progress=progress)
        InContext.n_read += sum(map(len, found))
        for tokens in found:
            tokens.vectors[:, 3] += np.log1p(len(tokens)) / 20
        return found


class Pooling(HashingEncoder):
    """Offers token vectors, and cannot give them after all."""

    @property
    def no_token_vectors_because(self) -> str:
        return "it pools by the first token"

    def document_tokens(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("was asked for token vectors")


class Plain:
    """An encoder of somebody's own, without token vectors."""

    model_version, dimension, max_tokens = "plain-1", 64, 256
    tokenizer = HashingEncoder().tokenizer

    def encode_documents(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None
    ) -> Any:
        return HashingEncoder().encode_documents(texts, progress=progress)

    def encode_queries(self, texts: Sequence[str]) -> Any:
        return self.encode_documents(texts)


def documents(**texts: str) -> list[Document]:
    return [
        Document(doc_id=doc_id, text=text, allowed=["*"])
        for doc_id, text in {**TEXTS, **texts}.items()
    ]


def opened(place: Path, encoder: Any = None, **fields: Any) -> Workbench:
    return whymiss.open(place / "store", encoder=encoder or HashingEncoder(), **fields)


def kept(place: Path, encoder: Any = None) -> set[str]:
    version = (encoder or HashingEncoder()).model_version
    return TokenStore(place / "store" / "tokens", version).hashes()


def hashes(of: Sequence[Document]) -> set[str]:
    return {document.content_hash for document in of}


def stages(trace: Trace) -> list[str]:
    return [ranking.stage for ranking in trace.rankings]


def test_ingest_keeps_the_tokens_of_every_document(tmp_path: Path) -> None:
    with opened(tmp_path) as wb:
        report = wb.ingest(documents())
        # Words and full stops: 5 + 6 + 7.
        assert (report.tokens.n_documents, report.tokens.n_tokens) == (3, 18)
        assert report.notes == ()
        assert wb.ingest(documents()).tokens.n_documents == 0
    assert kept(tmp_path) == hashes(documents())


def test_the_size_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    told: list[tuple[str, int, int, int]] = []
    InContext.n_read = 0

    def listen(what: str, done: int, total: int) -> None:
        told.append((what, done, total, InContext.n_read))

    with opened(tmp_path, InContext()) as wb:
        plan = wb.ingest(documents(), progress=listen).tokens
    steps = [step for step in told if step[0].startswith("tokens")]
    assert steps[0] == (f"tokens, {plan.n_bytes / 1e6:.1f} MB", 0, 18, 0)
    assert steps[-1][1:3] == (18, 18)


def test_a_changed_document_alone_is_read_again_and_its_old_tokens_go(tmp_path: Path) -> None:
    with opened(tmp_path, InContext()) as wb:
        wb.ingest(documents())
        InContext.n_read = 0
        edited = documents(seats="A seat is for two.")
        assert wb.ingest(edited).tokens.n_documents == 1
        assert InContext.n_read == 6
    assert kept(tmp_path, InContext()) == hashes(edited)


def test_tokens_of_removed_documents_go_and_a_purge_leaves_none(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / f"{name}.txt").write_text(text)
    with opened(tmp_path) as wb:
        wb.ingest(folder, allowed=["*"])
        (folder / "seats.txt").unlink()
        wb.ingest(folder)
        left = set(wb.documents["content_hash"])
        assert len(left) == 2
        assert kept(tmp_path) == left
        # Tokens that no document has any more, however they came there, do not survive a purge.
        stray = Document(doc_id="stray", text="The launch code is heliotrope.")
        TokenStore(tmp_path / "store" / "tokens", "hashing-64").build([stray], HashingEncoder())
        wb.purge()
        assert kept(tmp_path) == left


def test_deleted_tokens_go_also_where_nothing_reads_tokens_any_more(tmp_path: Path) -> None:
    with opened(tmp_path) as wb:
        wb.ingest(documents())
        wb.ingest(documents(seats="A seat is for two."), config=OFF)
    assert kept(tmp_path) == hashes(documents()[:2])


def test_without_late_interaction_nothing_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path, config=OFF) as wb:
        assert wb.ingest(documents()).tokens.n_documents == 0
        assert "rerank" not in stages(wb.ask("refunds"))
    assert not (tmp_path / "store" / "tokens").exists()


def test_what_is_not_stored_is_encoded_and_the_trace_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, config=OFF) as wb:
        wb.ingest(documents())
        maxsim = PipelineConfig()
        slow = wb.ask("How long do refunds take?", config=maxsim)
        assert "no stored tokens" in slow.flags
        assert wb.evaluate([question()], config=maxsim).table["flags"][0] == slow.flags
        wb.build(maxsim)
        fast = wb.ask("How long do refunds take?", config=maxsim)
        assert "no stored tokens" not in fast.flags
        # Tokens of this encoder are the same in any company.
        assert fast.rankings == slow.rankings


def question() -> whymiss.evaluation.Question:
    return whymiss.evaluation.Question(
        query=Query(query_id="q", text="How long do refunds take?"), documents=["refunds"]
    )


def test_an_interrupted_ingest_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whymiss.embedding.token_store._TOKENS_PER_COMMIT", 1)

    def stop(what: str, done: int, _: int) -> None:
        if what.startswith("tokens") and done > 5:
            raise KeyboardInterrupt("stop")

    with opened(tmp_path, InContext()) as wb, pytest.raises(KeyboardInterrupt, match="stop"):
        wb.ingest(documents(), progress=stop)
    assert 0 < len(kept(tmp_path, InContext())) < 3
    with opened(tmp_path, InContext()) as wb:
        assert wb.ask("refunds").rankings
        report = wb.ingest(documents())
        assert 0 < report.tokens.n_documents < 3
        assert report.n_embedded == 0
    assert kept(tmp_path, InContext()) == hashes(documents())


def test_a_corpus_too_large_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whymiss.models.TokenStore", partial(TokenStore, max_bytes=100))
    with opened(tmp_path) as wb:
        report = wb.ingest(documents())
        (note,) = report.notes
        assert note.startswith(
            "no token vectors are kept of 3 documents (18 tokens): it would take"
        )
        assert "encodes their chunks while a question waits" in note
        trace = wb.ask("How long do refunds take?")
        assert "rerank" in stages(trace)
        assert "no stored tokens" in trace.flags


@pytest.mark.parametrize(
    ("encoder", "why"),
    [(Plain(), "encoder plain-1 offers no token vectors"), (Pooling(), "it pools by the first")],
)
def test_an_encoder_without_token_vectors_is_no_failure(
    tmp_path: Path, encoder: Any, why: str
) -> None:
    with opened(tmp_path, encoder) as wb:
        (note,) = wb.ingest(documents()).notes
        assert f"does not run: {why}" in note
        trace = wb.ask("How long do refunds take?")
        assert stages(trace) == ["dense", "bm25", "fuse", "select"]
        run = wb.evaluate([question()])
        assert run.table["n_hits"][0] == 3


def test_a_chunk_of_an_earlier_text_never_reads_tokens_of_the_newer(tmp_path: Path) -> None:
    config = PipelineConfig().replace({"index.name": "lines", "chunking.strategy": "custom:lines"})
    newer = "Nothing is left of what stood here before, not even refunds."
    with opened(tmp_path, config=config, chunkers={"lines": lambda t: t.split("\n")}) as wb:
        wb.ingest(documents())
    with opened(tmp_path) as wb:
        wb.ingest(documents(refunds=newer))
        trace = wb.ask("How long do refunds take?", config=config)
        by_id = {chunk.chunk_id: chunk for chunk in wb.space(config).snapshot.chunks}
    assert "stale chunk" in trace.flags
    assert "no stored tokens" in trace.flags
    reranked = next(r for r in trace.rankings if r.stage == "rerank")
    encoder = HashingEncoder()
    alone = LateInteractionReranker(encoder, EncodedTokens(encoder))
    query = Query(query_id="q", text="How long do refunds take?")
    (stale,) = [hit for hit in reranked.hits if hit.doc_id == "refunds"]
    assert by_id[stale.chunk_id].text == TEXTS["refunds"]
    assert stale.parts["rerank"] == alone.scores(query, [by_id[stale.chunk_id]])[0]


def test_trying_a_configuration_out_adds_the_tokens_it_reads(tmp_path: Path) -> None:
    with opened(tmp_path, config=OFF) as wb:
        wb.ingest(documents())
        wb.sweep([question()], {"rerank.model": ["", "maxsim"]}, measures=["doc_recall@1"])
    assert kept(tmp_path) == hashes(documents())


# Late chunking


LATE = PipelineConfig().replace({"embedding.late_chunking": True, "index.name": "late"})
LONG = "# Terms\n\n" + "\n\n".join(
    f"## Part {i}\n\n{text} {'Every word counts here. ' * 30}"
    for i, text in enumerate(TEXTS.values())
)


def test_late_chunks_are_means_of_tokens_read_in_their_document(tmp_path: Path) -> None:
    encoder = InContext()
    long = Document(doc_id="terms", text=LONG, allowed=["*"])
    with opened(tmp_path, encoder, config=LATE) as wb:
        wb.ingest([long])
        snapshot = wb.space().snapshot
    assert snapshot.manifest.model_version == "late hashing-64"
    assert len(snapshot) > 2
    (tokens,) = encoder.document_tokens([LONG])
    offsets = tokens.offsets
    for chunk, vector in zip(snapshot.chunks, snapshot.vectors, strict=True):
        inside = (offsets.ends > chunk.start) & (offsets.starts < chunk.end)
        (prefix,) = encoder.document_tokens([chunk.prefix])
        total = tokens.vectors[inside].astype(float).sum(axis=0)
        total += prefix.vectors.astype(float).sum(axis=0)
        assert vector == pytest.approx(total / np.linalg.norm(total), abs=1e-3)


def test_late_and_exact_vectors_stand_in_indexes_of_their_own(tmp_path: Path) -> None:
    exact = PipelineConfig()
    with opened(tmp_path, InContext()) as wb:
        wb.ingest(documents())
        wb.build(LATE)
        for config, version in ((exact, "hashing-64"), (LATE, "late hashing-64")):
            trace = wb.ask("How long do refunds take?", config=config)
            assert trace.model_version == version
            assert trace.rankings[-1].hits[0].doc_id == "refunds"
        one, other = (wb.space(config).snapshot.vectors for config in (exact, LATE))
        assert not np.allclose(one, other, atol=1e-3)
        wrong = LATE.replace({"index.name": "main"})
        with pytest.raises(whymiss.errors.IndexMismatchError, match="late_chunking is False there"):
            wb.ask("refunds", config=wrong)
        # Tried out in memory it is the index that is stored.
        tried = wb._spaces.trial(LATE.replace({"index.name": "other"})).snapshot
        assert np.array_equal(tried.vectors, other)
        # Brought up to date with the others, by the same way.
        wb.ingest(documents(seats="A seat is for two."))
        assert wb.space(LATE).snapshot.manifest.model_version == "late hashing-64"
        assert not wb.space(LATE).stale_documents()


def test_late_chunking_cuts_nothing_off(tmp_path: Path) -> None:
    whole = LATE.replace({"chunking.strategy": "document"})
    long = Document(doc_id="terms", text="word " * 900, allowed=["*"])
    with opened(tmp_path, config=whole) as wb:
        assert wb.ingest([long]).built[0].truncated == ()
        exact = whole.replace({"embedding.late_chunking": False, "index.name": "exact"})
        assert len(wb.build(exact).truncated) == 1


def test_a_chunk_without_tokens_is_encoded_by_itself(tmp_path: Path) -> None:
    silent = Document(doc_id="silent", text="\u200b\u200b", allowed=["*"])
    with opened(tmp_path, config=LATE) as wb:
        wb.ingest([silent, *documents()])
        snapshot = wb.space().snapshot
        row = next(row for row, chunk in enumerate(snapshot.chunks) if chunk.doc_id == "silent")
        expected = HashingEncoder().encode_documents([silent.text])[0]
        assert snapshot.vectors[row] == pytest.approx(expected)


def test_late_chunking_needs_token_vectors(tmp_path: Path) -> None:
    with (
        opened(tmp_path, Plain(), config=LATE) as wb,
        pytest.raises(
            whymiss.errors.ModelError, match=r"late_chunking needs .* plain-1 offers none"
        ),
    ):
        wb.ingest(documents())


def test_an_index_of_before_late_chunking_is_an_exact_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs = PipelineConfig.index_knobs
    with monkeypatch.context() as earlier:
        earlier.setattr(
            PipelineConfig,
            "index_knobs",
            lambda self: {k: v for k, v in knobs(self).items() if k != "embedding.late_chunking"},
        )
        with opened(tmp_path) as wb:
            wb.ingest(documents())
    with opened(tmp_path) as wb:
        assert wb.ingest(documents()).n_embedded == 0
        assert wb.ask("How long do refunds take?").rankings[-1].hits[0].doc_id == "refunds"
