// Sets light or dark before anything is painted; a classic script, for modules run too late for that.
(() => {
  const root = document.documentElement;
  let chosen = null;
  try {
    chosen = localStorage.getItem("tasuki.theme");
  } catch {
    // storage is shut off: the system's choice holds
  }
  root.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : "auto";
})();
