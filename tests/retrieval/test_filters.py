"""Filters compare literally: nothing that a user writes is ever parsed by a database."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import whymiss
from whymiss.config import PipelineConfig
from whymiss.errors import FilterError, InvalidRecordError
from whymiss.records import Clause, Document, Query
from whymiss.retrieval import BM25Retriever, DenseRetriever, SearchSpace, parse_where, satisfies
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

ORDER = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}
OPERATORS = ("eq", "ne", "in", "lt", "le", "gt", "ge")
ALL = 10_000


def clause(op: str, value: Any, field: str = "plan") -> Clause:
    return Clause(field=field, op=op, value=[value] if op == "in" else value)  # type: ignore[arg-type]


def literal(op: str, stored: str, wanted: str) -> bool:
    """The oracle: Python's own comparison of two texts."""
    if op in ORDER:
        return bool(ORDER[op](stored, wanted))
    return (stored != wanted) if op == "ne" else (stored == wanted)


def named(i: int) -> str:
    return f"d{i:03d}"


@pytest.fixture(scope="module")
def corpus(hostile_strings: tuple[str, ...]) -> list[Document]:
    """One document per hostile string, which stands in a value, a list, a field name, a reader."""
    return [
        Document(
            doc_id=named(i),
            text=f"renewal terms number{i}",
            metadata={"plan": text, "tags": ["other", text], f"field {text}": "yes"},
            allowed=["everyone", *([text] if text.strip() else [])],
        )
        for i, text in enumerate(hostile_strings)
    ]


@pytest.fixture(scope="module")
def space(corpus: list[Document], space_of: Callable[..., SearchSpace]) -> SearchSpace:
    return space_of(corpus)


def ask(**fields: Any) -> Query:
    return Query(query_id="q", text="renewal terms", **{"principals": ("everyone",), **fields})


def found(space: SearchSpace, query: Query, **knobs: Any) -> list[set[str]]:
    """Documents found by the exact dense and the BM25 search."""
    config = PipelineConfig().replace(**knobs)
    searches = (
        DenseRetriever(space, HashingEncoder(), retrieval=config.retrieval, index=config.index),
        BM25Retriever(space, retrieval=config.retrieval),
    )
    return [{h.doc_id for h in s.search([query], depth=ALL)[0].hits} for s in searches]


@pytest.mark.parametrize("mode", ["pre", "post"])
@pytest.mark.parametrize("op", OPERATORS)
def test_a_hostile_value_is_compared_literally_by_every_operator(
    space: SearchSpace, hostile_strings: tuple[str, ...], op: str, mode: str
) -> None:
    for wanted in hostile_strings:
        expected = {named(i) for i, s in enumerate(hostile_strings) if literal(op, s, wanted)}
        for where in (
            parse_where([clause(op, wanted)]),
            parse_where({"plan": {op: clause(op, wanted).value}}),
        ):
            assert found(space, ask(where=where), retrieval__filter_mode=mode) == [expected] * 2


def test_a_hostile_text_filter_is_split_at_its_first_operator_only(
    space: SearchSpace, hostile_strings: tuple[str, ...]
) -> None:
    for wanted in hostile_strings:
        if wanted.lstrip().startswith("="):
            with pytest.raises(FilterError, match="one operator"):
                parse_where([f"plan={wanted}"])
            continue
        for symbol, op in {"=": "eq", "!=": "ne", "<=": "le", ">": "gt"}.items():
            where = parse_where([f"plan{symbol}{wanted}"])
            assert where == (Clause(field="plan", op=op, value=wanted.lstrip()),)  # type: ignore[arg-type]


def test_a_hostile_list_item_is_one_value_among_several(
    space: SearchSpace, hostile_strings: tuple[str, ...]
) -> None:
    for i, wanted in enumerate(hostile_strings):
        assert found(space, ask(where=parse_where({"tags": wanted}))) == [{named(i)}] * 2
        assert (
            found(space, ask(where=parse_where({"tags": [wanted, "nothing"]}))) == [{named(i)}] * 2
        )


