"""`whymiss map` prints, draws and lists the points of an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from whymiss.cli.mapping import draw_map
from whymiss.projection.job import FitJob
from whymiss.projection.pca import principal_plane
from whymiss.projection.placing import unit_radius

TEXT = "Refunds of {n} take ten business days, and cards are quicker than transfers from a bank."


class FitHere(FitJob):
    """A job without a child process."""

    def _fit(self, folder: Path) -> None:
        vectors = self._vectors()
        places = unit_radius(principal_plane(vectors).place(vectors))
        assert self._then is not None
        self._then(places)
        self._places, self._state = places, "done"


@pytest.fixture
def store(tmp_path: Path, hashing: None, whymiss: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("whymiss.maps.mapper.FitJob", FitHere)
    docs = tmp_path / "docs"
    docs.mkdir()
    for n in range(30):
        (docs / f"{n}.md").write_text(TEXT.format(n=f"case{n}"))
    result = whymiss("ingest", docs, "--allowed", "*", "--store", tmp_path / "store")
    assert result.exit_code == 0, result.output
    return str(tmp_path / "store")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(draw_map, list(map(str, arguments)))


def test_the_map_is_printed_and_drawn(store: str, tmp_path: Path) -> None:
    out = tmp_path / "map.html"
    result = run("--store", store, "--out", out)

    assert result.exit_code == 0, result.output
    assert "30 chunks by UMAP" in result.stdout
    assert "true neighbours are kept" in result.stdout
    assert "plotly" in out.read_text()


def test_points_are_listed_as_json_and_as_a_table(store: str, tmp_path: Path) -> None:
    result = run("--store", store, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert len(told["points"]) == 30
    assert {"x", "y", "kept", "cluster_label"} <= told["points"][0].keys()

    out = tmp_path / "map.csv"
    assert run("--store", store, "--out", out).exit_code == 0
    assert len(pd.read_csv(out)) == 30


def test_a_question_is_looked_at(store: str) -> None:
    quote = TEXT.format(n="case7")
    result = run("--store", store, "--question", "refunds of case7", "--evidence", quote, "--json")
    assert result.exit_code == 0, result.output
    points = json.loads(result.stdout)["points"]
    assert [p["doc_id"] for p in points if p["role"] == "evidence"] == ["7.md"]
    assert points[-1]["kind"] == "question"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--out", "map.png"], "ConfigError: --out writes .html or .csv; got 'map.png'."),
        (["--evidence", "x"], "ConfigError: --evidence is what a --question needs"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    store: str, arguments: list[str], complaint: str
) -> None:
    result = run("--store", store, *arguments)
    assert result.exit_code == 1
    assert complaint in result.stderr


def test_a_column_that_is_not_there_is_named(store: str, tmp_path: Path) -> None:
    result = run("--store", store, "--colour-by", "nothing", "--out", tmp_path / "map.html")
    assert result.exit_code == 1
    assert "nothing" in result.stderr
    assert "cluster_label" in result.stderr
