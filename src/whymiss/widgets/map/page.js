// The elements around the map: buttons, key, messages. Text comes in as text, never as markup.

const HELP = [
  ["Drag, or arrow keys", "pan"],
  ["Wheel, double click, + and −", "zoom"],
  ["0", "show all points"],
  ["Click, or Enter at the cursor", "select a point; with Ctrl or Shift add it or take it out"],
  ["Lasso, or drag with Shift", "select what is inside; with Ctrl add it"],
  ["N and P", "move the cursor to the next or previous point: drawn neighbours, then marks"],
  ["Alt and an arrow key", "move the cursor to the nearest point on that side"],
  ["Esc", "clear the selection"],
];

const KEYS =
  "Arrow keys pan, plus and minus zoom, 0 shows all. N and P go from point to point, Alt with an "
  + "arrow key to the point on that side. Enter selects, Escape clears.";

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawing(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function button(name, written) {
  return element("button", { type: "button", "aria-label": name, title: name }, written);
}

// Everything that is seen, by name.
function makeElements() {
  return {
    root: element("section", { class: "whymiss wm-map" }),
    alert: element("p", { role: "alert", class: "wm-gone", hidden: "" }),
    zoomIn: button("Zoom in", "+"),
    zoomOut: button("Zoom out", "−"),
    whole: button("Show all points", "Show all"),
    lasso: button("Lasso", "Lasso"),
    clear: button("Clear selection", "Clear selection"),
    status: element("span", { role: "status", class: "wm-soft wm-number" }),
    stage: element("div", { class: "wm-map-stage" }),
    points: element("canvas", { "aria-hidden": "true" }),
    canvas: element("canvas", {
      class: "wm-map-canvas", tabindex: "0", role: "application",
      "aria-roledescription": "map of points",
    }),
    loop: drawing("polygon", {}),
    ring: element("div", { class: "wm-map-ring", hidden: "", "aria-hidden": "true" }),
    tip: element("div", { class: "wm-map-tip", hidden: "", "aria-hidden": "true", dir: "auto" }),
    empty: element("p", { class: "wm-map-empty wm-soft", hidden: "" }, "There is no point to draw."),
    key: element("div", {}),
    names: element("p", { class: "wm-soft" }),
    spoken: element("p", { class: "wm-hidden", "aria-live": "polite" }),
  };
}

class Page {
  constructor() {
    Object.assign(this, makeElements());
    this.buttons = [this.zoomIn, this.zoomOut, this.whole, this.lasso, this.clear];
    this.pressLasso(false);
    this.stage.append(
      this.points, this.canvas,
      drawing("svg", { class: "wm-map-loop", "aria-hidden": "true" }, this.loop),
      this.ring, this.tip, this.empty);
    const help = element("ul", {}, ...HELP.map(([what, does]) =>
      element("li", {}, element("strong", {}, what), `: ${does}`)));
    this.root.append(
      this.alert,
      element("div", { class: "wm-row" }, ...this.buttons, this.status),
      element("div", { class: "wm-map-body" }, this.stage,
        element("div", { class: "wm-map-key" }, this.key, this.names)),
      this.spoken,
      element("details", {}, element("summary", {}, "Mouse and keys"), help));
  }

  // What the map is, how many points are selected, and what went wrong.
  say({ name, n, selected, trouble, gone }) {
    this.root.setAttribute("aria-label", name);
    this.canvas.setAttribute("aria-label", `${name}, ${count(n)} points. ${KEYS}`);
    this.canvas.setAttribute("aria-disabled", String(gone));
    for (const one of this.buttons) one.disabled = gone;
    this.clear.disabled = gone || !selected;
    this.empty.hidden = n > 0;
    // Written only when it is new: what is written is read out.
    write(this.status, n ? `${count(selected)} of ${count(n)} points selected` : "");
    write(this.alert, trouble);
    this.alert.hidden = !trouble;
  }

  // Which names on the map had to be left out.
  sayNames({ seen, written }) {
    write(this.names, written === seen ? ""
      : `${written} of the ${seen} labels in view have room; zoom in for others.`);
  }

  pressLasso(pressed) {
    this.lasso.setAttribute("aria-pressed", String(pressed));
    this.canvas.classList.toggle("wm-map-lassoing", pressed);
  }

  // A ring around a place on the stage, and beside it, towards the middle, room for words.
  point([column, line], { width, height }) {
    this.ring.hidden = false;
    this.ring.style.transform = `translate(${column}px, ${line}px)`;
    const [right, low] = [column > width / 2, line > height / 2];
    Object.assign(this.tip.style, {
      left: right ? "" : `${column + 14}px`, right: right ? `${width - column + 14}px` : "",
      top: low ? "" : `${line + 8}px`, bottom: low ? `${height - line + 8}px` : "",
    });
  }

  pointAtNothing() {
    this.ring.hidden = true;
    this.tip.hidden = true;
  }
}

function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function count(n) {
  return n.toLocaleString("en");
}
