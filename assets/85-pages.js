// The Facebook pages: what to ask, what to do with an answer, and what a press does.
(function () {
  const { words, put, ruleCards, asking, sheets, pageCards, stepped } = window.stagelight;
  const GIVE_UP_MS = 8000, LOST_MS = 10000, OLD_AFTER_MS = 12000, COUNT_EVERY_MS = 30000, COUNT_OFTEN_MS = 6000, MANY = 6;
  const none = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  const root = () => byId("pages-page");
  const set = (id, data) => window.dash_clientside.set_props(id, { data });
  const steps = stepped("pages-more", () => { show(); tick(); }, (card) => card.problems.length > 0);
  let state = fresh(null);

  function fresh(on) {
    return { on, rev: "", cards: new Map(), order: [], alerts: [], waiting: 0, askedAt: 0, dataAt: 0, countedAt: 0, problem: "" };
  }

  function gate() {
    if (!root() || document.hidden || state.on !== root()) return none();
    const ctx = window.dash_clientside.callback_context;
    if (!ctx.triggered.length) return none();
    if (ctx.triggered_id === "pages-tick" && state.waiting && Date.now() - state.askedAt < LOST_MS) return none();
    state.waiting = state.askedAt = Date.now();
    const often = [...state.cards.values()].some((card) => card.sync.phase === "reading" || card.contacts === null);
    const counting = ctx.triggered_id !== "pages-tick" || Date.now() - state.countedAt > (often ? COUNT_OFTEN_MS : COUNT_EVERY_MS);
    if (counting) state.countedAt = Date.now();
    return { rev: state.rev, counting, at: state.askedAt };
  }

  function apply(answer) {
    if (!answer || !root()) return none();
    if (state.on !== root()) { pageCards.clear(); steps.anew(); state = fresh(root()); state.countedAt = Date.now(); }
    state.waiting = 0;
    state.problem = answer.problem || "";
    if (!answer.problem) {
      state.rev = answer.rev;
      state.dataAt = Date.now();
      if (answer.alerts) state.alerts = answer.alerts;
      // Contacts are counted now and then only; what was counted stays.
      for (const card of answer.cards || []) {
        const before = state.cards.get(card.id);
        if (before && before.sync.at !== card.sync.at) state.countedAt = 0; // a round is over
        state.cards.set(card.id, card.contacts === null && before ? { ...card, contacts: before.contacts } : card);
      }
      if (answer.order) { state.order = answer.order; show(); }
      byId("pages-empty").hidden = state.order.length > 0;
      byId("pages-connect").hidden = state.order.length === 0;
    }
    ruleCards.strips(byId("pages-alerts"), state.alerts);
    put(byId("pages-zone"), state.order.length ? `Updated every 3 s · times in ${words.zone}` : "");
    tick();
    return none();
  }

  // Who is listed; what to find them by is there once they are many.
  function show() {
    const known = state.order.map((id) => state.cards.get(id)), many = known.length > MANY;
    byId("pages-tools").hidden = !many;
    const wanted = many ? byId("pages-search").value.trim().toLowerCase() : "";
    const trouble = many && byId("pages-which").value === "trouble";
    const found = known.filter((card) => `${card.name} ${card.facebook_id}`.toLowerCase().includes(wanted) && (!trouble || card.problems.length));
    pageCards.list(byId("pages"), steps.cut(found));
    byId("pages-none").hidden = !known.length || found.length > 0;
    put(byId("pages-none"), wanted ? "No page fits this search." : "No page is in trouble.");
  }
  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => { if (root() && ["pages-search", "pages-which"].includes(event.target.id)) { steps.anew(); show(); tick(); } });
  }

  function tick() {
    if (!root() || state.on !== root() || document.hidden) return;
    const now = Date.now() / 1000, age = Date.now() - state.dataAt;
    ruleCards.count(byId("pages-alerts"), state.alerts, now);
    pageCards.tick(now);
    const old = state.dataAt > 0 && (state.problem !== "" || age > OLD_AFTER_MS);
    byId("pages-problem").hidden = !old;
    if (old) put(byId("pages-problem"), `${state.problem || "The dashboard does not answer."} What you see is ${words.duration(age / 1000)} old; it tries again by itself.`);
  }

  asking.watch(["pages-answer.data"], GIVE_UP_MS, () => {
    const asked = state.waiting;
    return ({ ok }) => { if (!ok && asked === state.waiting) { state.waiting = 0; state.problem = "The dashboard does not answer."; tick(); } };
  });

  function disconnect(page) {
    const here = sheets.sheet(`Disconnect “${page.name}”?`, "ask");
    const on = page.automations.filter((rule) => rule.enabled).length;
    sheets.text(here.body, "", "Its token is deleted, and nothing more is sent or read." + (on ? ` ${on === 1 ? "One automation stands" : on + " automations stand"} still until it is connected again.` : ""));
    sheets.text(here.body, "", "Contacts, conversations and history stay. Connecting the same page goes on with them.");
    sheets.foot(here, "Disconnect", "btn-danger", () => act("disconnect", page.id)).focus();
  }

  function act(name, id, more) { set("pages-action", { act: name, id, ...more, at: Date.now() }); }

  function known(id) { return [...state.cards.values()].find((card) => card.id === id || card.facebook_id === id); }

  function press(button) {
    const name = button.dataset.act, page = state.cards.get(button.closest("[data-page]").dataset.page);
    if (name === "disconnect") { disconnect(page); return; }
    if (name === "token" || name === "connect") { window.stagelight.pageConnect.open(page, known); return; }
    button.setAttribute("aria-busy", "true");
    setTimeout(() => button.removeAttribute("aria-busy"), 1500);
    act(name, page.id);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (!button || !root() || !root().contains(button)) return;
    if (button.id === "pages-connect" || button.id === "pages-connect-first") window.stagelight.pageConnect.open(null, known);
    else if (button.dataset.act && button.closest("[data-page]")) press(button);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches || !event.target.matches("form.page-rate")) return;
    event.preventDefault();
    const id = event.target.closest("[data-page]").dataset.page, rate = pageCards.rate(id);
    if (rate !== null) act("rate", id, { rate });
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && root()) set("pages-now", Date.now()); });
  setInterval(tick, 1000);

  window.dash_clientside = Object.assign({}, window.dash_clientside, { fbpages: { gate, apply } });
})();
