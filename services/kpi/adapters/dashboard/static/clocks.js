// Clocks that run on the page: of time that counts, so that they stand still outside of business hours.
import { h } from "./dom.js";
import { duration, stopwatch } from "./format.js";
import { t } from "./words.js";

/**
 * A clock's face. `ms` is how much was used up (or is left, or is over) at the instant `at` of the server's clock;
 * it moves by `way` (1, -1) while it runs, up to `until`; 0 stands still. `received` is when that was told.
 */
export function face({ ms, way, at, received, until = null, kind = "" }) {
  const skew = received - at; // the browser's clock may be wrong: what counts is the time since the answer
  const data = { "data-ms": ms, "data-way": way, "data-from": at + skew, "data-until": until === null ? null : until + skew };
  return h("span", { class: `clock ${kind}${way ? "" : " still"}`, role: "timer", "aria-live": "off", ...data }, stopwatch(ms));
}

/** Bring all faces to the present second. */
export function tick() {
  const now = Date.now();
  for (const each of document.querySelectorAll("[data-ms]")) {
    const { ms, way, from, until } = each.dataset;
    const to = until === undefined ? now : Math.min(now, Number(until));
    const shown = Math.max(0, Number(ms) + Number(way) * (to - Number(from)));
    const text = shown < 86_400_000 ? stopwatch(shown) : duration(shown);
    if (each.textContent !== text) each.textContent = text;
    each.classList.toggle("still", way === "0" || (until !== undefined && now >= Number(until)));
  }
}

/** Why a clock stands still: it is paused, or its time doesn't count now. */
export const stillSaid = (state) => h("span", { class: "still-why" }, t(state === "paused" ? "state.paused" : "clock.still"));
