// Numbers and colours as they come from Python and from the page.

const SAMPLE = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

// Binary state comes as a view into a message, at any byte.
function numbers(Kind, view) {
  return new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function sorted(rows) {
  return Uint32Array.from(rows).sort();
}

// Any css colour as [red, green, blue].
function rgb(colour) {
  SAMPLE.fillStyle = colour;
  SAMPLE.fillRect(0, 0, 1, 1);
  return Array.from(SAMPLE.getImageData(0, 0, 1, 1).data.subarray(0, 3));
}

// The colours of the page, for what is drawn by hand.
function themeOf(root) {
  const style = getComputedStyle(root);
  const colour = (name) => style.getPropertyValue(name).trim();
  const css = {
    paper: colour("--wm-paper"), ink: colour("--wm-ink"), grey: colour("--wm-map-grey"),
    accent: colour("--wm-accent"), font: style.fontFamily,
  };
  return { css, paper: rgb(css.paper), ink: rgb(css.ink), grey: rgb(css.grey) };
}
