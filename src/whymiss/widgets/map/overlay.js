// Draws what lies on top of the points: lines to neighbours, names, marks, rings of the selection.

const RINGS = 200;
const LABEL_LINE = 13;

// scene: that of the points, and fills (a css colour a row), marks, edges, labels, selected (rows),
// reach (how far a ring is around a row).
class Overlay {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
  }

  resize(width, height, ratio) {
    const { canvas } = this.context;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  // How many names lie in view, and how many of them found room.
  paint(scene, plane, theme) {
    const { context } = this;
    context.clearRect(0, 0, plane.width, plane.height);
    this.edges(scene, plane, theme);
    const named = this.labels(scene, plane, theme);
    for (const mark of scene.marks) this.marks(mark, scene, plane, theme);
    if (scene.selected.length <= RINGS) this.rings(scene, plane, theme);
    return named;
  }

  edges({ edges, places }, plane, theme) {
    const { context } = this;
    context.strokeStyle = theme.css.ink;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.8;
    for (let i = 0; i < edges.starts.length; i++) {
      context.setLineDash(edges.kept[i] ? [] : [6, 4]);
      context.beginPath();
      context.moveTo(...pixel(places, edges.starts[i], plane));
      context.lineTo(...pixel(places, edges.ends[i], plane));
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  // Names that lie neither on one before them nor on what is looked at.
  labels({ labels, marks, edges, places }, plane, theme) {
    const { context } = this;
    const free = marks.filter((mark) => !mark.quiet).flatMap((mark) => [...mark.rows]);
    const taken = [...free, ...edges.starts, ...edges.ends].map((row) => {
      const [column, line] = pixel(places, row, plane);
      return [column - 8, line - 8, column + 8, line + 8];
    });
    context.font = `11px ${theme.css.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const named = { seen: 0, written: 0 };
    for (const { x, y, lines } of labels) {
      const column = plane.column(x), line = plane.line(y);
      const half = Math.max(...lines.map((text) => context.measureText(text).width)) / 2 + 4;
      const high = (LABEL_LINE * lines.length) / 2 + 2;
      const box = [column - half, line - high, column + half, line + high];
      if (!isSeen(box, plane)) continue;
      named.seen++;
      if (taken.some((other) => overlaps(box, other))) continue;
      named.written++;
      taken.push(box);
      context.fillStyle = "rgba(68,68,68,.8)";
      context.fillRect(box[0], box[1], 2 * half, 2 * high);
      context.fillStyle = "#fff";
      lines.forEach((text, i) =>
        context.fillText(text, column, line + (i - (lines.length - 1) / 2) * LABEL_LINE));
    }
    return named;
  }

  marks(mark, scene, plane, theme) {
    const { context } = this;
    const { places, fills } = scene;
    const shape = new Path2D(outline(mark.symbol, mark.size));
    const ring = mark.ring && new Path2D(outline("circle", 2 * mark.size));
    for (const row of mark.rows) {
      const [column, line] = pixel(places, row, plane);
      const far = mark.size + 3;
      if (!isSeen([column - far, line - far, column + far, line + far], plane)) continue;
      context.save();
      context.translate(column, line);
      // Questions that nobody looks at step back as other points do.
      context.globalAlpha = mark.quiet && stateOf(scene, row) === DIM ? 0.5 : 1;
      context.fillStyle = fills(row) ?? theme.css.paper;
      context.fill(shape);
      context.strokeStyle = mark.ring ? theme.css.grey : mark.colour;
      context.lineWidth = mark.ring ? 0.7 : mark.quiet ? 1.5 : 2.5;
      context.stroke(shape);
      if (ring) {
        context.strokeStyle = mark.colour;
        context.lineWidth = 2.5;
        context.stroke(ring);
      }
      context.restore();
    }
  }

  // Around every selected point, where there are few: one of them would be hard to find.
  rings({ places, selected, reach }, plane, theme) {
    const { context } = this;
    for (const row of selected) {
      const [column, line] = pixel(places, row, plane);
      const shape = new Path2D(outline("circle", reach(row)));
      context.save();
      context.translate(column, line);
      for (const [colour, width] of [[theme.css.paper, 4], [theme.css.accent, 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke(shape);
      }
      context.restore();
    }
  }
}

// A symbol around the origin as the path of an SVG; names and proportions as in plotly.
function outline(symbol, size) {
  const radius = size / 2;
  if (symbol.startsWith("circle")) {
    return `M${radius},0A${radius},${radius} 0 1,1 ${-radius},0A${radius},${radius} 0 1,1 ${radius},0Z`;
  }
  const corners = {
    diamond: [[1.3, -90], [1.3, 0], [1.3, 90], [1.3, 180]],
    "triangle-up": [[1.15, -90], [1.15, 30], [1.15, 150]],
    star: Array.from({ length: 10 }, (_, i) => [i % 2 ? 0.55 : 1.4, 36 * i - 90]),
  }[symbol];
  const points = corners.map(([far, angle]) => {
    const turn = (angle * Math.PI) / 180;
    return `${(far * radius * Math.cos(turn)).toFixed(2)},${(far * radius * Math.sin(turn)).toFixed(2)}`;
  });
  return `M${points.join("L")}Z`;
}

function pixel(places, row, plane) {
  return [plane.column(places[2 * row]), plane.line(places[2 * row + 1])];
}

function isSeen(box, plane) {
  return overlaps(box, [0, 0, plane.width, plane.height]);
}

function overlaps(one, other) {
  return one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];
}
