"""What several rooms' tests share: spaces in memory, a pipeline over them, hostile strings."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from whymiss.config import EmbeddingConfig, PipelineConfig, RerankConfig
from whymiss.embedding import locate_model
from whymiss.index import Catalogue, Manifest, Snapshot
from whymiss.pipeline import Pipeline
from whymiss.records import Chunk, Document
from whymiss.retrieval import SearchSpace
from whymiss.testing import HashingEncoder, RegexTokenizer
from whymiss.workbench import open as open_workbench

HELPDESK = Path(__file__).parents[1] / "data" / "helpdesk"

# Two busy cores make one example slow now and then; that is no failure.
settings.register_profile(
    "whymiss", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("whymiss")

_LINES = r"""
' OR '1'='1
1=0) OR (1=1
'; DROP TABLE documents; --
" OR ""="
\' OR 1=1 --
' UNION SELECT *
) OR true --
x' AND 1=0
/* */
--
#
;
''
""
'
"
`
``
$$
%
_
a%
_b
a_b
*
?
[a-z]
[!a]
{a,b}
*.md
../../etc/passwd
..\..\windows
\
\\
\n
\x00
\u0000
%00
%27
&#39;
&quot;
&lt;
<script>alert(1)</script>
${x}
{{7*7}}
#{x}
{x}
{0}
%s
%(a)s
%d
$1
?1
:name
@name
null
NULL
None
nan
NaN
inf
Infinity
undefined
True
False
[]
{}
["a"]
{"eq": "a"}
{"$ne": null}
{"op":"ne"}
(a, b)
a,b
a;b
a&b
a|b
a||b
a AND b
a or b
NOT a
a IN (b)
a IS NULL
LIKE 'a%'
a BETWEEN b AND c
eq
ne
in
lt
doc_id
chunk_id
allowed
array_has(allowed, 'x')
CAST(1 AS TEXT)
sleep(9)
$(id)
`id`
; id
a\|id
~
^
!
!a
|
-
-a
--help
+
.
..
a.b
a/b
a\b
a:b
a@b
a=
a>b
a<b
= a
== a
annual
monthly
annual'--
annual\
annual%
annual*
"""
HOSTILE: tuple[str, ...] = tuple(
    dict.fromkeys(
        s
        for s in (
            *_LINES.splitlines(),
            *("a\nb", "a\r\nb", "a\tb", "\x00", "a\x00b", "\x1b[31mred", "\x7f", "\x85"),
            *(
                "a\u2028b",
                "а\u043fnual",
                "annua\u217c",
                "ａｎｎｕａｌ",
                "annual\u200b",
                "an\u00adnual",
            ),
            *("\u202elaunna", "e\u0301", "\u00e9", "ﬁnance", "finance", "Finance", "FINANCE"),
            *("ſtaff", "staff", "K", "\u212a", "ß", "ss", "İ", "i\u0307", "👩‍👩‍👧", "\U0010ffff"),
            *("\ufffe", "\ufeffa", "a b", "a  b", "a\u00a0b", "'" * 2000),
            *("(" * 500 + ")" * 500, "long " * 2000 + "end"),
        )
        if s
    )
)
"""Strings that would leave a value's place if any of them ever reached a parser. None reads as a
number, so that the literal comparison is Python's own comparison of texts."""


@pytest.fixture(scope="session")
def helpdesk_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the bundled corpus under the packaged model; a test that writes to it copies it.

    It is itself a copy of the one that WHYMISS_HELPDESK_STORE names, as `make test` does, brought
    up to date; without one, everything is read and embedded here, which takes about a minute.
    """
    store = tmp_path_factory.mktemp("helpdesk") / "store"
    if ready := os.environ.get("WHYMISS_HELPDESK_STORE"):
        shutil.copytree(ready, store)
    with open_workbench(store) as workbench:
        workbench.ingest(HELPDESK / "docs")
    return store


@pytest.fixture(scope="session")
def hostile_strings() -> tuple[str, ...]:
    assert len(HOSTILE) >= 150
    return HOSTILE


@pytest.fixture(params=HOSTILE, ids=[f"{i}" for i in range(len(HOSTILE))])
def hostile(request: pytest.FixtureRequest) -> str:
    """Each of the hostile strings in turn."""
    return str(request.param)


def pieces(document: Document, size: int) -> list[Chunk]:
    """Chunks of `size` words; metadata "section:WORD" is given to the chunk that holds WORD."""
    text, chunks = document.text, []
    places = [(text.index(w, at), w) for w, at in _words(text)]
    for first in range(0, len(places), size):
        some = places[first : first + size]
        start, end = some[0][0], some[-1][0] + len(some[-1][1])
        body = text[start:end]
        chunks.append(
            Chunk(
                chunk_id=f"{document.doc_id}:{start}",
                doc_id=document.doc_id,
                start=start,
                end=end,
                text=body,
                n_tokens=len(some) + 2,
                parent_start=start,
                parent_end=end,
            )
        )
    return chunks


def _words(text: str) -> list[tuple[str, int]]:
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        found.append((word, at))
        at += len(word)
    return found


def build_space(
    documents: Sequence[Document],
    *,
    size: int = 1000,
    sections: dict[str, dict[str, Any]] | None = None,
    encoder: HashingEncoder | None = None,
) -> SearchSpace:
    """A search space in memory; `sections` gives chunks (by id) metadata of their own."""
    encoder = encoder or HashingEncoder()
    chunks = sorted(
        (chunk for document in documents for chunk in pieces(document, size)),
        key=lambda c: (c.doc_id, c.start, c.chunk_id),
    )
    chunks = [replace(c, metadata=(sections or {}).get(c.chunk_id, {})) for c in chunks]
    states = {d.doc_id: d.content_hash for d in documents}
    snapshot = Snapshot(
        name="main",
        version=1,
        manifest=Manifest(
            knobs={}, model_version=encoder.model_version, dimension=encoder.dimension
        ),
        chunks=tuple(chunks),
        vectors=encoder.encode_documents([c.indexed_text for c in chunks]),
        states={c.doc_id: states[c.doc_id] for c in chunks},
    )
    catalogue = Catalogue(
        version=1,
        documents={d.doc_id: replace(d, text="") for d in documents},
        content_hashes=states,
        row_hashes={},
        states=states,
    )
    return SearchSpace(snapshot, catalogue)


@pytest.fixture(scope="session")
def space_of() -> Callable[..., SearchSpace]:
    """`space_of(documents, size=words per chunk)`: a search space without a store."""
    return build_space


@pytest.fixture(scope="session")
def pipeline_of() -> Callable[..., Pipeline]:
    """`pipeline_of(documents, knobs)`: a whole pipeline without a store."""

    def make(
        documents: Sequence[Document],
        knobs: dict[str, Any] | None = None,
        *,
        size: int = 1000,
        **parts: Any,
    ) -> Pipeline:
        by_id = {d.doc_id: d for d in documents}
        return Pipeline(
            config=PipelineConfig().replace(knobs),
            space=parts.pop("space", None) or build_space(documents, size=size),
            encoder=HashingEncoder(),
            read_documents=lambda ids: {i: by_id[i] for i in ids if i in by_id},
            query_hash=lambda text: f"hash of {len(text)}",
            **parts,
        )

    return make


@pytest.fixture(scope="session")
def tokenizer() -> RegexTokenizer:
    return RegexTokenizer()


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every workbench of this test encode with the fast double, also in the command line."""
    monkeypatch.setattr("whymiss.models.SentenceTransformersEncoder", lambda _: HashingEncoder())


@pytest.fixture(scope="session")
def make_cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`make_cross_encoder(num_labels=1, safe=True)`: a tiny cross-encoder with random weights.

    No packaged one exists; this one has the packaged model's tokenizer and safetensors weights.
    """

    def make(num_labels: int = 1, *, safe: bool = True, **config: Any) -> Path:
        import torch
        from transformers import BertConfig, BertForSequenceClassification

        folder = tmp_path_factory.mktemp("cross-encoder")
        packaged = locate_model(EmbeddingConfig()).folder
        for name in (
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
            "special_tokens_map.json",
        ):
            if (packaged / name).is_file():
                shutil.copy(packaged / name, folder / name)
        n_words = len(json.loads((packaged / "tokenizer.json").read_text())["model"]["vocab"])
        torch.manual_seed(7)
        shape: dict[str, Any] = {
            "vocab_size": n_words, "hidden_size": 32, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 128,
            # Wide weights, so that scores of different texts lie well apart.
            "initializer_range": 0.3,
        }  # fmt: skip
        model = BertForSequenceClassification(BertConfig(**shape, num_labels=num_labels, **config))
        if safe:
            model.save_pretrained(folder)
        else:
            model.config.save_pretrained(folder)
            torch.save(model.state_dict(), folder / "pytorch_model.bin")
        return folder

    return make


@pytest.fixture(scope="session")
def cross_encoder_config(make_cross_encoder: Callable[..., Path]) -> RerankConfig:
    return RerankConfig(model=str(make_cross_encoder()))
