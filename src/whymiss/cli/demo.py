"""`whymiss demo`: the main job in a terminal, on real documents, with nothing prepared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from whymiss.cli.options import guarded, progress_bars, store_option
from whymiss.errors import DocumentError

_ANNUAL: Final = "Do annual plans include phone support?"

_EVIDENCE: Final = "The use of this line is included at no charge in all annual plans"
_PLAIN: Final = {"retrieval.mode": "dense", "rerank.model": ""}

_STEPS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (
        "Plain dense search, top 5. The cited passage speaks of monthly plans: a wrong answer.",
        {"text": _ANNUAL, "knobs": _PLAIN},
    ),
    (
        "The same search among sections that say plan_type = annual: the evidence is found.",
        {
            "text": _ANNUAL,
            "knobs": _PLAIN,
            "where": {"plan_type": "annual", "status": "current"},
        },
    ),
    (
        "The default pipeline: dense and BM25 merged. The user's words are not the documents'.",
        {"text": "How fast do I get my money back?"},
    ),
    (
        "An error code: what embeddings blur, BM25 finds.",
        {"text": "What does FW-4009 mean?"},
    ),
    (
        "An internal page, asked for by an outsider: it is never a candidate.",
        {"text": "How much goodwill credit may a support agent give?"},
    ),
    (
        "The same by somebody in support.",
        {"text": "How much goodwill credit may a support agent give?", "principal": "support"},
    ),
)


@click.command()
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    default=Path("data/helpdesk/docs"),
    show_default=True,
    help="The bundled corpus.",
)
@store_option
@guarded
def demo(corpus: Path, store: str) -> None:
    """Ingest the bundled corpus, ask a few questions, and walk a wrong answer to its cause."""
    from whymiss.cli.show import print_trace
    from whymiss.cli.show_diagnosis import print_diagnosis
    from whymiss.config import PipelineConfig
    from whymiss.workbench import open as open_workbench

    if not corpus.is_dir():
        raise DocumentError(
            f"demo needs the bundled corpus; there is no folder {corpus}. Run it from the "
            "repository, or name the folder with --corpus."
        )
    with open_workbench(store) as workbench:
        with progress_bars(quiet=False) as progress:
            report = workbench.ingest(corpus, progress=progress)
        index = workbench.indexes.iloc[0]
        click.echo(
            f"{report.sync.count('status', 'ok')} files read, "
            f"{report.sync.count('status', 'unchanged')} unchanged; {index.n_documents} documents "
            f"in {index.n_chunks} chunks; {report.n_embedded} embedded now, the rest from before"
        )
        for number, (story, step) in enumerate(_STEPS, start=1):
            click.echo(f"\n{number}. {story}")
            config = PipelineConfig().replace(step.get("knobs"))
            trace = workbench.ask(
                step["text"],
                principal=step.get("principal", ()),
                where=step.get("where"),
                config=config,
            )
            print_trace(trace)
        questions = corpus.parent / "questions.jsonl"
        click.echo("\n7. The wrong answer of step 1, walked to its cause, and its repairs priced.")
        with progress_bars(quiet=False) as progress:
            diagnosis = workbench.diagnose(
                _ANNUAL,
                evidence=_EVIDENCE,
                config=PipelineConfig().replace(_PLAIN),
                labelled=questions if questions.is_file() else None,
                progress=progress,
            )
        print_diagnosis(workbench.case(diagnosis, config=PipelineConfig().replace(_PLAIN)))
