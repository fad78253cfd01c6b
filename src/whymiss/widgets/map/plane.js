// Where points lie: the part of the map that is seen, and which point is near a place. No page here.

const SMALLEST = 0.5;
const LARGEST = 4000;

// Half the width and height of what a person sees, in pixels, around a centre in units of the map.
class Plane {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.bounds = [-1, -1, 1, 1];
    this.x = 0;
    this.y = 0;
    this.scale = 1;
  }

  // Pixels per unit at which all points are seen.
  get whole() {
    const [left, bottom, right, top] = this.bounds;
    const room = Math.max(0.1 * Math.min(this.width, this.height), 24);
    return Math.min(
      Math.max(this.width - room, 1) / (right - left || 1),
      Math.max(this.height - room, 1) / (top - bottom || 1));
  }

  fit() {
    const [left, bottom, right, top] = this.bounds;
    this.x = (left + right) / 2;
    this.y = (bottom + top) / 2;
    this.scale = this.whole;
  }

  // The largest circle that is seen: the same on a screen of another shape.
  get at() {
    return [this.x, this.y, Math.min(this.width, this.height) / 2 / this.scale];
  }

  put([x, y, reach]) {
    this.x = x;
    this.y = y;
    this.scale = Math.min(this.width, this.height) / 2 / reach;
    this.hold();
  }

  column(x) { return (x - this.x) * this.scale + this.width / 2; }
  line(y) { return this.height / 2 - (y - this.y) * this.scale; }

  place(column, line) {
    return [
      this.x + (column - this.width / 2) / this.scale,
      this.y - (line - this.height / 2) / this.scale,
    ];
  }

  move(columns, lines) {
    this.x -= columns / this.scale;
    this.y += lines / this.scale;
    this.hold();
  }

  // What lies under this pixel stays under it.
  zoom(factor, column = this.width / 2, line = this.height / 2) {
    const [x, y] = this.place(column, line);
    this.scale *= factor;
    this.hold();
    this.x = x - (column - this.width / 2) / this.scale;
    this.y = y + (line - this.height / 2) / this.scale;
    this.hold();
  }

  // Nobody gets lost: the centre stays among the points.
  hold() {
    const [left, bottom, right, top] = this.bounds;
    this.scale = clamp(this.scale, this.whole * SMALLEST, this.whole * LARGEST);
    this.x = clamp(this.x, left, right);
    this.y = clamp(this.y, bottom, top);
  }
}

// Points sorted into cells, once, so that a place is looked up without looking at all of them.
class Grid {
  constructor(places) {
    this.places = places;
    const n = places.length / 2;
    this.bounds = boundsOf(places);
    const [left, bottom, right, top] = this.bounds;
    this.side = clamp(Math.ceil(Math.sqrt(n / 2)), 1, 1024);
    this.wide = (right - left) / this.side || 1;
    this.high = (top - bottom) / this.side || 1;
    this.starts = new Uint32Array(this.side * this.side + 1);
    this.rows = new Uint32Array(n);
    const cells = new Uint32Array(n);
    for (let row = 0; row < n; row++) {
      cells[row] = this.cell(places[2 * row], places[2 * row + 1]);
      this.starts[cells[row] + 1]++;
    }
    for (let i = 1; i < this.starts.length; i++) this.starts[i] += this.starts[i - 1];
    const free = this.starts.slice();
    for (let row = 0; row < n; row++) this.rows[free[cells[row]]++] = row;
  }

  across(x) { return clamp(Math.floor((x - this.bounds[0]) / this.wide), 0, this.side - 1); }
  up(y) { return clamp(Math.floor((y - this.bounds[1]) / this.high), 0, this.side - 1); }
  cell(x, y) { return this.up(y) * this.side + this.across(x); }

  // The rows in one line of cells, between two columns of them.
  between(up, left, right) {
    const first = up * this.side;
    return this.rows.subarray(
      this.starts[first + this.across(left)], this.starts[first + this.across(right) + 1]);
  }

  // The nearest row within a radius, of equally near ones the last; -1 for none.
  near(x, y, radius) {
    let best = -1;
    let least = radius * radius;
    for (let up = this.up(y - radius); up <= this.up(y + radius); up++) {
      for (const row of this.between(up, x - radius, x + radius)) {
        const away = squared(this.places, row, x, y);
        if (away < least || (away === least && row > best)) [best, least] = [row, away];
      }
    }
    return best;
  }

  // The rows inside a polygon of [x, y], by the even-odd rule, ascending.
  inside(polygon) {
    const [left, bottom, right, top] = boundsOf(new Float64Array(polygon.flat()));
    const sides = polygon.map((corner, i) => [polygon.at(i - 1), corner]);
    const found = [];
    for (let up = this.up(bottom); up <= this.up(top); up++) {
      const floor = this.bounds[1] + up * this.high;
      // A line of cells meets few sides; one more line above and below, as borders are rounded.
      const near = sides.filter(([[, from], [, to]]) =>
        Math.min(from, to) <= floor + 2 * this.high && Math.max(from, to) >= floor - this.high);
      for (const row of this.between(up, left, right)) {
        if (isInside(this.places[2 * row], this.places[2 * row + 1], near)) found.push(row);
      }
    }
    return Uint32Array.from(found).sort();
  }

  // The nearest row to one side of another: right is (1, 0), up is (0, 1). -1 for none.
  beside(row, right, up) {
    const { places } = this;
    const x = places[2 * row], y = places[2 * row + 1];
    let best = -1;
    let least = Infinity;
    for (let other = 0; other < places.length / 2; other++) {
      const across = places[2 * other] - x, upward = places[2 * other + 1] - y;
      const along = across * right + upward * up;
      const off = Math.abs(across * up - upward * right);
      // What lies further off than along is on another side.
      if (along > 0 && off <= along && along + off < least) [best, least] = [other, along + off];
    }
    return best;
  }
}

function isInside(x, y, sides) {
  let inside = false;
  for (const [[ax, ay], [bx, by]] of sides) {
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

// Left, bottom, right and top of x and y in turn.
function boundsOf(places) {
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < places.length; i += 2) {
    bounds[0] = Math.min(bounds[0], places[i]);
    bounds[1] = Math.min(bounds[1], places[i + 1]);
    bounds[2] = Math.max(bounds[2], places[i]);
    bounds[3] = Math.max(bounds[3], places[i + 1]);
  }
  return places.length ? bounds : [-1, -1, 1, 1];
}

function squared(places, row, x, y) {
  return (places[2 * row] - x) ** 2 + (places[2 * row + 1] - y) ** 2;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
