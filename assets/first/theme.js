// Runs before anything is drawn, so that a dark page never flashes white.
(function () {
  let chosen = null;
  // What was chosen in another browser (/preferences.js) holds here too.
  const preferred = (window.stagelightPreferences || {}).theme;
  try {
    // What was chosen here a moment ago may not have arrived there yet.
    if (localStorage.getItem("themeWish")) { /* the newest */ }
    else if (preferred === "system") localStorage.removeItem("theme");
    else if (preferred) localStorage.setItem("theme", preferred);
    chosen = localStorage.getItem("theme");
  } catch {
    // Storage may be switched off; then this page keeps what was chosen.
    document.documentElement.dataset.theme = preferred || "system";
    chosen = preferred === "system" ? null : preferred;
  }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
})();
