"""Chunkings side by side, against counting by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from whymiss.config import PipelineConfig
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.chunkings import CHUNKINGS, chunkings_frame
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk, Document
from whymiss.testing import HashingEncoder, RegexTokenizer
from whymiss.workbench import open as open_workbench

TEXT = """Intro words here.

| plan | price |
|---|---|
| Solo | 12 |
| Crew | 29 |

End of it.
"""
TABLE = TEXT.index("| plan"), TEXT.index("\n\nEnd")
DOCUMENT = Document(doc_id="d", text=TEXT, allowed=["*"])


def chunks(*spans: tuple[int, int], doc_id: str = "d", **fields: int) -> list[Chunk]:
    return [
        Chunk(chunk_id=f"{start}", doc_id=doc_id, start=start, end=end, text=TEXT[start:end],
              n_tokens=fields.get("n_tokens", 9), n_truncated=fields.get("n_truncated", 0),
              parent_start=start, parent_end=end)
        for start, end in spans
    ]  # fmt: skip


def row(frame: pd.DataFrame, name: str) -> dict[str, object]:
    (found,) = frame[frame["chunking"] == name].to_dict(orient="records")
    return found


def test_a_table_is_whole_where_one_chunk_holds_all_of_it() -> None:
    start, end = TABLE
    crew = TEXT.index("| Crew")
    frame = chunkings_frame(
        DOCUMENT,
        {
            "whole": chunks((0, start), (start, end), (end, len(TEXT))),
            "halved": chunks((0, crew), (crew, len(TEXT))),
            "a row short": chunks((0, start), (start, crew), (end, len(TEXT))),
            "of another document": chunks((start, end), doc_id="other"),
            "none": [],
        },
    )
    assert tuple(frame.columns) == CHUNKINGS
    assert frame["tables_whole"].tolist() == [1, 0, 0, 0, 0]
    assert set(frame["n_tables"]) == {1}
    assert frame["n_chunks"].tolist() == [3, 2, 3, 0, 0]
    # The row about Crew is in no chunk; without chunks the whole text is one gap.
    assert frame["n_gaps"].tolist() == [0, 0, 1, 1, 1]
    assert pd.isna(row(frame, "none")["tokens_median"])


def test_evidence_counts_as_whole_only_where_the_encoder_reads_it() -> None:
    span = EvidenceSpan(doc_id="d", start=TEXT.index("End"), end=TEXT.index("End") + 3)
    elsewhere = EvidenceSpan(doc_id="other", start=0, end=3)
    short = chunks((0, len(TEXT)), n_tokens=30, n_truncated=25)
    frame = chunkings_frame(
        DOCUMENT,
        {"read": chunks((0, len(TEXT))), "not read": short},
        evidence=[span, elsewhere],
        tokenizer=RegexTokenizer(),
    )
    assert frame["n_evidence"].tolist() == [1, 1]
    assert frame["evidence_whole"].tolist() == [1, 0]
    assert frame[["n_truncated", "n_unread"]].values.tolist() == [[0, 0], [1, 25]]


def test_chunkers_can_be_held_side_by_side(tmp_path: object) -> None:
    with open_workbench(f"{tmp_path}/store", encoder=HashingEncoder()) as wb:
        wb.ingest([DOCUMENT])
        ways = {
            name: wb.live.chunks_of("d", PipelineConfig().replace(chunking__strategy=name))
            for name in ("heading", "document")
        }
        frame = chunkings_frame(wb.document("d"), ways, tokenizer=wb.encoder().tokenizer)
    assert frame["tables_whole"].tolist() == [1, 1]
    assert (frame["tokens_least"] <= frame["tokens_median"]).all()
    assert (frame["tokens_median"] <= frame["tokens_most"]).all()


def test_chunks_of_another_text_are_refused() -> None:
    other = Document(doc_id="d", text="Something else that is long enough for all of it.")
    with pytest.raises(InvalidRecordError, match="does not hold what 'd' says"):
        chunkings_frame(other, {"one": chunks((0, 9))})
