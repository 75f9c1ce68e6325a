// A metric over time, by the values of a segment, and by when its leads came in.
import { alternative, bar, chart } from "./chart.js";
import { csvLink } from "./csv.js";
import { h } from "./dom.js";
import { address, get } from "./feed.js";
import { asked, factsOf, intervalOf, partsOf, segmentSaid, targetOf, valueOf, windows } from "./figures.js";
import { count, date, day, month, short, target as share, time, value } from "./format.js";
import { described, label, named, t } from "./words.js";

const STANDARD = "30d";
const metricOf = (query) => query.metric ?? "opportunity_rate";
const dimensionOf = (query, catalogue) => (catalogue.dimensions.includes(query.by) ? query.by : catalogue.dimensions.at(-1));
const readingOf = (query) => (query.reading === "cohort" ? { reading: "cohort" } : {});

export const page = {
  controls: (query, catalogue) => [windows(query, STANDARD), form(query, catalogue)],
  live: (query) => address("/kpi/events", { ...asked(query, STANDARD), ...readingOf(query), metrics: metricOf(query), segment: query.segment }),

  async load(query, catalogue) {
    const name = metricOf(query);
    const over = { ...asked(query, STANDARD), ...readingOf(query) };
    const base = `/kpi/metrics/${encodeURIComponent(name)}`;
    const definition = catalogue.metrics.find((each) => each.name === name);
    const [whole, segments, cohorts] = await Promise.all([
      get(base, { ...over, segment: query.segment }),
      get(`${base}/segments`, { ...over, by: dimensionOf(query, catalogue) }),
      definition?.cohort ? get(`${base}/cohorts`, { ...halfAYear(), segment: query.segment, grain: "month" }) : null,
    ]);
    const { from_at, to_at } = whole.figure.range;
    const over_ms = to_at - from_at;
    const grain = grainsOf(over_ms).includes(query.grain) ? query.grain : grainOf(over_ms, definition);
    const steps = await get(`${base}/steps`, { ...over, segment: query.segment, grain, limit: 400 });
    return { whole, segments, cohorts, steps, grain, offsets: whole.offsets, complete: whole.complete };
  },

  view(state, query, catalogue) {
    const { definition } = state.whole;
    return [
      summary(state.whole.figure, definition),
      course(state, definition, query),
      segments(state, definition, query, catalogue),
      state.cohorts ? cohorts(state.cohorts, definition, catalogue) : null,
    ];
  },
};

const halfAYear = () => {
  const now = Date.now();
  return { from: new Date(now - 183 * 86_400_000).toISOString(), to: new Date(now).toISOString() };
};

function grainOf(over, definition) {
  if (over <= 2 * 86_400_000 && definition.unit !== "duration" && definition.unit !== "people") return "hour";
  // Of a day there are too few cases for a share.
  if (definition.unit === "rate" && over > 20 * 86_400_000) return over <= 200 * 86_400_000 ? "week" : "month";
  return over <= 45 * 86_400_000 ? "day" : over <= 200 * 86_400_000 ? "week" : "month";
}

const grainsOf = (over) => (over <= 2 * 86_400_000 ? ["hour", "day"] : over <= 100 * 86_400_000 ? ["day", "week", "month"] : ["week", "month"]);

function grains(query, figure, chosen) {
  const { from_at, to_at } = figure.range;
  const link = (name) => h("a", { href: address("/trends", { ...query, lang: null, grain: name }), "aria-current": name === chosen ? "true" : null }, t(`grain.${name}`));
  return h("nav", { class: "choice", "aria-label": t("grain") }, grainsOf(to_at - from_at).map(link));
}

