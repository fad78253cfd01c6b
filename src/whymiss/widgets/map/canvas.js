// What Python says of the map, and what it is told. The other map_*.js stand before this in the same
// module.
//
// Python knows what is shown, so that a page that is loaded anew shows the same.

const SETTLED = 150;
const GONE = "The kernel that this map belongs to is gone. Run the cell again to go on.";
const DRAWN = ["points", "look", "marks", "labels", "edges", "selection"];

class MapView {
  constructor(model, el) {
    this.model = model;
    this.page = new Page();
    this.plane = new Plane();
    this.raster = new Raster(this.page.points);
    this.overlay = new Overlay(this.page.canvas);
    this.shown = {};
    this.drawn = 0;
    this.pointed = -1;
    this.leaving = new AbortController();
    this.update = this.update.bind(this);
    this.lose = this.lose.bind(this);
    this.link = new Link(model, this.lose);
    this.gestures = new Gestures(this);
    this.cursor = new Cursor(this);
    el.append(this.page.root);
    this.watch();
    this.update();
  }

  // ---- from Python ----

  update() {
    const fresh = {};
    for (const name of [...DRAWN, "view", "told"]) {
      const state = this.model.get(`_${name}`);
      fresh[name] = state !== this.shown[name];
      this.shown[name] = state;
    }
    if (fresh.points) this.takePoints();
    if (fresh.points || fresh.look) this.takeLook();
    if (fresh.points || fresh.marks) this.takeMarks();
    if (fresh.points || fresh.edges) this.takeEdges();
    const { selection, view, told } = this.shown;
    if (fresh.points || (fresh.selection && this.link.settled("pick", selection.answers))) {
      this.choose(numbers(Uint32Array, selection.rows));
    }
    if (fresh.view && this.link.settled("view", view.answers)) this.look(view.at);
    if (fresh.told && this.link.answered(told)) this.tell(told);
    if (fresh.look || fresh.marks || fresh.edges) drawKey(this.page.key, this.shown);
    this.say();
    const arranged = DRAWN.some((name) => fresh[name]);
    if (arranged || fresh.view) this.redraw({ arranged });
  }

  takePoints() {
    this.places = numbers(Float32Array, this.shown.points.places);
    this.n = this.places.length / 2;
    this.grid = new Grid(this.places);
    this.plane.bounds = this.grid.bounds;
    this.link.renew(this.shown.points.issue);
    this.cursor.row = -1;
    this.point(-1);
    this.look(this.at);
  }

  takeLook() {
    const { look } = this.shown;
    this.codes = numbers(Uint16Array, look.codes);
    this.colours = look.colours.map(rgb);
  }

  takeMarks() {
    const { items, standing } = this.shown.marks;
    this.marks = items.map((mark) => ({ ...mark, rows: numbers(Uint32Array, mark.rows) }));
    this.marked = new Uint8Array(this.n);
    for (const mark of this.marks) for (const row of mark.rows) this.marked[row] = mark.size;
    this.standing = standing.byteLength ? numbers(Uint8Array, standing) : null;
  }

  takeEdges() {
    const { starts, ends, kept } = this.shown.edges;
    this.edges = {
      starts: numbers(Uint32Array, starts), ends: numbers(Uint32Array, ends),
      kept: numbers(Uint8Array, kept),
    };
    this.joined = new Uint8Array(this.n);
    for (const row of [...this.edges.starts, ...this.edges.ends]) this.joined[row] = 1;
  }

  say() {
    const gone = Boolean(this.gone);
    this.page.say({
      name: this.model.get("_name"), n: this.n, selected: this.selected.length, gone,
      trouble: gone ? GONE : this.model.get("_trouble"),
    });
  }

  // The kernel has left, and with it everything that answers.
  lose() {
    this.gone = true;
    this.link.close();
    this.gestures.endDrag();
    this.say();
  }

  pick(rows, how) {
    this.choose(rows);
    this.say();
    this.redraw({ arranged: true });
    this.link.send("pick", { how }, rows);
  }

  // ---- what is seen ----

  choose(rows) {
    this.selected = rows;
    this.chosen = null;
    if (!rows.length) return;
    this.chosen = new Uint8Array(this.n);
    for (const row of rows) this.chosen[row] = 1;
  }

  // at: the centre and how far is seen around it; null for everything.
  look(at) {
    this.at = at;
    if (at) this.plane.put(at);
    else this.plane.fit();
  }

  // A person moved the plane.
  moved(whole = false) {
    this.look(whole ? null : this.plane.at);
    this.redraw();
    clearTimeout(this.settling);
    this.link.announce("view");
    this.settling = setTimeout(() => this.link.send("view", { at: this.at }), SETTLED);
  }

