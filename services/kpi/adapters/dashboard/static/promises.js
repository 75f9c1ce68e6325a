// Clocks of promises as lists show them: how much is used up, what is left or over, and how they stand.
import { face, stillSaid } from "./clocks.js";
import { h } from "./dom.js";
import { address } from "./feed.js";
import { duration } from "./format.js";
import { t } from "./words.js";

export const leadLink = (lead) => h("a", { class: "lead", href: address("/lead", { id: lead }) }, lead);

/** How much of the time that counts was used up, of how much; still where time doesn't count now. */
export function clockFace(each, at, received) {
  const kind = each.state === "breached" || each.overdue_ms > 0 ? "over" : each.state === "at-risk" ? "near" : "";
  return h("span", { class: "clock-cell" },
    face({ ms: each.elapsed_ms, way: each.running ? 1 : 0, at, received, until: each.running ? each.changes_at : null, kind }),
    h("span", { class: "parts" }, `/ ${duration(each.budget_ms)}`),
    each.running ? null : stillSaid());
}

/** By how much it is over, or what is left. */
export function overFace(each, at, received) {
  const over = each.overdue_ms > 0;
  const until = each.running ? each.changes_at : null;
  const way = each.running ? (over ? 1 : -1) : 0;
  return h("span", { class: "clock-cell" },
    face({ ms: over ? each.overdue_ms : each.remaining_ms, way, at, received, until, kind: over ? "over" : each.state === "at-risk" ? "near" : "" }),
    each.running ? null : stillSaid());
}

export function stateOf(state) {
  const kinds = { breached: "missed", "at-risk": "near", running: "even", paused: "no-data", met: "met", "met-late": "missed", cancelled: "no-data", "not-started": "no-data" };
  const signs = { missed: "✕", near: "!", met: "✓", even: "▸", "no-data": "–" };
  const kind = kinds[state] ?? "no-data";
  return h("span", { class: `status ${kind}` }, h("span", { "aria-hidden": "true" }, signs[kind]), t(`state.${state}`));
}

/** A part of a page that couldn't be had. */
export function failedPanel(name) {
  return h("section", { class: "panel", "aria-labelledby": name }, h("h2", { id: name }, t(name)), h("p", { class: "empty" }, t("part.failed")));
}
