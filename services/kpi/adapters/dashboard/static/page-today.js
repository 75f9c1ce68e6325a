// Today: the funnel with its step rates, the MQLs that wait, and how the sync does.
import { h } from "./dom.js";
import { address, get, settle } from "./feed.js";
import { asked, partsOf, roles, statusOf, targetOf, valueOf, windows } from "./figures.js";
import { count, percent } from "./format.js";
import { syncPanel } from "./sync.js";
import { waitingPanel } from "./waiting.js";
import { label, t } from "./words.js";

const STEPS = [
  ["leads", null],
  ["mqls", "mql_rate"],
  ["sqls", "sql_rate"],
  ["appointments", null],
  ["opportunities", "appointment_to_opportunity_rate"],
  ["effective_opportunities", "opportunity_to_effective_rate"],
  ["won", "effective_to_won_rate"],
];
const HEADLINES = ["opportunity_rate", "sla_attainment", "time_to_first_response", "won_amount"];
const DELAYS = ["system_delay", "rep_delay"];
const NAMES = [...new Set([...STEPS.flat().filter(Boolean), ...HEADLINES, ...DELAYS])];
const STANDARD = "30d";

export const page = {
  controls: (query, catalogue) => h("div", { class: "bar-of" }, windows(query, STANDARD), roles(query, catalogue.dimensions)),
  live: (query) => address("/kpi/events", { ...asked(query, STANDARD), segment: query.segment, metrics: NAMES.join(","), clocks: "overdue" }),

  async load(query, catalogue, before) {
    const { segment } = query;
    const over = { ...asked(query, STANDARD), segment };
    const fresh = before && !before.missed;
    const [figures, today, waiting, sync] = await Promise.all([
      fresh ? before.figures : figuresOf(NAMES, over),
      figuresOf(STEPS.map(([name]) => name), { window: "today", segment }),
      settle(get("/kpi/clocks", { state: "open", segment, limit: 100 })),
      settle(get("/dashboard/sync")),
    ]);
    const received = Date.now();
    return { ...figures, figures, today, waiting, sync, received, offsets: figures.offsets, complete: figures.complete };
  },

  told(event, data, state) {
    if (event !== "figures") return false;
    state.figures = { of: byName(data.figures), offsets: data.offsets, complete: data.complete };
    state.offsets = data.offsets;
    state.complete = data.complete;
    return true;
  },

  view(state, query, catalogue) {
    const defined = Object.fromEntries(catalogue.metrics.map((each) => [each.name, each]));
    return [
      h("section", { class: "panel", "aria-labelledby": "funnel" },
        h("h2", { id: "funnel" }, t("funnel")),
        h("ol", { class: "funnel" }, STEPS.map((step, at) => funnelStep(step, STEPS[at - 1], state, defined, query)))),
      h("section", { "aria-labelledby": "headlines" },
        h("h2", { id: "headlines", class: "sr" }, t("headlines")),
        h("div", { class: "cards" }, HEADLINES.map((name) => card(state.figures.of[name], defined[name])), delays(state, defined))),
      h("div", { class: "columns" }, waitingPanel(state.waiting, state.received), syncPanel(state.sync, state.received)),
    ];
  },
};

async function figuresOf(names, over) {
  const answers = await Promise.all(names.map((name) => get(`/kpi/metrics/${name}`, over)));
  const least = {};
  for (const each of answers) {
    for (const [partition, offset] of Object.entries(each.offsets)) least[partition] = Math.min(least[partition] ?? offset, offset);
  }
  return { of: byName(answers.map((each) => each.figure)), offsets: least, complete: answers.every((each) => each.complete) };
}

const byName = (figures) => Object.fromEntries(figures.map((each) => [each.metric, each]));

function funnelStep([name, rateName], before, state, defined, query) {
  const figure = state.figures.of[name];
  const first = state.figures.of[STEPS[0][0]].value || 1;
  const share = Math.max(0, Math.min(1, figure.value / Math.max(first, ...STEPS.map(([each]) => state.figures.of[each].value))));
  const today = state.today.of[name].value;
  return h("li", { class: "step", "data-key": name, vars: { share } },
    h("div", { class: "entry" }, before ? rate(rateName, name, before[0], state, defined, query) : null),
    h("h3", {}, t(`step.${name}`)),
    h("p", { class: "number" }, valueOf(figure, defined[name], { big: true })),
    (query.window ?? STANDARD) === "today" ? null : h("p", { class: "quiet" }, t("today.plus", { count: count(today) })),
    h("span", { class: "pillar", "aria-hidden": "true" }));
}

/** The share of the step before that got here; where the catalogue has no metric of it, of the two counts shown. */
function rate(name, here, before, state, defined, query) {
  const definition = defined[name];
  const figure = state.figures.of[name];
  if (!definition) {
    const [above, below] = [state.figures.of[here].value, state.figures.of[before].value];
    if (!below) return none("denominator-is-0");
    return h("div", { class: "rate" }, h("span", { class: "value" }, percent(above / below)), h("span", { class: "parts" }, `${count(above)} / ${count(below)}`));
  }
  const target = (query.segment === "role:bdr" ? null : definition.sdr.target) ?? definition.bdr.target;
  const status = !target || target.low === null ? "no-target" : figure.value === null ? "no-data" : figure.value >= target.low ? "met" : "missed";
  return h("div", { class: "rate" },
    valueOf(figure, definition),
    figure.value === null ? null : partsOf(figure, definition),
    target ? h("span", { class: "against" }, figure.value === null ? null : statusOf(status), h("span", { class: "quiet" }, targetOf(target, definition))) : null);
}

const none = (why) => h("div", { class: "rate" }, h("span", { class: "none", title: t(`no-data.${why}`) }, t("no-data")));

function card(figure, definition) {
  return h("div", { class: "card" },
    h("h3", {}, label(definition)),
    h("p", { class: "number" }, valueOf(figure, definition, { big: true })),
    h("p", { class: "quiet" }, figure.value === null ? t(`no-data.${figure.no_data}`) : partsOf(figure, definition) ?? " "));
}

/** The system's delay and the rep's side by side: two people answer for them, so they are never one number. */
function delays(state, defined) {
  return h("div", { class: "card" },
    h("h3", {}, t("delays")),
    h("dl", { class: "pair" }, DELAYS.map((name) => h("div", {},
      h("dt", {}, t(`short.${name}`)),
      h("dd", {}, valueOf(state.figures.of[name], defined[name]), partsOf(state.figures.of[name], defined[name], { short: true }))))));
}
