// The leads behind a figure: each links to its timeline. What the figure counts is what the feed lists.
import { csvLink } from "./csv.js";
import { h } from "./dom.js";
import { address, get } from "./feed.js";
import { partsOf, segmentSaid, valueOf } from "./figures.js";
import { count, date, duration, moment, money } from "./format.js";
import { leadLink, ownerOf } from "./promises.js";
import { described, label, named, t } from "./words.js";

const PARTS = ["numerator", "denominator"];

/** What of the address the figure is asked with, and what else its list is. */
const figure_ = ({ metric, lang, part, cursor, ...rest }) => rest;
const list_ = ({ metric, lang, ...rest }) => rest;

export const page = {
  live: (query) => address("/kpi/events", { ...figure_(query), metrics: query.metric ?? "leads" }),

  async load(query) {
    const base = `/kpi/metrics/${encodeURIComponent(query.metric ?? "leads")}`;
    const [whole, list] = await Promise.all([get(base, figure_(query)), get(`${base}/leads`, { limit: 100, ...list_(query) })]);
    return { whole, list, offsets: list.offsets, complete: list.complete };
  },

  view({ whole, list }, query) {
    const { definition, figure } = whole;
    return [summary(figure, definition, query), h("section", { class: "panel", "aria-labelledby": "leads" },
      h("div", { class: "panel-head" },
        h("h2", { id: "leads" }, t("leads"), " ", h("span", { class: "count" }, t("clocks.count", { count: count(list.total) }))),
        definition.denominator ? choice(query, list.part) : null,
        csvLink(`/kpi/metrics/${definition.name}/leads`, `${definition.name}-leads`, list_(query))),
      rows(list),
      list.next_cursor ? h("p", { class: "more" }, h("a", { class: "button", href: address("/leads", { ...query, lang: null, cursor: list.next_cursor }) }, t("more"))) : null)];
  },
};

function summary(figure, definition, query) {
  return h("section", { class: "panel summary", "aria-labelledby": "whole" },
    h("h2", { id: "whole" }, label(definition), figure.segment ? h("span", { class: "tag" }, segmentSaid(figure.segment)) : null),
    h("p", { class: "number" }, valueOf(figure, definition, { big: true }), " ", partsOf(figure, definition)),
    h("p", { class: "quiet" }, described(definition), " ", t("over", { from: date(figure.range.from_at), to: date(figure.range.to_at - 1) })),
    h("p", {}, h("a", { href: address("/trends", { metric: definition.name, segment: figure.segment, reading: query.reading }) }, t("to-trends"))));
}

function choice(query, part) {
  const link = (name) => h("a", { href: address("/leads", { ...query, lang: null, cursor: null, part: name }), "aria-current": name === part ? "true" : null }, t(`part.${name}`));
  return h("nav", { class: "choice", "aria-label": t("part") }, PARTS.map(link));
}

function rows(list) {
  if (!list.items.length) return h("p", { class: "empty" }, t("leads.none"));
  const cell = (name, ...shown) => h("td", { "data-label": t(name) }, shown);
  const row = (each, at) => h("tr", { "data-key": `${each.lead_id}/${each.cycle}/${each.key}/${each.at}/${at}` },
    h("th", { scope: "row" }, leadLink(each.lead_id)),
    cell("at", moment(each.at)),
    cell("what", kindSaid(each.kind), more(each)),
    cell("owner", ownerOf(each)),
    cell("source", each.segments.source ?? h("span", { class: "none" }, t("segment.none"))),
    cell("stage", each.stage ? t(`milestone.${each.stage}`) : ""));
  return h("table", { class: "list" },
    h("thead", {}, h("tr", {}, ["lead", "at", "what", "owner", "source", "stage"].map((each) => h("th", { scope: "col" }, t(each))))),
    h("tbody", {}, list.items.map(row)));
}

const kindSaid = (kind) => named(`milestone.${kind}`, named(`activity.${kind}`, named(`kind.${kind}`, kind)));

/** What of it counts besides that it happened: how long it took, how much it was, whether it was kept. */
function more(each) {
  const said = [];
  if (each.duration_ms !== null) said.push(duration(each.duration_ms));
  if (each.amount !== null) said.push(money(each.amount, each.currency));
  if (each.met !== null) said.push(t(each.met ? "status.met" : "status.missed"));
  if (each.got_on_at !== null) said.push(t("got-on", { at: moment(each.got_on_at) }));
  return said.length ? h("span", { class: "parts" }, said.join(" · ")) : null;
}
