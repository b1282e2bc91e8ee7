// The list of automations: what to ask, what to do with an answer; numbers are put into the cards in place.
(function () {
  const { words, put, ruleCards, asking, dialogs, stepped } = window.stagelight;
  const GIVE_UP_MS = 8000, LOST_MS = 10000, OLD_AFTER_MS = 15000, MANY = 6;
  const none = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  const root = () => byId("automations");
  const steps = stepped("rules-more", () => { show(); tick(); });
  let state = fresh(null);

  function fresh(on) {
    return { on, rev: "", cards: new Map(), order: [], waiting: 0, alerts: [], late: false, askedAt: 0, dataAt: 0, problem: "", undoneAt: 0 };
  }

  function gate() {
    if (!root() || document.hidden) return none();
    const ctx = window.dash_clientside.callback_context;
    if (!ctx.triggered.length) return none();
    if (state.on !== root()) return none(); // apply() sees a new page first
    if (ctx.triggered_id === "rules-tick" && state.waiting && Date.now() - state.askedAt < LOST_MS) return none();
    state.waiting = state.askedAt = Date.now();
    return { rev: state.rev, at: state.askedAt };
  }

  function apply(answer) {
    if (!answer || !root()) return none();
    if (state.on !== root()) { ruleCards.clear(); steps.anew(); state = fresh(root()); }
    state.waiting = 0;
    state.problem = answer.problem || "";
    if (!answer.problem) {
      state.rev = answer.rev;
      state.dataAt = Date.now();
      for (const card of answer.cards || []) state.cards.set(card.id, card);
      if (answer.alerts) state.alerts = answer.alerts;
      if (answer.order && String(answer.order) !== String(state.order)) reorder(answer);
      else if (state.cards.size) (answer.cards || []).forEach(ruleCards.fill);
      else show();
    }
    draw();
    return none();
  }

  // The same cards in another order wait for the hand that is at them: it would press the wrong one.
  function reorder(answer) {
    const same = String([...answer.order].sort()) === String([...state.order].sort());
    state.order = answer.order;
    state.late = same && byId("rules").matches(":hover, :focus-within");
    if (state.late) answer.cards.forEach(ruleCards.fill); else show();
  }

  // Who is listed, and in which order: only when that changes, never because a number did.
  function show() {
    const known = state.order.map((id) => state.cards.get(id));
    const many = known.length > MANY;
    byId("rules-tools").hidden = !many;
    const wanted = many ? byId("rules-search").value.trim().toLowerCase() : "";
    const found = known.filter((card) => [card.name, card.page, ...card.facts].join(" ").toLowerCase().includes(wanted));
    const by = many ? byId("rules-sort").value : "name";
    if (by !== "name") found.sort((a, b) => (b[by] || 0) - (a[by] || 0));
    ruleCards.list(byId("rules"), steps.cut(found));
    byId("rules-empty").hidden = known.length > 0;
    byId("totals").hidden = known.length === 0;
    byId("rules-none").hidden = known.length === 0 || found.length > 0;
    put(byId("rules-none"), "No automation fits this search.");
  }

  function draw() {
    const sums = { active: 0, in_flight: 0, sent_today: 0, failed: 0 };
    for (const id of state.order) {
      const rule = state.cards.get(id);
      sums.active += rule.enabled ? 1 : 0;
      for (const name of ["in_flight", "sent_today", "failed"]) sums[name] += rule[name];
    }
    for (const node of root().querySelectorAll("[data-total]")) put(node, words.number(sums[node.dataset.total]));
    byId("total-failed").classList.toggle("some", sums.failed > 0);
    ruleCards.leadToFailed(byId("total-failed"), [...state.cards.values()].filter(({ id }) => state.order.includes(id)).sort((a, b) => b.failed - a.failed)[0]);
    ruleCards.strips(byId("rules-alerts"), state.alerts);
    put(byId("rules-zone"), state.order.length ? `Updated every 5 s · times in ${words.zone}` : "");
    tick();
  }

  function tick() {
    if (!root() || state.on !== root() || document.hidden) return;
    if (state.late && !byId("rules").matches(":hover, :focus-within")) { state.late = false; show(); }
    const now = Date.now() / 1000;
    ruleCards.count(byId("rules-alerts"), state.alerts, now);
    ruleCards.tick(now, state.alerts.length > 0);
    const age = Date.now() - state.dataAt;
    const old = state.dataAt > 0 && (state.problem !== "" || age > OLD_AFTER_MS);
    byId("rules-problem").hidden = !old;
    if (old) put(byId("rules-problem"), `${state.problem || "The dashboard does not answer."} What you see is ${words.duration(age / 1000)} old; it tries again by itself.`);
  }

  asking.watch(["rules-answer.data"], GIVE_UP_MS, () => {
    const asked = state.waiting;
    return ({ ok }) => { if (!ok && asked === state.waiting) { state.waiting = 0; state.problem = "The dashboard does not answer."; tick(); } };
  });

  function press(button) {
    const act = button.dataset.act, id = button.closest("[data-rule-id]").dataset.ruleId;
    if (act === "dry") { dialogs.dry(id, state.cards.get(id).name); return; }
    if (act === "run" || act === "delete") { dialogs.ask(act, id, button); return; }
    button.setAttribute("aria-busy", "true");
    setTimeout(() => button.removeAttribute("aria-busy"), 1500);
    window.dash_clientside.set_props("rules-action", { data: { act, rule_id: id, at: Date.now() } });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (!button || !root()) return;
    if (button.dataset.act && root().contains(button)) press(button);
  });
  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => { if (root() && ["rules-search", "rules-sort"].includes(event.target.id)) { steps.anew(); show(); tick(); } });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && root()) window.dash_clientside.set_props("rules-now", { data: Date.now() });
  });
  setInterval(tick, 1000);

  window.dash_clientside = Object.assign({}, window.dash_clientside, { rules: { gate, apply } });
})();
