"""Nothing that a corpus or a question says runs in the page, whichever panel shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from lab_notebook import LabNotebook
from playwright.sync_api import Locator, expect

from whymiss.pages.markup import visible

PWN = "window.pwned=1"
AWAY = "https://example.invalid"

# Every element that one of them would make carries data-planted, or asks somebody else.
PAYLOADS = (
    f"<script data-planted>{PWN};alert(1)</script>",
    f"<img data-planted src=x onerror={PWN};alert(2)>",
    f"<svg data-planted onload={PWN};alert(3)><path/></svg>",
    f"<iframe data-planted srcdoc='<script>parent.{PWN}</script>'></iframe>",
    f"<a data-planted href=javascript:{PWN}>press</a>",
    f"[press](javascript:{PWN}) ![seen]({AWAY}/md.png)",
    rf"$x^2$ $$\href{{javascript:{PWN}}}{{y}}$$ \(z\)",
    f"`${{{PWN}}}` {{{{constructor.constructor('{PWN}')()}}}}",
    f"</script><script data-planted>{PWN}</script>",
    f"</textarea><img data-planted src=x onerror={PWN}>",
    f"</title><svg data-planted><script>{PWN}</script></svg>",
    "<button data-planted data-do=unpin>Unpin</button>",
    f"\" onmouseover=\"{PWN}\" data-planted=\"' onfocus='{PWN}' autofocus='",
    f"<b data-planted style=\"background:url('{AWAY}/css.png')\">bold</b>",
    f"<style data-planted>@import '{AWAY}/all.css'; .whymiss{{display:none}}</style>",
    f"<meta data-planted http-equiv=refresh content='0;url={AWAY}/meta'>",
    f"<object data-planted data='{AWAY}/object.swf'></object>",
    f"<embed data-planted src='{AWAY}/embed.swf'>",
    f"<form data-planted action='{AWAY}/form'><input name=a><button>Ask</button></form>",
    f"<base data-planted href='{AWAY}/'>",
    "refund \u202edaolnwod\u202c \u2066price\u2069 \u200f10",
    f"&lt;img data-planted src=x onerror={PWN}&gt; &#60;script&#62;{PWN}&#60;/script&#62;",
    f"</option></select></details><details data-planted open ontoggle={PWN}>",
    f"<math data-planted><mtext><table><mglyph><style><img src=x onerror={PWN}>",
    f"--><link data-planted rel=stylesheet href='{AWAY}/link.css'><!--",
)

SETUP = f"""
from tempfile import mkdtemp
import whymiss
from whymiss.config import PipelineConfig
from whymiss.evaluation import EvidenceSpan, Question
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder

payloads = {PAYLOADS!r}
gold = f"number 1: {{payloads[1]}}"
everything = "# All\\n\\n" + "\\n\\n".join(payloads)
asked = "How are refunds paid? " + " ".join(payloads)
documents = [
    Document(doc_id=f"{{p}}.md", title=f"Title {{p}}", allowed=["*"], metadata={{p: p, "kind": p}},
             text=f"# Heading {{p}}\\n\\nHow refunds are paid, number {{n}}: {{p}}\\n")
    for n, p in enumerate(payloads)
]
documents.append(Document(doc_id="everything.md", title=" ".join(payloads), allowed=["*"],
                          text=everything, metadata={{"kind": " ".join(payloads)}}))
questions = [
    Question(query=Query(query_id=f"{{n}} {{p}}", text=f"Which number is {{p}}?",
                         expected_answer=p),
             evidence=((EvidenceSpan(doc_id=f"{{p}}.md", quote=f"number {{n}}: {{p}}"),),))
    for n, p in enumerate(payloads)
]
config = PipelineConfig().replace({{
    "retrieval.mode": "dense", "retrieval.k": 4, "rerank.model": "", "chunking.size": 400,
    "context.token_budget": 6000,
}})
wb = whymiss.open(mkdtemp(), encoder=HashingEncoder(dimension=256), config=config)
report = wb.ingest(documents)

def done(panel):
    assert panel.flush(100)
    for surface in (panel._surface, getattr(panel, "_below", panel._surface)):
        assert not surface.parts.get("problem"), surface.parts["problem"]
"""

LIVE = """
live = wb.live_panel(asked, config=config.replace({"retrieval.k": 50}), questions=questions)
done(live)
live.press("pin")
done(live)
live._surface.receive({"knob": "retrieval.k", "value": 30, "seen": 1})
done(live)
live
"""
LABELLED = """
live._surface.receive({"knob": "query_id", "value": questions[1].query_id, "seen": 2})
done(live)
live.press("measure")
done(live)
"""
WALK = """
walk = wb.walk(asked, config=config.replace({"retrieval.k": 1}), questions=questions)
done(walk)
for pressed in (("wrong", ""), ("look", "1")):
    walk.press(*pressed)
    done(walk)
