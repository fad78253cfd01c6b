// Draws very many points, pixel by pixel: as fast on a machine without a graphics card.

const NO_VALUE = 65535;
const CLEAR = 0;
const DIM = 1;
const CHOSEN = 2;
const OPACITY = [0.85, 0.42, 1];
const LARGEST_POINT = 9;
const SAMPLES = 4;

// scene: places, codes, colours (of codes), faint (a code or -1), size (pixels), and one byte a row:
// marked, joined (by a line), chosen and clear (null where nothing steps back).
// theme: paper, ink and grey as [r, g, b].
class Raster {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.order = new Uint32Array(0);
    this.kinds = new Uint16Array(0);
    this.sprites = [];
    this.made = "";
  }

  resize(width, height, ratio) {
    this.ratio = ratio;
    this.margin = Math.ceil((LARGEST_POINT / 2 + 3) * ratio);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.stride = this.canvas.width + 2 * this.margin;
    // With a margin, no point has to be cut at a border.
    this.image = new ImageData(this.stride, this.canvas.height + 2 * this.margin);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.made = "";
  }

  // Which point is drawn how, and after which: needed once for every change but that of the view.
  arrange(scene) {
    const n = scene.codes.length;
    const layers = new Uint8Array(n);
    const counts = new Uint32Array(6);
    this.kinds = new Uint16Array(n);
    this.scene = scene;
    for (let row = 0; row < n; row++) {
      const code = scene.codes[row];
      const state = stateOf(scene, row);
      this.kinds[row] = 3 * (code === NO_VALUE ? scene.colours.length : code) + state;
      // 4 is not drawn here: a mark lies in its place.
      layers[row] = scene.marked[row] ? 4
        : state === CHOSEN ? 3
        : code === NO_VALUE || code === scene.faint ? 0
        : state === CLEAR ? 2 : 1;
      counts[layers[row] + 1]++;
    }
    for (let layer = 1; layer < 6; layer++) counts[layer] += counts[layer - 1];
    this.order = new Uint32Array(n);
    const drawn = counts[4];
    for (let row = 0; row < n; row++) this.order[counts[layers[row]]++] = row;
    this.order = this.order.subarray(0, drawn);
    this.made = "";
  }

  paint(plane, theme) {
    const { pixels, stride, ratio, margin, order, kinds } = this;
    const size = Math.min(
      LARGEST_POINT, Math.round(2 * this.scene.size * (plane.scale / plane.whole) ** 0.25) / 2);
    this.prepare(size, theme);
    pixels.fill(packed(theme.paper));
    const { places } = this.scene;
    const scale = plane.scale * ratio;
    const left = this.canvas.width / 2 - plane.x * scale;
    const top = this.canvas.height / 2 + plane.y * scale;
    const [right, bottom] = [this.canvas.width + margin / 2, this.canvas.height + margin / 2];
    for (let i = 0; i < order.length; i++) {
      const row = order[i];
      const column = Math.round(left + places[2 * row] * scale);
      const line = Math.round(top - places[2 * row + 1] * scale);
      if (column < -margin / 2 || line < -margin / 2 || column > right || line > bottom) continue;
      const sprite = this.sprites[kinds[row]] ?? this.sprite(kinds[row]);
      stamp(pixels, (line + margin) * stride + column + margin, sprite);
    }
    this.context.putImageData(this.image, -margin, -margin);
  }

  prepare(size, theme) {
    const made = JSON.stringify([size, theme]);
    if (made === this.made) return;
    this.made = made;
    this.size = size;
    this.theme = theme;
    this.sprites = [];
  }

  // The pixels of one kind of point, as what they add and what they leave of what is below.
  sprite(kind) {
    const { scene, theme, ratio, stride } = this;
    const state = kind % 3;
    const code = (kind - state) / 3;
    const hollow = code === scene.colours.length;
    const fill = hollow ? null : scene.colours[code];
    const edge = state === CHOSEN ? theme.ink : theme.grey;
    const width = (state === CHOSEN ? 1.1 : hollow ? 1.3 : 0.7) * ratio;
    const radius = (this.size / 2 + (state === CHOSEN ? 0.5 : 0)) * ratio;
    // Grey others are quieter, and still seen.
    const opacity = code === scene.faint && state !== CHOSEN
      ? Math.max(OPACITY[state] / 2, 0.3) : OPACITY[state];
    const found = [];
    const reach = Math.ceil(radius + width / 2);
    for (let line = -reach; line <= reach; line++) {
      for (let column = -reach; column <= reach; column++) {
        const [inner, outer] = coverage(column, line, radius, width);
        const part = (fill ? inner : 0) + outer;
        const left = Math.round(256 * part * opacity);
        if (!left) continue;
        const mixed = [0, 1, 2].map(
          (i) => Math.round(((fill ? inner * fill[i] : 0) + outer * edge[i]) / part));
        found.push([line * stride + column, left, mixed]);
      }
    }
    return (this.sprites[kind] = {
      at: Int32Array.from(found, ([at]) => at),
      below: Uint16Array.from(found, ([, left]) => 256 - left),
      redBlue: Uint32Array.from(found, ([, left, [red, , blue]]) => (red + blue * 65536) * left),
      green: Uint32Array.from(found, ([, left, [, green]]) => green * 256 * left),
    });
  }
}

// Red and blue are mixed in one multiplication: there are eight free bits above each.
function stamp(pixels, middle, { at, below, redBlue, green }) {
  for (let k = 0; k < at.length; k++) {
    const i = middle + at[k];
    const before = pixels[i];
    const left = below[k];
    pixels[i] = (0xff000000
      | (((Math.imul(before & 0xff00ff, left) + redBlue[k]) >>> 8) & 0xff00ff)
      | (((Math.imul(before & 0x00ff00, left) + green[k]) >>> 8) & 0x00ff00)) >>> 0;
  }
}

// What is selected decides, and its lines; without a selection, what does not step back.
function stateOf({ chosen, joined, clear }, row) {
  if (!chosen) return clear && !clear[row] ? DIM : CLEAR;
  if (chosen[row]) return CHOSEN;
  return joined[row] ? CLEAR : DIM;
}

// How much of a pixel lies in a disc, and how much on its edge.
function coverage(column, line, radius, width) {
  let inner = 0, outer = 0;
  for (let i = 0; i < SAMPLES * SAMPLES; i++) {
    const x = column + ((i % SAMPLES) + 0.5) / SAMPLES - 0.5;
    const y = line + (Math.floor(i / SAMPLES) + 0.5) / SAMPLES - 0.5;
    const away = Math.hypot(x, y);
    if (Math.abs(away - radius) <= width / 2) outer++;
    else if (away < radius) inner++;
  }
  return [inner / (SAMPLES * SAMPLES), outer / (SAMPLES * SAMPLES)];
}

function packed([red, green, blue]) {
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}
