"""Whether one version of a table can be used: opened, and read to its end."""

from __future__ import annotations

from typing import Any, Final

LANCE_ERRORS: Final = (OSError, RuntimeError, ValueError)
"""What LanceDB raises for files that are damaged or gone, among other things."""


def opens(db: Any, table_name: str, version: int) -> bool:
    """Whether the manifest of a version can be read."""
    try:
        table = db.open_table(table_name)
        table.checkout(version)
        # A manifest full of zeros opens, as an empty version 0.
        return int(table.version) == version
    except LANCE_ERRORS:
        return False


def reads(db: Any, table_name: str, version: int) -> bool:
    """Whether every row of a version can be read, and every vector index be searched."""
    if not opens(db, table_name, version):
        return False
    try:
        table = db.open_table(table_name)
        table.checkout(version)
        for _ in table.search().to_batches():
            pass
        for index in table.list_indices():
            for column in index.columns:
                some = [1.0] * table.schema.field(column).type.list_size
                table.search(some, vector_column_name=column).limit(1).to_arrow()
    except LANCE_ERRORS:
        return False
    return True
