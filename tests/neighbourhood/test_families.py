"""Versions and copies of one thing, and what only looks like them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.neighbourhood import Neighbourhood
from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.marks import named, stated

GroundOf = Callable[..., Ground]

RULES = (
    "Staff may carry {n} days of leave into the next year when the manager agrees to it in March"
)
OUTAGE = "On that morning the {what} stopped for an hour because a disk was full and nobody saw it"


@pytest.mark.parametrize(
    ("name", "stem", "numbers"),
    [
        ("plans/support_tiers_v3.md", "plans support tiers", (3,)),
        ("Leave policy 2026", "leave policy", (2026,)),
        ("docs/2.14/api.html", "docs api", (2, 14)),
        ("price-list-2026-01.csv", "price list", (2026, 1)),
        ("minutes_20260314.txt", "minutes", (2026, 3, 14)),
        ("White paper, edition 7", "white paper", (7,)),
        ("guide.v2.md", "guide", (2,)),
        ("v1_to_v2_migration.md", "v1 to migration", (2,)),
        ("part-2.md", "part 2", None),
        ("error_4012.md", "error 4012", None),
        ("ipv6.md", "ipv6", None),
        ("2026.md", "2026", None),
    ],
)
def test_a_name_is_taken_apart_into_stem_and_mark(
    name: str, stem: str, numbers: tuple[int, ...] | None
) -> None:
    found = named(name)

    assert found.stem == stem
    assert (found.mark.numbers if found.mark else None) == numbers


@given(st.text(max_size=40))
def test_any_name_has_a_stem_or_nothing_visible(name: str) -> None:
    found = named(name)
    if found.mark is not None:
        assert found.stem


def test_metadata_state_versions_in_whatever_type() -> None:
    version, since = stated({"version": 2.1, "valid_from": "2026-01-01"})

    assert version is not None
    assert since is not None
    assert (version.numbers, since.numbers) == ((2, 1), (2026, 1, 1))
    assert stated({"version": True, "valid_from": "soon"}) == (None, None)


def families(ground_of: GroundOf, texts: Mapping[str, str], **more: Any) -> pd.DataFrame:
    return Neighbourhood(ground_of(texts, **more)).families


def about(**fields: Any) -> dict[str, Any]:
    return {"metadata": fields}


THREE = {"leave_v1.md": "One rule", "leave_v2.md": "Another text", "leave_v10.md": "The third"}


def test_versions_are_told_by_name_and_metadata_and_put_in_order(ground_of: GroundOf) -> None:
    marks = {name: about(version=name[6:-3], status="superseded") for name in THREE}
    marks["leave_v10.md"] = about(version="v10", status="current")
    (row,) = families(ground_of, THREE, about=marks).to_dict("records")

    assert row["members"] == ("leave_v1.md", "leave_v2.md", "leave_v10.md")
    assert (row["relation"], row["ordered_by"]) == ("versions", "version")
    assert row["evidence"].startswith("name 3 of 3, metadata 3 of 3")
    assert row["current"] == "leave_v10.md"
    assert row["current_because"] == "the only one that is not superseded"


def test_without_metadata_versions_are_told_by_name_and_text(ground_of: GroundOf) -> None:
    texts = {f"leave_{year}.md": RULES.format(n=year % 10) for year in (2025, 2026, 2024)}
    (row,) = families(ground_of, texts).to_dict("records")

    assert row["members"] == ("leave_2024.md", "leave_2025.md", "leave_2026.md")
    assert (row["ordered_by"], row["current"]) == ("name", "leave_2026.md")
    assert row["current_because"] == "the last by name"


def test_two_events_with_dates_in_their_names_are_no_versions(ground_of: GroundOf) -> None:
    texts = {
        "outage_2026_03_14.md": OUTAGE.format(what="sync"),
        "outage_2026_08_02.md": "Webhooks were late on this day, as a certificate had expired.",
        "faq.md": "Invoices are sent by mail.",
    }
    apart = {"outage_2026_03_14.md": [1.0, 0.5], "outage_2026_08_02.md": [1.0], "faq.md": [0, 1.0]}

    assert len(families(ground_of, texts, vectors=apart)) == 0
    years = {
        name.replace("_03_14", "").replace("2026_08_02", "2025"): t for name, t in texts.items()
    }
    near = dict(zip(years, apart.values(), strict=True))
    # The same with years: each other's nearest, and so one thing in two years.
    assert families(ground_of, years, vectors=near)["members"].tolist() == [
        ("outage_2025.md", "outage_2026.md")
    ]


@pytest.mark.parametrize(
    "names",
    [("part-1.md", "part-2.md"), ("sso_saml.md", "sso_oidc.md"), ("a/faq.md", "b/faq.md"),
     ("a/faq_v1.md", "b/faq_v2.md"), ("guide_v2.md", "guide_2024.md")],
)  # fmt: skip
def test_names_that_differ_in_more_than_a_mark_are_no_versions(
    ground_of: GroundOf, names: tuple[str, str]
) -> None:
    texts = dict(zip(names, ("Rules for signing in.", "How to sign in."), strict=True))
    same = {name: [1.0] for name in names}
    marks = {names[0]: about(version="1"), names[1]: about(version="2")}

    assert len(families(ground_of, texts, vectors=same, about=marks)) == 0


def test_copies_under_other_names_are_a_family_without_an_order(ground_of: GroundOf) -> None:
    texts = {"faq.md": RULES, "help.md": RULES.replace("March", "April"), "x.md": OUTAGE}
    (row,) = families(ground_of, texts).to_dict("records")

    assert row["members"] == ("faq.md", "help.md")
    assert (row["relation"], row["ordered_by"], row["current"]) == ("copies", "not told", "")
    assert "nothing puts them in order" in row["current_because"]


def succession(ground_of: GroundOf, **fields: Any) -> pd.DataFrame:
    texts = {"api_reference.md": "Pages of two hundred.", "openapi.yaml": "Pages of a hundred.",
             "faq.md": "Cats."}  # fmt: skip
    marks = {"api_reference.md": about(status="superseded", version="1.9"),
             "openapi.yaml": about(**fields)}  # fmt: skip
    return families(
        ground_of, texts, about=marks,
        vectors={"api_reference.md": [1.0], "openapi.yaml": [1.0, 0.2], "faq.md": [0.0, 1.0]},
    )  # fmt: skip


def test_a_superseded_page_belongs_to_the_one_that_took_its_place(ground_of: GroundOf) -> None:
    (row,) = succession(ground_of, status="current", version="2.0").to_dict("records")

    assert row["members"] == ("api_reference.md", "openapi.yaml")
    assert row["evidence"] == "metadata 1 of 1, neighbours 1 of 1"
    assert row["current"] == "openapi.yaml"


@pytest.mark.parametrize(
    "fields", [{"status": "current"}, {"status": "superseded", "version": "2"}]
)
def test_a_neighbour_that_states_no_later_version_did_not_take_its_place(
    ground_of: GroundOf, fields: dict[str, str]
) -> None:
    assert len(succession(ground_of, **fields)) == 0


def test_where_all_are_superseded_none_is_current(ground_of: GroundOf) -> None:
    marks = {name: about(version=name[6:-3], status="superseded") for name in THREE}
    (row,) = families(ground_of, THREE, about=marks).to_dict("records")

    assert (row["current"], row["current_because"]) == ("", "all are superseded")


def test_links_say_which_two_belong_together_and_why(ground_of: GroundOf) -> None:
    texts = {"leave_2024.md": RULES, "leave_2025.md": RULES, "faq.md": OUTAGE}
    (row,) = Neighbourhood(ground_of(texts)).links.to_dict("records")

    assert (row["family"], row["doc_id"], row["other_doc_id"]) == (
        "leave_2024.md", "leave_2024.md", "leave_2025.md"
    )  # fmt: skip
    assert row["evidence"] == ("name", "text", "neighbours")
    assert row["containment"] == 1