  redraw({ arranged = false } = {}) {
    this.stale = this.stale || arranged;
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.paint();
    });
  }

  paint() {
    const { page, plane } = this;
    if (!this.raster.image || this.leaving.signal.aborted) return;
    this.theme ??= themeOf(page.root);
    if (this.stale) this.arrange();
    this.raster.paint(plane, this.theme);
    page.sayNames(this.overlay.paint(this.scene, plane, this.theme));
    this.placeRing();
    Object.assign(page.root.dataset, {
      drawn: ++this.drawn,
      version: this.model.get("_version"),
      points: this.n,
      selected: this.selected.length,
      view: JSON.stringify(plane.at),
    });
  }

  arrange() {
    const { look, points, labels } = this.shown;
    this.stale = false;
    this.scene = {
      places: this.places, codes: this.codes, colours: this.colours, faint: look.faint,
      size: points.size, marked: this.marked, joined: this.joined, chosen: this.chosen,
      clear: this.standing,
      selected: this.selected, marks: this.marks, edges: this.edges, labels,
      fills: (row) => look.colours[this.codes[row]],
      reach: (row) => Math.max(this.marked[row], 9) + 7,
    };
    this.raster.arrange(this.scene);
  }

  placeRing() {
    if (this.pointed < 0) this.page.pointAtNothing();
    else this.page.point(pixel(this.places, this.pointed, this.plane), this.plane);
  }

  tell({ row, text }) {
    const { tip, spoken } = this.page;
    tip.textContent = text;
    tip.hidden = row !== this.pointed;
    if (row === this.cursor.row) spoken.textContent = text;
  }

  // Rings a point, and asks for words about it; -1 for none.
  point(row, { again = false } = {}) {
    if (row === this.pointed && !again) return;
    this.pointed = row;
    this.page.tip.hidden = true;
    this.placeRing();
    this.link.ask(row, again);
  }

  zoom(factor, column, line) {
    this.plane.zoom(factor, column, line);
    this.moved();
  }

  pan(columns, lines) {
    this.plane.move(columns, lines);
    this.moved();
  }

  clear() {
    this.page.tip.hidden = true;
    if (this.selected.length) this.pick(new Uint32Array(0), "clear");
  }

  // A point was clicked; with a key held it is added, or taken out.
  click(row, event, how) {
    if (row < 0) return;
    const adds = event.ctrlKey || event.metaKey || event.shiftKey;
    const rows = new Set(adds ? this.selected : []);
    if (!rows.delete(row)) rows.add(row);
    this.pick(sorted(rows), how);
  }

  // ---- the page ----

  watch() {
    const { page, model } = this;
    const { signal } = this.leaving;
    const on = (target, type, act) => target.addEventListener(type, act, { signal });
    this.gestures.watch(page.canvas, signal);
    on(page.canvas, "keydown", (event) => this.cursor.key(event));
    on(page.canvas, "focus", () => this.cursor.show());
    // A notebook takes keys such as an arrow before they come here, unless what has the focus
    // says otherwise.
    on(page.root, "focusin", ({ target }) =>
      target.setAttribute("data-lm-suppress-shortcuts", "true"));
    on(page.root, "keydown", (event) => event.ctrlKey || event.metaKey || event.stopPropagation());
    on(page.canvas, "blur", () => this.point(-1));
    on(page.zoomIn, "click", () => this.zoom(1.5));
    on(page.zoomOut, "click", () => this.zoom(1 / 1.5));
    on(page.whole, "click", () => this.moved(true));
    on(page.lasso, "click", () => this.gestures.toggleLasso());
    on(page.clear, "click", () => {
      this.clear();
      // The button is of no use now and cannot keep the focus.
      page.canvas.focus();
    });
    model.on("change", this.update);
    model.on("comm_live_update", this.lose);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(page.stage);
    this.themes = new MutationObserver(() => this.restyle());
    this.themes.observe(document.body, {
      attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"],
    });
    this.watchRatio();
  }

  // Of a window that moves to another screen, or is magnified.
  watchRatio() {
    const { signal } = this.leaving;
    const ratio = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    ratio.addEventListener("change", () => {
      this.resize();
      this.watchRatio();
    }, { once: true, signal });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.page.stage;
    if (!width || !height) return;
    Object.assign(this.plane, { width, height });
    this.raster.resize(width, height, devicePixelRatio);
    this.overlay.resize(width, height, devicePixelRatio);
    this.look(this.at);
    this.redraw();
  }

  restyle() {
    this.theme = null;
    this.redraw();
  }

  close() {
    this.leaving.abort();
    this.sizes.disconnect();
    this.themes.disconnect();
    clearTimeout(this.settling);
    this.link.close();
    cancelAnimationFrame(this.waiting);
    this.model.off("change", this.update);
    this.model.off("comm_live_update", this.lose);
    this.page.root.remove();
  }
}

export default {
  render({ model, el }) {
    const view = new MapView(model, el);
    return () => view.close();
  },
};
