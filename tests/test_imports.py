"""`import whymiss` costs milliseconds, and its public names are those it lists."""

from __future__ import annotations

import subprocess
import sys

import pytest

import whymiss

HEAVY = ("torch", "lancedb", "plotly", "umap", "ipywidgets", "pandas", "numpy", "scipy", "pyarrow",
         "sentence_transformers", "transformers", "rich", "click", "httpx")  # fmt: skip


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_importing_whymiss_loads_nothing_heavy() -> None:
    loaded = python("import sys, whymiss; print(' '.join(sys.modules))").split()
    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)


def test_importing_whymiss_takes_less_than_half_a_second() -> None:
    code = "import time; t = time.perf_counter(); import whymiss; print(time.perf_counter() - t)"
    assert min(float(python(code)) for _ in range(5)) < 0.5


def test_the_command_line_answers_help_without_loading_the_engine() -> None:
    loaded = python("import sys, whymiss.cli; print(' '.join(sys.modules))").split()
    assert not {name.partition(".")[0] for name in loaded} & (set(HEAVY) - {"click"})


def test_the_public_names_are_those_listed_and_all_can_be_had() -> None:
    assert sorted(whymiss.__all__) == [
        "Clause", "Document", "EVERYONE", "PipelineConfig", "Query", "STAGES", "Workbench", "open",
    ]  # fmt: skip
    for name in whymiss.__all__:
        assert getattr(whymiss, name) is not None
    assert set(whymiss.__all__) <= set(dir(whymiss))
    namespace: dict[str, object] = {}
    exec("from whymiss import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(whymiss.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'whymiss' has no attribute 'opne'"):
        _ = whymiss.opne  # type: ignore[attr-defined]


@pytest.mark.parametrize("room", ["retrieval", "reranking", "index", "answering", "documents"])
def test_a_room_lists_what_it_offers(room: str) -> None:
    from importlib import import_module

    module = import_module(f"whymiss.{room}")
    assert sorted(module.__all__) == list(dict.fromkeys(sorted(module.__all__)))
    assert all(hasattr(module, name) for name in module.__all__)
