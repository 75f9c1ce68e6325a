// Sparklines of a table: asked for once they come into view, few at a time, and kept until their figure changes.
import { spark } from "./chart.js";
import { h } from "./dom.js";
import { get } from "./feed.js";
import { value } from "./format.js";
import { label, t } from "./words.js";

const WEEKS = 12;
const AT_ONCE = 3;
const drawn = new Map();
const queue = [];
let running = 0;
let watch = null;

export function sparkPlace(definition, role, figure) {
  return h("span", { class: "spark-place", "data-once": `${definition.name}:${role}:${figure.value}`, "data-name": label(definition), "data-unit": definition.unit });
}

/** Fill the places within `view` that are still empty. */
export function fillSparks(view) {
  watch ??= new IntersectionObserver((entries) => {
    for (const each of entries) {
      if (!each.isIntersecting) continue;
      watch.unobserve(each.target);
      queue.push(each.target);
    }
    pump();
  });
  for (const place of view.querySelectorAll(".spark-place:empty")) {
    const before = drawn.get(slot(place));
    if (before) place.append(before.cloneNode(true)); // the old course, until the new one is there
    watch.observe(place);
  }
}

const slot = (place) => place.dataset.once.split(":").slice(0, 2).join(":");

async function pump() {
  while (running < AT_ONCE && queue.length) {
    const place = queue.shift();
    if (!place.isConnected) continue;
    running += 1;
    draw(place)
      .catch(() => place.replaceChildren(h("span", { class: "none" }, t("no-course"))))
      .finally(() => {
        running -= 1;
        pump();
      });
  }
}

async function draw(place) {
  const [metric, role] = place.dataset.once.split(":");
  const now = Date.now();
  const over = { from: new Date(now - WEEKS * 7 * 86_400_000).toISOString(), to: new Date(now).toISOString() };
  const { figures } = await get(`/kpi/metrics/${metric}/steps`, { ...over, grain: "week", segment: `role:${role}` });
  // The week that goes on isn't as long as the others: a count in it would look like a fall.
  const whole = figures.filter((each) => each.range.to_at <= now);
  const shown = place.dataset.unit !== "rate" && whole.some((each) => each.value) ? whole : figures;
  const last = shown.findLast((each) => each.value !== null);
  const said = last ? value(last, place.dataset.unit) : t("no-data");
  const drawing = spark(shown.map((each) => each.value), t("course.of", { name: place.dataset.name, last: said }));
  drawn.set(slot(place), drawing);
  place.replaceChildren(drawing);
}
