// Figures over time: what is asked for stands in the address, charts are drawn in the colours of the theme.
(function () {
  const { words } = window.stagelight;
  const byId = (id) => document.getElementById(id);
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const root = document.documentElement;
  const FRESH_MS = 30000, NARROW = 480, PATIENCE = 240, PAPER_PX = 640;
  let asked = 0, drawings = null, watching = null, wasDark = "", timer = 0, paper = false;

  const page = () => byId("analytics-page");

  // Address and filter --------------------------------------------------------------------------------------------------
  function wish() {
    const given = new URLSearchParams(location.search), found = {};
    for (const name of ["range", "rules"]) if (given.get(name)) found[name] = given.get(name);
    return found;
  }

  // What else stands there means nothing here, and is told.
  const others = () => [...new URLSearchParams(location.search).keys()].filter((name) => name !== "range" && name !== "rules");

  function ask() {
    if (!page()) return;
    asked = Date.now();
    byId("analytics-body").setAttribute("aria-busy", "true");
    set("analytics-ask", { data: { ...wish(), others: others(), zone: words.zone, at: asked } });
  }

  function change(found) {
    for (const name of Object.keys(found)) if (!found[name]) delete found[name];
    const query = new URLSearchParams(found).toString().replaceAll("%2C", ",");
    history.pushState(history.state, "", location.pathname + (query ? "?" + query : ""));
    mark();
    ask();
  }

  function mark() {
    const { range = "7d", rules = "" } = wish(), known = (id) => document.querySelector(`#analytics-filter [data-rule="${CSS.escape(id)}"]`);
    const chosen = rules.split(",").filter((id) => id && known(id));
    const names = [];
    for (const button of document.querySelectorAll("#analytics-filter button")) {
      const { range: its, rule } = button.dataset;
      const on = its ? its === range : rule ? chosen.includes(rule) : !chosen.length;
      button.setAttribute("aria-pressed", String(on));
      if (rule && on) names.push(button.textContent);
    }
    const summary = byId("analytics-chosen");
    if (summary) summary.textContent = names.length > 1 ? names.length + " automations" : names[0] || "All automations";
  }

  document.addEventListener("click", (event) => {
    const picker = byId("analytics-picker");
    if (picker && picker.open && !picker.contains(event.target)) picker.open = false;
    const button = event.target.closest("#analytics-filter button");
    if (!button) return;
    const found = wish();
    if (button.dataset.range) return change({ ...found, range: button.dataset.range });
    const chosen = new Set(found.rules ? found.rules.split(",") : []);
    if (!button.dataset.rule) { chosen.clear(); picker.open = false; }
    else if (!chosen.delete(button.dataset.rule)) chosen.add(button.dataset.rule);
    change({ ...found, rules: [...chosen].join(",") });
  });
  document.addEventListener("keydown", (event) => {
    const picker = byId("analytics-picker");
    if (event.key !== "Escape" || !picker || !picker.open) return;
    picker.open = false;
    picker.querySelector("summary").focus();
  });
  window.addEventListener("popstate", () => { if (page() && location.pathname === "/analytics") { mark(); ask(); } });

  // Drawing -------------------------------------------------------------------------------------------------------------
  function coloured(value, style) {
    if (typeof value === "string") return value.startsWith("--") ? style.getPropertyValue(value).trim() || "#888" : value;
    if (Array.isArray(value)) return value.map((one) => coloured(one, style));
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, coloured(one, style)]));
  }

  function inTheme({ data, layout, names }, box, style) {
    const ink = style.getPropertyValue("--mute").trim(), line = style.getPropertyValue("--line").trim();
    const card = style.getPropertyValue("--card").trim(), full = style.getPropertyValue("--ink").trim();
    const drawn = coloured({ data, layout }, style);
    const narrow = box.clientWidth < NARROW;
    for (const name of ["xaxis", "yaxis"]) {
      Object.assign(drawn.layout[name], { gridcolor: line, zerolinecolor: line, linecolor: line, tickfont: { color: ink } });
    }
    const { xaxis } = drawn.layout;
    if (layout.hovermode) Object.assign(xaxis, { showgrid: false, zeroline: false });
    if (narrow && xaxis.tickvals && xaxis.tickvals.length > 4) {
      const kept = (_, place) => place % 2 === 0;
      xaxis.ticktext = xaxis.ticktext.filter(kept);
      xaxis.tickvals = xaxis.tickvals.filter(kept);
    }
    // Words above bars that are nearer to each other than the words are long would be made too small to read.
    for (const bar of narrow ? drawn.data : []) {
      if (bar.textposition === "outside") Object.assign(bar, { text: bar.text.map((text) => text.replace(" of ", "<br>of ")), constraintext: "none", textangle: 0, textfont: { size: 10.5 } });
    }
    if (names.length) {
      // The name of the bin stands above what is in it.
      xaxis.hoverformat = "";
      drawn.data.push({ type: "scatter", mode: "markers", x: names.map((_, place) => place), y: names.map(() => 0), text: names, opacity: 0, showlegend: false, hovertemplate: "<b>%{text}</b><extra></extra>", marker: { color: card } });
      drawn.data.unshift(drawn.data.pop());
      xaxis.unifiedhovertitle = { text: " " };
    }
    Object.assign(drawn.layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, autosize: true,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: full },
      hoverlabel: { bgcolor: card, bordercolor: line, font: { color: full } },
      legend: { ...drawn.layout.legend, orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: full } },
      separators: ".,",
    });
    if (drawn.layout.showlegend) drawn.layout.margin.t = 30;
    return drawn;
  }

  function drawAll() {
    if (!window.Plotly || !drawings || !page()) return;
    const style = getComputedStyle(root);
    for (const [name, chart] of Object.entries(drawings)) {
      const box = byId("chart-" + name);
      if (!box) continue;
      const { data, layout } = inTheme(chart, box, style);
      if (paper) layout.width = box.classList.contains("small") ? PAPER_PX / 3 - 20 : PAPER_PX;
      window.Plotly.react(box, data, layout, { displayModeBar: false, responsive: false, doubleClick: false });
      watching.observe(box);
    }
    wasDark = root.dataset.bsTheme;
  }

  // Dash puts in the places of the charts a moment before or after it tells what to draw.
  function whenThere(left) {
    const missing = Object.keys(drawings).filter((name) => !byId("chart-" + name));
    if (missing.length && left) return requestAnimationFrame(() => whenThere(left - 1));
    drawAll();
  }

  function draw(answer) {
    if (!page() || (answer.at && answer.at < asked)) return;
    byId("analytics-body").removeAttribute("aria-busy");
    const problem = byId("analytics-problem");
    problem.hidden = !answer.problem;
    problem.textContent = answer.problem ? answer.problem.join(" ") : "";
    if (answer.problem) return;
    const counted = answer.until ? `Counted up to ${words.moment(answer.until, Date.now() / 1000)}, still counting what came later` : "Nothing is counted yet";
    byId("analytics-when").textContent = `${counted}; days and hours of ${answer.zone}`;
    drawings = answer.charts;
    whenThere(PATIENCE);
  }

  // Seen ----------------------------------------------------------------------------------------------------------------
  watching = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (!target.isConnected) watching.unobserve(target);
      else if (target.data && Math.abs(target.clientWidth - (target.drawnWidth || 0)) > 1) {
        target.drawnWidth = target.clientWidth;
        window.Plotly.Plots.resize(target);
      }
    }
  });
  new MutationObserver(() => { if (root.dataset.bsTheme !== wasDark) drawAll(); }).observe(root, { attributes: true, attributeFilter: ["data-bs-theme"] });
  // 10-theme-toggle.js has changed the theme before and after; the paper does not wait for observers.
  for (const on of [true, false]) window.addEventListener(on ? "beforeprint" : "afterprint", () => { paper = on; drawAll(); });

  // Script by script: this one asks, the other one draws.
  function begin(place) {
    if (place) return drawAll();
    mark();
    ask();
    clearInterval(timer);
    timer = setInterval(() => { if (page() && !document.hidden && Date.now() - asked >= FRESH_MS) ask(); }, FRESH_MS);
  }

  window.stagelight.analytics = { begin, draw };
})();
