// The key: what shapes, lines and colours mean.

function drawKey(place, { look, marks, edges }) {
  const shapes = marks.items.toReversed().map((mark) => keyLine(shapeSwatch(mark), mark.text));
  const lines = edges.key.map(({ text, dashed }) => keyLine(lineSwatch(dashed), text));
  const colours = look.key.map(({ text, code }) =>
    keyLine(colourSwatch(look.colours[code], code === look.faint), text));
  place.replaceChildren(
    ...keyList("Shapes and lines", [...shapes, ...lines]),
    ...keyList(look.title, colours),
    ...(look.scale ? [scaleBar(look)] : []));
}

function keyList(title, lines) {
  if (!lines.length && !title) return [];
  const heading = title ? [element("p", { class: "wm-soft" }, title)] : [];
  return [...heading, ...(lines.length ? [element("ul", { "aria-label": title }, ...lines)] : [])];
}

function keyLine(swatch, text) {
  return element("li", {}, swatch, element("span", { dir: "auto" }, text));
}

function swatch(...shapes) {
  const look = { class: "wm-map-swatch", viewBox: "-12 -12 24 24", width: "20", height: "20" };
  return drawing("svg", { ...look, "aria-hidden": "true" }, ...shapes);
}

function shapeSwatch({ symbol, colour, size, ring }) {
  const small = Math.min(size, 14);
  const line = { fill: "none", stroke: colour, "stroke-width": "2.5" };
  if (!ring) return swatch(drawing("path", { d: outline(symbol, small), ...line }));
  return swatch(
    drawing("path", { d: outline(symbol, 8), class: "wm-map-grey" }),
    drawing("path", { d: outline("circle", 18), ...line }));
}

function lineSwatch(dashed) {
  return swatch(drawing("path", {
    d: "M-12,0H12", class: "wm-map-line", "stroke-dasharray": dashed ? "6 4" : "none",
  }));
}

function colourSwatch(colour, faint) {
  return swatch(drawing("circle", {
    r: "6", fill: colour ?? "none", class: "wm-map-grey", "fill-opacity": faint ? "0.6" : "1",
  }));
}

function scaleBar({ colours, scale: [low, high] }) {
  const bar = element("div", { class: "wm-map-bar", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(to right, ${colours.join(", ")})`;
  const ends = element("p", { class: "wm-map-ends wm-number" },
    element("span", {}, low), element("span", { class: "wm-hidden" }, " to "), element("span", {}, high));
  return element("div", {}, bar, ends);
}
