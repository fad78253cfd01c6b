"""The live panel in a real JupyterLab: milliseconds from what a person does to what the page shows.

A headless Chromium presses keys, types and drags; the page itself notes when the event came in and
when the cards of its result stood there. Chunk sizes are ones never tried before in that kernel.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from reporting import report

# The browser and the server are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from chromium import MISSING, find_chromium, running_chromium
from lab_notebook import LabNotebook
from playwright.sync_api import Page
from reaction import Reaction, react, watch
from servers import running_lab

SETTLED: Final = ".wm-live .wm-strip:is([data-kind=exact], [data-kind=filled])"


def main() -> None:
    """Measure one store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="an ingested store")
    parser.add_argument("--question", required=True, help="what is asked")
    parser.add_argument("--name", required=True, help="of the result's file")
    parser.add_argument("--n", type=int, default=30, help="events of each kind")
    given = parser.parse_args()
    with opened(given.store, given.question) as lab:
        n_chunks = int(lab.execute("len(wb.live.chunks(panel.state.config))"))
        watch(lab.page)
        rows = [{**row(one), "chunks at first": n_chunks} for one in measured(lab.page, given.n)]
    report(f"panels_{given.name}", rows, line_per_row=True)


@contextmanager
def opened(store: Path, question: str) -> Iterator[LabNotebook]:
    """The live panel with the exact result of a question."""
    executable = find_chromium()
    if executable is None:
        raise SystemExit(MISSING)
    cells = [
        f"import whymiss\nwb = whymiss.open({str(store.resolve())!r})\npanel = wb.live_panel()",
        "panel",
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as server,
        running_chromium(executable) as browser,
        closing(LabNotebook(browser, server, cells, theme="light")) as lab,
    ):
        lab.run_all()
        field = lab.page.get_by_role("textbox", name="Question")
        field.fill(question)
        field.press("Enter")
        lab.page.locator(SETTLED).wait_for(timeout=600_000)
        yield lab


def measured(page: Page, n: int) -> Iterator[Reaction]:
    """Top-K by key and by typing, and chunk sizes by typing and by dragging."""
    draw = random.Random(0)
    slider = page.get_by_role("slider", name="Top-K")
    sizes = draw.sample(range(40, 256), 2 * n)

    def press(key: str) -> None:
        slider.focus()
        page.keyboard.press(key)

    enter(page, "Top-K", 5)()
    page.wait_for_timeout(1000)
    steps = [5 + min(i, 10 - i) for i in (step % 10 for step in range(n + 1))]
    yield react(
        page,
        "top-K by the arrow keys",
        [
            (lambda key="ArrowRight" if b > a else "ArrowLeft": press(key), f"top-K {b}")
            for a, b in pairwise(steps)
        ],
    )
    values = [draw.choice([k for k in range(1, 21) if k != 5]) + 20 * (i % 2) for i in range(n)]
    yield react(
        page, "top-K typed", [(enter(page, "Top-K", k), f"top-K {k}") for k in distinct(values)]
    )
    enter(page, "Top-K", 5)()
    page.wait_for_timeout(1000)
    yield react(
        page,
        "a new chunk size typed, to the preview",
        [(enter(page, "Size, tokens", size), f"size {size}") for size in sizes[:n]],
    )
    yield drags(page, sizes[n:])


def distinct(values: list[int]) -> list[int]:
    """The values without those that repeat the one before: nothing would change."""
    return [b for a, b in zip([0, *values], values, strict=False) if a != b]


def enter(page: Page, name: str, value: int) -> Callable[[], None]:
    """Types a value."""

    def act() -> None:
        typed = page.get_by_role("spinbutton", name=f"{name}, typed")
        typed.fill(str(value))
        typed.press("Enter")

    return act


def drags(page: Page, sizes: list[int]) -> Reaction:
    """From the last move of a drag of the size slider to the preview of where it ended."""
    slider = page.get_by_role("slider", name="Size, tokens")
    found = []
    for size in sizes:
        box = slider.bounding_box()
        assert box is not None
        y = box["y"] + box["height"] / 2
        target = box["x"] + 8 + (size - 8) / (512 - 8) * (box["width"] - 16)
        page.mouse.move(box["x"] + 40, y)
        page.mouse.down()

        def drag(x: float = target, y: float = y) -> None:
            page.mouse.move(x, y, steps=20)

        page.evaluate("() => { whymissReaction.done.length = whymissReaction.shown.length = 0; }")
        drag()
        page.mouse.up()
        value = slider.input_value()
        found.append(shown_after(page, f"size {value}"))
        page.wait_for_timeout(250)
    return Reaction("the size slider dragged, to the preview", tuple(found))


def shown_after(page: Page, said: str) -> float:
    """Milliseconds from the last event to the page that says this."""
    first = "whymissReaction.shown.find(shown => (shown.said + ',').includes(said + ','))"
    page.wait_for_function(f"said => {first}", arg=said, timeout=30_000)
    return float(page.evaluate(f"said => {first}.at - whymissReaction.done.findLast("
                               "done => done.at <= " + first + ".at).at", said))  # fmt: skip


def row(one: Reaction) -> dict[str, object]:
    """One line of the table."""
    return {
        "what is done": one.name,
        "p50, ms": round(one.percentile(50)),
        "p95, ms": round(one.percentile(95)),
        "n": len(one.milliseconds),
    }


if __name__ == "__main__":
    main()
