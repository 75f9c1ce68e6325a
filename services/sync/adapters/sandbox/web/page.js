// Keeps the page up to date while others change records, and never overwrites what is being typed.
const main = document.getElementById("content");
let since = Number(main.dataset.since);
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-live]");
  if (form) form.dataset.dirty = "1";
});
async function refresh() {
  const page = await (await fetch(location.href)).text();
  const fresh = new DOMParser().parseFromString(page, "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other || other.innerHTML === part.innerHTML) continue;
    if (part.dataset.dirty) {
      const hint = part.querySelector(".stale");
      if (hint) hint.hidden = false;
    } else if (!part.contains(document.activeElement)) {
      part.replaceChildren(...other.childNodes);
    }
  }
}
async function watch() {
  for (;;) {
    try {
      const answer = await fetch("/_sandbox/changes?wait_ms=20000&limit=1000&since=" + since);
      const told = await answer.json();
      if (told.last === since) continue;
      since = told.last;
      await refresh();
      await new Promise((done) => setTimeout(done, 500));
    } catch {
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}
if (document.querySelector("[data-live]")) watch();
