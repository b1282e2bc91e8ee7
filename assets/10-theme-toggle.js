// Light, dark or as the system has it, on every page; sign-in has one button that switches.
(function () {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try { return localStorage.getItem("theme") || "system"; } catch { return root.dataset.theme || "system"; }
  }

  function taken(theme) {
    root.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch { /* kept for this page only */ }
    show();
  }

  function choose(theme) {
    taken(theme);
    // Kept for every browser of this person; on the sign-in page there is none.
    if (!document.getElementById("content")) return;
    try { localStorage.setItem("themeWish", theme); } catch { /* then it is kept if it arrives */ }
    keep(theme);
  }

  function keep(theme) { window.dash_clientside.set_props("preference-wish", { data: { theme } }); }

  // Called once at the beginning, and when the server has kept a wish.
  function kept(saved) {
    let wish = null;
    try { wish = localStorage.getItem("themeWish"); } catch { /* nothing was kept */ }
    if (!saved) { if (wish) keep(wish); }
    else if (wish === saved.theme) localStorage.removeItem("themeWish");
    return window.dash_clientside.no_update;
  }

  function show() {
    const theme = chosen();
    root.dataset.bsTheme = theme === "system" ? (system.matches ? "dark" : "light") : theme;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
    }
  }

  // Paper is light.
  addEventListener("beforeprint", () => { root.dataset.bsTheme = "light"; });
  addEventListener("afterprint", show);

  window.dash_clientside = Object.assign({}, window.dash_clientside, { theme: { kept, taken } });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-toggle], [data-theme-choice]");
    if (button) choose(button.dataset.themeChoice || (root.dataset.bsTheme === "dark" ? "light" : "dark"));
  });
  // Another tab chose, the sun went down, or the menu was opened for the first time.
  addEventListener("storage", (event) => { if (event.key === "theme") show(); });
  system.addEventListener("change", show);
  document.addEventListener("toggle", show, true);
})();
