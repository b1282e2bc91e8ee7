// The list of automations: numbers are put into the cards in place, nothing is drawn anew.
(function () {
  const { words, put } = window.stagelight;
  const GIVE_UP_MS = 8000;
  const none = () => window.dash_clientside.no_update;
  const root = () => document.getElementById("automations");
  let shown = {}, askedAt = 0, waiting = false;

  function gate() {
    if (!root() || document.hidden) return none();
    const ctx = window.dash_clientside.callback_context;
    if (!ctx.triggered.length) return none();
    if (ctx.triggered_id === "rules-tick" && waiting && Date.now() - askedAt < GIVE_UP_MS) return none();
    waiting = true;
    askedAt = Date.now();
    return askedAt;
  }

  function apply(rules) {
    waiting = false;
    if (!rules || !root() || rules.problem) return none();
    shown = rules;
    draw();
    return none();
  }

  function draw() {
    const sums = { active: 0, in_flight: 0, sent_today: 0, failed: 0 };
    for (const [id, rule] of Object.entries(shown)) {
      sums.active += rule.enabled ? 1 : 0;
      for (const name of ["in_flight", "sent_today", "failed"]) sums[name] += rule[name];
      const card = root().querySelector(`[data-rule-id="${CSS.escape(id)}"]`);
      if (card) fill(card, rule);
    }
    for (const node of root().querySelectorAll("[data-total]")) put(node, words.number(sums[node.dataset.total]));
  }

  function fill(card, rule) {
    for (const node of card.querySelectorAll("[data-field]")) {
      const name = node.dataset.field;
      if (name === "meter") node.style.width = Math.min(100, (100 * rule.sent_today) / Math.max(1, rule.daily_limit)) + "%";
      else if (name === "times") put(node, times(rule));
      else if (name === "sent_today") put(node, `${words.number(rule.sent_today)} of ${words.number(rule.daily_limit)} sent today`);
      else {
        put(node, words.number(rule[name]));
        node.parentNode.classList.toggle("some", rule[name] > 0);
      }
    }
    card.classList.toggle("off", !rule.enabled);
    const toggle = card.querySelector("[role=switch]");
    toggle.setAttribute("aria-checked", String(rule.enabled));
    toggle.dataset.act = rule.enabled ? "off" : "on";
    put(toggle.lastChild, rule.enabled ? "On" : "Off");
    const run = card.querySelector("[data-act=run]");
    run.disabled = !rule.enabled;
    run.title = rule.enabled ? "Queue every contact that matches now" : "Switch the automation on first";
  }

  function times(rule) {
    const now = Date.now() / 1000;
    const last = rule.last_run ? "Last run " + words.moment(rule.last_run, now) : "No run yet";
    const next = !rule.enabled ? "switched off" : rule.next_run ? "next " + words.until(rule.next_run - now) : "none planned";
    return last + " · " + next;
  }

  document.addEventListener("click", (event) => {
    const button = root() && root().contains(event.target) && event.target.closest("button[data-act]");
    if (!button) return;
    const card = button.closest("[data-rule-id]");
    window.dash_clientside.set_props("rules-action", { data: { act: button.dataset.act, rule_id: card.dataset.ruleId, at: Date.now() } });
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && root()) window.dash_clientside.set_props("rules-now", { data: Date.now() });
  });
  setInterval(() => { if (root() && !document.hidden) draw(); }, 1000);

  window.dash_clientside = Object.assign({}, window.dash_clientside, { rules: { gate, apply } });
})();
