// The live monitor's heart: when to ask, what to do with an answer, how old the data is.
(function () {
  const { words, cards, board, put } = window.stagelight;
  const PER_PAGE = 100, GIVE_UP_MS = 8000, REFETCH_MS = 1000;
  const none = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  const now = () => Date.now() / 1000 + state.skew;
  let state = fresh(null), pressed = false;

  function fresh(root) {
    return {
      root, rev: "", seq: 0, waiting: 0, askedAt: 0, dataAt: 0, skew: 0, problem: null, held: null, listed: 0,
      stage: root ? root.dataset.stageFilter : "", search: root ? byId("contact-search").value : "", offset: 0,
    };
  }

  // Answers nothing, or the next request. One at a time: a slow server is never asked twice.
  function gate() {
    if (!byId("monitor") || document.hidden) return none();
    if (state.root !== byId("monitor")) return none(); // apply() sees a new page first
    const given = Date.now() - state.askedAt;
    const ticked = window.dash_clientside.callback_context.triggered_id === "live-tick";
    if (ticked && (given < REFETCH_MS || (state.waiting && given < GIVE_UP_MS))) return none();
    state.waiting = ++state.seq;
    state.askedAt = Date.now();
    return { seq: state.seq, rev: state.rev, rule_id: state.root.dataset.ruleId, stage: state.stage, search: state.search, offset: state.offset };
  }

  function askNow() {
    window.dash_clientside.set_props("live-now", { data: Date.now() });
  }

  function apply(answer) {
    const root = byId("monitor");
    if (!root || !answer) return none();
    if (state.root !== root) { cards.clear(); board.clear(); state = fresh(root); }
    if (answer.seq !== state.seq) return none();
    state.waiting = 0;
    if (answer.gone) { location.reload(); return none(); }
    state.problem = answer.problem || null;
    if (!answer.problem) {
      state.skew = answer.now - Date.now() / 1000;
      state.dataAt = Date.now();
      state.rev = answer.rev;
      state.held = state.held ? merged(state.held, answer) : answer;
      if (!pressed) flush();
    }
    tick();
    return none();
  }

  // While a pointer is down nothing may move under it; what came in the meantime is joined.
  function merged(older, newer) {
    const rows = new Map((older.cards || []).map((card) => [card.id, card]));
    for (const card of newer.cards || []) rows.set(card.id, card);
    return { ...older, ...newer, cards: [...rows.values()], order: newer.order || older.order };
  }

  function flush() {
    const answer = state.held;
    if (!answer || !state.root) return;
    state.held = null;
    board.draw(answer);
    cards.draw(byId("contacts"), answer.cards, answer.order);
    if (answer.order) state.listed = answer.order.length;
    drawFoot();
  }

  function drawFoot() {
    const matching = (board.totals() || {}).matching || 0;
    const first = state.listed ? state.offset + 1 : 0;
    const range = matching > PER_PAGE ? words.number(first) + "–" + words.number(state.offset + state.listed) : words.number(state.listed);
    put(byId("showing"), `Showing ${range} of ${words.number(matching)} · updates every 2 s · times in ${words.zone}`);
    byId("paging").hidden = matching <= PER_PAGE;
    byId("page-back").disabled = state.offset === 0;
    byId("page-on").disabled = state.offset + state.listed >= matching;
    const filtered = state.stage || state.search;
    const nobody = byId("nobody");
    nobody.hidden = state.listed > 0;
    put(nobody, filtered ? "No contact fits this filter." : "Nobody is on the way. Press “Run now” to queue every contact that matches.");
    byId("clear-stage").hidden = !filtered;
  }

  function indicator() {
    const pill = byId("live-indicator");
    if (!pill || !state.dataAt) return;
    const age = (Date.now() - state.dataAt) / 1000;
    let name = "live", word = "Live";
    if (!navigator.onLine || age > 30) [name, word] = ["offline", "Offline"];
    else if (age > 15) [name, word] = ["stale", "Stale"];
    else if (age > 5) [name, word] = ["delayed", "Delayed"];
    pill.dataset.state = name;
    pill.title = state.problem ? state.problem.join(" ") : "Age of what you see";
    put(byId("live-word"), `${word} · ${words.duration(age)} ago` + (name === "live" || !state.problem ? "" : " · " + state.problem[0]));
  }

  function tick() {
    if (!state.root || !state.root.isConnected || document.hidden) return;
    indicator();
    board.tick(now());
    cards.tick(now());
  }

  function filter(change) {
    Object.assign(state, { offset: 0 }, change);
    for (const card of document.querySelectorAll(".stage")) card.setAttribute("aria-pressed", String(card.dataset.stage === state.stage));
    const query = new URLSearchParams();
    if (state.stage) query.set("stage", state.stage);
    if (state.search) query.set("q", state.search);
    history.replaceState(history.state, "", location.pathname + (String(query) ? "?" + query : ""));
    askNow();
  }

  let typing = 0;
  const release = () => { if (pressed) { pressed = false; setTimeout(flush, 0); } };
  document.addEventListener("pointerdown", () => { pressed = true; }, true);
  document.addEventListener("pointerup", release, true);
  document.addEventListener("pointercancel", release, true);
  window.addEventListener("blur", release);

  document.addEventListener("input", (event) => {
    if (event.target.id !== "contact-search") return;
    clearTimeout(typing);
    typing = setTimeout(() => filter({ search: event.target.value.trim() }), 250);
  });

  document.addEventListener("click", (event) => {
    if (!state.root || !state.root.contains(event.target)) return;
    const target = event.target.closest("button");
    if (!target) return;
    if (target.matches(".stage")) filter({ stage: state.stage === target.dataset.stage ? "" : target.dataset.stage });
    else if (target.dataset.showStage) filter({ stage: target.dataset.showStage });
    else if (target.id === "clear-stage") { setSearch(""); filter({ stage: "", search: "" }); }
    else if (target.id === "page-back") filter({ offset: Math.max(0, state.offset - PER_PAGE) });
    else if (target.id === "page-on") filter({ offset: state.offset + PER_PAGE });
    else if (target.dataset.act) press(target);
  });

  function press(button) {
    const card = button.closest("[data-state-id]");
    const ids = card ? [Number(card.dataset.stateId)] : (button.dataset.stateIds || "").split(",").filter(Boolean).map(Number);
    button.setAttribute("aria-busy", "true");
    setTimeout(() => button.removeAttribute("aria-busy"), 3000);
    window.dash_clientside.set_props("live-action", { data: { act: button.dataset.act, ids, at: Date.now() } });
  }

  function setSearch(text) {
    byId("contact-search").value = text;
    window.dash_clientside.set_props("contact-search", { value: text });
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || !state.root || event.target.closest("input, textarea")) return;
    event.preventDefault();
    byId("contact-search").focus();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && byId("monitor")) { tick(); askNow(); } });
  window.addEventListener("online", () => { if (byId("monitor")) askNow(); });
  setInterval(tick, 1000);

  window.dash_clientside = Object.assign({}, window.dash_clientside, { live: { gate, apply } });
})();
