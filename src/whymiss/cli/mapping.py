"""`whymiss map`: the embedding map of an index, as a page or as data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from whymiss.cli.options import (
    config_options,
    existing,
    guarded,
    json_option,
    print_json,
    printable,
    progress_bars,
    read_config,
    store_option,
)
from whymiss.errors import ConfigError

if TYPE_CHECKING:
    from whymiss.maps.embedding_map import EmbeddingMap

_TOPICS: Final = {
    "cluster_label": "topic", "n_chunks": "chunks", "n_documents": "documents",
}  # fmt: skip


@click.command("map")
@click.option(
    "--colour-by", default="cluster_label", show_default=True,
    help="A column: doc_id, kept, hubness, score, rank, left_at, or a field of metadata.",
)  # fmt: skip
@click.option("--question", help="A question to look at: what it finds, and where that stands.")
@click.option(
    "--evidence", multiple=True, metavar="QUOTE", help="Words of a document that it needs."
)
@click.option("--refit", is_flag=True, help="Fit anew, on what is stored now. Everything moves.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the picture as .html, or points as .csv."
)
@store_option
@config_options
@json_option
@guarded
def draw_map(
    colour_by: str,
    question: str | None,
    evidence: tuple[str, ...],
    refit: bool,
    out: Path | None,
    store: str,
    config_file: Path | None,
    knobs: Sequence[str],
    as_json: bool,
) -> None:
    """Draw the chunks of an index on a plane that holds still; UMAP is fitted the first time.

    With --json every point is printed.
    """
    from whymiss.frames import records
    from whymiss.workbench import open as open_workbench

    if out is not None and out.suffix.lower() not in (".html", ".csv"):
        raise ConfigError(f"--out writes .html or .csv; got {out.name!r}.")
    if evidence and question is None:
        raise ConfigError("--evidence is what a --question needs; name the question.")
    config = read_config(config_file, knobs)
    with (
        open_workbench(existing(store), config=config) as workbench,
        progress_bars(quiet=as_json) as progress,
    ):
        made = workbench.map(
            question=question, evidence=list(evidence) or None, refit=refit, progress=progress
        )
    if out is not None:
        _write(made, out, colour_by)
    if as_json:
        print_json({"summary": dict(made.summary), "notes": made.notes,
                    "points": records(made.frame)})  # fmt: skip
        return
    _print(made)
    if out is not None:
        click.echo(printable(f"written to {out}"))


def _write(made: EmbeddingMap, out: Path, colour_by: str) -> None:
    if out.suffix.lower() == ".csv":
        made.frame.to_csv(out, index=False)
    else:
        made.figure(colour_by=colour_by).write_html(out)


def _print(made: EmbeddingMap) -> None:
    from rich.text import Text

    from whymiss.cli.show import console, print_frame

    out = console()
    out.print(Text(printable(made.title), style="bold"))
    found = made.distortion
    if found.undefined_because:
        out.print(Text(printable(f"how far it is true is undefined: {found.undefined_because}")))
    else:
        out.print(
            Text(
                f"{made.summary['kept']:.0%} of {found.k} true neighbours are kept, "
                f"trustworthiness {made.summary['trustworthiness']:.3f}, "
                f"continuity {made.summary['continuity']:.3f}"
            )
        )
    print_frame(made.topics, _TOPICS, title="topics")
    for note in made.notes:
        out.print(Text(printable(note), style="dim"))
