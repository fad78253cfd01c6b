"""The common look, what the toolbar lacks, and what importing the room costs."""

from __future__ import annotations

import subprocess
import sys

import plotly.graph_objects as go
import plotly.io as pio
import pytest

import whymiss.plots
from whymiss.plots.theme import BLUE, CONFIG, GREEN, INK, VERMILLION, Figure, figure, nothing


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of #rgb or #rrggbb."""
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * d for d in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [BLUE, VERMILLION, GREEN, INK])
@pytest.mark.parametrize("paper", ["#fff", "#111"])
def test_every_colour_stands_out_on_white_and_on_black(colour: str, paper: str) -> None:
    assert contrast(colour, paper) >= 3


def test_paper_is_transparent_and_text_and_grid_are_grey() -> None:
    layout = figure([go.Scatter(x=[1], y=[1])], title="t", height=200).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert layout.font.color == "#888"
    assert layout.xaxis.gridcolor == layout.yaxis.gridcolor == "rgba(128,128,128,.25)"
    assert layout.width is None


def test_a_title_is_escaped() -> None:
    assert figure(title="<b>$x$</b>", height=200).layout.title.text == (
        "&lt;b&gt;&#36;x&#36;&lt;/b&gt;"
    )
    assert nothing("<i>none</i>", title="t").layout.annotations[0].text == "&lt;i&gt;none&lt;/i&gt;"


def test_the_toolbar_uploads_nothing_and_links_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = figure(title="t", height=200)
    assert "sendChartToCloud" in drawn.layout.modebar.remove
    assert CONFIG["displaylogo"] is False
    monkeypatch.setattr(pio.renderers, "default", "plotly_mimetype")
    (bundle,) = drawn._repr_mimebundle_().values()
    assert bundle["config"]["displaylogo"] is False
    assert '"displaylogo": false' in drawn.to_html(include_plotlyjs=False).replace(
        '"displaylogo":false', '"displaylogo": false'
    )


def test_a_notebook_and_a_file_get_the_same_toolbar(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(pio, "show", lambda *_, **settings: seen.append(settings["config"]))
    drawn = figure(title="t", height=200)
    drawn.show()
    drawn._ipython_display_()
    assert seen == [CONFIG, CONFIG]
    drawn.write_html(f"{tmp_path}/chart.html", include_plotlyjs=False)
    with open(f"{tmp_path}/chart.html", encoding="utf-8") as file:
        assert "displaylogo" in file.read()
    assert isinstance(drawn, Figure)


def test_importing_the_room_loads_neither_plotly_nor_pandas() -> None:
    loaded = python("import sys, whymiss.plots; print(' '.join(sys.modules))").split()
    assert not {name.partition(".")[0] for name in loaded} & {"plotly", "pandas", "numpy"}


def test_without_plotly_one_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['plotly'] = None\n"
        "import whymiss.plots\n"
        "try: whymiss.plots.heatmap\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = python(code)
    assert said.startswith("WhymissError whymiss.plots needs plotly")
    assert "pip install 'whymiss[lab]'" in said


def test_the_room_lists_what_it_offers() -> None:
    assert whymiss.plots.__all__ == sorted(whymiss.plots.__all__)
    assert all(callable(getattr(whymiss.plots, name)) for name in whymiss.plots.__all__)
    assert set(whymiss.plots.__all__) <= set(dir(whymiss.plots))
    with pytest.raises(AttributeError, match=r"whymiss\.plots' has no attribute 'pie'"):
        _ = whymiss.plots.pie  # type: ignore[attr-defined]
