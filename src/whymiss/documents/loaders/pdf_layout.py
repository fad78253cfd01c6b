"""From the lines of a PDF page to headings, paragraphs and tables.

Two readings of a page are combined: one in the order it was written, with size and height of every
piece, and one laid out in columns of characters, where the cells of a table stand apart by gaps.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from whymiss.documents.loaders.pdf_page import LIGATURES, Page, masked
from whymiss.documents.tables import pipe_table

_GAP = re.compile(r"\s{2,}")
_BULLETS = "•▪◦‣●■–∙*·\x7f\uf0b7\uf0a7-"  # \x7f: how some writers encode a bullet
_BULLET = re.compile(rf"^[{_BULLETS}]\s+")
_ITEM = re.compile(rf"^(?:[{_BULLETS}]|\(?\d{{1,2}}[.)]|\(?[a-z]\))\s+\S")
_LABEL = re.compile(r"[^\w\s]|\(?\d{1,2}[.)]|\(?[a-z]\)")
_HEADING_CHARS = 150
_PROSE_CHARS = 25


def page_blocks(page: Page, sizes: Counter[float], running: set[str]) -> Iterator[str]:
    """Markdown blocks of one page."""
    headings = _headings(page, sizes)
    lines = [line for line in page.lines if masked(line) not in running]
    if page.is_turned or _has_prose_columns(page, lines):
        # Laid out, columns of prose stand side by side; in the order of writing they do not.
        written = page.plain.translate(LIGATURES).split("\n")
        lines = [" ".join(line.split()) for line in written if masked(line) not in running]
        yield from _flow(lines, headings, {})
    else:
        yield from _flow(lines, headings, _heights(page))


def _key(text: str) -> str:
    return "".join(text.split())


def _headings(page: Page, sizes: Counter[float]) -> dict[str, int]:
    """Spaceless text of lines in larger type than the body, with their level."""
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    larger = sorted(
        (s for s in sizes if s >= body * 1.15 and sizes[s] < sum(sizes.values()) / 4), reverse=True
    )
    levels = {size: min(rank, 5) for rank, size in enumerate(larger, start=1)}
    return {
        _key(text): levels[size]
        for _, size, text in page.written_lines
        if size in levels and len(text) <= _HEADING_CHARS and re.search(r"[^\W\d_]{2}", text)
    }


def _heights(page: Page) -> dict[str, float]:
    """Height of each piece by its spaceless text, where that is unmistakable."""
    heights: dict[str, float] = {}
    repeated: set[str] = set()
    for piece in page.pieces:
        key = _key(piece.text.translate(LIGATURES))
        if key in heights and abs(heights[key] - piece.y) > 1:
            repeated.add(key)
        heights[key] = piece.y
    return {key: y for key, y in heights.items() if key not in repeated}


def _cells(line: str) -> list[tuple[int, str]]:
    """Cells of a laid out line with the column of characters each begins at."""
    cells, start = [], 0
    for gap in [*_GAP.finditer(line), None]:
        end = gap.start() if gap else len(line)
        if line[start:end].strip():
            lead = len(line[start:end]) - len(line[start:end].lstrip())
            cells.append((start + lead, line[start:end].strip()))
        start = gap.end() if gap else end
    if len(cells) > 1 and _LABEL.fullmatch(cells[0][1]):
        # A bullet or a number and its text are one cell, however far they stand apart.
        (column, label), (_, text), *rest = cells
        return [(column, f"{label} {text}"), *rest]
    return cells


def _has_prose_columns(page: Page, lines: Sequence[str]) -> bool:
    """Whether prose stands in several columns side by side.

    Told by where long pieces begin, or, for files written word by word, by long cells in a row.
    """
    long = [p for p in page.pieces if len(p.text.strip()) >= 35 and p.text.count(" ") > 3]
    starts = Counter(round(piece.x / 20) for piece in long)
    many = sorted(start for start, count in starts.items() if count >= 8)
    if many and many[-1] - many[0] >= 5 and len(long) > 0.4 * len(page.written_lines):
        return True
    filled = [cells for line in lines if (cells := _cells(line))]
    split = [cells for cells in filled if len(cells) > 1]
    prose = [
        cells
        for cells in split
        if sum(len(t) >= _PROSE_CHARS and t.count(" ") > 2 for _, t in cells) > 1
    ]
    return len(prose) >= 10 and len(prose) > 0.5 * len(split) and len(split) > 0.4 * len(filled)


def _flow(
    lines: Sequence[str], headings: dict[str, int], heights: dict[str, float]
) -> Iterator[str]:
    widest = max((len(line.strip()) for line in lines), default=0)
    paragraph: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        table_end = _table_end(lines, index, headings) if heights else index
        level = headings.get(_key(line), 0)
        ends_here = paragraph and _ends_paragraph(paragraph[-1], line, widest)
        if (table_end > index or level or not line or ends_here) and paragraph:
            yield _joined(paragraph)
            paragraph = []
        if table_end > index:
            yield _table([line for line in lines[index:table_end] if line.strip()], heights)
            index = table_end
            continue
        if level:
            # A heading over several lines is one heading.
            while index + 1 < len(lines) and headings.get(_key(lines[index + 1])) == level:
                index += 1
                line = f"{line} {lines[index].strip()}"
            yield f"{'#' * level} {' '.join(line.split())}"
        elif line:
            paragraph.append(line)
        index += 1
    if paragraph:
        yield _joined(paragraph)


def _ends_paragraph(before: str, line: str, widest: int) -> bool:
    is_short = len(before) < widest * 0.7
    return bool(_ITEM.match(line)) or (is_short and before[-1:] in ".:!?;")


def _joined(lines: Sequence[str]) -> str:
    r"""Lines of a paragraph as one, words put together that were cut at the line's end."""
    text = ""
    for line in lines:
        line = " ".join(line.split())
        if re.search(r"[a-zß-ÿ]-$", text) and re.match(r"[a-zß-ÿ]", line):
            text = text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return _BULLET.sub("- ", text)


