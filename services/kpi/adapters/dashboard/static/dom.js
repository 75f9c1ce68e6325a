// Makes elements, and brings what is shown to a new state without losing focus, selection or scroll.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    } else if (name === "vars") {
      for (const [part, given] of Object.entries(value)) element.style.setProperty(`--${part}`, String(given));
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * An HTML element. `on` are listeners; those only survive on elements that are never morphed into others. `vars` are
 * custom properties, set by script, for the pages' policy allows no style attributes.
 */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Make the children of `target` equal to `nodes`, keeping every element that can stay. */
export function show(target, ...nodes) {
  const fresh = document.createElement("div");
  append(fresh, nodes);
  children(target, fresh);
}

function children(old, fresh) {
  const wanted = [...fresh.childNodes];
  const keyed = new Map();
  for (const each of old.children) if (each.dataset?.key) keyed.set(each.dataset.key, each);
  let at = old.firstChild;
  for (const node of wanted) {
    const match = node.dataset?.key ? keyed.get(node.dataset.key) : at;
    if (match && alike(match, node)) {
      if (match !== at) old.insertBefore(match, at);
      else at = at.nextSibling;
      same(match, node);
    } else {
      old.insertBefore(node, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(old, fresh) {
  return (
    old.nodeType === fresh.nodeType &&
    old.nodeName === fresh.nodeName &&
    (old.dataset?.key ?? "") === (fresh.dataset?.key ?? "") &&
    (old.dataset?.once ?? "") === (fresh.dataset?.once ?? "")
  );
}

function same(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  // What the page fills in by itself after it was drawn (a sparkline) is left alone: `data-once` says for what.
  if (old.dataset?.once) return;
  const changed = old.dataset?.value !== undefined && old.dataset.value !== fresh.dataset?.value;
  for (const { name } of [...old.attributes]) {
    if (name !== "style" && !fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style && old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
  children(old, fresh);
  if (changed) flash(old);
}

function flash(element) {
  element.classList.remove("changed");
  void element.offsetWidth; // so that the animation begins anew
  element.classList.add("changed");
}
