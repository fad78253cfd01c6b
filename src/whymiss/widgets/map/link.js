// What is told to Python. What a person does is drawn at once, and Python answers what holds from
// then on; until it does, this page knows better than what comes.

const PATIENCE = 2000;

class Link {
  constructor(model, lost) {
    this.model = model;
    this.lost = lost;
    this.waiting = { pick: null, view: null, hover: null };
    this.row = -1;
    this.rowSent = -1;
  }

  // Other points: what was picked among those before is of no use any more.
  renew(issue) {
    this.issue = issue;
    this.waiting.pick = null;
  }

  // Something will be told soon.
  announce(kind) {
    this.waiting[kind] ??= "soon";
  }

  send(kind, content, rows) {
    if (this.closed) return;
    const id = Math.random().toString(36).slice(2);
    this.waiting[kind] = id;
    try {
      this.model.send(
        { kind, id, issue: this.issue, ...content }, undefined, rows ? [rows.buffer] : []);
    } catch {
      // Of a kernel that was shut down, nothing else is told.
      this.lost();
    }
  }

  // Whether what comes is no older than what was told last.
  settled(kind, answers) {
    if (this.waiting[kind] && this.waiting[kind] !== answers) return false;
    this.waiting[kind] = null;
    return true;
  }

  // Asks for words about a row: one question at a time, and after it the latest.
  ask(row, again = false) {
    this.row = row;
    if (again) this.rowSent = null;
    if (!this.waiting.hover) this.askNext();
  }

  askNext() {
    if (this.row === this.rowSent) return;
    this.rowSent = this.row;
    this.send("hover", { row: this.row });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.waiting.hover = null;
      this.askNext();
    }, PATIENCE);
  }

  // Whether these are words about the row that is asked for.
  answered({ row, text, answers }) {
    if (this.waiting.hover && this.settled("hover", answers)) this.askNext();
    return row === this.row && text !== "";
  }

  close() {
    this.closed = true;
    clearTimeout(this.patience);
  }
}
