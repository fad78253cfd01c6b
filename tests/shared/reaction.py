"""How long the live panel takes from what a person does to what the page shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from playwright.sync_api import Page

_WATCH = """() => {
  const root = document.querySelector('.whymiss.wm-live');
  const log = window.whymissReaction = {done: [], shown: []};
  for (const kind of ['input', 'change']) root.addEventListener(kind, event => {
    const {knob} = event.target.dataset;
    if (knob) log.done.push({at: performance.now(), knob, value: String(event.target.value)});
  }, true);
  const note = () => {
    const strip = root.querySelector('[data-kind]');
    const said = strip?.querySelector('.wm-of')?.textContent;
    if (!said) return;
    const n = root.querySelectorAll('[aria-label="Selected chunks"] > li').length;
    log.shown.push({at: performance.now(), said, kind: strip.dataset.kind, n});
  };
  new MutationObserver(note).observe(root, {subtree: true, childList: true, characterData: true,
                                            attributes: true});
}"""


@dataclass(frozen=True, slots=True)
class Reaction:
    """Milliseconds from each event to the page that shows its result.

    >>> Reaction(name="k", milliseconds=(10.0, 30.0, 20.0)).percentile(50)
    20.0
    """

    name: str
    milliseconds: tuple[float, ...]

    def percentile(self, q: float) -> float:
        """The smallest value that at least q percent of the others do not exceed."""
        ordered = sorted(self.milliseconds)
        return ordered[max(0, math.ceil(q / 100 * len(ordered)) - 1)]


def watch(page: Page) -> None:
    """Begin to note what is done to the live panel, and what it shows."""
    page.evaluate(_WATCH)


def react(
    page: Page, name: str, acts: Sequence[tuple[Callable[[], None], str]], *, pause_ms: float = 250
) -> Reaction:
    """Do one thing after the other, each shown before the next.

    Parameters
    ----------
    acts : what to do, and what the strip then says of the settings, such as "top-K 7".
    pause_ms : between one result and the next act, as a person would look.
    """
    found = []
    for act, said in acts:
        page.evaluate("() => { whymissReaction.done.length = whymissReaction.shown.length = 0; }")
        act()
        page.wait_for_function(
            "said => whymissReaction.shown.some(shown => (shown.said + ',').includes(said + ','))",
            arg=said, timeout=30_000,
        )  # fmt: skip
        found.append(
            page.evaluate(
                "said => whymissReaction.shown.find(s => (s.said + ',').includes(said + ',')).at"
                " - whymissReaction.done.at(-1).at",
                said,
            )
        )
        page.wait_for_timeout(pause_ms)
    return Reaction(name, tuple(found))
