"""The map panel: chunks on a plane, what is truly near them, and what a question made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import ipywidgets
import numpy as np
import pandas as pd

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.pages.markup import Markup, tag
from whymiss.plots.map_rows import standing
from whymiss.widgets.base.controls import code
from whymiss.widgets.base.surface import Surface
from whymiss.widgets.handing import pipelines_of_live
from whymiss.widgets.map.canvas import How, MapCanvas
from whymiss.widgets.map.colours import colours_of
from whymiss.widgets.map.making import Making
from whymiss.widgets.map.points import Place, Points
from whymiss.widgets.map.state import WRITTEN, MapState
from whymiss.widgets.map.view import (
    ROWS,
    about_html,
    find_html,
    head_html,
    neighbours_html,
    selection_html,
    snapshot_html,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from whymiss.maps.embedding_map import EmbeddingMap
    from whymiss.records import Query
    from whymiss.widgets.base.surface import Event
    from whymiss.widgets.desk import Desk

_BELOW: Final = frozenset({"neighbours", "find", "selection", "code"})
"""The parts below the canvas."""

_FIRST_COLOURS: Final = MapState().colour_by


class MapPanel(Making):
    """The embedding map to look around in: neighbours, selections, a question's way.

    Attributes
    ----------
    state : question, colouring, what is selected, and the pipeline; setting it draws it.
    map : what is drawn now; None before the first picture.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import whymiss
    >>> from whymiss.records import Document
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> report = wb.ingest([Document(doc_id="faq", text="Refunds take ten days.", allowed=["*"])])
    >>> panel = wb.map_panel()
    >>> panel.flush(), panel.map.projection
    (True, 'umap')
    >>> panel.select([0])
    >>> panel.selection["excerpt"].tolist()
    ['Refunds take ten days.']
    >>> wb.close()
    """

    kind: ClassVar[str] = "map-panel"
    label: ClassVar[str] = "Map"
    verb: ClassVar[str] = "map_panel"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._state = MapState(config=desk.workbench.config)
        self._points: Points | None = None
        self._rows: NDArray[np.int64] = np.empty(0, np.int64)
        self._edges: pd.DataFrame | None = None
        self._pointed: tuple[Place, ...] = ()
        self._n_gone = 0
        self._canvas = MapCanvas(name="Map of the chunks")
        self._below = Surface(label="Points of the map", kind=self.kind, listener=self._heard)
        self._box = ipywidgets.VBox([self._surface, self._canvas, self._below])
        self._canvas.on_pick(self._picked)
        self._canvas.on_hover(self._hovered)
        self.draw()
        self.make()

    @property
    def widget(self) -> ipywidgets.DOMWidget:
        """Question and colouring, the canvas, and what is selected on it."""
        return self._box

    @property
    def state(self) -> MapState:
        """Question, colouring, what is selected, and the pipeline."""
        return self._state

    @state.setter
    def state(self, state: MapState) -> None:
        with self._lock:
            self._become(state)

    @property
    def map(self) -> EmbeddingMap | None:
        """What is drawn now; None before the first picture."""
        return self._points.map if self._points is not None else None

    @property
    def selection(self) -> pd.DataFrame:
        """The rows of the map's frame that are selected.

        Raises
        ------
        InvalidRecordError : there is no map yet.
        """
        with self._lock:
            return self._drawn().frame.iloc[self._rows]

    def select(self, which: ArrayLike) -> None:
        """Select points in place of others.

        Parameters
        ----------
        which : ids of points, rows of the map's frame, or a mask of them.

        Raises
        ------
        InvalidRecordError : there is no such point, or no map yet.
        """
        with self._lock:
            self._choose(self._drawn().picked(which))

    def point_at(self, spans: Sequence[Place]) -> None:
        """Select the chunks that touch some places, as soon as there is a map."""
        with self._lock:
            if self._points is None:
                self._pointed = tuple(spans)
            else:
                self._choose(self._points.touching(spans))

    def look_at(self, question: str | Query | Question) -> None:
        """Show what the pipeline makes of every chunk for a question.

        Raises
        ------
        InvalidRecordError : the question has no word in it.
        """
        if isinstance(question, str) and not question.strip():
            raise InvalidRecordError("the map needs a question with at least one word.")
        self.state = replace(self._state, question=question)

    def figure(self) -> Any:
        """The map as a plotly figure, with the same colouring and neighbours.

        Raises
        ------
        InvalidRecordError : there is no map yet.
        """
        state = self._state
        return self._drawn().map.figure(
            colour_by=state.colour_by, edges_of=state.neighbours_of or None
        )

    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        return {
            "ask": lambda event: self.look_at(str(event.fields.get("question", ""))),
            "forget": lambda _: self._become(replace(self._state, question="")),
            "from-live": lambda _: self._take_from_live(),
            "fit": lambda _: self.make(),
            "cancel": lambda _: self.stop(),
            "find": lambda event: self._find(str(event.fields.get("words", ""))),
            "clear": lambda _: self._choose(np.empty(0, np.int64)),
            "page": lambda event: self._turn_to(int(event.value)),
            "neighbours": lambda event: self._join(str(event.value)),
            "alone": lambda _: self._join(""),
            "browse": lambda event: self._browse(str(event.value)),
        }

    def turn(self, knob: str, value: Any) -> None:
        if knob == "query_id":
            question = self.desk.labelled.question(value) if value else ""
            self._become(replace(self._state, question=question))
        elif knob == "colour_by":
            self._become(replace(self._state, colour_by=str(value)))
        else:
            raise ConfigError(f"the map panel has no knob {knob!r}.")

    def show(self, parts: Mapping[str, Markup]) -> None:
        for surface, below in ((self._surface, False), (self._below, True)):
            own = {name: part for name, part in parts.items() if (name in _BELOW) == below}
            if own and not self.closed:
                surface.show(own)

    def questions_changed(self) -> None:
        self.show({"head": self._head()})

    def draw(self) -> None:
        self.show({"problem": Markup(), "head": self._head(), "work": Markup(), **self._found()})

    def snapshot(self) -> Markup:
        points = self._points
        if points is None:
            return tag("p", "Map: it was not made yet.")
        return snapshot_html(points.map, self._state, points.frame.iloc[self._rows[:ROWS]])

    def to_code(self) -> str:
        """Lines of Python that make the same map, selection and figure."""
        return self._state.to_code(str(self.desk.workbench.store.uri))

    def close(self) -> None:
        if not self.closed:
            layout = self._box.layout
            super().close()
            for part in (self._surface, self._canvas, self._below, layout):
                part.close()

    # ---- the map ----

    def _shown(self, made: EmbeddingMap) -> None:
        """Draw a map that was made elsewhere."""
        with self._lock:
            self.take(Points(made))

    def take(self, points: Points) -> None:
        """Draw other points, with what is selected among them as far as it is there."""
        before, state = self._points, self._state
        rows = points.known(state.selected)
        self._n_gone = len(state.selected) - len(rows)
        if self._pointed:
            rows, self._n_gone, self._pointed = points.touching(self._pointed), 0, ()
        colour_by = state.colour_by if state.colour_by in points.frame else _FIRST_COLOURS
        joined = state.neighbours_of if len(points.known([state.neighbours_of])) else ""
        self._points, self._rows = points, rows
        self._state = replace(
            state, selected=tuple(points.ids[rows]), colour_by=colour_by, neighbours_of=joined,
            page=min(state.page, _last_page(len(rows))),
        )  # fmt: skip
        same_plane = before is not None and before.map.projection == points.map.projection
        self._canvas.show_points(
            points.frame[["x", "y"]], colours_of(points.frame, colour_by), marks=points.marks,
            standing=standing(points.frame), labels=points.labels, keep_view=same_plane,
        )  # fmt: skip
        if len(rows):
            self._canvas.select(rows)
        self._draw_edges()
        self.show({"head": self._head(), **self._found()})

    # ---- what a person does ----

    def _become(self, state: MapState) -> None:
        """Take a state on, and draw what it changes."""
        before, points = self._state, self._points
        if (state.question, state.config) != (before.question, before.config):
            self._state = state
            self.show({"head": self._head()})
            self.make()
            return
        if points is None:
            self._state = state
            self.show({"head": self._head(), **self._found()})
            return
        # All is looked up before anything is taken on: an error leaves what there was.
        rows = points.rows(state.selected) if state.selected != before.selected else self._rows
        colours = None
        if state.colour_by != before.colour_by:
            colours = colours_of(points.frame, state.colour_by)
        if state.neighbours_of:
            points.rows([state.neighbours_of])
        page = max(0, min(state.page, _last_page(len(rows))))
        self._state = replace(state, selected=tuple(points.ids[rows]), page=page)
        self._rows, self._n_gone = rows, 0
        if not np.array_equal(self._canvas.selected, rows):
            self._canvas.select(rows)
        if colours is not None:
            self._canvas.colour(colours)
        if state.neighbours_of != before.neighbours_of:
            self._draw_edges()
        if colours is not None:
            self.show({"head": self._head()})
        self.show(self._chosen(points))
        # The same again is not handed on, so that two panels never go on answering each other.
        if self._state.selected != before.selected:
            self.hand_on()
        self.keep()

    def _choose(self, rows: NDArray[np.int64], *, neighbours_of: str = "") -> None:
        ids = tuple(self._drawn().ids[rows])
        self._become(replace(self._state, selected=ids, neighbours_of=neighbours_of, page=0))

    def _picked(self, rows: NDArray[np.int64], how: How) -> None:
        with self._lock:
            one = len(rows) == 1 and how in ("click", "keyboard")
            self._choose(rows, neighbours_of=self._drawn().ids[rows[0]] if one else "")

    def _hovered(self, row: int | None) -> None:
        if row is not None:
            with self._lock:
                said = self._drawn().said(row, self._state.colour_by)
            self._canvas.tell(row, said)

    def _find(self, words: str) -> None:
        self._choose(self._drawn().containing(words))

    def _turn_to(self, page: int) -> None:
        self._become(replace(self._state, page=page))

    def _join(self, point: str) -> None:
        self._become(replace(self._state, neighbours_of=point))

    def _take_from_live(self) -> None:
        self._become(replace(self._state, config=pipelines_of_live(self.desk)[1]))

    def _browse(self, point: str) -> None:
        from whymiss.widgets.chunks.panel import ChunkBrowser

        points = self._drawn()
        ((doc_id, start, _),) = points.spans(points.rows([point])) or ((point, None, None),)
        if start is None:
            raise InvalidRecordError(f"{point!r} is a question; only chunks have borders.")
        browser = self.desk.panel(ChunkBrowser)
        browser.open(doc_id, self._state.config, at=start)
        self.desk.bring_to_front(browser, self)

    def hand_on(self) -> None:
        """Mark what is selected in the live panel, where that is open."""
        from whymiss.widgets.live.panel import LivePanel

        live = self.desk.opened(LivePanel)
        if live is not None and self._points is not None:
            live.point_at(self._points.spans(self._rows))

    # ---- what is drawn ----

    def _drawn(self) -> Points:
        if self._points is None:
            raise InvalidRecordError("there is no map yet; wait for it with flush().")
        return self._points

    def _draw_edges(self) -> None:
        """Join a point to its true neighbours, or take the lines away."""
        points, point = self._drawn(), self._state.neighbours_of
        edges = self._edges = points.map.edges(point) if point else None
        if edges is None:
            self._canvas.draw_edges([], [], [])
            ends: set[str] = set()
        else:
            near = points.each(edges["to_id"].tolist())
            here = np.full(len(near), points.rows([point])[0])
            self._canvas.draw_edges(here, near, edges["kept"])
            ends = {point, *edges["to_id"]}
        self._canvas.mark(points.marks, standing=standing(points.frame, ends))

    def _head(self) -> Markup:
        labelled, points = self.desk.labelled, self._points
        colourings = points.colourings if points is not None else ()
        return head_html(self._state, labelled.questions, colourings, n_unfit=labelled.n_unfit)

    def _found(self) -> dict[str, Markup]:
        """The parts that say what is on the map."""
        points = self._points
        if points is None:
            empty = dict.fromkeys(("about", "neighbours", "find", "selection"), Markup())
            return {**empty, "code": self._code()}
        return {"about": about_html(points.map), "find": find_html(), **self._chosen(points)}

    def _chosen(self, points: Points) -> dict[str, Markup]:
        """The parts that change with what is selected."""
        page = self._state.page
        some = points.frame.iloc[self._rows[page * ROWS : (page + 1) * ROWS]]
        chosen = selection_html(some, page, n=len(self._rows), n_gone=self._n_gone)
        return {
            "neighbours": self._neighbours(points),
            "selection": chosen,
            "code": self._code(),
        }

    def _code(self) -> Markup:
        uri = str(self.desk.workbench.store.uri)
        return code("map", self._state.to_code(uri, most=WRITTEN))

    def _neighbours(self, points: Points) -> Markup:
        if self._edges is None:
            return Markup()
        ends = points.frame.iloc[points.each(self._edges["to_id"].tolist())]
        of = points.frame.iloc[points.rows([self._state.neighbours_of])[0]].to_dict()
        return neighbours_html(of, self._edges, ends)


def _last_page(n: int) -> int:
    return max(0, -(-n // ROWS) - 1)
