// MQLs that wait for their first response, each with a clock of the time that counts.
import { h } from "./dom.js";
import { count, moment } from "./format.js";
import { clockFace, failedPanel, leadLink } from "./promises.js";
import { named, t } from "./words.js";

const SHOWN = 8;

export function waitingPanel(answer, received) {
  if (answer.failed) return failedPanel("waiting");
  const clocks = answer.clocks;
  return h("section", { class: "panel", "aria-labelledby": "waiting" },
    h("div", { class: "panel-head" },
      h("h2", { id: "waiting" }, t("waiting"), " ", h("span", { class: "count" }, t("waiting.count", { count: count(clocks.length) + (answer.next_cursor ? "+" : "") }))),
      h("a", { href: "/overdue?state=open" }, t("waiting.all"))),
    clocks.length ? h("table", { class: "list" },
      h("thead", {}, h("tr", {}, ["lead", "policy", "owner", "clock.elapsed", "clock.deadline"].map((each) => h("th", { scope: "col" }, t(each))))),
      h("tbody", {}, clocks.slice(0, SHOWN).map((each) => h("tr", { "data-key": `${each.lead}/${each.cycle}/${each.policy}` },
        h("th", { scope: "row" }, leadLink(each.lead)),
        h("td", { "data-label": t("policy") }, named(`policy.${each.policy}`, each.policy)),
        h("td", { "data-label": t("owner") }, each.owner ?? h("span", { class: "none" }, t("no-owner"))),
        h("td", { "data-label": t("clock.elapsed") }, clockFace(each, answer.as_of, received)),
        h("td", { "data-label": t("clock.deadline") }, each.deadline_at === null ? t("clock.paused") : moment(each.deadline_at))))))
      : h("p", { class: "empty" }, t("waiting.none")));
}
