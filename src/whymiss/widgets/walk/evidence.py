"""The second step as HTML: whether the answer is wrong, and where the right one stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whymiss.diagnosis.case_file.tables import place as place_of
from whymiss.diagnosis.locating import Located
from whymiss.diagnosis.locating.choosing import PICK
from whymiss.diagnosis.records import Candidate
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.pages.markup import Child, Markup, foreign, join, number, tag
from whymiss.text import counted
from whymiss.widgets.base.controls import button
from whymiss.widgets.walk.answer import KEEPS_LINES, candidates_of, pick_button, place_html
from whymiss.widgets.walk.readable import readable
from whymiss.widgets.walk.results import Walked
from whymiss.widgets.walk.sight import Page, Sight
from whymiss.widgets.walk.state import WalkState

SUGGESTED: Final = 500
"""Names of documents that are suggested while one is typed."""

_RIGHT: Final = "Then there is nothing to walk down. Ask another question, or another pipeline."
_NEEDS: Final = (("all", "all of them are needed"), ("any", "any one of them is enough"))


def judged_html(state: WalkState, labelled: Question | None) -> Markup:
    """The two buttons, and what was taken as the evidence."""
    pieces: list[Child] = [
        tag("h3", "2. Is it wrong, and what should it have said?"),
        tag(
            "div",
            button("right", "It is right", pressed=state.wrong is False),
            button("wrong", "It is wrong", pressed=state.wrong is True),
            class_="wm-row",
        ),
    ]
    if state.wrong is False:
        pieces.append(tag("p", _RIGHT, role="status"))
    if state.wrong:
        pieces += [tag("h4", "The evidence"), taken_html(state), _of_label(state, labelled)]
    return join(pieces)


def taken_html(state: WalkState, *, controls: bool = True) -> Markup:
    """The spans that were taken, with their text, and how many of them are needed."""
    if not state.evidence:
        told = "None yet. Show where the right answer stands, by any of these ways."
        return tag("p", told if controls else "No evidence was given.", class_="wm-soft")
    if state.needs == "mixed":
        listed: Markup = join(
            tag("div", tag("p", f"Alternative {at}: all of"), _spans(state, spans, controls))
            for at, spans in enumerate(state.evidence, start=1)
        )
    else:
        listed = _spans(state, state.spans, controls)
    return join([listed, _needs(state, controls) if len(state.spans) > 1 else None])


def _spans(state: WalkState, spans: Sequence[EvidenceSpan], controls: bool) -> Markup:
    every = state.spans
    return tag(
        "ol",
        *(
            tag(
                "li",
                tag("span", foreign(place_of(span)), class_="wm-soft"),
                " ",
                button("drop", "Remove", value=str(every.index(span)), look="quiet",
                       name=f"Remove {place_of(span)} from the evidence") if controls else None,
                tag("div", foreign(span.quote or ""), class_="wm-text", style=KEEPS_LINES),
            )
            for span in spans
        ),
        class_="wm-taken",
    )  # fmt: skip


def _needs(state: WalkState, controls: bool) -> Markup:
    if not controls:
        said = dict(_NEEDS).get(state.needs, "any of the alternatives is enough")
        return tag("p", f"Of these {said}.")
    boxes = (
        tag(
            "label",
            tag("input", type="radio", name="needs", value=value, data_knob="needs",
                checked="" if state.needs == value else None),
            tag("span", said),
            class_="wm-check",
        )
        for value, said in _NEEDS
    )  # fmt: skip
    return tag("fieldset", tag("legend", "Of these"), *boxes)


def _of_label(state: WalkState, labelled: Question | None) -> Markup | None:
    if labelled is None:
        return None
    if labelled.evidence:
        return button("take-labelled", "Take the labelled evidence")
    if labelled.documents and not state.evidence:
        names = ", ".join(labelled.documents)
        return tag("p", "Its label names whole documents: ", foreign(names), ".")
    return None


def paste_html(located: Located | None, sight: Sight, evidence: Sequence[EvidenceSpan]) -> Markup:
    """The field for what it should have said, and the places where that may stand."""
    return join(
        [
            tag("h4", "Paste it"),
            tag(
                "form",
                tag(
                    "label",
                    tag("span", "What it should have said", class_="wm-name"),
                    tag("textarea", sight.pasted, name="text", rows="2"),
                    class_="wm-field",
                ),
                tag(
                    "div",
                    _submit("quote", "Find this passage"),
                    _submit("answer", "Find what gives this answer"),
                    tag("span", "a passage is looked for word by word, an answer by its words",
                        class_="wm-soft"),
                    class_="wm-row",
                ),
                data_do="paste",
            ),
            _located(located, evidence) if located is not None else None,
        ]
    )  # fmt: skip


def _submit(value: str, said: str) -> Markup:
    return tag("button", said, type="submit", data_value=value)


def _located(located: Located, evidence: Sequence[EvidenceSpan]) -> Markup:
    note = located.note.replace(PICK, "Pick one:" if located.candidates else "")
    if not located.evidence and not located.candidates:
        note += " Pick a passage, or paste other words of it."
    rows = [_candidate(at, c, evidence) for at, c in enumerate(located.candidates)]
    if located.evidence and len(rows) == 1:
        # It was taken, and stands above.
        rows = []
    return join(
        [
            tag("p", foreign(note), role="status"),
            tag("ol", *rows, class_="wm-taken", aria_label="Places that fit") if rows else None,
        ]
    )


def _candidate(at: int, candidate: Candidate, evidence: Sequence[EvidenceSpan]) -> Markup:
    where = place_of(candidate.span)
    return tag(
        "li",
        tag("span", f"match {number(candidate.match, 2)} ({candidate.how}), ", foreign(where),
            class_="wm-soft"),
        " ",
        button("take", "This is the evidence", value=f"place:{at}",
               pressed=candidate.span in evidence, name=f"This is the evidence: {where}"),
        tag("div", foreign(candidate.text), class_="wm-text"),
    )  # fmt: skip


def further_html(walked: Walked, sight: Sight, evidence: Sequence[EvidenceSpan]) -> Markup:
    """The candidates that were not selected, some of them, and the way to more."""
    places = candidates_of(walked)
    shown = places[: sight.n_further]
    left = len(places) - len(shown)
    return tag(
        "details",
        tag("summary", f"Pick it from {counted(len(places), 'further candidate')}"),
        tag("p", "Ranked, and not selected. The passages above can be picked too.",
            class_="wm-soft"),
        *(place_html(place, picking=True, evidence=evidence) for place in shown),
        tag("div", button("more", f"Show more of the {left} others"), class_="wm-row")
        if left else None,
        data_key="further",
    )  # fmt: skip


def document_html(
    doc_ids: Sequence[str], page: Page | None, evidence: Sequence[EvidenceSpan], *, list_id: str
) -> Markup:
    """The way to any document, and the one that is open, a page at a time.

    Parameters
    ----------
    list_id : an id that no other panel of the notebook uses.
    """
    shown = doc_ids[:SUGGESTED]
    hint = f"{counted(len(doc_ids), 'document')}" + (
        f"; the first {SUGGESTED} are suggested" if len(doc_ids) > SUGGESTED else ""
    )
    return tag(
        "details",
        tag("summary", "Pick it from any document"),
        tag(
            "form",
            tag(
                "label",
                tag("span", f"Document ({hint})", class_="wm-name"),
                tag("input", type="text", name="doc_id", list=list_id,
                    value=page.document.doc_id if page else ""),
                class_="wm-field wm-grow",
            ),
            tag("datalist", *(tag("option", value=doc_id) for doc_id in shown), id=list_id),
            tag("button", "Open", type="submit"),
            data_do="open-document",
            class_="wm-row",
        ),
        _page(page, evidence) if page is not None else None,
        open="" if page is not None else None,
        data_key="document",
    )  # fmt: skip


def _page(page: Page, evidence: Sequence[EvidenceSpan]) -> Markup:
    document, start, end = page.document, page.start, page.end
    n = len(document.text)
    whole = start == 0 and end == n
    part = f"all {n:,} characters" if whole else f"characters {start:,} to {end:,} of {n:,}"
    return join(
        [
            tag("p", tag("strong", foreign(document.doc_id)), f": {part}"),
            tag(
                "div",
                button("turn-page", "Before", value="back", enabled=start > 0),
                button("turn-page", "After", value="on", enabled=end < n),
                pick_button(document.doc_id),
                button("close-document", "Close", look="quiet"),
                class_="wm-row",
            ),
            tag(
                "div",
                readable(document.text[start:end], doc_id=document.doc_id, start=start,
                         evidence=evidence),
                class_="wm-page",
                tabindex="0",
                role="region",
                aria_label=f"Text of {document.doc_id}",
            ),
        ]
    )  # fmt: skip


def go_html(state: WalkState, labelled: Question | None, *, n_questions: int) -> Markup:
    """The button that looks for the cause, once it is said what the evidence is, or not."""
    if state.evidence or (labelled is not None and labelled.documents):
        of = counted(n_questions, "labelled question")
        priced = f"Repairs are priced on those of the {of} that can be judged."
        return tag(
            "div",
            button("diagnose", "Find the cause", look="main"),
            tag("span", priced if n_questions else "No labelled questions: repairs get no price.",
                class_="wm-soft"),
            class_="wm-row",
        )  # fmt: skip
    told = "Without evidence the index is still looked over, but nothing can be proven."
    if state.expected:
        told = "The expected answer is looked for; unless its place is plain, nothing is proven."
    return tag(
        "div",
        button("diagnose", "Go on without evidence"),
        tag("span", told, class_="wm-soft"),
        class_="wm-row",
    )
