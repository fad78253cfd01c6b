"""Corpora in the layout of BEIR."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from whymiss.documents import documents_from_jsonl
from whymiss.errors import ConfigError, DocumentError

GOOD = '{"_id": "d1", "title": "Refunds", "text": "Ten days.", "metadata": {"a": {"b": 1}}}\n'


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_every_line_becomes_a_document_with_the_permission_given(tmp_path: Path, name: str) -> None:
    text = (GOOD + "\n" + '{"_id": "d2", "text": "x"}').encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    first, second = documents_from_jsonl(tmp_path / name, allowed=["*"])
    assert (first.doc_id, first.title, first.text) == ("d1", "Refunds", "Ten days.")
    assert dict(first.metadata) == {"a.b": 1}
    assert first.source == f"{tmp_path / name}:1"
    assert (second.doc_id, second.source) == ("d2", f"{tmp_path / name}:3")
    assert second.allowed == ("*",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "line 2: Expecting"),
        ("[1]", "line 2: needs an object; got list"),
        ('{"_id": 7, "text": "x"}', "line 2: '_id' must be text; got 7"),
        ('{"_id": "d2"}', "line 2: 'text' must be text; got None"),
        ('{"_id": "d1", "text": "x"}', "line 2: the _id 'd1' came before"),
        ('{"_id": "d2", "text": "x", "metadata": 7}', "line 2: 'metadata' must be an object"),
        ('{"_id": " ", "text": "x"}', "line 2: Document needs a doc_id"),
    ],
)
def test_a_broken_line_is_named_after_the_good_ones_were_given(
    tmp_path: Path, line: str, reason: str
) -> None:
    (tmp_path / "corpus.jsonl").write_text(GOOD + line)
    documents = documents_from_jsonl(tmp_path / "corpus.jsonl", allowed=[])
    assert next(documents).doc_id == "d1"
    with pytest.raises(DocumentError, match=reason):
        next(documents)


def test_a_cut_archive_and_a_missing_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(GOOD.encode())[:-8])
    with pytest.raises(DocumentError, match="after line"):
        list(documents_from_jsonl(tmp_path / "c.jsonl.gz", allowed=[]))
    with pytest.raises(DocumentError, match="No such file"):
        list(documents_from_jsonl(tmp_path / "none.jsonl", allowed=[]))
    with pytest.raises(ConfigError, match="allowed must be a list"):
        documents_from_jsonl(tmp_path / "none.jsonl", allowed="*")
