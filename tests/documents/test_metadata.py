"""Front matter and sidecars, and that every doubt closes a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from whymiss.documents import FileReport, read_file
from whymiss.documents.metadata import flatten, parse_json, parse_yaml, settle, split_front_matter
from whymiss.documents.parsed import Stated
from whymiss.records import Document


def read(
    folder: Path, text: str, sidecar: str = "", *, end: str = "yaml"
) -> tuple[FileReport, Document]:
    (folder / "a.md").write_text(text)
    if sidecar:
        (folder / f"a.md.meta.{end}").write_text(sidecar)
    report = read_file(folder / "a.md", allowed=["default"])
    assert report.document is not None
    return report, report.document


def test_front_matter_becomes_metadata_and_the_body_stays_as_it_is(tmp_path: Path) -> None:
    report, document = read(
        tmp_path,
        "---\ntitle: Refunds\nallowed: [staff, admins]\nupdated: 2026-05-04\n"
        "owner: {team: Ledger, since: 2024-01-02}\ntags: [a, b]\n---\n\n# Heading\n",
    )
    assert report.status == "ok"
    assert document.text == "\n# Heading\n"
    assert document.title == "Refunds"
    assert document.allowed == ("admins", "staff")
    assert document.modified == "2026-05-04"
    assert dict(document.metadata) == {
        "owner.team": "Ledger",
        "owner.since": "2024-01-02",
        "tags": ("a", "b"),
    }


@pytest.mark.parametrize(("end", "text"), [("yaml", "plan: b"), ("json", '{"plan": "b"}')])
def test_the_sidecar_wins_key_by_key(tmp_path: Path, end: str, text: str) -> None:
    _, document = read(tmp_path, "---\nplan: a\nterm: year\n---\nx", text, end=end)
    assert dict(document.metadata) == {"plan": "b", "term": "year"}
    assert document.allowed == ("default",)


def test_a_document_without_permissions_is_readable_by_nobody_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    report = read_file(tmp_path / "a.md")
    assert report.document is not None
    assert report.document.allowed == ()
    assert report.warnings == ("no permission stated: readable by nobody",)


@pytest.mark.parametrize("stated", ["allowed:", "allowed: []", "allowed: null"])
def test_an_empty_permission_is_nobody_and_not_the_default(tmp_path: Path, stated: str) -> None:
    report, document = read(tmp_path, f"---\n{stated}\n---\nx")
    assert report.status == "ok"
    assert document.allowed == ()


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ("allowed: *", 'write "*" in quotes'),
        ("allowed: [a, *b]", "aliases"),
        ("allowed: 7", "a name or a list of names"),
        ("allowed: no", "a name or a list of names"),
        ("allowed: {a: b}", "a name or a list of names"),
        ('allowed: ""', "a name or a list of names"),
        ('allowed: "*"\nallowed: staff', "is given twice"),
        ('Allowed: "*"\nallowed: staff', "'allowed' is stated twice"),
        ("allowed: [staff", "not YAML"),
        ('- allowed\n- "*"\nx: y', "not YAML"),
        ("x: &x [y]\nallowed: *x", "aliases"),
        ("x: " + "[" * 3000, "not YAML"),
        ("x: " + "y" * 70_000, "longer than"),
    ],
)
@pytest.mark.parametrize("place", ["front matter", "sidecar"])
def test_broken_metadata_closes_the_document(
    tmp_path: Path, front: str, reason: str, place: str
) -> None:
    text, sidecar = (f"---\n{front}\n---\nx", "") if place == "front matter" else ("x", front)
    report, document = read(tmp_path, text, sidecar)
    assert report.status == "partial"
    assert reason in report.reason
    assert report.reason.endswith("therefore readable by nobody")
    assert document.allowed == ()


def test_a_capital_letter_in_the_key_does_not_open_a_document(tmp_path: Path) -> None:
    _, document = read(tmp_path, "---\nALLOWED: staff\n---\nx")
    assert document.allowed == ("staff",)


def test_front_matter_that_is_never_closed_closes_the_document(tmp_path: Path) -> None:
    report, document = read(tmp_path, "---\nallowed: staff\n\nText without an end.")
    assert "never closed" in report.reason
    assert document.allowed == ()
    assert document.text.startswith("---\nallowed")


def test_a_broken_front_matter_is_not_healed_by_a_sidecar(tmp_path: Path) -> None:
    _, document = read(tmp_path, "---\nallowed: [\n---\nx", 'allowed: "*"')
    assert document.allowed == ()


def test_two_sidecars_close_the_document(tmp_path: Path) -> None:
    (tmp_path / "a.md.meta.yaml").write_text('allowed: "*"')
    report, document = read(tmp_path, "x", '{"allowed": "staff"}', end="json")
    assert "both claim this file" in report.reason
    assert document.allowed == ()


def test_rules_around_prose_are_no_front_matter() -> None:
    text = "---\nJust a thought\n---\nand more"
    assert split_front_matter(text) == (Stated(), text)
    assert split_front_matter("---\n\nprose") == (Stated(), "---\n\nprose")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', "[1]", '"x"', "{", "[" * 9000])
def test_json_that_is_no_plain_object_is_an_error(text: str) -> None:
    assert parse_json(text, "x.meta.json").error


def test_values_that_no_table_can_hold_become_text() -> None:
    flat = flatten({"big": 1 << 70, "inf": float("inf"), "list": [{"a": 1}], "none": None})
    assert flat == {"big": str(1 << 70), "inf": "inf", "list": ['{"a": 1}'], "none": None}


def test_metadata_nested_without_end_closes_the_document() -> None:
    deep: dict[str, object] = {}
    for _ in range(50):
        deep = {"a": deep}
    facts = settle(Stated(values={**deep, "allowed": "*"}), Stated())
    assert facts.allowed == ()
    assert "nested deeper" in facts.error


def test_an_empty_sidecar_says_nothing() -> None:
    assert parse_yaml("# only a comment", "x") == Stated()
