// Shows the HTML that Python made and tells Python what was done. Nothing is decided here.
//
// What Python writes into the HTML:
//   data-knob="name"          an input; its value is sent when it changes, a range while it moves
//   data-do="name"            a button, or a form whose fields are sent along
//   data-value="..."          sent along with a button
//   data-copy="name"          a button that copies the text of the element with data-code="name"
//   data-key="..."            what an element is, where its place among others may change
//   data-text-of="doc" data-from="7"   the characters of a document from a place on, for data-pick
//   data-here="..."           an element that is to be seen, once for each value
//   data-pick="name"          a button that sends the characters selected in such an element

const SILENT_AFTER = 4000;
const OWN_KEYS = "data-lm-suppress-shortcuts";

function render({ model, el }) {
  const root = document.createElement("section");
  el.append(root);
  // A notebook takes keys such as an arrow as its commands before they come here, unless the
  // element that has the focus says otherwise.
  root.addEventListener("focusin", (event) => event.target.setAttribute(OWN_KEYS, "true"));
  const gone = note("alert", "wm-gone");
  const waiting = note("status", "wm-waiting");
  const body = document.createElement("div");
  body.className = "wm-body";
  root.append(gone, waiting, body);

  let sent = model.get("seen");
  let patience;

  function send(message) {
    sent += 1;
    try {
      model.send({ ...message, seen: sent });
    } catch {
      // A kernel that was shut down says so only now.
      lost();
      return;
    }
    clearTimeout(patience);
    patience = setTimeout(() => {
      if (model.get("seen") < sent) {
        waiting.textContent = "The kernel is busy; the change is waiting for it.";
        waiting.hidden = false;
      }
    }, SILENT_AFTER);
  }

  function draw() {
    root.className = `whymiss wm-${model.get("kind")}`;
    root.setAttribute("aria-label", model.get("label"));
    const parts = model.get("parts");
    for (const [name, html] of Object.entries(parts)) {
      let place = body.querySelector(`:scope > [data-part="${name}"]`);
      if (!place) {
        place = document.createElement("div");
        place.dataset.part = name;
        body.append(place);
      }
      if (place.written === html) continue;
      const fresh = document.createElement("template");
      // Made by one escaping function in Python; nothing of a corpus is markup here.
      fresh.innerHTML = html;
      morphChildren(place, fresh.content);
      place.written = html;
      for (const element of place.querySelectorAll("[data-here]")) bringIntoView(element);
    }
    acknowledge();
  }

  function acknowledge() {
    root.dataset.seen = model.get("seen");
    if (model.get("seen") >= sent) {
      clearTimeout(patience);
      waiting.hidden = true;
    }
  }

  // The last value of a frame is enough: a mouse moves faster than a page is drawn.
  const moved = new Map();
  function knob(input) {
    if (!moved.size) {
      requestAnimationFrame(() => {
        for (const [name, value] of moved) send({ knob: name, value });
        moved.clear();
      });
    }
    moved.set(input.dataset.knob, valueOf(input));
    for (const twin of root.querySelectorAll(`[data-knob="${input.dataset.knob}"]`)) {
      if (twin !== input && twin.type !== "radio") twin.value = input.value;
    }
  }

  root.addEventListener("input", (event) => {
    if (event.target.dataset.knob && event.target.type === "range") knob(event.target);
  });
  root.addEventListener("change", (event) => {
    const input = event.target;
    if (input.dataset.knob && input.type !== "range" && isWhole(input)) knob(input);
  });
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && event.target.matches("input[type=number][data-knob]")) {
      event.target.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target, event.submitter));
    send({ do: event.target.dataset.do, value: event.submitter?.dataset.value ?? "", fields });
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.form) return;
    if (button.dataset.do) send({ do: button.dataset.do, value: button.dataset.value ?? "" });
    if (button.dataset.copy) copy(root, button);
    if (button.dataset.pick) {
      send({ do: button.dataset.pick, value: button.dataset.value ?? "", fields: picked ?? {} });
    }
  });

  // A notebook drops the selection when a button is pressed, so the last one is remembered.
  let picked = null;
  function remember() {
    picked = selectedText(root) ?? picked;
  }

  function lost() {
    gone.textContent =
      "The kernel that this panel belongs to is gone. Run the cell again to go on.";
    gone.hidden = false;
    waiting.hidden = true;
    clearTimeout(patience);
    for (const control of root.querySelectorAll("button, input, select, textarea")) {
      control.disabled = true;
    }
  }

  document.addEventListener("selectionchange", remember);
  model.on("change:parts", draw);
  model.on("change:seen", acknowledge);
  model.on("comm:close", lost);
  model.on("comm_live_update", lost);
  draw();
  return () => {
    clearTimeout(patience);
    document.removeEventListener("selectionchange", remember);
    model.off("change:parts", draw);
    model.off("change:seen", acknowledge);
    model.off("comm:close", lost);
    model.off("comm_live_update", lost);
  };
}

