// The KPI table: each item for SDR and BDR, with target, change, course, and whether it is measured by itself.
import { csvLink } from "./csv.js";
import { h } from "./dom.js";
import { address, get, settle } from "./feed.js";
import { asked, deltaOf, partsOf, statusOf, targetOf, valueOf, windows } from "./figures.js";
import { goalPanel } from "./goal.js";
import { fillSparks, sparkPlace } from "./sparks.js";
import { described, label, t } from "./words.js";

const STANDARD = "30d";
const ROLES = ["sdr", "bdr"];
const GROUPS = [
  ["funnel", ["leads", "mqls", "people_qualified", "mqls_handled", "mql_handled_rate", "mql_rate", "sqls", "sql_rate", "sql_to_opportunity_rate", "opportunity_rate"]],
  ["talks", ["calls", "people_called", "contact_rate", "people_contacted", "effective_conversations", "effective_conversation_rate", "hearing_rate", "answer_rate"]],
  ["deals", ["appointments", "appointment_to_opportunity_rate", "opportunities", "opportunities_new", "opportunities_existing", "effective_opportunities", "opportunity_to_effective_rate", "won", "effective_to_won_rate", "win_rate", "won_amount"]],
  ["times", null],
];

export const page = {
  controls: (query) => h("div", { class: "bar-of" }, windows(query, STANDARD), shown(query), csvLink("/kpi/table", "kpi-table", asked(query, STANDARD))),
  // Shares and medians move with what is counted.
  live: (query, catalogue) => address("/kpi/events", { ...asked(query, STANDARD), metrics: catalogue.metrics.filter((each) => each.unit === "count" || each.unit === "money" || each.name === "sla_attainment").map((each) => each.name).join(",") }),
  async load(query) {
    const [table, goal] = await Promise.all([get("/kpi/table", asked(query, STANDARD)), settle(get("/kpi/goal", asked(query, STANDARD)))]);
    return { ...table, goal };
  },
  view(state, query, catalogue) {
    const wanted = state.items.filter((each) => query.show === "all" || ROLES.some((role) => "◎○".includes(each.roles[role].need)));
    const placed = new Set(GROUPS.flatMap(([, names]) => names ?? []));
    const groups = GROUPS.map(([name, names]) => [name, wanted.filter(({ definition }) => (names ? names.includes(definition.name) : !placed.has(definition.name)))]);
    const table = h("table", { class: "kpis", role: "table" }, head(),
      groups.filter(([, items]) => items.length).map(([name, items]) => h("tbody", { role: "rowgroup", "data-key": name },
        h("tr", { class: "group", role: "row" }, h("th", { scope: "rowgroup", colspan: 10, role: "rowheader" }, t(`group.${name}`))),
        items.map(row))));
    return [table, goalPanel(state.goal, catalogue)];
  },
  after: (view) => fillSparks(view),
};

function shown(query) {
  const link = (name) => h("a", { href: address("/kpis", { ...query, lang: null, show: name || null }), "aria-current": (query.show ?? "") === name ? "true" : null }, t(name ? "show.all" : "show.main"));
  return h("nav", { class: "choice", "aria-label": t("show") }, ["", "all"].map(link));
}

function head() {
  const cell = (text, more = {}) => h("th", { scope: "col", role: "columnheader", ...more }, text);
  const parts = ["value", "target", "delta", "course"];
  return h("thead", { role: "rowgroup" },
    h("tr", { role: "row" }, cell(t("item"), { rowspan: 2 }), ROLES.map((role) => cell(t(`role.${role}`), { colspan: 4, scope: "colgroup", class: "role" })), cell(t("automatic"), { rowspan: 2, class: "auto" })),
    h("tr", { role: "row" }, ROLES.map((role) => parts.map((part, at) => cell(t(part), at === 0 ? { class: "first" } : {})))));
}

function row({ definition, roles }) {
  return h("tr", { role: "row", "data-key": definition.name },
    h("th", { scope: "row", role: "rowheader", title: described(definition) },
      h("a", { class: "plain", href: address("/trends", { metric: definition.name }) }, label(definition))),
    ROLES.map((role) => cells(definition, role, roles[role])),
    h("td", { role: "cell", class: "auto" }, h("span", { title: t(`automatic.${definition.automatic}`) }, definition.automatic, h("span", { class: "sr" }, ` ${t(`automatic.${definition.automatic}`)}`))));
}

function cells(definition, role, each) {
  const name = t(`role.${role}`);
  if (each.need === "–") {
    return h("td", { role: "cell", class: `first apart ${role}`, colspan: 4, "data-label": name }, h("span", { class: "none", title: t("need.none") }, "–", h("span", { class: "sr" }, ` ${t("need.none")}`)));
  }
  const { figure } = each;
  const needed = h("span", { class: "need", title: t(`need.${each.need}`) }, each.need, h("span", { class: "sr" }, ` ${t(`need.${each.need}`)} `));
  const goal = targetOf(each.target, definition);
  return [
    h("td", { role: "cell", class: `first number ${role}`, "data-label": name }, needed, valueOf(figure, definition), figure.value === null ? h("span", { class: "parts" }, t(`no-data.${figure.no_data}`)) : partsOf(figure, definition)),
    h("td", { role: "cell", class: role }, goal ? [h("span", { class: "goal-said" }, goal), statusOf(each.status)] : h("span", { class: "none" }, t("target.none"))),
    h("td", { role: "cell", class: `number ${role}` }, deltaOf(each.delta, definition, figure.currency)),
    h("td", { role: "cell", class: role }, sparkPlace(definition, role, figure)),
  ];
}
