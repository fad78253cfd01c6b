"""The look of every chart: at home on white and on black, safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from whymiss.errors import WhymissError
from whymiss.plots.colours import BLUE, GREEN, GRID, INK, SCALE, VERMILLION
from whymiss.plots.labels import label

try:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots
except ModuleNotFoundError as error:
    raise WhymissError(
        f"whymiss.plots needs plotly, which cannot be imported ({error}). "
        "Install it with: pip install 'whymiss[lab]'"
    ) from error

__all__ = [
    "BLUE", "CONFIG", "EMPTY_AXIS", "GREEN", "GRID", "INK", "SCALE", "VERMILLION", "Figure",
    "axes", "figure", "go", "make_subplots", "nothing",
]  # fmt: skip

_NO_BUTTONS: Final = ["sendChartToCloud", "select2d", "lasso2d"]

CONFIG: Final = {"displaylogo": False, "modeBarButtonsToRemove": _NO_BUTTONS}
"""Settings of plotly that no figure can carry: no link to its maker's site, no upload button."""

EMPTY_AXIS: Final = {"showticklabels": False, "showgrid": False}
"""An axis on which nothing lies: plotly would make up numbers for it."""

_TITLE_WIDTH: Final = 80


class Figure(go.Figure):  # type: ignore[misc]
    """A plotly figure whose toolbar has no link and no upload, however it is shown.

    `FigureWidget(figure)` takes the drawing alone; give it `CONFIG` as its `_config`.
    """

    def show(self, *args: Any, **settings: Any) -> Any:
        """Show as plotly does, with `CONFIG` unless told otherwise."""
        return super().show(*args, **{"config": CONFIG, **settings})

    def to_html(self, *args: Any, **settings: Any) -> Any:
        """Write as plotly does, with `CONFIG` unless told otherwise."""
        return super().to_html(*args, **{"config": CONFIG, **settings})

    def write_html(self, *args: Any, **settings: Any) -> Any:
        """Write as plotly does, with `CONFIG` unless told otherwise."""
        return super().write_html(*args, **{"config": CONFIG, **settings})

    def _ipython_display_(self) -> None:
        self.show()

    def _repr_mimebundle_(self, *args: Any, **settings: Any) -> Any:
        return super()._repr_mimebundle_(*args, **{"config": CONFIG, **settings})


def figure(traces: Sequence[Any] = (), *, title: str, height: int) -> Figure:
    """An empty chart in the common look, as wide as its place.

    Parameters
    ----------
    title : plain text; escaped and wrapped here.
    height : in pixels.
    """
    drawn = Figure(data=list(traces))
    drawn.update_layout(
        template="none",
        title={"text": label(title, width=_TITLE_WIDTH), "x": 0, "xref": "container",
               "xanchor": "left", "pad": {"l": 12}, "font": {"size": 15}},
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 12},
        margin={"l": 12, "r": 12, "t": 56, "b": 12},
        hovermode="closest",
        hoverlabel={"bgcolor": "#333", "font": {"color": "#fff"}, "align": "left",
                    "namelength": -1},
        modebar={"remove": _NO_BUTTONS, "bgcolor": "rgba(0,0,0,0)", "color": INK,
                 "activecolor": BLUE},
        showlegend=False,
    )  # fmt: skip
    axes(drawn)
    return drawn


def axes(drawn: Figure) -> None:
    """Give every axis of a figure the common grid, and room for its labels."""
    look = {
        "gridcolor": GRID, "linecolor": GRID, "zeroline": False, "automargin": True, "ticks": "",
        "title": {"standoff": 8},
    }  # fmt: skip
    drawn.update_xaxes(**look)
    drawn.update_yaxes(**look)


def nothing(message: str, *, title: str) -> Figure:
    """A chart of no rows, which says so in words."""
    drawn = figure(title=title, height=140)
    drawn.update_xaxes(visible=False)
    drawn.update_yaxes(visible=False)
    drawn.add_annotation(
        text=label(message, width=_TITLE_WIDTH), showarrow=False,
        x=0.5, y=0.5, xref="paper", yref="paper",
    )  # fmt: skip
    return drawn
