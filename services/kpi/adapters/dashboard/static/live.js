// The feed's event stream, read with fetch: EventSource can't send a key. It comes again by itself.
import { ask } from "./feed.js";

const SILENT_MS = 40_000; // the feed says something every 15 s
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15_000];

/**
 * Follow `path`; return what ends it.
 *
 * `told(event, data)` has each event; `state` is told `connecting`, `live` and `stale`, or the FeedError that
 * coming again doesn't mend (a wrong key). A hidden tab lets go of its connection: a browser has only six.
 */
export function follow(path, { told, state }) {
  let stopped = false;
  let failures = 0;
  let last = "";
  let current = null;
  let wake = () => {};

  async function once() {
    current = new AbortController();
    let silence = null;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => current.abort(), SILENT_MS);
    };
    try {
      alive();
      const answer = await ask(path, {
        signal: current.signal,
        cache: "no-store",
        headers: last ? { "last-event-id": last } : {},
      });
      state("live");
      failures = 0;
      await read(answer.body.pipeThrough(new TextDecoderStream()).getReader(), alive, (event) => {
        if (event.id) last = event.id;
        if (event.event !== "dropped") told(event.event, JSON.parse(event.data));
      });
    } finally {
      clearTimeout(silence);
    }
  }

  async function go() {
    state("connecting");
    while (!stopped) {
      if (document.hidden) {
        await new Promise((done) => (wake = done));
        continue;
      }
      try {
        await once();
      } catch (error) {
        if (stopped) return;
        if (error.kind === "key" || error.kind === "role" || error.kind === "refused" || error.kind === "missing") {
          state("stopped", error);
          return;
        }
      }
      if (stopped) return;
      if (document.hidden) continue;
      state("stale");
      const pause = PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)];
      await new Promise((done) => {
        wake = done;
        setTimeout(done, pause);
      });
    }
  }

  const seen = () => {
    if (document.hidden) current?.abort();
    else wake();
  };
  document.addEventListener("visibilitychange", seen);
  addEventListener("online", () => wake());
  go();
  return () => {
    stopped = true;
    document.removeEventListener("visibilitychange", seen);
    current?.abort();
    wake();
  };
}

// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
async function read(reader, alive, each) {
  let held = "";
  let event = { event: "message", data: "", id: "" };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    const lines = (held + value).split("\n");
    held = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data) each(event);
        event = { event: "message", data: "", id: "" };
        continue;
      }
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") event.data += (event.data && "\n") + text;
      else if (name === "event" || name === "id") event[name] = text;
    }
  }
}
