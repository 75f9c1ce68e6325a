// MQLs that wait for their first response, each with a clock of the time that counts.
import { h } from "./dom.js";
import { count } from "./format.js";
import { clockFace, dueOf, failedPanel, leadLink, ownerOf, policySaid } from "./promises.js";
import { t } from "./words.js";

const SHOWN = 8;
const HEAD = ["lead", "policy", "owner", "clock.elapsed", "clock.deadline"];

export function waitingPanel(answer, received) {
  if (answer.failed) return failedPanel("waiting");
  const clocks = answer.items.filter((each) => each.stage === "mql");
  const more = answer.next_cursor ? "+" : "";
  return h("section", { class: "panel", "aria-labelledby": "waiting" },
    h("div", { class: "panel-head" },
      h("h2", { id: "waiting" }, t("waiting"), " ", h("span", { class: "count" }, t("clocks.count", { count: count(clocks.length) + more }))),
      overdue(answer.counts),
      h("a", { href: "/overdue?state=open" }, t("waiting.all"))),
    clocks.length ? table(clocks.slice(0, SHOWN), answer.at, received) : h("p", { class: "empty" }, t("waiting.none")));
}

function overdue(counts) {
  if (!counts.overdue) return null;
  return h("a", { class: "status missed", href: "/overdue?state=overdue" }, h("span", { "aria-hidden": "true" }, "✕"), t("waiting.overdue", { count: count(counts.overdue) }));
}

function table(clocks, at, received) {
  const cell = (name, ...shown) => h("td", { "data-label": t(name) }, shown);
  const row = (each) => h("tr", { "data-key": `${each.lead_id}/${each.cycle}/${each.policy}` },
    h("th", { scope: "row" }, leadLink(each.lead_id)),
    cell("policy", policySaid(each)),
    cell("owner", ownerOf(each)),
    cell("clock.elapsed", clockFace(each, at, received)),
    cell("clock.deadline", dueOf(each.due_at)));
  return h("table", { class: "list" },
    h("thead", {}, h("tr", {}, HEAD.map((each) => h("th", { scope: "col" }, t(each))))),
    h("tbody", {}, clocks.map(row)));
}
