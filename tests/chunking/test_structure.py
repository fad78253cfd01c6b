"""Outlines of hand-written documents in every syntax."""

from __future__ import annotations

import pytest

from whymiss.chunking import outline
from whymiss.chunking.structure import Outline
from whymiss.chunking.structure.markdown import split_attributes
from whymiss.errors import ChunkingError


def paths(found: Outline) -> list[str]:
    return [" > ".join(section.path) for section in found.sections]


def kinds(found: Outline) -> list[str]:
    return [block.kind for block in found.blocks]


MARKDOWN = """\
Plans
=====

Intro.

## Annual *tier* {#annual .paid plan_type=annual note="two words"}

| Limit | Fleet |
|---|---|
| Seats | 5 |
| Depots | 40 |

- one
- two
  - three

> ## Quoted

```
# not a heading
```

Under
-----

    indented
"""


def test_markdown_has_sections_attributes_and_blocks() -> None:
    found = outline(MARKDOWN, "markdown")
    assert paths(found) == ["Plans", "Plans > Annual *tier*", "Plans > Under"]
    assert dict(found.sections[1].attributes) == {
        "id": "annual",
        "class": "paid",
        "plan_type": "annual",
        "note": "two words",
    }
    assert kinds(found) == [
        *("heading", "paragraph", "heading", "table", "list", "blockquote", "code"),
        *("heading", "code"),
    ]


def test_markdown_tables_and_lists_know_their_rows_and_items() -> None:
    found = outline(MARKDOWN, "markdown")
    table, items = found.blocks[3], found.blocks[4]
    # The header stays with the first row; the only cut is before the second.
    assert [MARKDOWN[cut:].split("\n")[0] for cut in table.cuts[0]] == ["| Depots | 40 |"]
    assert [MARKDOWN[cut:].split("\n")[0] for cut in items.cuts[0]] == ["- two"]
    assert [MARKDOWN[cut:].split("\n")[0].strip() for cut in items.cuts[1]] == ["- two", "- three"]


@pytest.mark.parametrize(
    ("written", "title", "attributes"),
    [
        ("Plain", "Plain", {}),
        ("GET /jobs/{id}", "GET /jobs/{id}", {}),
        ("Set {x y}", "Set {x y}", {}),
        ("Set {}", "Set {}", {}),
        ("A {k='v w' .a .b}", "A", {"k": "v w", "class": ("a", "b")}),
        ("A {k=2026.10}", "A", {"k": "2026.10"}),
        ("A {k=\"\"}", "A", {"k": ""}),
        ("`code` and **bold** [link](x)", "code and bold link", {}),
    ],
)  # fmt: skip
def test_a_heading_gives_up_its_attribute_list_and_nothing_else(
    written: str, title: str, attributes: dict[str, object]
) -> None:
    assert split_attributes(written) == (title, attributes)


RST = """\
=======
 Title
=======

Intro.

.. _first:

First
-----

Example::

   # Not
   -----

.. function:: f(x)

   Body of f.

   .. versionadded:: 3

+---+---+
| a | b |
+===+===+
| 1 | 2 |
+---+---+
| 3 | 4 |
+---+---+

=====  =====
A      B
=====  =====
1      2
3      4
=====  =====

* one
* two
  more

Deep
~~~~

Text.

Second :mod:`os`
----------------

-----

End.
"""


def test_rst_ranks_headings_by_first_use_and_keeps_bodies_with_their_lines() -> None:
    found = outline(RST, "rst")
    assert paths(found) == ["Title", "Title > First", "Title > First > Deep", "Title > Second os"]
    assert kinds(found) == [
        *("heading", "paragraph", "heading", "code", "entry", "table", "table", "list"),
        *("heading", "paragraph", "heading", "paragraph", "paragraph"),
    ]
    first = found.sections[1]
    assert RST[first.start :].startswith(".. _first:")
    grid, simple = found.blocks[5], found.blocks[6]
    assert RST[grid.start : grid.end].endswith("| 3 | 4 |\n+---+---+")
    assert [RST[cut:].split("\n")[0] for cut in simple.cuts[0]] == ["3      4"]


ASCIIDOC = """\
git-x(1)
========

NAME
----
git-x - do x

OPTIONS
-------
-a::
--all::
\tTake all.
+
Even more.
+
----
verbatim::
----

-b::
\tTake b.

== Other

.Caption
|===
|A |B

|1 |2
|3 |4
|===

----
Not a title
===========
----

* one
* two
"""


def test_asciidoc_knows_both_heading_styles_and_keeps_entries_whole() -> None:
    found = outline(ASCIIDOC, "asciidoc")
    assert [section.title for section in found.sections] == ["git-x(1)", "NAME", "OPTIONS", "Other"]
    assert kinds(found) == [
        *("heading", "heading", "paragraph", "heading", "entry", "entry"),
        *("heading", "table", "code", "list"),
    ]
    entry = found.blocks[4]
    assert ASCIIDOC[entry.start : entry.end].startswith("-a::\n--all::")
    assert ASCIIDOC[entry.start : entry.end].endswith("verbatim::\n----")


PYTHON = '''\
"""Doc."""
import os

# Above.
@decorated
class A:
    """A."""

    def m(self):
        return 1

    async def n(self):
        return 2

X = 1


def f():
    def inner():
        pass
'''


def test_python_has_classes_methods_and_functions_as_sections() -> None:
    found = outline(PYTHON, "code")
    assert paths(found) == ["A", "A > m", "A > n", "f"]
    assert PYTHON[found.sections[0].start :].startswith("# Above.\n@decorated")
    assert found.section_at(PYTHON.index("X = 1")) == -1
    assert found.section_at(PYTHON.index("return 2")) == 2


@pytest.mark.parametrize("text", ["function f() {\n  a\n\n  b\n}\n\nconst x = 1\n", "(" * 3000])
def test_code_that_is_not_python_is_cut_at_unindented_lines(text: str) -> None:
    found = outline(text, "code")
    assert found.sections == ()
    assert [text[b.start : b.end].split("\n")[0] for b in found.blocks] == [
        part.split("\n")[0] for part in text.strip().split("\n\n") if not part.startswith(" ")
    ]


def test_an_openapi_document_has_a_section_per_operation() -> None:
    found = outline("# API\n\n## GET /jobs/{id}\n\nOne.\n\n## POST /jobs\n\nNew.", "openapi")
    assert [section.title for section in found.sections] == ["API", "GET /jobs/{id}", "POST /jobs"]


def test_an_unknown_syntax_is_refused() -> None:
    with pytest.raises(ChunkingError, match=r"knows the syntaxes markdown.*got 'org'"):
        outline("x", "org")  # type: ignore[arg-type]
