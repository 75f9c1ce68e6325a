// How the sync service does: what isn't known is said to be unknown, never shown as none.
import { h } from "./dom.js";
import { count, duration, time } from "./format.js";
import { t } from "./words.js";

const NAMES = { hubspot: "HubSpot", salesforce: "Salesforce" };

export function syncPanel(asked, received) {
  const answer = asked.failed ? { known: false, why: "no-answer" } : asked;
  const body = answer.known ? answer.health : null;
  const unknown = h("span", { class: "none" }, t("unknown"));
  const row = (name, shown, quiet = null) => h("div", { class: "row" }, h("dt", {}, t(name)), h("dd", {}, shown ?? unknown, quiet ? h("span", { class: "parts" }, quiet) : null));
  return h("section", { class: "panel side", "aria-labelledby": "sync" },
    h("div", { class: "panel-head" }, h("h2", { id: "sync" }, t("sync")), condition(body)),
    answer.known ? null : h("p", { class: "quiet" }, t(`sync.${answer.why}`)),
    body?.reasons?.length ? h("ul", { class: "reasons" }, body.reasons.map((each) => h("li", {}, each))) : null,
    h("dl", { class: "rows" },
      Object.entries(body?.systems ?? {}).map(([name, each]) => system(name, each)),
      row("sync.latency", ms(body?.latency?.p50_ms), ms(body?.latency?.p99_ms) && `p99 ${ms(body.latency.p99_ms)}`),
      row("sync.drift", number(body?.drift?.found, "sync.leads"), body?.drift?.checked_at ? t("sync.checked", { time: time(body.drift.checked_at) }) : null),
      row("sync.queue", number(body?.queue, "sync.records"))),
    h("p", { class: "quiet" }, t("sync.asked", { time: time(received) })));
}

const ms = (value) => (value === null || value === undefined ? null : value < 1000 ? `${count(value)} ms` : duration(value));
const number = (value, word) => (value === null || value === undefined ? null : t(word, { count: count(value) }));

function condition(body) {
  if (!body || body.ready === null) return h("span", { class: "status no-data" }, t("unknown"));
  return body.ready
    ? h("span", { class: "status met" }, h("span", { "aria-hidden": "true" }, "✓"), t("sync.ok"))
    : h("span", { class: "status missed" }, h("span", { "aria-hidden": "true" }, "✕"), t("sync.not-ok"));
}

function system(name, each) {
  const good = each.condition === "ok";
  const said = each.condition === null ? h("span", { class: "none" }, t("unknown"))
    : h("span", { class: `status ${good ? "met" : "missed"}` }, h("span", { "aria-hidden": "true" }, good ? "✓" : "✕"), t(good ? "sync.ok" : "sync.not-ok"));
  const waiting = number(each.waiting, "sync.waiting");
  return h("div", { class: "row" }, h("dt", {}, NAMES[name] ?? name),
    h("dd", {}, said, h("span", { class: "parts" }, waiting ?? t("sync.waiting-unknown")), each.reason ? h("span", { class: "parts" }, each.reason) : null));
}
