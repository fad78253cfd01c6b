"""HTML tables as rectangles of text, with spanning cells spread over what they span."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bs4 import Tag

_WIDTH = 200


def grid(table: Tag, text_of: Callable[[Tag], str]) -> list[list[str]]:
    """The rows of a table, its header rows merged into one.

    A cell that spans rows or columns is repeated in each, so that every row reads by itself; one
    that spans the whole width stands once. Rows of nested tables belong to their cell.
    """
    rows: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column -> rows still covered from above, text
    n_header = 0
    for tr in _own_rows(table):
        cells = list(tr.find_all(["td", "th"], recursive=False))
        if not cells:
            continue
        rows.append(_row(cells, hanging, text_of))
        is_header = tr.parent is not None and tr.parent.name == "thead"
        if is_header or all(cell.name == "th" for cell in cells):
            n_header += n_header == len(rows) - 1
    if not 1 < n_header < len(rows):
        return rows
    return [_merged(rows[:n_header]), *rows[n_header:]]


def _own_rows(table: Tag) -> Iterator[Tag]:
    for child in table.find_all(["tr", "thead", "tbody", "tfoot"], recursive=False):
        if child.name == "tr":
            yield child
        else:
            yield from child.find_all("tr", recursive=False)


def _row(
    cells: list[Tag], hanging: dict[int, tuple[int, str]], text_of: Callable[[Tag], str]
) -> list[str]:
    row: list[str] = []
    is_alone = len(cells) == 1 and not hanging
    for cell in cells:
        _take_hanging(row, hanging)
        text = text_of(cell)
        columns, down = _span(cell, "colspan"), _span(cell, "rowspan")
        for offset in range(min(columns, _WIDTH - len(row))):
            shown = text if offset == 0 or not is_alone else ""
            if down > 1:
                hanging[len(row)] = (down - 1, shown)
            row.append(shown)
    _take_hanging(row, hanging)
    return row


def _take_hanging(row: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    while len(row) in hanging:
        left, text = hanging.pop(len(row))
        if left > 1:
            hanging[len(row)] = (left - 1, text)
        row.append(text)


def _span(cell: Tag, attribute: str) -> int:
    value = str(cell.get(attribute) or "1").strip()
    return max(1, min(int(value), 1000)) if value.isdecimal() and len(value) < 9 else 1


def _merged(rows: list[list[str]]) -> list[str]:
    width = max(len(row) for row in rows)
    columns = ([row[i] for row in rows if i < len(row) and row[i]] for i in range(width))
    return [" ".join(dict.fromkeys(column)) for column in columns]
