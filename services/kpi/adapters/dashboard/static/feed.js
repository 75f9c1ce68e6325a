// Asks the feed, with the key that its user entered: kept in this tab's session, nowhere else.

const KEY = "tasuki.key";

/** What kept the feed from answering; `kind` is key, role, unreachable, unavailable, missing or refused. */
export class FeedError extends Error {
  constructor(kind, problem = {}) {
    super(problem.detail ?? kind);
    this.kind = kind;
    this.problem = problem;
  }
}

export function key() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function keep(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

/** Headers of every request. */
export function headers(more = {}) {
  const held = key();
  return held ? { ...more, authorization: `Bearer ${held}` } : more;
}

/** The address of `path` with `query`; what is null or empty is left out. */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}

/** The answer, which is told apart by what its reader can do about it. Throws FeedError. */
export async function ask(url, init = {}) {
  let answer;
  try {
    answer = await fetch(url, { ...init, headers: headers(init.headers), credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new FeedError("unreachable");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new FeedError(kind(answer.status), problem);
}

/** The JSON of `path`. Throws FeedError. */
export async function get(path, query) {
  const answer = await ask(address(path, query));
  try {
    return await answer.json();
  } catch {
    throw new FeedError("unreachable");
  }
}

/** What `asking` gives, or `{failed}`: for a part of a page, which the rest of it outlives. A wrong key ends it all. */
export function settle(asking) {
  return asking.catch((error) => {
    if (!(error instanceof FeedError) || error.kind === "key" || error.kind === "role") throw error;
    return { failed: error };
  });
}

/** Save what `url` answers as a file: a link can't carry the key. */
export async function save(url, name) {
  const file = URL.createObjectURL(await (await ask(url)).blob());
  const link = document.createElement("a");
  link.href = file;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(file), 10_000);
}

function kind(status) {
  if (status === 401) return "key";
  if (status === 403) return "role";
  if (status === 404) return "missing";
  return status >= 500 ? "unavailable" : "refused";
}