def _table_end(lines: Sequence[str], start: int, headings: dict[str, int]) -> int:
    """End of the table that begins at a line; `start` where none does.

    A table is at least two lines with the same columns, cells two or more, of which single lines in
    between are continuations as long as they stay within one column.
    """
    head = _cells(lines[start])
    if len(head) < 2:
        return start
    columns = [column for column, _ in head]
    end, full = start + 1, 1
    for index in range(start + 1, len(lines)):
        cells = _cells(lines[index])
        if not cells:
            if index > start + 1 and not lines[index - 1].strip():
                break
            continue
        if headings.get(_key(lines[index])) or not _aligned(cells, columns):
            break
        if len(cells) == 1 and not _fits_column(cells[0], columns):
            break
        full += len(cells) > 1
        end = index + 1
    return end if full >= 2 else start


def _aligned(cells: Sequence[tuple[int, str]], columns: Sequence[int]) -> bool:
    near = sum(any(abs(column - c) <= 2 for c in columns) for column, _ in cells)
    # Numbers are set to the right: their left edges wander.
    numeric = sum(bool(re.match(r"^[-+(€$£]?\s?[\d.,]+", text)) for _, text in cells)
    return near + numeric >= len(cells) * 0.6 and len(cells) <= len(columns) + 1


def _fits_column(cell: tuple[int, str], columns: Sequence[int]) -> bool:
    index = _column(cell[0], columns)
    end = columns[index + 1] if index + 1 < len(columns) else cell[0] + len(cell[1])
    return cell[0] + len(cell[1]) <= end


def _column(position: int, columns: Sequence[int]) -> int:
    return min(range(len(columns)), key=lambda i: abs(columns[i] - position))


def _table(lines: Sequence[str], heights: dict[str, float]) -> str:
    """Lines as a pipe table; lines of one row are told by the smaller distance between them."""
    split = [_cells(line) for line in lines]
    columns = [column for column, _ in max(split, key=len)]
    tops = [
        next((heights[_key(text)] for _, text in cells if _key(text) in heights), None)
        for cells in split
    ]
    pitch = _line_pitch(tops)
    rows: list[list[str]] = []
    for index, cells in enumerate(split):
        row = [""] * len(columns)
        for position, text in cells:
            column = _column(position, columns)
            row[column] = f"{row[column]} {text}".strip()
        above, here = tops[index - 1] if index else None, tops[index]
        measured = above is not None and here is not None and pitch > 0
        close = measured and above - here < pitch  # type: ignore[operator]
        if rows and (close if measured else not row[0]):
            rows[-1] = [
                _joined([a, b]) if a and b else a or b for a, b in zip(rows[-1], row, strict=True)
            ]
        else:
            rows.append(row)
    return pipe_table(rows)


def _line_pitch(tops: Sequence[float | None]) -> float:
    """The distance that parts rows from lines within a row; 0 where all are alike."""
    steps = sorted(
        a - b for a, b in itertools.pairwise(tops) if a is not None and b is not None and a - b > 1
    )
    if not steps or steps[-1] < steps[0] * 1.25:
        return 0.0
    return (steps[0] * 1.12) if steps else 0.0
