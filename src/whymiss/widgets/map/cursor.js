// What a person does with the keyboard: a cursor that stands on a point and goes to others.

const STEP = 48;
const ZOOM = 1.5;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

class Cursor {
  constructor(view) {
    this.view = view;
    this.row = -1;
  }

  key(event) {
    const { view } = this;
    const arrow = ARROWS[event.key];
    const acts = {
      "+": () => view.zoom(ZOOM), "=": () => view.zoom(ZOOM),
      "-": () => view.zoom(1 / ZOOM), _: () => view.zoom(1 / ZOOM),
      0: () => view.moved(true),
      n: () => this.step(1), p: () => this.step(-1),
      enter: () => view.click(this.row, event, "keyboard"),
      escape: () => (view.gestures.drag ? view.gestures.endDrag() : view.clear()),
    };
    const act = arrow ? () => this.arrow(...arrow, event.altKey) : acts[event.key.toLowerCase()];
    // Other keys stay with the browser, and those with Ctrl are its own.
    const theirs = (event.ctrlKey || event.metaKey) && event.key !== "Enter";
    if (view.gone || !act || theirs) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  arrow(right, up, jumps) {
    if (!jumps) this.view.pan(-STEP * right, STEP * up);
    else if (this.row < 0) this.step(1);
    else this.goTo(this.view.grid.beside(this.row, right, up));
  }

  // To the next of the drawn neighbours and the marks; where there are none, of all points.
  step(by) {
    const { edges, marks, n } = this.view;
    if (!n) return;
    const marked = marks.toReversed().flatMap((mark) => Array.from(mark.rows));
    const tour = [...new Set([...edges.starts, ...edges.ends, ...marked])];
    if (!tour.length) {
      this.goTo(this.row < 0 ? this.middle() : (this.row + by + n) % n);
      return;
    }
    const at = tour.indexOf(this.row);
    this.goTo(tour.at(at < 0 ? (by > 0 ? 0 : -1) : (at + by) % tour.length));
  }

  // The point nearest to the middle of what is seen.
  middle() {
    const { grid, plane } = this.view;
    for (let radius = plane.at[2] / 8; ; radius *= 2) {
      const found = grid.near(plane.x, plane.y, radius);
      if (found >= 0) return found;
    }
  }

  goTo(row) {
    const { view } = this;
    if (row < 0) return;
    this.row = row;
    const [column, line] = pixel(view.places, row, view.plane);
    if (!isSeen([column - 1, line - 1, column + 1, line + 1], view.plane)) {
      view.pan(view.plane.width / 2 - column, view.plane.height / 2 - line);
    }
    this.show();
  }

  // Rings the point and has it told, even where it was told before.
  show() {
    const { view } = this;
    if (this.row < 0 || !view.page.canvas.matches(":focus-visible")) return;
    view.page.spoken.textContent = "";
    view.point(this.row, { again: true });
  }
}