def test_a_hostile_field_name_names_that_field_alone(
    space: SearchSpace, hostile_strings: tuple[str, ...]
) -> None:
    for i, name in enumerate(hostile_strings):
        assert found(space, ask(where=parse_where({f"field {name}": "yes"}))) == [{named(i)}] * 2
        assert found(space, ask(where=parse_where({f"no {name}": "yes"}))) == [set()] * 2


def test_a_hostile_principal_reads_what_names_it_and_nothing_else(
    space: SearchSpace, hostile_strings: tuple[str, ...]
) -> None:
    for i, name in enumerate(hostile_strings):
        if name.strip() and name != "*":
            assert (
                found(space, ask(principals=(name,)))
                == [{named(i), named(star(hostile_strings))}] * 2
            )


def star(hostile_strings: tuple[str, ...]) -> int:
    """The document that "*" may read is read by everybody."""
    return hostile_strings.index("*")


@pytest.fixture(scope="module", params=["flat", "trained"])
def store(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    hostile_strings: tuple[str, ...],
) -> Iterator[Workbench]:
    """A LanceDB store searched approximately, its documents named by the hostile strings."""
    knobs: dict[str, Any] = {
        "index.ann": "ivf_hnsw_sq",
        "index.nprobes": 64,
        "chunking.strategy": "fixed",
        "chunking.size": 8,
        "chunking.heading_prefix": False,
    }
    config = PipelineConfig().replace(knobs)
    repeats = 40 if request.param == "trained" else 1
    wb = whymiss.open(
        tmp_path_factory.mktemp(request.param), config=config, encoder=HashingEncoder()
    )
    wb.ingest(
        Document(
            doc_id=name,
            text=f"renewal terms number{i} " * repeats,
            metadata={"plan": name},
            allowed=["everyone", name],
        )
        for i, name in enumerate(hostile_strings)
        if name == name.strip()
    )
    assert (wb.indexes.ann[0] != "none") == (request.param == "trained")
    yield wb
    wb.close()


def approximate(wb: Workbench, query: Query, **knobs: Any) -> set[str]:
    config = wb.config.replace(knobs)
    dense = DenseRetriever(
        wb.space(config), HashingEncoder(), retrieval=config.retrieval, index=config.index
    )
    return {h.doc_id for h in dense.search([query], depth=ALL)[0].hits}


def test_hostile_document_ids_reach_lancedb_as_values(
    store: Workbench, hostile_strings: tuple[str, ...]
) -> None:
    names = {n for n in hostile_strings if n == n.strip()}
    for wanted in sorted(names):
        assert approximate(store, ask(where=parse_where({"plan": wanted}))) == {wanted}
        assert approximate(store, ask(where=parse_where({"doc_id": wanted}))) == {wanted}
        assert approximate(store, ask(principals=(wanted,))) == {wanted, "*"}
        assert store.document(wanted).doc_id == wanted


def test_hostile_document_ids_are_left_out_by_lancedb_one_by_one(
    store: Workbench, hostile_strings: tuple[str, ...]
) -> None:
    names = {n for n in hostile_strings if n == n.strip()}
    for wanted in sorted(names)[::10]:
        assert approximate(store, ask(where=(clause("ne", wanted),))) == names - {wanted}
        post = {"retrieval.filter_mode": "post"}
        assert approximate(store, ask(where=(clause("ne", wanted),)), **post) == names - {wanted}


