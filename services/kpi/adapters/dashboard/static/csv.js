// The table of a page as a file.
import { h } from "./dom.js";
import { address, key, save } from "./feed.js";
import { t } from "./words.js";

/** A link; with a key a click asks with it instead, for a link can't carry it. */
export function csvLink(path, name, query) {
  const url = address(path, { ...query, format: "csv" });
  return h("a", { class: "button", href: url, download: `${name}.csv`, "data-csv": name }, t("csv"));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-csv]");
  if (!link || !key()) return;
  event.preventDefault();
  save(link.href, link.download);
});
