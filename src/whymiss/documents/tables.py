"""Tables as Markdown pipe tables, in one place for all loaders."""

from __future__ import annotations

import re
from collections.abc import Sequence


def cell_text(text: str) -> str:
    r"""One line that cannot break out of its cell.

    >>> cell_text("a | b\nc")
    'a \\| b c'
    """
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def pipe_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a pipe table, the first one its header; short rows are filled with empty cells.

    Empty rows and columns that are empty throughout are left out.

    >>> print(pipe_table([["plan", "price"], ["Solo", "12"]]))
    | plan | price |
    | --- | --- |
    | Solo | 12 |
    """
    width = max((len(row) for row in rows), default=0)
    cells = [[cell_text(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    cells = [row for row in cells if any(row)]
    used = [column for column in range(width) if any(row[column] for row in cells)]
    lines = ["| " + " | ".join(row[column] for column in used) + " |" for row in cells]
    if not lines:
        return ""
    return "\n".join([lines[0], "|" + " --- |" * len(used), *lines[1:]])


def fenced(code: str, language: str = "") -> str:
    """Code in a fence longer than any run of backticks inside it.

    >>> print(fenced("x = 1", "python"))
    ```python
    x = 1
    ```
    """
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"
