"""What panels hand to each other; a panel is imported when needed, as it may import us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whymiss.errors import InvalidRecordError

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.evaluation.labels import Question
    from whymiss.records import Chunk
    from whymiss.widgets.base.panel import Panel
    from whymiss.widgets.desk import Desk


def try_out_live(panel: Panel, config: PipelineConfig, question: Question | None = None) -> None:
    """Carry a pipeline, and a question if there is one, into the live panel, and show that."""
    from whymiss.widgets.live.panel import LivePanel

    live = panel.desk.panel(LivePanel)
    live.try_out(config, question)
    panel.desk.bring_to_front(live, panel)


def pipelines_of_live(desk: Desk) -> tuple[PipelineConfig, PipelineConfig]:
    """The pinned baseline of the live panel, or the workbench's pipeline, and its settings now.

    Raises
    ------
    InvalidRecordError : the live panel is not open.
    """
    from whymiss.widgets.live.panel import LivePanel

    live = desk.opened(LivePanel)
    if live is None:
        raise InvalidRecordError("the live panel is not open; open it and set its knobs first.")
    return live.state.baseline or desk.workbench.config, live.state.config


def walk_through(panel: Panel, question: Question, config: PipelineConfig) -> None:
    """Open a question in the wrong-answer walk under a pipeline, and show that."""
    from whymiss.widgets.walk.panel import WalkPanel

    walk = panel.desk.panel(WalkPanel)
    walk.open(question, config)
    panel.desk.bring_to_front(walk, panel)


def show_chunk(panel: Panel, chunk: Chunk, config: PipelineConfig) -> None:
    """Open the document of a chunk in the chunk browser, at the chunk, and show that."""
    from whymiss.widgets.chunks.panel import ChunkBrowser

    browser = panel.desk.panel(ChunkBrowser)
    browser.open(chunk.doc_id, config, at=chunk.start)
    panel.desk.bring_to_front(browser, panel)