function note(role, className) {
  const element = document.createElement("p");
  element.setAttribute("role", role);
  element.className = className;
  element.hidden = true;
  return element;
}

function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  if (input.type === "range" || input.type === "number") return input.valueAsNumber;
  return input.value;
}

function isWhole(input) {
  if (input.type !== "number" || !Number.isNaN(input.valueAsNumber)) return true;
  input.reportValidity();
  return false;
}

async function copy(root, button) {
  const text = root.querySelector(`[data-code="${button.dataset.copy}"]`).textContent;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select the code and copy it";
  }
  setTimeout(() => (button.textContent = before), 2000);
}

// Characters [start, end) of the document whose text is selected; none where nothing is.
function selectedText(root) {
  const selection = window.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const holder = elementOf(range.startContainer).closest("[data-text-of]");
  if (!holder || !root.contains(holder) || !holder.contains(range.endContainer)) return null;
  const place = (node, offset) => {
    const before = document.createRange();
    before.setStart(holder, 0);
    before.setEnd(node, offset);
    const text = before.cloneContents();
    // Marks that Python set between the characters are none of them.
    for (const badge of text.querySelectorAll("[data-badge]")) badge.remove();
    return Number(holder.dataset.from) + [...text.textContent].length;
  };
  return {
    doc_id: holder.dataset.textOf,
    start: place(range.startContainer, range.startOffset),
    end: place(range.endContainer, range.endOffset),
  };
}

function bringIntoView(element) {
  if (element.wasHere === element.dataset.here) return;
  element.wasHere = element.dataset.here;
  element.scrollIntoView({ block: "nearest" });
}

function elementOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
}

// Makes an element's children those of another without replacing what stays: the focus, the
// place of a scroll bar and the text being typed are kept.
function morphChildren(place, fresh) {
  const keyed = new Map();
  for (const child of place.children) {
    if (child.dataset.key) keyed.set(child.dataset.key, child);
  }
  let at = place.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = wanted.dataset?.key;
    let kept = key ? keyed.get(key) : at;
    if (kept && (!alike(kept, wanted) || (!key && kept.dataset?.key))) kept = null;
    if (!kept) {
      place.insertBefore(wanted, at);
      continue;
    }
    if (kept === at) at = at.nextSibling;
    else place.insertBefore(kept, at);
    morph(kept, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(one, other) {
  return (
    one.nodeType === other.nodeType &&
    one.nodeName === other.nodeName &&
    one.dataset?.key === other.dataset?.key
  );
}

function morph(kept, wanted) {
  if (kept.nodeType !== Node.ELEMENT_NODE) {
    if (kept.nodeValue !== wanted.nodeValue) kept.nodeValue = wanted.nodeValue;
    return;
  }
  const before = written(kept);
  for (const { name, value } of [...wanted.attributes]) {
    if (kept.getAttribute(name) !== value) kept.setAttribute(name, value);
  }
  for (const { name } of [...kept.attributes]) {
    // Whoever opened something wants it open.
    const opened = name === "open" && kept.nodeName === "DETAILS";
    if (!wanted.hasAttribute(name) && !opened && name !== OWN_KEYS) kept.removeAttribute(name);
  }
  morphChildren(kept, wanted);
  // What is typed and not sent yet stays, unless Python says something new.
  if (written(wanted) !== before && kept !== kept.ownerDocument.activeElement) setValue(kept);
}

// What Python wrote into a control; undefined for what is none.
function written(element) {
  if (element.nodeName === "INPUT") {
    return isTicked(element) ? element.hasAttribute("checked") : element.getAttribute("value");
  }
  if (element.nodeName === "TEXTAREA") return element.textContent;
  if (element.nodeName === "SELECT") {
    return element.querySelector("option[selected]")?.getAttribute("value");
  }
  return undefined;
}

function setValue(element) {
  const value = written(element);
  if (isTicked(element)) element.checked = value;
  else if (value !== undefined && value !== null) element.value = value;
}

function isTicked(element) {
  return element.type === "checkbox" || element.type === "radio";
}

export default { render };
