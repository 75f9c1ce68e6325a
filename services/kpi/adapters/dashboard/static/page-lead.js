// A lead's timeline: who it is, both delays side by side, its clocks, and all that was told of it in order.
import { face, stillSaid } from "./clocks.js";
import { h } from "./dom.js";
import { address, FeedError, get } from "./feed.js";
import { duration, moment } from "./format.js";
import { dueOf, policySaid, stateOf, toldOf } from "./promises.js";
import { entry } from "./timeline.js";
import { named, t } from "./words.js";

const MOST_PAGES = 20;

export const page = {
  live: () => address("/kpi/events", { metrics: "leads,mqls,mqls_handled,sqls,calls,appointments,opportunities,won,sla_attainment", window: "today", clocks: "overdue" }),

  async load(query) {
    if (!query.id) throw new FeedError("missing");
    const base = `/kpi/leads/${encodeURIComponent(query.id)}`;
    const [lead, told] = await Promise.all([get(base), timeline(`${base}/timeline`)]);
    return { lead, ...told, received: Date.now(), offsets: lead.offsets };
  },

  view: ({ lead, items, rest, received }) => [
    who(lead),
    lead.gone ? h("p", { class: "notice warn", role: "status" }, t("lead.gone")) : null,
    h("div", { class: "columns even" }, delays(lead.delays), clocks(lead, received)),
    h("section", { class: "panel", "aria-labelledby": "story" },
      h("h2", { id: "story" }, t("timeline")),
      items.length ? h("ol", { class: "line-of" }, items.map((each) => entry(each, lead.owner))) : h("p", { class: "empty" }, t("timeline.none")),
      rest ? h("p", { class: "notice warn" }, t("timeline.rest")) : null),
  ],
};

/** All pages of the timeline; each is sorted by itself only. */
async function timeline(path) {
  const items = [];
  let cursor = null;
  for (let number = 0; number < MOST_PAGES; number += 1) {
    const answer = await get(path, { cursor });
    items.push(...answer.items);
    cursor = answer.next_cursor;
    if (cursor === null) break;
  }
  return { items: items.toSorted((one, other) => one.at - other.at || one.told_at - other.told_at), rest: cursor !== null };
}

function who(lead) {
  const segments = Object.entries(lead.segments).map(([name, value]) => [named(`dimension.${name}`, name), named(`segment.${name}.${value}`, String(value))]);
  const facts = [
    [t("stage"), lead.stage ? t(`milestone.${lead.stage}`) : t("unknown")],
    [t("owner"), lead.owner || t("no-owner")],
    [t("team"), lead.team || "–"],
    [t("dimension.role"), named(`segment.role.${lead.origin}`, lead.origin)],
    [t("cycle"), lead.cycle],
    ...segments,
  ];
  return h("section", { class: "panel", "aria-labelledby": "who" },
    h("h2", { id: "who", class: "lead-id" }, lead.lead_id),
    h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

/** What the system took and what the person took are two things that two people answer for: they are never added. */
function delays(each) {
  const cell = (name, ms, why) => h("div", { class: "twin" }, h("h3", {}, t(`delay.${name}`)),
    h("p", { class: "number" }, ms === null ? h("span", { class: "none" }, t("no-data")) : h("strong", { class: "value big" }, duration(ms))),
    h("p", { class: "quiet" }, ms === null ? t(`delay.${why}`) : t(`delay.${name}.what`)));
  return h("section", { class: "panel", "aria-labelledby": "delays" },
    h("h2", { id: "delays" }, t("delays.both")),
    each.length ? each.map((one) => h("div", { "data-key": `${one.cycle}/${one.handoff}` },
      h("p", { class: "quiet" }, t("delay.of", { handoff: one.handoff.toUpperCase(), cycle: one.cycle })),
      h("div", { class: "twins" }, cell("system", one.system_ms, "not-offered"), cell("rep", one.rep_ms, "not-answered"))))
      : h("p", { class: "empty" }, t("delays.none")));
}

function clocks(lead, received) {
  const rounds = lead.clocks.flatMap((clock) => clock.rounds.map((each) => ({ ...each, policy: clock.policy, policy_name: clock.policy_name, cycle: clock.cycle })));
  const cell = (name, ...shown) => h("td", { "data-label": t(name) }, shown);
  const spent = (each) => h("span", { class: "clock-cell" },
    each.ended_at === null
      ? face({ ms: each.elapsed_ms, way: each.running ? 1 : 0, at: lead.at, received, until: each.running ? each.changes_at : null, kind: each.overdue_ms > 0 ? "over" : "" })
      : h("strong", {}, duration(each.elapsed_ms)),
    h("span", { class: "parts" }, `/ ${duration(each.budget_ms)}`),
    each.ended_at === null && !each.running ? stillSaid(each.state) : null,
    each.paused_ms ? h("span", { class: "parts" }, t("clock.pauses", { time: duration(each.paused_ms) })) : null);
  const row = (each) => h("tr", { "data-key": `${each.cycle}/${each.policy}/${each.round}` },
    h("th", { scope: "row" }, policySaid(each), h("span", { class: "parts" }, t("clock.round", { cycle: each.cycle, round: each.round }))),
    cell("clock.state", stateOf(each), each.ended_at === null ? null : h("span", { class: "parts" }, moment(each.ended_at))),
    cell("clock.elapsed", spent(each)),
    cell("clock.deadline", dueOf(each.due_at)),
    cell("told", toldOf(each.told)));
  return h("section", { class: "panel", "aria-labelledby": "clocks" },
    h("h2", { id: "clocks" }, t("clocks")),
    rounds.length ? h("table", { class: "list" },
      h("thead", {}, h("tr", {}, ["policy", "clock.state", "clock.elapsed", "clock.deadline", "told"].map((each) => h("th", { scope: "col" }, t(each))))),
      h("tbody", {}, rounds.map(row)))
      : h("p", { class: "empty" }, t("clocks.none")));
}
