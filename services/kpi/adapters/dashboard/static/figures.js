// One figure as it stands on every page: its value, what it is made of, and the way to the facts behind it.
import { h } from "./dom.js";
import { address } from "./feed.js";
import { count, difference, duration, percent, target as share, value } from "./format.js";
import { label, named, t } from "./words.js";

export const WINDOWS = ["today", "24h", "this-week", "7d", "this-month", "30d", "this-quarter"];

/** The address of the list of the leads behind a figure, of the very time the figure is of. */
export function factsOf(figure, more = {}) {
  return address("/leads", {
    metric: figure.metric,
    from: new Date(figure.range.from_at).toISOString(),
    to: new Date(figure.range.to_at).toISOString(),
    segment: figure.segment,
    reading: figure.reading === "cohort" ? "cohort" : null,
    within_days: figure.within_days,
    ...more,
  });
}

/** The value as a link to its leads; "no data" with its reason where there is none, never 0. */
export function valueOf(figure, definition, { big = false } = {}) {
  const said = value(figure, definition.unit, big);
  if (said === null) {
    const why = t(`no-data.${figure.no_data}`);
    return h("span", { class: "none", title: why }, t("no-data"), h("span", { class: "sr" }, ` (${why})`));
  }
  const text = `${label(definition)} ${said}: ${t("to-facts")}`;
  return h("a", { class: big ? "value big" : "value", href: factsOf(figure), "aria-label": text, "data-value": figure.value }, said);
}

/** What a value is made of: 4 / 10, the number of cases of a median with p90. */
export function partsOf(figure, definition, { short = false } = {}) {
  if (definition.unit === "rate") {
    const below = count(figure.denominator);
    const all = figure.denominator ? h("a", { class: "plain", href: factsOf(figure, { part: "denominator" }), "aria-label": t("parts.of", { below, name: label(definition) }) }, below) : below;
    return h("span", { class: "parts" }, `${count(figure.numerator)} / `, all);
  }
  if (definition.unit === "duration" && figure.value !== null) {
    return h("span", { class: "parts" }, `${short ? "" : `n=${count(figure.numerator)} · `}p90 ${duration(figure.p90_ms)}`);
  }
  if (definition.unit === "money" && figure.value !== null && value(figure, "money", true) !== value(figure, "money")) {
    return h("span", { class: "parts" }, value(figure, "money"));
  }
  return null;
}

/** The 95 % interval in words. */
export function intervalOf(figure) {
  if (!figure.interval) return null;
  return `${percent(figure.interval.low)} – ${percent(figure.interval.high)}`;
}

/** A target in words: from 30 %, 15–20 %, 50–100 a day and person, from the goal. */
export function targetOf(target, definition) {
  if (!target) return null;
  if (target.from_goal) return t(`target.goal.${target.from_goal}`);
  const rate = definition.unit === "rate" || target.of;
  const form = (number) => (rate ? share(number) : definition.unit === "duration" ? duration(number) : count(number));
  let said = target.high !== null ? t("target.range", { low: form(target.low), high: form(target.high) })
    : t(definition.direction === "down" ? "target.most" : "target.least", { low: form(target.low) });
  if (target.per) said = t("target.per", { target: said });
  if (target.of) said = t("target.of", { target: said, of: t(`short.${target.of}`) });
  return said;
}

/** Met or missed, with a sign and a word, so that no colour is needed. */
export function statusOf(status) {
  const signs = { met: "✓", missed: "✕", "no-data": "–", "no-target": "", "not-comparable": "–" };
  if (status === "no-target") return null;
  const why = status === "not-comparable" ? { title: t("status.not-comparable.why") } : {};
  return h("span", { class: `status ${status}`, ...why }, h("span", { "aria-hidden": "true" }, signs[status]), t(`status.${status}`));
}

/** The change since the time before, coloured by whether it is for the better. */
export function deltaOf(delta, definition, currency) {
  if (delta === null) return h("span", { class: "none" }, t("no-comparison"));
  const kind = delta === 0 ? "even" : (delta > 0) === (definition.direction === "up") ? "better" : "worse";
  const sign = delta === 0 ? "" : delta > 0 ? "▲" : "▼";
  return h("span", { class: `delta ${kind}` }, sign ? h("span", { "aria-hidden": "true" }, sign) : null, difference(delta, definition.unit, currency), h("span", { class: "sr" }, ` (${t(`delta.${kind}`)})`));
}

/** Links that choose a window; the address is the state. */
export function windows(query, standard, path = location.pathname) {
  const chosen = query.window ?? (query.from ? null : standard);
  const link = (name) =>
    h("a", { href: address(path, { ...query, lang: null, from: null, to: null, window: name }), "aria-current": name === chosen ? "true" : null }, t(`window.${name}`));
  return h("nav", { class: "choice", "aria-label": t("window") }, WINDOWS.map(link));
}

/** Links that choose whose figures: of all, of SDR, of BDR. */
export function roles(query, dimensions) {
  if (!dimensions.includes("role")) return null;
  const link = (segment) => h("a", { href: address(location.pathname, { ...query, lang: null, segment }), "aria-current": (query.segment ?? null) === segment ? "true" : null }, t(segment ? `short.${segment}` : "role.all"));
  return h("nav", { class: "choice", "aria-label": t("dimension.role") }, [null, "role:sdr", "role:bdr"].map(link));
}

/** What of a page's address the feed is asked with. */
export function asked(query, standard) {
  if (query.from) return { from: query.from, to: query.to };
  return { window: query.window ?? standard };
}

/** dimension:value in the page's words. */
export function segmentSaid(segment) {
  const colon = segment.indexOf(":");
  const [dimension, held] = [segment.slice(0, colon), segment.slice(colon + 1)];
  return `${named(`dimension.${dimension}`, dimension)}: ${held ? named(`segment.${dimension}.${held}`, held) : t("segment.none")}`;
}
