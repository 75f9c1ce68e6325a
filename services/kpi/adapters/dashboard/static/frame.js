// What all pages share: loading, coming up to date, the connection's state, errors, the key, light and dark.
import { tick } from "./clocks.js";
import { h, show } from "./dom.js";
import { FeedError, get, keep, key } from "./feed.js";
import { clock, count, setZone, zoneSaid } from "./format.js";
import { follow } from "./live.js";
import { t } from "./words.js";

const MENDS_ITSELF = new Set(["unreachable", "unavailable"]);
const AGAIN_AFTER_ERROR_MS = 5000;
const AGAIN_MS = 700; // changes come in bursts
const at = (id) => document.getElementById(id);

/**
 * Run a page: `load(query)` gives its state, `view(state, query)` what is shown of it, `controls` what stands above,
 * `live(query, catalogue)` the stream to follow, `told(event, data, state)` whether an event already mended the state.
 */
export function run(page) {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  let state = null;
  let catalogue = null;
  let stop = null;
  let waiting = null;
  let busy = false;
  let again = false;
  let said = ""; // the error that is shown: it isn't said twice, and a form that waits for a key isn't typed into anew

  function paint() {
    show(at("view"), page.view(state, query, catalogue));
    at("view").removeAttribute("aria-busy");
    tick();
    page.after?.(at("view"), state, query);
    const parts = [t("reflects.zone", { zone: zoneSaid(Date.now()) }), t("reflects.at", { time: clock(Date.now()) })];
    const told = Object.values(state.offsets ?? {});
    if (told.length) parts.push(t("reflects.facts", { count: count(told.reduce((sum, each) => sum + each + 1, 0)) }));
    at("reflects").textContent = parts.join(" · ");
  }

  async function refresh() {
    if (said === "key" || said === "role") return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      catalogue ??= await get("/kpi/metrics");
      setZone(catalogue.time_zone);
      if (state === null && page.controls) show(at("controls"), page.controls(query, catalogue));
      state = await page.load(query, catalogue, state);
      if (said) show(at("view"));
      said = "";
      paint();
      show(at("notice"), state.complete === false ? notice("warn", t("incomplete")) : null);
      stop ??= listen();
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
      if (again) {
        again = false;
        soon();
      }
    }
  }

  function soon() {
    waiting ??= setTimeout(() => {
      waiting = null;
      refresh();
    }, AGAIN_MS);
  }

  function failed(error) {
    if (!(error instanceof FeedError)) {
      console.error(error);
      error = new FeedError("bug", { detail: String(error) });
    }
    // What was shown stays, marked as old; without anything the error stands in its place.
    const locked = error.kind === "key" || error.kind === "role";
    if (state !== null && !locked) {
      show(at("notice"), notice("bad", `${t(`error.${error.kind}`)} ${t("error.old")}`, "alert"));
    } else if (said !== error.kind) {
      state = null;
      said = error.kind;
      at("view").removeAttribute("aria-busy");
      at("view").replaceChildren(problem(error, start));
    }
    if (MENDS_ITSELF.has(error.kind)) {
      if (!stop) live("stale");
      setTimeout(refresh, AGAIN_AFTER_ERROR_MS);
    } else {
      stop?.();
      stop = null;
      live("still");
    }
  }

  function listen() {
    const path = page.live?.(query, catalogue);
    if (!path) {
      live("still");
      return () => {};
    }
    return follow(path, {
      state: (name, error) => {
        if (error) return failed(error);
        live(name);
        if (name === "live" && state?.missed) refresh();
        if (state) state.missed = name !== "live";
      },
      told: (event, data) => {
        if (state && page.told?.(event, data, state)) paint();
        soon();
      },
    });
  }

  function start() {
    stop?.();
    stop = null;
    state = null;
    said = "";
    live("connecting");
    show(at("notice"));
    show(at("view"), h("div", { class: "skeleton", "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("p", { class: "quiet" }, t("loading")));
    refresh();
  }

  setInterval(tick, 1000);
  setInterval(() => !document.hidden && soon(), 60_000); // windows move with the clock
  themes();
  start();
}

let loss = null;

function live(name) {
  clearTimeout(loss);
  const set = (state) => {
    at("live").dataset.state = state;
    const said = state === "stale" || state === "stopped" ? t("live.stale", { time: clock(Date.now()) }) : t(`live.${state}`);
    if (at("live-text").textContent !== said) at("live-text").textContent = said;
  };
  if (name === "connecting" && at("live").dataset.state === "live") return;
  // A stream that comes back at once isn't worth a word.
  if (name === "stale" && at("live").dataset.state === "live") loss = setTimeout(set, 1500, name);
  else set(name);
}

/** A line above the page's content; `kind` is info, warn or bad. */
export function notice(kind, text, role = "status") {
  return h("p", { class: `notice ${kind}`, role }, text);
}

function problem(error, retry) {
  if (error.kind === "key" || error.kind === "role") return keyForm(error, retry);
  const said = error.problem.detail ? h("p", { class: "quiet" }, `${t("error.said")} ${error.problem.detail}`) : null;
  const mend = error.problem.mend ? h("p", { class: "quiet" }, error.problem.mend) : null;
  return h(
    "section",
    { class: "panel center", role: "alert" },
    h("h2", {}, t(`error.${error.kind}`)),
    h("p", {}, t(`error.${error.kind}.what`)),
    said,
    mend,
    h("button", { type: "button", class: "main", on: { click: retry } }, t("retry")),
  );
}

function keyForm(error, retry) {
  const wrong = key() !== "";
  const why = error.problem.reason === "foreign-host" ? "error.host" : error.kind === "role" ? "error.role" : wrong ? "error.key-wrong" : "error.key";
  const field = h("input", { type: "password", id: "key", name: "key", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "key-note" });
  const send = (event) => {
    event.preventDefault();
    keep(field.value.trim());
    retry();
  };
  return h(
    "form",
    { class: "panel center key", on: { submit: send } },
    h("h2", { role: "alert" }, t(why)),
    why === "error.host" ? h("p", {}, t("error.host.what")) : [
      h("label", { for: "key" }, t("key.label")),
      field,
      h("p", { class: "quiet", id: "key-note" }, t("key.note")),
      h("button", { class: "main" }, t("key.use")),
    ],
  );
}

const THEMES = ["auto", "light", "dark"];

function themes() {
  const root = document.documentElement;
  const button = at("theme");
  const say = () => {
    button.textContent = { auto: "◐", light: "○", dark: "●" }[root.dataset.theme];
    const text = `${t("theme")}: ${t(`theme.${root.dataset.theme}`)}`;
    button.setAttribute("aria-label", text);
    button.title = text;
  };
  button.addEventListener("click", () => {
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("tasuki.theme", root.dataset.theme);
    } catch {
      // storage is shut off: it holds for this page
    }
    say();
  });
  say();
}
