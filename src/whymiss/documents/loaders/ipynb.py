"""Jupyter notebooks, read as data; nothing in them is ever run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from whymiss.documents.encoding import decode
from whymiss.documents.parsed import Parsed, clean, first_heading
from whymiss.documents.tables import fenced
from whymiss.errors import DocumentError

_OUTPUT_CHARS = 4000
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def load(data: bytes, name: str) -> Parsed:
    """Markdown cells as they are, code cells and their text outputs in fences."""
    try:
        notebook = json.loads(clean(decode(data).text))
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"not a notebook: {error}") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise DocumentError("not a notebook of format 4: it has no list of cells")
    language = _language(notebook)
    warnings: list[str] = []
    blocks: list[str] = []
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict):
            raise DocumentError(f"not a notebook: cell {number} is no object")
        blocks += _cell_blocks(cell, number, language, warnings)
    text = clean("\n\n".join(blocks) + "\n")
    return Parsed(
        text=text,
        syntax="markdown",
        title=first_heading(text),
        metadata={"language": language, "cells": len(cells)},
        warnings=tuple(warnings),
    )


def _cell_blocks(
    cell: dict[str, Any], number: int, language: str, warnings: list[str]
) -> Iterator[str]:
    source = _joined(cell.get("source"))
    if cell.get("cell_type") != "code":
        if source.strip():
            yield source.strip("\n")
        return
    if source.strip():
        yield fenced(source, language)
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        shown = _ANSI.sub("", _output_text(output)) if isinstance(output, dict) else ""
        if len(shown) > _OUTPUT_CHARS:
            warnings.append(f"cell {number}: output cut after {_OUTPUT_CHARS} characters")
            shown = shown[:_OUTPUT_CHARS]
        if shown.strip():
            yield fenced(shown, "text")
        elif output:
            warnings.append(f"cell {number}: an output without text was left out")


def _output_text(output: dict[str, Any]) -> str:
    if output.get("output_type") == "error":
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    bundle = output.get("data")
    if isinstance(bundle, dict):
        return _joined(bundle.get("text/markdown") or bundle.get("text/plain"))
    return _joined(output.get("text"))


def _joined(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and re.fullmatch(r"[\w+#.-]{1,30}", name) else "python"
