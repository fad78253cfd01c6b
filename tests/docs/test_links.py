"""What the documents point to is there: files, headings, names of the package."""

from __future__ import annotations

import pkgutil
import re
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from markdown_files import (
    EXECUTED,
    LINKED,
    ROOT,
    anchors_of,
    code_words_of,
    headings_of,
    links_of,
    name_of,
)

_ELSEWHERE: Final = re.compile(r"[a-z]+:")
_NAME: Final = re.compile(r"whymiss(\.\w+)+")
_PATH: Final = re.compile(
    r"(?:src|tests|docs|data|notebooks|benchmarks|tools)/[\w./-]*\w(?:\.\w+|/)"
)


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(path: Path) -> None:
    broken = [link for link in links_of(path) if not leads_somewhere(path, link)]
    assert not broken, broken


def leads_somewhere(path: Path, link: str) -> bool:
    if _ELSEWHERE.match(link):
        return link.startswith("https://")
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or (target.suffix == ".md" and anchor in anchors_of(target))


def test_a_link_that_leads_nowhere_is_found_out() -> None:
    readme = ROOT / "README.md"
    assert leads_somewhere(readme, "CONTRIBUTING.md#where-things-are")
    assert not leads_somewhere(readme, "CONTRIBUTING.md#no-such-heading")
    assert not leads_somewhere(readme, "docs/no_such_file.md")
    assert not leads_somewhere(readme, "../outside.md")
    assert not leads_somewhere(readme, "http://example.com")


@pytest.mark.parametrize("path", EXECUTED, ids=name_of)
def test_names_of_the_package_are_names_of_the_package(path: Path) -> None:
    names = {word for word in code_words_of(path) if _NAME.fullmatch(word)}
    assert not [name for name in sorted(names) if not is_there(name)]


def is_there(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("path", EXECUTED, ids=name_of)
def test_paths_in_code_words_are_in_the_repository(path: Path) -> None:
    paths = {word for word in code_words_of(path) if _PATH.fullmatch(word)}
    assert not [name for name in sorted(paths) if not (ROOT / name).exists()]


def test_the_index_names_every_document() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}
    assert {path for path in EXECUTED if path.parent == index.parent} - {index} <= named


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_a_document_has_one_title_and_no_level_is_skipped(path: Path) -> None:
    levels = [level for level, _ in headings_of(path)]
    assert levels[:1] == [1]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