@pytest.mark.parametrize(
    ("stored", "op", "wanted", "holds"),
    [
        # Equality: a number and its text are equal, nothing else is.
        (2024, "eq", 2024, True),
        (2024, "eq", "2024", True),
        ("2024", "eq", 2024, True),
        (2024.0, "eq", 2024, True),
        (2024, "eq", "2024.0", False),
        ("2024", "eq", " 2024", False),
        ("02024", "eq", 2024, False),
        (True, "eq", "true", True),
        (True, "eq", True, True),
        (True, "eq", 1, False),
        (1, "eq", True, False),
        ("Annual", "eq", "annual", False),
        (2.5, "eq", "2.5", True),
        (-0.0, "eq", 0, True),
        # Lists: one fitting value is enough; "ne" wants that none fits.
        (["a", "b"], "eq", "b", True),
        (["a", "b"], "ne", "b", False),
        (["a", "b"], "ne", "c", True),
        (["a", "b"], "in", ["c", "b"], True),
        (["a", "b"], "in", [], False),
        ([2023, 2025], "ge", 2024, True),
        ([], "eq", "a", False),
        ([], "ne", "a", True),
        # Missing: satisfies "ne" alone; an empty place in a list is no value.
        (None, "eq", "None", False),
        (None, "ne", "None", True),
        (None, "lt", 5, False),
        (None, "in", ["None"], False),
        ([None, "a"], "eq", "None", False),
        ([None], "ne", "None", True),
        # Order: numbers with numbers, text with text, never across.
        (9, "lt", 10, True),
        ("9", "lt", "10", True),
        ("9", "lt", 10, True),
        ("v9", "lt", "v10", False),
        ("2024-02-01", "ge", "2024-01-31", True),
        ("annual", "lt", 5, False),
        ("annual", "ge", 5, False),
        (5, "lt", "annual", False),
        (True, "lt", 5, False),
        (0.1, "le", "0.1", True),
        (0.1, "ge", "0.1", True),
        ("0.1", "le", 0.1, True),
        (10**400, "gt", 1.5, True),
        ("9" * 400, "gt", 10**399, True),
        ("9" * 5000, "lt", 1, False),
        (2**53 + 1, "gt", 2**53, True),
        ("٣", "lt", 5, False),
        (" 3", "lt", 5, False),
        ("1e3", "gt", 5, False),
    ],
)  # fmt: skip
def test_satisfies_follows_the_stated_rules(stored: Any, op: str, wanted: Any, holds: bool) -> None:
    document = Document(doc_id="d", text="t", metadata={} if stored is None else {"x": stored})
    assert satisfies(document.metadata, Clause(field="x", op=op, value=wanted)) is holds  # type: ignore[arg-type]


