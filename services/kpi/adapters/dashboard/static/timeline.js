// One entry of a lead's timeline in words: a fact, a decision, an alert, a dead letter.
import { h } from "./dom.js";
import { clock, count, duration, moment, money } from "./format.js";
import { policySaid, stepSaid } from "./promises.js";
import { named, t } from "./words.js";

const LATE_MS = 60_000;

/** `owner` is whose the lead is: a fact of theirs needn't say so. */
export function entry(each, owner) {
  const [head, ...more] = said(each, owner);
  const big = each.what === "milestone-reached" ? "milestone" : each.kind;
  const late = each.told_at - each.at > LATE_MS ? t("timeline.told", { at: moment(each.told_at) }) : null;
  const lines = [...more, each.kind === "alert" ? late : null].filter(Boolean);
  return h("li", { class: `event ${big}`, "data-key": each.id },
    h("time", { datetime: new Date(each.at).toISOString(), title: [clock(each.at), late].filter(Boolean).join(" · ") }, moment(each.at)),
    h("span", { class: "mark", "aria-hidden": "true" }),
    h("div", {}, h("h3", {}, head, each.kind === "fact" ? null : [" ", h("span", { class: "tag" }, t(`entry.${each.kind}`))]), lines.map((line) => h("p", { class: "quiet" }, line))));
}

function said({ kind, what, data }, owner) {
  if (kind === "fact") return fact(what, data, owner);
  if (kind === "alert") return alert(data);
  if (kind === "decision") return [t("entry.decided", { count: count(data.decisions.length) }), ...data.decisions.map(decision)];
  return [t("entry.letter", { reason: data.reason ?? what }), t("entry.attempts", { count: count(data.attempts ?? 1) })];
}

function fact(what, data, owner) {
  const by = data.owner && data.owner !== owner ? t("by", { owner: data.owner }) : null;
  const cycle = data.cycle > 1 ? t("in-cycle", { cycle: data.cycle }) : null;
  switch (what) {
    case "milestone-reached":
      return [t(`milestone.${data.milestone}`), data.amount ? money(data.amount, data.currency ?? "JPY") : null,
        data.previous_at ? t("entry.corrected", { at: moment(data.previous_at) }) : null, cycle, by];
    case "milestone-retracted":
      return [t("entry.taken-back", { what: t(`milestone.${data.milestone}`) }), cycle];
    case "activity-logged":
      return [named(`activity.${data.activity}`, data.activity), data.outcome ? t("entry.outcome", { outcome: data.outcome }) : null, by];
    case "activity-retracted":
      return [t("entry.taken-back", { what: named(`activity.${data.activity}`, data.activity ?? t("entry.activity")) })];
    case "handoff-offered":
      return [t(`kind.offered:${data.handoff}`), t("entry.system-delay", { time: duration(data.offered_at - data.qualified_at) }), by];
    case "cycle-started":
      return [t("entry.cycle", { cycle: data.cycle })];
    case "score-changed":
      return [t("entry.score", { score: count(data.score), previous: count(data.previous) })];
    default:
      return [named(`entry.${what}`, what)];
  }
}

function alert(data) {
  const to = data.notify?.length ? t("entry.to", { names: data.notify.map((each) => named(`notify.${each}`, each)).join(", ") }) : null;
  return [`${policySaid(data)}: ${stepSaid(data.step)}`, to, data.overdue_ms ? t("entry.over", { time: duration(data.overdue_ms) }) : null, data.reason];
}

function decision(each) {
  const winner = each.winner ? t("entry.winner", { side: t(`side.${each.winner}`) }) : t("entry.by-rule");
  return [each.field, `${winner} (${each.rule})`, each.conflict ? t("entry.conflict") : null].filter(Boolean).join(" · ");
}