walk.press("paste", "quote", text=gold)
done(walk)
walk.press("diagnose")
done(walk)
assert walk.walked.diagnosis.ending == "lost", walk.walked.diagnosis.ending
walk.press("apply", "0")
done(walk)
walk
"""
MAP = """
maps = wb.map_panel(questions[1], questions=questions)
done(maps)
maps._surface.receive({"knob": "colour_by", "value": "kind", "seen": 1})
maps.select(range(len(documents)))
done(maps)
maps
"""
COMPARE = """
compare = wb.compare_panel(config, config.replace({"retrieval.k": 1}), questions=questions)
compare.press("compare")
done(compare)
compare.press("look", questions[1].query_id)
done(compare)
compare
"""
CHUNKS = """
browser = wb.chunk_browser("everything.md", config=config.replace({"chunking.size": 40}),
                           questions=questions)
done(browser)
browser.press("mark_quote", quote=payloads[2])
done(browser)
browser
"""
DASHBOARD = """
dashboard = wb.show(questions=questions)
dashboard
"""
CELLS = {"live": LIVE, "walk": WALK, "map": MAP, "compare": COMPARE, "chunks": CHUNKS,
         "dashboard": DASHBOARD}  # fmt: skip
SHOWN = {"live": ".wm-live", "walk": ".wm-walk", "map": ".wm-map-panel", "compare": ".wm-compare",
         "chunks": ".wm-chunks", "dashboard": ".wm-dashboard"}  # fmt: skip

# What stands in the page of a text: as text, in a control, or said to a screen reader.
SAID = """root => [root.textContent,
  ...[...root.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => a.value)),
  ...[...root.querySelectorAll('input')].map(e => e.value)].join('\\n')"""
# Elements and attributes that no panel makes.
FOREIGN = """() => {
  const inside = [...document.querySelectorAll(
    '.whymiss *, .wm-map *, .whymiss-snapshot *, .jp-OutputArea-output [data-planted]')];
  const made = 'script img iframe object embed base meta link style math video audio a'
    .split(' ');
  const sent = ['href', 'src', 'srcdoc', 'action', 'formaction', 'autofocus', 'data-planted'];
  // The map draws its lasso and its key by itself.
  return inside.filter(e => made.includes(e.localName)
      || e.localName === 'svg' && !/^wm-map-/.test(e.getAttribute('class'))
      || e.getAttributeNames().some(name => name.startsWith('on') || sent.includes(name)))
    .map(e => e.outerHTML.slice(0, 120));
}"""


@pytest.fixture(scope="module")
def lab(module_notebook: Callable[..., LabNotebook]) -> LabNotebook:
    opened = module_notebook([SETUP, *CELLS.values()])
    opened.run_cell(0)
    return opened


def panel(lab: LabNotebook, name: str) -> Locator:
    """Where a panel was shown first."""
    return lab.page.locator(f".whymiss{SHOWN[name]}").first


def use(lab: LabNotebook, name: str) -> None:
    """Open what is folded, point at what can be pointed at, click on what is no control."""
    root = panel(lab, name)
    root.evaluate(
        "root => { for (const fold of root.querySelectorAll('details')) fold.open = true; }"
    )
    for words in root.locator("li, td, pre, legend, summary").all()[:12]:
        if words.is_visible():
            words.hover(force=True)
    for words in root.locator("h2, h3, li p, td bdi").all()[:4]:
        if words.is_visible():
            words.click(force=True)


def check_nothing_ran(lab: LabNotebook) -> None:
    assert lab.dialogs == []
    assert lab.requests == []
    assert lab.page.evaluate("window.pwned ?? null") is None
    assert lab.page.evaluate(FOREIGN) == []
    # A formula would have been made of the dollars.
    assert lab.page.locator(".whymiss mjx-container, .whymiss-snapshot mjx-container").count() == 0
    assert lab.page.evaluate("document.baseURI").startswith("http://127.0.0.1")


def unseen(lab: LabNotebook, name: str) -> list[str]:
    """Payloads that a panel does not show at all."""
    said: Any = panel(lab, name).evaluate(SAID)
    return [payload for payload in PAYLOADS if visible(payload) not in said]


@pytest.mark.parametrize("name", CELLS)
def test_a_hostile_corpus_stays_text_in(name: str, lab: LabNotebook) -> None:
    lab.run_cell(1 + list(CELLS).index(name))
    expect(panel(lab, name)).to_be_visible()
    use(lab, name)
    lab.wait_idle()
    check_nothing_ran(lab)
    # Or there would have been nothing to run. The list of compared questions has pages.
    all_shown = {"compare": PAYLOADS[:6], "dashboard": ()}.get(name, PAYLOADS)
    assert not {*unseen(lab, name)} & {*all_shown}


def test_each_panel_in_front_of_the_dashboard_stays_text(lab: LabNotebook) -> None:
    buttons = panel(lab, "dashboard").get_by_role("navigation").get_by_role("button")
    for button in buttons.all():
        button.click()
        expect(button).to_have_attribute("aria-current", "page")
        check_nothing_ran(lab)


def test_a_hostile_labelled_question_that_is_chosen_and_measured_stays_text(
    lab: LabNotebook,
) -> None:
    lab.execute(LABELLED)
    expect(panel(lab, "live").locator(".wm-measured")).to_contain_text("recall@")
    check_nothing_ran(lab)


def test_a_hostile_notebook_that_is_saved_and_opened_again_stays_text(lab: LabNotebook) -> None:
    saved = json.dumps(lab.save())
    assert "whymiss-snapshot" in saved
    lab.reload()
    expect(panel(lab, "live")).to_be_attached()
    check_nothing_ran(lab)
