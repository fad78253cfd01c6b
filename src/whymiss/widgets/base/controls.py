"""Controls of a panel as HTML: native elements, each with its name, told apart by `data-knob`."""

from __future__ import annotations

from collections.abc import Iterable

from whymiss.pages.markup import Child, Markup, tag


def slider(
    knob: str, name: str, value: float, *, low: float, high: float, step: float = 1, hint: str = ""
) -> Markup:
    """A slider with a field to type the same number in.

    >>> slider("retrieval.k", "Top-K", 5, low=1, high=50).count('data-knob="retrieval.k"')
    2
    """
    limits = {"min": _written(low), "max": _written(high), "step": _written(step)}
    told = {"data_knob": knob, "value": _written(value), "title": hint or None, **limits}
    return tag(
        "div",
        tag("span", name, class_="wm-name", aria_hidden="true"),
        tag(
            "span",
            tag("input", type="range", aria_label=name, **told),
            tag("input", type="number", aria_label=f"{name}, typed", **told),
            class_="wm-pair",
        ),
        class_="wm-field",
    )


def choice(knob: str, name: str, value: str, options: Iterable[tuple[str, str]]) -> Markup:
    """A list of which one is chosen; `options` are (value, what is read).

    >>> "selected" in choice("retrieval.mode", "Mode", "dense", [("dense", "dense")])
    True
    """
    listed = [
        tag("option", text, value=option, selected="" if option == value else None)
        for option, text in options
    ]
    return tag(
        "label",
        tag("span", name, class_="wm-name"),
        tag("select", *listed, data_knob=knob),
        class_="wm-field",
    )


def text_field(knob: str, name: str, value: str, *, hint: str = "") -> Markup:
    """A line of text, sent when it is done."""
    return tag(
        "label",
        tag("span", name, class_="wm-name"),
        tag("input", type="text", data_knob=knob, value=value, placeholder=hint or None),
        class_="wm-field",
    )


def checkbox(knob: str, name: str, value: bool) -> Markup:
    """A box that is ticked or not."""
    box = tag("input", type="checkbox", data_knob=knob, checked="" if value else None)
    return tag("label", box, tag("span", name), class_="wm-check")


def button(
    action: str,
    *said: Child,
    value: str = "",
    look: str = "",
    name: str = "",
    pressed: bool | None = None,
    enabled: bool = True,
) -> Markup:
    """A button; `name` tells a screen reader more than what is written on it.

    >>> print(button("pin", "Pin", value="<7>"))
    <button type="button" data-do="pin" data-value="&lt;7&gt;">Pin</button>
    """
    return tag(
        "button",
        *said,
        type="button",
        data_do=action,
        data_value=value or None,
        class_=f"wm-{look}" if look else None,
        aria_label=name or None,
        aria_pressed=None if pressed is None else str(pressed).lower(),
        disabled=None if enabled else "",
    )


def group(name: str, *controls: Child) -> Markup:
    """Controls that belong together, under a name."""
    return tag("fieldset", tag("legend", name), *controls)


def scrolled(name: str, content: Markup) -> Markup:
    """A box that scrolls sideways, by keyboard too; `name` says what is in it.

    >>> print(scrolled("Repairs", Markup("<table></table>")))
    <div class="wide" tabindex="0" role="region" aria-label="Repairs"><table></table></div>
    """
    return tag("div", content, class_="wide", tabindex="0", role="region", aria_label=name)


def code(name: str, text: str) -> Markup:
    """Code that can be read and copied, closed until it is asked for."""
    return tag(
        "details",
        tag("summary", "Code of this view"),
        tag("pre", tag("code", text, data_code=name)),
        tag("button", "Copy as code", type="button", data_copy=name),
        data_key=f"code-{name}",
    )


def problem(text: str) -> Markup:
    """What went wrong, told at once to whoever does not see it."""
    return tag("p", tag("strong", "This did not work. "), text, class_="wm-problem", role="alert")


def _written(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)
