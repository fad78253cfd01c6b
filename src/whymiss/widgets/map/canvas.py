"""The canvas of the map panel: very many points to look around in, to point at and to select."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakMethod

import anywidget
import numpy as np
import traitlets

from whymiss.pages.markup import visible
from whymiss.plots.marks import mark_size
from whymiss.widgets.map.buffers import place_bytes, row_bytes, rows_of
from whymiss.widgets.map.canvas_state import View, edge_state, look_state, mark_state, view_state
from whymiss.widgets.map.colours import PointColours

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from whymiss.plots.cluster_labels import ClusterLabel

    Rows = NDArray[np.int64]

How = Literal["click", "lasso", "keyboard", "clear"]
OnPick = Callable[["Rows", How], object]
OnHover = Callable[[int | None], object]

_HERE: Final = Path(__file__).parent
_PARTS: Final = (
    "values", "plane", "raster", "overlay", "page", "key", "link", "gestures", "cursor", "canvas",
)  # fmt: skip
_HOWS: Final = ("click", "lasso", "keyboard", "clear")


def _read(*names: str) -> str:
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)


class MapCanvas(anywidget.AnyWidget):  # type: ignore[misc]
    """Draws points and lets a person look: pan, zoom, hover, click, lasso, keyboard.

    It knows points by their row alone. All that is seen is in its traits, so that a page that is
    loaded anew shows the same points, selection and view. Methods may be called from any thread.

    Parameters
    ----------
    name : what the map shows, for a screen reader.

    Examples
    --------
    >>> canvas = MapCanvas(name="Chunks")
    >>> colours = PointColours(codes=np.array([0, 0, -1]), colours=("#0072B2",))
    >>> canvas.show_points([[0, 0], [1, 0], [0, 1]], colours, marks={"evidence": [2]})
    >>> canvas.select([2, 0])
    >>> canvas.selected.tolist()
    [0, 2]
    >>> canvas.close()
    """

    _esm = _read(*(f"{part}.js" for part in _PARTS))
    _css = _read("../base/surface.css", "canvas.css")

    _name = traitlets.Unicode().tag(sync=True)
    _points = traitlets.Dict().tag(sync=True)
    _look = traitlets.Dict().tag(sync=True)
    _marks = traitlets.Dict().tag(sync=True)
    _labels = traitlets.List().tag(sync=True)
    _edges = traitlets.Dict().tag(sync=True)
    _selection = traitlets.Dict().tag(sync=True)
    _view = traitlets.Dict().tag(sync=True)
    _told = traitlets.Dict().tag(sync=True)
    _trouble = traitlets.Unicode().tag(sync=True)
    _version = traitlets.Int(0).tag(sync=True)

    def __init__(self, *, name: str = "Map") -> None:
        self._lock = threading.RLock()
        self._pick_listeners: list[Callable[[], OnPick | None]] = []
        self._hover_listeners: list[Callable[[], OnHover | None]] = []
        nothing = PointColours(codes=np.empty(0, dtype=np.int64), colours=())
        super().__init__(
            _name=name,
            _points={"places": b"", "size": mark_size(0), "issue": 0},
            _look=look_state(nothing),
            _marks=mark_state({}, None, n=0),
            _edges=edge_state([], [], [], n=0),
            _selection={"rows": b"", "answers": ""},
            _view={"at": None, "answers": ""},
            _told={"row": -1, "text": "", "answers": ""},
        )
        self.on_msg(lambda _, content, buffers: self._receive(content, buffers))

    def close(self) -> None:
        """Take it off the page, and out of the registry with its layout."""
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

    def show_points(
        self,
        places: ArrayLike,
        colours: PointColours,
        *,
        marks: Mapping[str, ArrayLike] | None = None,
        standing: ArrayLike | None = None,
        labels: Sequence[ClusterLabel] = (),
        keep_view: bool = False,
    ) -> None:
        """Draw other points; nothing of them is selected, and no line is drawn.

        Parameters
        ----------
        places : (n, 2), x to the right and y upwards, in one unit.
        colours, marks, standing : as `colour` and `mark` take them.
        labels : names on the map, the most important first; those without room are left out
            until the view has room for them.
        keep_view : stay where a person looks, as on the same plane; otherwise all is shown.

        Raises
        ------
        InvalidRecordError : a place is not finite, or what is given does not fit n points.
        """
        written = place_bytes(places)
        n = len(written) // 8
        look = look_state(colours, n=n)
        drawn = mark_state(marks or {}, standing, n=n)
        with self._drawing():
            issue = self._points["issue"] + 1
            self._points = {"places": written, "size": mark_size(n), "issue": issue}
            self._look = look
            self._marks = drawn
            self._labels = [
                {
                    "x": float(label.x),
                    "y": float(label.y),
                    "lines": [visible(line) for line in label.lines],
                }
                for label in labels
            ]
            self._edges = edge_state([], [], [], n=0)
            self._selection = {"rows": b"", "answers": self._selection["answers"]}
            self._told = {**self._told, "row": -1, "text": ""}
            self._trouble = ""
            if not keep_view:
                self._view = {"at": None, "answers": self._view["answers"]}

    def colour(self, colours: PointColours) -> None:
        """Colour the same points by something else.

        Raises
        ------
        InvalidRecordError : there are not as many codes as points.
        """
        with self._drawing():
            self._look = look_state(colours, n=self.n_points)

    def mark(self, marks: Mapping[str, ArrayLike], *, standing: ArrayLike | None = None) -> None:
        """Give points of the map another shape; those marked before lose theirs.

        Parameters
        ----------
        marks : rows by role, a key of `plots.marks.MARKS`; a row has one role at most.
        standing : (n,), which points do not step back while nothing is selected; None for all.

        Raises
        ------
        ConfigError : a role is unknown.
        InvalidRecordError : a row is on no point, or has two roles; `standing` is no mask.
        """
        with self._drawing():
            self._marks = mark_state(marks, standing, n=self.n_points)

    def draw_edges(self, starts: ArrayLike, ends: ArrayLike, kept: ArrayLike) -> None:
        """Join points by lines, in place of those there are; empty arrays take them away.

        Parameters
        ----------
        starts, ends : (m,), rows.
        kept : (m,), whether the map keeps the two together: solid; a torn pair is dashed.

        Raises
        ------
        InvalidRecordError : the three are of different lengths, or a row is on no point.
        """
        with self._drawing():
            self._edges = edge_state(starts, ends, kept, n=self.n_points)

    def select(self, rows: ArrayLike) -> None:
        """Select points in place of others; no callback is called.

        Raises
        ------
        InvalidRecordError : a row is on no point.
        """
        with self._drawing():
            written = row_bytes(rows, n=self.n_points, who="select")
            self._selected(np.unique(rows_of(written)), self._selection["answers"])

    def tell(self, row: int, text: str) -> None:
        """Say what is at a point, when `on_hover` asked for it or later.

        It is shown where the row is still pointed at, and read out under the keyboard's cursor.
        """
        with self._lock:
            self._told = {**self._told, "row": int(row), "text": visible(text)}

    def on_pick(self, callback: OnPick) -> None:
        """Call with the selected rows, ascending, and how they were picked.

        A bound method is held weakly, since ipywidgets keeps every widget until it is closed; a
        function is kept as long as the canvas. What it raises is shown above the map.
        """
        self._pick_listeners.append(_held(callback))

    def on_hover(self, callback: OnHover) -> None:
        """Call with the row that is pointed at, or None when none is any more.

        The callback is held as by `on_pick`. Of the rows that were pointed at while one call runs,
        only the last is told.
        """
        self._hover_listeners.append(_held(callback))

    @property
    def n_points(self) -> int:
        """How many points the map has."""
        return len(self._points["places"]) // 8

    @property
    def selected(self) -> Rows:
        """The selected rows, ascending."""
        return rows_of(self._selection["rows"])

    @property
    def view(self) -> View | None:
        """Where a person looks: x and y of the middle, and how far is seen around it.

        In units of the map; None while all points are shown. It can be set.
        """
        at = self._view["at"]
        return None if at is None else (float(at[0]), float(at[1]), float(at[2]))

    @view.setter
    def view(self, at: View | None) -> None:
        with self._drawing():
            self._view = {"at": view_state(at), "answers": self._view["answers"]}

    def _selected(self, rows: Rows, answers: str) -> None:
        written = row_bytes(rows, n=self.n_points, who="select")
        self._selection = {"rows": written, "answers": answers}

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """What is changed inside goes out in one message, as the next version."""
        # ipywidgets would lose what two threads hold back at the same time.
        with self._lock, self.hold_sync():
            yield
            self._version += 1

    def _receive(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Act on what the browser says."""
        {"pick": self._picked, "hover": self._hovered, "view": self._moved}[content["kind"]](
            content, buffers
        )

    def _picked(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        with self._drawing():
            rows = np.unique(rows_of(buffers[0]))
            # What was picked among points that are gone says nothing about those there are.
            known = self._knows(content) and content["how"] in _HOWS
            self._selected(rows if known else self.selected, content["id"])
        if known:
            self._call(self._pick_listeners, rows, content["how"])

    def _hovered(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        row = content["row"]
        try:
            if self._knows(content):
                self._call(self._hover_listeners, row if row >= 0 else None)
        finally:
            with self._lock:
                text = self._told["text"] if self._told["row"] == row else ""
                self._told = {"row": row, "text": text, "answers": content["id"]}

    def _moved(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        with self._lock:
            at = view_state(content["at"]) if self._knows(content) else self._view["at"]
            self._view = {"at": at, "answers": content["id"]}

    def _knows(self, content: Mapping[str, Any]) -> bool:
        return bool(content["issue"] == self._points["issue"])

    def _call(self, listeners: Sequence[Callable[[], Any]], *arguments: Any) -> None:
        # An error in a handler of a widget is seen nowhere: no cell is running.
        try:
            for held in listeners:
                if (callback := held()) is not None:
                    callback(*arguments)
            self._complain("")
        except Exception as error:
            self._complain(visible(f"This did not work. {type(error).__name__}: {error}"))
            raise

    def _complain(self, text: str) -> None:
        with self._lock:
            self._trouble = text


def _held(callback: Any) -> Callable[[], Any]:
    """A way to get the callback: a bound method only while its object lives."""
    return WeakMethod(callback) if inspect.ismethod(callback) else lambda: callback