scalars = st.one_of(
    st.text(max_size=5),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(stored=st.lists(scalars, max_size=3), wanted=scalars)
def test_ne_is_the_opposite_of_eq_and_eq_is_in_with_one_value(
    stored: list[Any], wanted: Any
) -> None:
    fields = Document(doc_id="d", text="t", metadata={"x": stored}).metadata
    equal = satisfies(fields, Clause(field="x", op="eq", value=wanted))
    assert satisfies(fields, Clause(field="x", op="ne", value=wanted)) is not equal
    assert satisfies(fields, Clause(field="x", op="in", value=[wanted])) is equal


@given(stored=scalars, wanted=scalars)
def test_two_values_are_ordered_in_one_way_or_not_at_all(stored: Any, wanted: Any) -> None:
    def holds(op: str) -> bool:
        return satisfies({"x": stored}, Clause(field="x", op=op, value=wanted))  # type: ignore[arg-type]

    assert holds("lt") + holds("gt") <= 1
    if holds("le") or holds("ge"):
        assert holds("le") or holds("gt")
        assert holds("ge") or holds("lt")
        assert (holds("le") and holds("ge")) == (not holds("lt") and not holds("gt"))


def test_metadata_of_a_section_goes_before_that_of_its_document(
    space_of: Callable[..., SearchSpace],
) -> None:
    document = Document(
        doc_id="plans", text="annual plan monthly plan", metadata={"plan": "any", "year": 2024},
        allowed=["*"],
    )  # fmt: skip
    space = space_of([document], size=2, sections={"plans:12": {"plan": "monthly"}})

    def starts(**where: Any) -> list[int]:
        mask = space.visible(Query(query_id="q", text="t", where=parse_where(where)))
        return [space.snapshot.chunks[row].start for row in np.flatnonzero(mask)]

    assert starts(plan="any") == [0]
    assert starts(plan="monthly") == [12]
    assert starts(plan={"ne": "monthly"}) == [0]
    assert starts(year=2024) == [0, 12]


def test_metadata_of_a_section_never_opens_a_closed_document(
    space_of: Callable[..., SearchSpace],
) -> None:
    closed = Document(doc_id="pay", text="salary table", allowed=["hr"])
    space = space_of([closed], sections={"pay:0": {"allowed": "*", "plan": "any"}})
    assert not space.visible(
        Query(query_id="q", text="t", where=parse_where({"plan": "any"}))
    ).any()


def test_filters_that_are_equal_to_python_but_not_to_us_are_kept_apart(
    space_of: Callable[..., SearchSpace],
) -> None:
    # Clause(value=1) == Clause(value=True) in Python, so a plain cache would mix them up.
    space = space_of([Document(doc_id="d", text="t", metadata={"on": True}, allowed=["*"])])

    def visible(value: Any) -> bool:
        where = (Clause(field="on", op="eq", value=value),)
        return bool(space.visible(Query(query_id="q", text="t", where=where)).any())

    assert [visible(1), visible(True), visible(1.0), visible("true")] == [False, True, False, True]


def test_a_filter_may_ask_for_the_documents_own_fields(space: SearchSpace) -> None:
    assert found(space, ask(where=parse_where("doc_id=d001"))) == [{"d001"}] * 2
    assert (
        found(space, ask(where=parse_where(Clause(field="doc_id", op="in", value=["d002"]))))
        == [{"d002"}] * 2
    )


@pytest.mark.parametrize(
    ("text", "field", "op", "value"),
    [
        ("plan=annual", "plan", "eq", "annual"),
        ("plan = annual", "plan", "eq", "annual"),
        ("  plan  !=  annual ", "plan", "ne", "annual "),
        ("year>=2024", "year", "ge", "2024"),
        ("year<2024", "year", "lt", "2024"),
        ("title=a' OR 1=1", "title", "eq", "a' OR 1=1"),
        ("plan=", "plan", "eq", ""),
        ("a-b.c d=x<y", "a-b.c d", "eq", "x<y"),
        ("plan=two\nlines", "plan", "eq", "two\nlines"),
    ],
)
def test_a_text_filter_reads_as_a_person_writes_it(
    text: str, field: str, op: str, value: str
) -> None:
    (made,) = parse_where(text)
    assert (made.field, made.op, made.value) == (field, op, value)


def test_a_mapping_may_hold_several_conditions_and_cells_of_a_frame() -> None:
    made = parse_where({"year": {"ge": np.int64(2024), "lt": 2026}, "tags": {"a"}, "on": np.True_})
    assert [(c.op, c.value) for c in made] == [
        ("ge", 2024),
        ("lt", 2026),
        ("in", ("a",)),
        ("eq", True),
    ]


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        (["plan"], "field=value"),
        (["=annual"], "field=value"),
        ([""], "field=value"),
        ([7], "field=value"),
        (["plan==annual"], "one operator"),
        (5, "mapping, or a list"),
        ({"year": {">=": 1}}, "unknown operator '>='"),
        ({"year": {}}, "names no operator"),
        ({"year": {"ge": [1]}}, "'in' takes a list"),
        ({"year": {"in": 1}}, "'in' takes a list"),
        ({"plan": None}, "got NoneType"),
        ({"plan": [["a"]]}, "got tuple|got list"),
        ({"plan": b"a"}, "got bytes"),
        ({"": "a"}, "name of a field"),
        ({5: "a"}, "name of a field"),
        ({"plan": float("nan")}, "must be finite"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused(where: Any, complaint: str) -> None:
    with pytest.raises(FilterError, match=complaint):
        parse_where(where)


def test_half_a_character_is_refused_in_every_place_of_a_query() -> None:
    with pytest.raises(InvalidRecordError, match="not Unicode"):
        parse_where({"plan": "a\ud800"})
    with pytest.raises(InvalidRecordError, match="not Unicode"):
        parse_where({"a\ud800": "plan"})
    with pytest.raises(InvalidRecordError, match="not Unicode"):
        Query(query_id="q", text="a\ud800")
    with pytest.raises(InvalidRecordError, match="not Unicode"):
        Query(query_id="q", text="a", principals=("a\ud800",))