function form(query, catalogue) {
  const option = (name, text, chosen) => h("option", { value: name, selected: chosen }, text);
  const field = (name, options) => h("div", {}, h("label", { for: `f-${name}` }, t(`form.${name}`)), h("select", { id: `f-${name}`, name }, options));
  const kept = ["window", "from", "to", "segment", "grain"].filter((each) => query[each]).map((each) => h("input", { type: "hidden", name: each, value: query[each] }));
  return h("form", { class: "choose", action: "/trends", role: "search", "aria-label": t("form.trends") }, kept,
    field("metric", catalogue.metrics.map((each) => option(each.name, label(each), each.name === metricOf(query)))),
    field("by", catalogue.dimensions.map((each) => option(each, named(`dimension.${each}`, each), each === dimensionOf(query, catalogue)))),
    field("reading", ["period", "cohort"].map((each) => option(each, t(`reading.${each}`), each === (query.reading ?? "period")))),
    h("button", { class: "main" }, t("form.show")));
}

function summary(figure, definition) {
  const interval = intervalOf(figure);
  return h("section", { class: "panel summary", "aria-labelledby": "whole" },
    h("h2", { id: "whole" }, label(definition), figure.segment ? h("span", { class: "tag" }, segmentSaid(figure.segment)) : null),
    h("p", { class: "number" }, valueOf(figure, definition, { big: true }), " ", partsOf(figure, definition)),
    figure.value === null ? h("p", {}, t(`no-data.${figure.no_data}`)) : null,
    interval ? h("p", { class: "quiet" }, t("interval", { interval })) : null,
    h("p", { class: "quiet" }, described(definition), " ", t("over", { from: date(figure.range.from_at), to: date(figure.range.to_at - 1) })));
}

function course(state, definition, query) {
  const now = Date.now();
  const figures = state.steps.figures.filter((each) => each.range.from_at <= now); // what is to come is no 0
  const name = { hour: time, day, week: date, month }[state.grain];
  const mark = { hour: time, day: short, week: short, month }[state.grain];
  const form = (number) => (definition.unit === "rate" ? share(number) : value({ value: number, currency: figures[0]?.currency }, definition.unit));
  const points = figures.map((each) => ({
    value: each.value, low: each.interval?.low ?? null, high: each.interval?.high ?? null,
    label: mark(each.range.from_at), going: each.range.to_at > now,
    text: `${name(each.range.from_at)} ${value(each, definition.unit) ?? t(`no-data.${each.no_data}`)}${each.range.to_at > now ? ` (${t("going")})` : ""}`, href: factsOf(each),
  }));
  const goal = definition.sdr.target ?? definition.bdr.target;
  const target = goal && goal.low !== null && !goal.per && !goal.of ? goal : null;
  const width = Math.max(280, Math.min(1180, document.getElementById("view").clientWidth - 34));
  const title = t("course.title", { grain: t(`grain.${state.grain}`) });
  return h("section", { class: "panel", "aria-labelledby": "course" },
    h("div", { class: "panel-head" }, h("h2", { id: "course" }, title), grains(query, state.whole.figure, state.grain), csvLink(`/kpi/metrics/${definition.name}/steps`, definition.name, { ...asked(query, STANDARD), grain: state.grain, segment: query.segment, ...readingOf(query) })),
    target ? h("p", { class: "legend quiet" }, h("i", { class: "goal-key", "aria-hidden": "true" }), `${t("target")}: ${targetOf(target, definition)}`) : null,
    points.every((each) => each.value === null) ? h("p", { class: "empty" }, t("course.none"))
      : chart({ points, target, form, width, least: definition.unit === "count" || definition.unit === "people" ? 1 : 0, text: `${label(definition)}, ${title}` }),
    alternative(t("as-table"), [t(`grain.${state.grain}`), t("value"), t("parts"), t("interval.head")],
      figures.map((each) => [name(each.range.from_at) + (each.range.to_at > now ? ` (${t("going")})` : ""), valueOf(each, definition), partsOf(each, definition), intervalOf(each)])));
}

