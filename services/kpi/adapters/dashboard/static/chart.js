// Lines over time as SVG, drawn by hand: a sparkline for a table's row, a chart with axes, a bar with its interval.
import { h, s } from "./dom.js";

/** Runs of points that have data: a line never crosses what isn't known. */
function runs(values, x, y) {
  const found = [];
  let run = null;
  values.forEach((value, at) => {
    if (value === null) {
      run = null;
      return;
    }
    if (run === null) found.push((run = []));
    run.push(`${x(at).toFixed(1)},${y(value).toFixed(1)}`);
  });
  return found;
}

function lines(values, x, y) {
  return runs(values, x, y).map((run) => s("polyline", { class: "line", points: (run.length > 1 ? run : [run[0], run[0]]).join(" ") }));
}

/** A sparkline without axes; `text` says what it shows. */
export function spark(values, text) {
  const [width, height] = [84, 24];
  const known = values.filter((value) => value !== null);
  const svg = (...inner) => s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": text }, ...inner);
  if (known.length === 0) return svg(s("line", { class: "empty", x1: 2, x2: width - 2, y1: height / 2, y2: height / 2 }));
  const high = Math.max(...known, 0);
  const x = (at) => 3 + (at * (width - 6)) / Math.max(1, values.length - 1);
  const y = (value) => height - 3 - (high === 0 ? 0 : (value / high) * (height - 6));
  const last = values.findLastIndex((value) => value !== null);
  return svg(lines(values, x, y), s("circle", { class: "end", cx: x(last), cy: y(values[last]), r: 2 }));
}

/** Round steps for an axis from 0 to `high`. */
export function marks(high, least = 0) {
  if (high <= 0) return [0, Math.max(1, least)];
  const raw = high / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(least, [1, 2, 2.5, 5, 10].find((each) => each * power >= raw) * power);
  return Array.from({ length: Math.ceil(high / step - 1e-9) + 1 }, (_, at) => at * step);
}

/**
 * A chart as wide as `width`: `points` are {value, low, high, label, text, href, going}, `target` {low, high} or null,
 * `form` writes a value, `least` is the smallest step of the axis.
 */
export function chart({ points, target, form, width, text, least = 0 }) {
  const height = width < 500 ? 200 : 260;
  const [left, right, top, bottom] = [56, 12, 12, 28];
  const high = Math.max(...points.map((each) => each.high ?? each.value ?? 0), target?.high ?? target?.low ?? 0);
  const axis = marks(high, least);
  const most = axis.at(-1);
  const x = (at) => left + (points.length > 1 ? (at * (width - left - right)) / (points.length - 1) : (width - left - right) / 2);
  const y = (value) => height - bottom - (Math.min(value, most) / most) * (height - top - bottom);
  const grid = axis.map((value) => [
    s("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
    s("text", { class: "axis", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, form(value)),
  ]);
  const every = Math.max(1, Math.ceil(points.length / Math.max(2, Math.floor((width - left) / 72))));
  const labels = points.map((each, at) =>
    (points.length - 1 - at) % every === 0
      ? s("text", { class: "axis", x: x(at), y: height - 8, "text-anchor": at === points.length - 1 ? "end" : at === 0 ? "start" : "middle" }, each.label)
      : null,
  );
  const values = points.map((each) => each.value);
  const dots = points.map((each, at) =>
    each.value === null
      ? s("circle", { class: "gap", cx: x(at), cy: y(0), r: 2.5 }, s("title", {}, each.text))
      : s("a", { href: each.href, "aria-label": each.text, class: "point" },
          s("circle", { class: "hit", cx: x(at), cy: y(each.value), r: 11 }),
          s("circle", { class: each.going ? "dot going" : "dot", cx: x(at), cy: y(each.value), r: 3.2 }, s("title", {}, each.text))),
  );
  return s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": text },
    grid, bands(points, x, y), target ? goal(target, left, width - right, y) : null, lines(values, x, y), labels, dots);
}

function bands(points, x, y) {
  const parts = [];
  let run = [];
  const close = () => {
    if (run.length > 1) {
      const above = run.map((at) => `${x(at)},${y(points[at].high)}`);
      const below = run.toReversed().map((at) => `${x(at)},${y(points[at].low)}`);
      parts.push(s("polygon", { class: "band", points: [...above, ...below].join(" ") }));
    }
    run = [];
  };
  points.forEach((each, at) => (each.value === null || each.low === null ? close() : run.push(at)));
  close();
  return parts;
}

function goal(target, from, to, y) {
  const edge = y(target.low);
  const range = target.high === null ? null
    : s("rect", { class: "goal-range", x: from, width: to - from, y: y(target.high), height: Math.max(0, edge - y(target.high)) });
  return [range, s("line", { class: "goal", x1: from, x2: to, y1: edge, y2: edge })];
}

/** A share as a bar from 0 to `most`, with its interval as a whisker and the whole's share as a mark. */
export function bar({ value, low, high, most, whole, text, kind }) {
  const [width, height] = [200, 18];
  const x = (share) => Math.min(1, share / (most || 1)) * width;
  return s("svg", { class: `bar ${kind}`, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": text },
    s("rect", { class: "fill", x: 0, y: 4, height: 10, width: x(value) }),
    low === null ? null : s("line", { class: "whisker", x1: x(low), x2: x(high), y1: 9, y2: 9 }),
    whole === null ? null : s("line", { class: "mark", x1: x(whole), x2: x(whole), y1: 0, y2: height }));
}

/** A table that is shown where somebody asks for it: what the drawing says, in words. */
export function alternative(caption, head, rows) {
  return h("details", { class: "alternative" }, h("summary", {}, caption),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
      h("table", {}, h("thead", {}, h("tr", {}, head.map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((each) => h("td", {}, each))))))));
}
