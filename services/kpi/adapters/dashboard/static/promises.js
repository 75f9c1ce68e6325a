// Clocks of promises as lists show them: how much is used up, what is left or over, and how they stand.
import { face, stillSaid } from "./clocks.js";
import { h } from "./dom.js";
import { address } from "./feed.js";
import { count, duration, moment } from "./format.js";
import { label, named, t } from "./words.js";

export const leadLink = (lead) => h("a", { class: "lead", href: address("/lead", { id: lead }) }, lead);

/** How much of the time that counts was used up, of how much; still where time doesn't count now. */
export function clockFace(each, at, received) {
  const kind = each.state === "breached" || each.overdue_ms > 0 ? "over" : each.state === "at-risk" ? "near" : "";
  return h("span", { class: "clock-cell" },
    face({ ms: each.elapsed_ms, way: each.running ? 1 : 0, at, received, until: each.running ? each.changes_at : null, kind }),
    h("span", { class: "parts" }, `/ ${duration(each.budget_ms)}`),
    each.running ? null : stillSaid(each.state));
}

/** By how much it is over, or what is left; said in words, for a list may hold both. */
export function overFace(each, at, received) {
  const over = each.overdue_ms > 0;
  const until = each.running ? each.changes_at : null;
  const way = each.running ? (over ? 1 : -1) : 0;
  return h("span", { class: "clock-cell" },
    h("span", { class: "parts" }, t(over ? "clock.over-by" : "clock.left-of")),
    face({ ms: over ? each.overdue_ms : each.remaining_ms, way, at, received, until, kind: over ? "over" : each.state === "at-risk" ? "near" : "" }),
    each.running ? null : stillSaid(each.state));
}

/** The steps that were told: the last in words, when it was, and how many came before. One of 0 times was told by a later one. */
export function toldOf(all) {
  const steps = all.filter((each) => each.times > 0);
  const last = steps.at(-1);
  if (!last) return h("span", { class: "none" }, t("told.nothing"));
  const more = steps.length > 1 ? ` · ${t("told.before", { count: count(steps.length - 1) })}` : "";
  return [stepSaid(last.step), h("span", { class: "parts", title: steps.map((each) => `${moment(each.at)} ${stepSaid(each.step)}`).join("\n") }, moment(last.at) + more)];
}

/** A step in words: half of the time used up, the breach, the first of the ladder. */
export function stepSaid(step) {
  const [kind, detail] = step.split(":");
  if (kind === "warning") return t("tells.warning", { share: Math.round(Number(detail) * 100) });
  if (kind === "escalation") return t("tells.escalation", { number: detail });
  return named(`tells.${kind}`, step);
}

/** What a promise is called: as the firm named it, else as the pages know it, else its name in the configuration. */
export const policySaid = (each) => (each.policy_name ? label(each.policy_name) : "") || each.policy;

export const ownerOf = (each) => [each.owner || h("span", { class: "none" }, t("no-owner")), each.team ? h("span", { class: "parts" }, each.team) : null];

export const dueOf = (at) => (at === null ? t("clock.paused") : moment(at));

/** How it stands; one that runs but whose time doesn't count now waits. */
export function stateOf({ state: known, running }) {
  const state = running === false && (known === "running" || known === "at-risk") ? "waiting" : known;
  const kinds = { breached: "missed", "at-risk": "near", running: "even", paused: "no-data", met: "met", "met-late": "missed", cancelled: "no-data", "not-started": "no-data" };
  const signs = { missed: "✕", near: "!", met: "✓", even: "▸", "no-data": "–" };
  const kind = kinds[state] ?? "no-data";
  return h("span", { class: `status ${kind}` }, h("span", { "aria-hidden": "true" }, signs[kind]), t(`state.${state}`));
}

/** A part of a page that couldn't be had. */
export function failedPanel(name) {
  return h("section", { class: "panel", "aria-labelledby": name }, h("h2", { id: name }, t(name)), h("p", { class: "empty" }, t("part.failed")));
}