/** The lowest shares first, those surely lower than the whole marked; small numbers can't be, their interval says so. */
function segments(state, definition, query, catalogue) {
  const by = dimensionOf(query, catalogue);
  const whole = state.whole.figure;
  const rate = definition.unit === "rate";
  const low = (each) => rate && each.interval && whole.value !== null && each.interval.high < whole.value;
  const known = state.segments.figures.filter((each) => each.value !== null).toSorted((one, other) => (rate ? low(other) - low(one) || one.value - other.value : other.value - one.value));
  const unknown = state.segments.figures.filter((each) => each.value === null);
  const most = Math.max(...known.map((each) => Math.max(each.value, each.interval?.high ?? 0)), whole.value ?? 0, 0);
  const row = (each) => {
    const said = each.segment.slice(by.length + 1);
    const name = said ? named(`segment.${by}.${said}`, said) : t("segment.none");
    return h("tr", { "data-key": each.segment, class: low(each) ? "low" : null },
      h("th", { scope: "row" }, h("a", { class: "plain", href: address("/trends", { ...query, lang: null, segment: each.segment }) }, name), low(each) ? h("span", { class: "status missed" }, t("segment.low")) : null),
      h("td", { class: "number", "data-label": t("value") }, valueOf(each, definition)),
      h("td", { class: "number", "data-label": t("parts") }, each.value === null ? t(`no-data.${each.no_data}`) : partsOf(each, definition)),
      h("td", { class: "number", "data-label": t("interval.head") }, intervalOf(each)),
      h("td", { class: "bar-cell" }, each.value === null ? null : bar({ value: each.value, low: each.interval?.low ?? null, high: each.interval?.high ?? null, most, whole: rate ? whole.value : null, kind: low(each) ? "low" : "", text: `${name} ${value(each, definition.unit)}` })));
  };
  return h("section", { class: "panel", "aria-labelledby": "segments" },
    h("div", { class: "panel-head" },
      h("h2", { id: "segments" }, t("segments.by", { by: named(`dimension.${by}`, by) })),
      query.segment ? h("a", { href: address("/trends", { ...query, lang: null, segment: null }) }, t("segment.all")) : null,
      csvLink(`/kpi/metrics/${definition.name}/segments`, `${definition.name}-by-${by}`, { ...asked(query, STANDARD), by, ...readingOf(query) })),
    rate ? h("p", { class: "quiet" }, t("segments.note")) : null,
    known.length + unknown.length === 0 ? h("p", { class: "empty" }, t("segments.empty")) : h("table", { class: "list segments" },
      h("thead", {}, h("tr", {}, [named(`dimension.${by}`, by), t("value"), t("parts"), t("interval.head"), ""].map((each) => (each ? h("th", { scope: "col" }, each) : h("td", {}))))),
      h("tbody", {}, known.map(row), unknown.map(row))));
}

function cohorts(answer, definition, catalogue) {
  const columns = [...catalogue.horizons_days.map((days) => t("cohort.within", { days: count(days) })), t("cohort.now")];
  const high = Math.max(0.0001, ...answer.cohorts.flatMap((each) => each.figures.map((figure) => figure.value ?? 0)));
  const shown = answer.cohorts.slice(Math.max(0, answer.cohorts.findIndex((each) => each.count > 0)));
  const cell = (figure, at) => h("td", { class: "number heat", "data-label": columns[at], vars: { heat: (figure.value ?? 0) / high } },
    valueOf(figure, definition), figure.value === null ? null : partsOf(figure, definition),
    figure.settled === false ? h("span", { class: "parts", title: t("cohort.open.why") }, t("cohort.open")) : null);
  return h("section", { class: "panel", "aria-labelledby": "cohorts" },
    h("h2", { id: "cohorts" }, t("cohorts")), h("p", { class: "quiet" }, t("cohorts.note")),
    h("table", { class: "list cohorts" },
      h("thead", {}, h("tr", {}, [t("cohort.entered"), t("cohort.count"), ...columns].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, shown.map((each) => h("tr", { "data-key": each.entered.from_at },
        h("th", { scope: "row" }, month(each.entered.from_at)), h("td", { class: "number", "data-label": t("cohort.count") }, count(each.count)), each.figures.map(cell))))));
}
