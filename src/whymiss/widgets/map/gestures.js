// What a person does with a mouse, a pen or a finger.

const NEAR = 8;
const STILL = 4;
const LINES = [1, 16, 100];

class Gestures {
  constructor(view) {
    this.view = view;
    this.canvas = view.page.canvas;
    this.drag = null;
    this.lassoing = false;
  }

  watch(canvas, signal) {
    const on = (target, type, act, options = {}) =>
      target.addEventListener(type, act, { signal, ...options });
    on(canvas, "pointerdown", (event) => this.down(event));
    on(canvas, "pointermove", (event) => this.move(event));
    on(canvas, "pointerup", (event) => this.up(event));
    on(canvas, "pointercancel", () => this.endDrag());
    on(canvas, "pointerleave", () => this.drag || this.view.point(-1));
    on(canvas, "dblclick", (event) => this.view.gone || this.view.zoom(2, ...spot(event)));
    on(canvas, "wheel", (event) => this.wheel(event), { passive: false });
    on(window, "pointermove", (event) => this.rest(event), { capture: true });
  }

  // A mark is hit where it is drawn, any other point nearby.
  hit(column, line) {
    const { marks, places, plane, grid } = this.view;
    for (const mark of marks.toReversed()) {
      let best = -1;
      let least = mark.size / 2 + 2;
      for (const row of mark.rows) {
        const [x, y] = pixel(places, row, plane);
        const away = Math.hypot(x - column, y - line);
        if (away <= least) [best, least] = [row, away];
      }
      if (best >= 0) return best;
    }
    return grid.near(...plane.place(column, line), NEAR / plane.scale);
  }

  down(event) {
    if (event.button !== 0 || this.view.gone) return;
    this.canvas.setPointerCapture(event.pointerId);
    const at = spot(event);
    this.drag = { lasso: event.shiftKey || this.lassoing, corners: [at], last: at, going: false };
  }

  move(event) {
    const { view, drag } = this;
    const at = spot(event);
    if (view.gone) return;
    if (!drag) {
      view.point(this.hit(...at));
      return;
    }
    const [from] = drag.corners;
    drag.going ||= Math.hypot(at[0] - from[0], at[1] - from[1]) > STILL;
    if (!drag.going) return;
    view.point(-1);
    this.canvas.classList.add("wm-map-dragging");
    if (drag.lasso) {
      drag.corners.push(at);
      view.page.loop.setAttribute("points", drag.corners.join(" "));
    } else {
      view.pan(at[0] - drag.last[0], at[1] - drag.last[1]);
    }
    drag.last = at;
  }

  up(event) {
    const { drag, view } = this;
    this.endDrag();
    if (!drag) return;
    if (!drag.going) view.click(this.hit(...spot(event)), event, "click");
    else if (drag.lasso) this.enclose(drag.corners, event.ctrlKey || event.metaKey);
  }

  enclose(corners, adds) {
    const { view } = this;
    const inside = view.grid.inside(corners.map((corner) => view.plane.place(...corner)));
    view.pick(adds ? sorted(new Set([...view.selected, ...inside])) : inside, "lasso");
  }

  endDrag() {
    this.drag = null;
    this.view.page.loop.removeAttribute("points");
    this.canvas.classList.remove("wm-map-dragging");
  }

  // A page that scrolls under a resting mouse goes on scrolling: the mouse was not moved here.
  rest({ screenX, screenY, target }) {
    const at = `${screenX} ${screenY}`;
    if (at !== this.rested) this.invited = target === this.canvas;
    this.rested = at;
  }

  wheel(event) {
    if (this.view.gone || !(this.invited || document.activeElement === this.canvas)) return;
    event.preventDefault();
    const pixels = event.deltaY * LINES[event.deltaMode];
    this.view.zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), ...spot(event));
  }

  toggleLasso() {
    this.lassoing = !this.lassoing;
    this.view.page.pressLasso(this.lassoing);
  }
}

function spot(event) {
  return [event.offsetX, event.offsetY];
}
