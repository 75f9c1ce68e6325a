// What is overdue and what is due soon, with running clocks and what was told of it to whom.
import { csvLink } from "./csv.js";
import { h } from "./dom.js";
import { address, get, settle } from "./feed.js";
import { count, duration } from "./format.js";
import { dueOf, leadLink, overFace, ownerOf, policySaid, stateOf, toldOf } from "./promises.js";
import { t } from "./words.js";

const STATES = ["overdue", "due-soon", "open", "paused"];
const FILTERS = ["policy", "owner", "team"];
const filters = (query) => Object.fromEntries(FILTERS.filter((each) => query[each]).map((each) => [each, query[each]]));

export const page = {
  live: () => address("/kpi/events", { metrics: "mqls,mqls_handled,sqls,appointments,sla_attainment", window: "today", clocks: "overdue" }),

  async load(query, catalogue) {
    const states = query.state ? [query.state] : ["overdue", "due-soon"];
    const values = (by) => (catalogue.dimensions.includes(by) ? settle(get("/kpi/metrics/leads/segments", { by, window: "30d" })) : { figures: [] });
    const [owners, teams, ...lists] = await Promise.all([
      values("owner"),
      values("team"),
      ...states.map((state) => get("/kpi/clocks", { state, ...filters(query), limit: 100, cursor: query.state ? query.cursor : null })),
    ]);
    const known = (answer, by) => (answer.figures ?? []).map((each) => each.segment.slice(by.length + 1)).filter(Boolean);
    return {
      lists: states.map((state, at) => ({ name: state, ...lists[at] })),
      received: Date.now(),
      owners: known(owners, "owner"),
      teams: known(teams, "team"),
      offsets: lists[0].offsets,
      complete: lists[0].complete,
    };
  },

  view(state, query) {
    return [choose(state, query), state.lists.map((list) => section(list, state.received, query))];
  },
};

function choose({ lists: [{ policies, counts }], owners, teams }, query) {
  const of = { overdue: counts.overdue, "due-soon": counts.due_soon, open: counts.open, paused: counts.paused };
  const link = (name) => h("a", { href: address("/overdue", { ...filters(query), state: name }), "aria-current": (query.state ?? null) === name ? "true" : null },
    t(name ? `list.${name}` : "list.both"), name ? h("span", { class: "count" }, ` ${count(of[name])}${counts.exact ? "" : "+"}`) : null);
  const options = {
    policy: policies.map((each) => [each.policy, policySaid(each)]),
    owner: owners.map((each) => [each, each]),
    team: teams.map((each) => [each, each]),
  };
  const field = (name) => h("div", {}, h("label", { for: `f-${name}` }, t(name)),
    h("select", { id: `f-${name}`, name }, h("option", { value: "" }, t("all")),
      options[name].map(([value, text]) => h("option", { value, selected: value === query[name] }, text))));
  return h("div", { class: "bar-of" },
    h("nav", { class: "choice", "aria-label": t("list") }, [null, ...STATES].map(link)),
    h("form", { class: "choose", action: "/overdue", role: "search", "aria-label": t("form.filter") },
      query.state ? h("input", { type: "hidden", name: "state", value: query.state }) : null,
      FILTERS.map(field), h("button", { class: "main" }, t("form.filter-do"))));
}

function section(list, received, query) {
  const id = `list-${list.name}`;
  const more = list.next_cursor ? address("/overdue", { ...filters(query), state: list.name, cursor: list.next_cursor }) : null;
  return h("section", { class: "panel", "aria-labelledby": id, "data-key": id },
    h("div", { class: "panel-head" },
      h("h2", { id }, t(`list.${list.name}`), " ", h("span", { class: "count", role: "status" }, t("clocks.count", { count: count(list.items.length) + (more ? "+" : "") }))),
      csvLink("/kpi/clocks", `clocks-${list.name}`, { state: list.name, ...filters(query) })),
    list.items.length ? table(list, received) : h("p", { class: "empty" }, t(`list.${list.name}.none`)),
    more ? h("p", { class: "more" }, h("a", { class: "button", href: more }, t("more"))) : null);
}

function table(list, received) {
  const time = { overdue: "clock.over", "due-soon": "clock.left" }[list.name] ?? "clock.time";
  const head = ["lead", "policy", "owner", time, "clock.deadline", "clock.state", "told"];
  const cell = (name, ...shown) => h("td", { "data-label": t(name) }, shown);
  const row = (each) => h("tr", { "data-key": `${each.lead_id}/${each.cycle}/${each.policy}/${each.round}` },
    h("th", { scope: "row" }, leadLink(each.lead_id)),
    cell("policy", policySaid(each), h("span", { class: "parts" }, t("clock.budget", { budget: duration(each.budget_ms) }))),
    cell("owner", ownerOf(each)),
    cell(time, overFace(each, list.at, received)),
    cell("clock.deadline", dueOf(each.due_at)),
    cell("clock.state", stateOf(each)),
    cell("told", toldOf(each.told)));
  return h("table", { class: "list clocks" },
    h("thead", {}, h("tr", {}, head.map((each) => h("th", { scope: "col" }, t(each))))),
    h("tbody", {}, list.items.map(row)));
}
