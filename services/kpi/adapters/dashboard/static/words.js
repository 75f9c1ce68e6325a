// The words of the page's language, as the shell brought them.

const words = JSON.parse(document.getElementById("words").textContent);

export const language = document.documentElement.lang;
export const locale = language === "ja" ? "ja-JP" : "en-GB";

/** The text of `key` with `{name}` put in from `given`. */
export function t(key, given = {}) {
  const text = words[key];
  if (text === undefined) {
    console.error(`no word for ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in given ? String(given[name]) : whole));
}

/** The text of `key`, or `other` where the page has no word for it: for names that the firm gave. */
export function named(key, other) {
  return words[key] ?? other;
}

/** A definition's name in the page's language. */
export function label(of) {
  return language === "ja" ? of.ja : of.en;
}

/** What a definition says in the page's language. */
export function described(of) {
  return language === "ja" ? of.definition_ja : of.definition;
}
