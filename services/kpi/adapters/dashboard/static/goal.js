// Back from the year's revenue goal to orders, opportunities and leads; and what other firms say they reach.
import { h } from "./dom.js";
import { statusOf, valueOf } from "./figures.js";
import { target as share, value } from "./format.js";
import { label, t } from "./words.js";

/** The whole firm's goal beside what there is, then the references beside the firm's own rate. */
export function goalPanel(goal, catalogue) {
  if (goal.failed) return null;
  const defined = Object.fromEntries(catalogue.metrics.map((each) => [each.name, each]));
  return h("div", { class: "columns" }, needed(goal, defined), references(goal, defined));
}

function needed(goal, defined) {
  const head = h("h2", { id: "goal" }, t("goal"));
  if (!goal.assumed) return panel("goal", head, h("p", { class: "quiet" }, t("goal.none")));
  const { average_order: average, win_rate: won, opportunity_rate: rate } = goal.assumed;
  const currency = goal.items[0].figure.currency;
  return panel("goal", head,
    h("dl", { class: "rows" }, goal.items.map((item) => row(item, defined[item.figure.metric], currency))),
    h("p", { class: "quiet" }, t("goal.assumed", { average: money(average, currency), won: share(won), rate: share(rate) })));
}

function row({ figure, year, by_now: byNow, status }, definition, currency) {
  const said = (number) => value({ value: number, currency }, definition.unit, true);
  return h("div", { class: "row", "data-key": figure.metric }, h("dt", {}, label(definition)),
    h("dd", {}, valueOf(figure, definition), " ", statusOf(status), h("span", { class: "parts" }, t("goal.by-now", { now: said(Math.ceil(byNow)), year: said(year) }))));
}

function references(goal, defined) {
  const own = goal.opportunity_rate;
  return panel("references", h("h2", { id: "references" }, t("references")),
    h("dl", { class: "rows" },
      h("div", { class: "row own" }, h("dt", {}, t("references.own")), h("dd", {}, valueOf(own, defined.opportunity_rate))),
      goal.references.map((each) => h("div", { class: "row" }, h("dt", {}, label(each)), h("dd", {}, `${share(each.low)} – ${share(each.high)}`))),
      Object.entries(goal.general).map(([name, each]) => h("div", { class: "row" }, h("dt", {}, t("references.general", { name: label(defined[name]) })), h("dd", {}, share(each))))),
    h("p", { class: "quiet" }, t("references.why")));
}

const panel = (name, ...parts) => h("section", { class: "panel side", "aria-labelledby": name }, ...parts);
const money = (minor, currency) => value({ value: minor, currency }, "money", true);
