"""Cross-encoders by folder: scored as the model alone scores, or refused clearly and offline."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import whymiss
from whymiss.config import DEFAULT_MODEL, PipelineConfig, RerankConfig
from whymiss.errors import ModelError
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Document, Query
from whymiss.reranking import CrossEncoderReranker
from whymiss.testing import HashingEncoder

pytestmark = pytest.mark.model

QUERY = Query(query_id="q", text="How long do refunds take?")
TEXTS = ["Refunds take ten days.", "Phone support is annual.", "Seats cost nine euros.", "FW-1042"]


def chunk(text: str, prefix: str = "") -> Chunk:
    return Chunk(
        chunk_id=text, doc_id="d", start=0, end=len(text), text=text, n_tokens=9, prefix=prefix,
        parent_start=0, parent_end=len(text),
    )  # fmt: skip


def scores_of_the_model_alone(folder: Path, pairs: list[tuple[str, str]]) -> list[float]:
    """Straight through transformers, one pair at a time: no batches, no padding, no wrapper."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scores = []
    with torch.no_grad():
        for question, passage in pairs:
            logits = model(**tokenizer(question, passage, return_tensors="pt")).logits
            scores.append(float(torch.sigmoid(logits)[0, 0]))
    return scores


def test_scores_and_order_are_those_of_the_model(make_cross_encoder: Callable[..., Path]) -> None:
    folder = make_cross_encoder()
    reranker = CrossEncoderReranker(RerankConfig(model=str(folder)))
    expected = scores_of_the_model_alone(folder, [(QUERY.text, "Plans\n" + t) for t in TEXTS])
    assert max(expected) - min(expected) > 1e-3
    found = reranker.scores(QUERY, [chunk(text, prefix="Plans\n") for text in TEXTS])
    assert found == pytest.approx(expected, abs=1e-5)
    assert reranker.scores(QUERY, []) == []
    assert isinstance(reranker, Reranker)
    assert reranker.model_version.startswith(folder.name + "@")


def test_a_workbench_reranks_by_the_configured_folder(
    make_cross_encoder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_cross_encoder()
    config = PipelineConfig().replace(
        {"rerank.model": str(folder), "rerank.depth": 3, "rerank.blend": "replace",
         "chunking.heading_prefix": False, "retrieval.mode": "dense"}
    )  # fmt: skip
    with whymiss.open(tmp_path, config=config, encoder=HashingEncoder()) as wb:
        wb.ingest(Document(doc_id=f"d{i}", text=t, allowed=["*"]) for i, t in enumerate(TEXTS))
        trace = wb.ask(QUERY.text, answer=False)
    dense, reranked = trace.ranking("dense"), trace.ranking("rerank")
    assert dense
    assert reranked
    read = [hit.doc_id for hit in dense.hits[:3]]
    scores = scores_of_the_model_alone(folder, [(QUERY.text, TEXTS[int(d[1:])]) for d in read])
    expected = [d for _, d in sorted(zip(scores, read, strict=True), reverse=True)]
    assert [hit.doc_id for hit in reranked.hits] == [*expected, dense.hits[3].doc_id]
    assert "rerank" in trace.seconds


def test_a_model_with_two_outputs_is_refused(make_cross_encoder: Callable[..., Path]) -> None:
    reranker = CrossEncoderReranker(RerankConfig(model=str(make_cross_encoder(2))))
    for texts in (TEXTS, TEXTS[:1]):
        with pytest.raises(ModelError, match="gives 2 scores for a pair; a reranker needs one"):
            reranker.scores(QUERY, [chunk(t) for t in texts])


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Any attempt to look up a name or connect, kept for the test to see."""
    attempts: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        attempts.append(args)
        raise OSError("the network is off in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return attempts


def test_a_missing_model_is_told_without_touching_the_network(no_network: list[object]) -> None:
    with pytest.raises(
        ModelError, match=r"rerank\.model 'no/such-model' cannot be used.*rerank\.allow_download"
    ):
        CrossEncoderReranker(RerankConfig(model="no/such-model"))
    assert no_network == []


def test_an_embedding_model_is_no_cross_encoder() -> None:
    # It would load, with a last layer of random numbers, and shuffle every ranking.
    with pytest.raises(
        ModelError, match=r"is not a cross-encoder: its config.json names BertModel"
    ):
        CrossEncoderReranker(RerankConfig(model=DEFAULT_MODEL))


def test_weights_that_can_run_code_are_not_read(make_cross_encoder: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=r"has no \.safetensors weights"):
        CrossEncoderReranker(RerankConfig(model=str(make_cross_encoder(safe=False))))


@pytest.mark.parametrize("damage", ["weights", "config", "no config"])
def test_a_damaged_model_is_told(make_cross_encoder: Callable[..., Path], damage: str) -> None:
    folder = make_cross_encoder()
    if damage == "weights":
        (folder / "model.safetensors").write_bytes(b"\x08" + bytes(7) + b"{broken}")
    elif damage == "config":
        (folder / "config.json").write_text("{broken")
    else:
        (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"cannot be (used|loaded)"):
        CrossEncoderReranker(RerankConfig(model=str(folder))).scores(QUERY, [chunk("a")])


def test_a_model_without_architecture_is_refused(make_cross_encoder: Callable[..., Path]) -> None:
    folder = make_cross_encoder()
    settings = json.loads((folder / "config.json").read_text())
    for kinds in (None, [], ["BertModel"]):
        (folder / "config.json").write_text(json.dumps({**settings, "architectures": kinds}))
        with pytest.raises(ModelError, match="is not a cross-encoder"):
            CrossEncoderReranker(RerankConfig(model=str(folder)))
