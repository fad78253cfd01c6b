"""Delimited tables: every row becomes a line that can be understood without the others."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence

from whymiss.documents.encoding import decode
from whymiss.documents.loaders.text import notes
from whymiss.documents.parsed import Parsed, clean, title_from_name
from whymiss.errors import DocumentError

_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_LINES = 50
_FIELD_CHARS = 10_000_000


def load(data: bytes, name: str) -> Parsed:
    r"""A title line, then one line `Header: value; Header: value` a row; empty cells are left out.

    >>> load(b"plan;price\nSolo;12\n", "prices.csv").text
    'Prices\n\nplan: Solo; price: 12\n'
    """
    decoded = decode(data)
    warnings, problems = notes(decoded)
    text = clean(decoded.text)
    rows = read_rows(text)
    if not rows:
        raise DocumentError("the table has no rows")
    header, body, ragged = rows[0], rows[1:], 0
    lines = []
    for row in body:
        ragged += len(row) != len(header)
        lines.append(row_line(header, row))
    if ragged:
        warnings = (*warnings, f"{ragged} of {len(body)} rows are not as long as the header")
    if not body:
        lines = ["; ".join(header)]
        warnings = (*warnings, "the table has a header and no rows")
    title = title_from_name(name)
    return Parsed(
        text="\n".join([title, "", *lines, ""]),
        title=title,
        metadata={"rows": len(body), "columns": len(header)},
        warnings=warnings,
        problems=problems,
    )


def read_rows(text: str) -> list[list[str]]:
    """Rows with something in them, cells on one line and stripped.

    Raises
    ------
    DocumentError : the csv module cannot read it (a cell beyond ten million characters).
    """
    csv.field_size_limit(_FIELD_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text))
    try:
        rows = [[" ".join(cell.split()) for cell in row] for row in reader]
    except csv.Error as error:
        raise DocumentError(f"not a delimited table: {error}") from error
    return [row for row in rows if any(row)]


def delimiter(text: str) -> str:
    r"""The separator that cuts the first rows into the same number of cells, the more the better.

    >>> delimiter("a|b, c\n1|2\n")
    '|'
    """
    sample = "\n".join(text.splitlines()[:_SAMPLE_LINES])

    def quality(candidate: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(io.StringIO(sample), delimiter=candidate) if row]
        if not widths or max(widths) < 2:
            return (0.0, 0)
        usual = statistics.mode(widths)
        return (widths.count(usual) / len(widths) if usual > 1 else 0.0, usual)

    return max(_DELIMITERS, key=quality)


def row_line(header: Sequence[str], row: Sequence[str]) -> str:
    """One row as `Header: value; …`; cells beyond the header are kept under "column n"."""
    pairs = []
    for index, cell in enumerate(row):
        named = header[index] if index < len(header) and header[index] else f"column {index + 1}"
        if cell:
            pairs.append(f"{named}: {cell}")
    return "; ".join(pairs)
