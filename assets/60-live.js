// The live monitor's heart: when to ask, what to do with an answer, how old the data is.
(function () {
  const { words, cards, board, put, reader, asking } = window.stagelight;
  const PER_PAGE = 100, STEP = 20, GIVE_UP_MS = 8000, LOST_MS = 10000, AGAIN_MS = 2000, SPREAD_MS = 50, SAY_MS = 10000, SLEPT_MS = 5000;
  const none = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  // A hundred cards are forty screens of a phone: there they come by the step.
  const small = matchMedia("(max-width: 620px)");
  const atFirst = () => (small.matches ? STEP : PER_PAGE);
  const now = () => Date.now() / 1000 + state.skew;
  let state = fresh(null), pressed = false, timer = 0;

  function fresh(root) {
    return {
      root, rev: "", seq: 0, waiting: 0, askedAt: 0, nextAt: 0, secondAt: Date.now(), again: false, dataAt: 0, skew: 0, problem: null,
      most: atFirst(), dirty: false, settle: true, waits: 0, said: "", saidAt: 0,
      stage: root ? root.dataset.stageFilter : "", search: root ? byId("contact-search").value : "", offset: 0,
    };
  }

  // Answers nothing, or the next request. One at a time: a slow server is never asked twice.
  // Everybody who looks at one view asks when its moment has run out, so that the server reads it once for all.
  function gate() {
    const root = byId("monitor"), at = Date.now();
    if (!root || state.root !== root) return none(); // apply() sees a new page first
    const person = window.dash_clientside.callback_context.triggered_id === "live-now";
    if (!person && at < state.nextAt - 20) { wake(state.nextAt - at); return none(); }
    return question(person);
  }

  function question(person) {
    const at = Date.now();
    if (document.hidden) return none();
    if (state.waiting && at - state.askedAt < LOST_MS) { state.again = state.again || person; return none(); }
    clearTimeout(timer);
    state.waiting = ++state.seq;
    state.askedAt = at;
    state.again = false;
    return { seq: state.seq, rev: state.rev, rule_id: state.root.dataset.ruleId, stage: state.stage, search: state.search, offset: state.offset, now: person };
  }

  // Straight to the request: a second way through the gate would cost Dash as much as the first.
  function wake(after) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const data = byId("monitor") === state.root ? question(false) : none();
      if (data !== none()) window.dash_clientside.set_props("live-request", { data });
    }, after);
  }

  function askNow() { window.dash_clientside.set_props("live-now", { data: Date.now() }); }

  function apply(answer) {
    const root = byId("monitor");
    if (!root || !answer) return none();
    if (state.root !== root) { cards.clear(); board.clear(); state = fresh(root); }
    if (answer.seq !== state.seq) return none();
    ended();
    if (answer.gone) { location.reload(); return none(); }
    state.problem = answer.problem || null;
    if (!answer.problem) {
      state.skew = answer.now - Date.now() / 1000;
      state.dataAt = Date.now() - answer.age * 1000;
      state.nextAt = Date.now() + answer.wait * 1000 + Math.random() * SPREAD_MS;
      state.rev = answer.rev;
      board.take(answer);
      cards.take(answer);
      if (state.viewSeq && state.seq >= state.viewSeq) { state.settle = true; state.viewSeq = 0; }
      state.dirty = true;
      if (!pressed) flush();
    }
    tick();
    return none();
  }

  // A request is over, answered or not; what a person asked for meanwhile is asked now.
  function ended() {
    state.waiting = 0;
    state.nextAt = Date.now() + AGAIN_MS;
    if (state.again) setTimeout(askNow, 0);
  }

  function flush() {
    if (!state.dirty || !state.root || !state.root.isConnected) return;
    state.dirty = false;
    const waits = !state.settle && reader.isIn(byId("contacts")); // asked while nothing has been written: no layout
    reader.steadily(state.root, [byId("alerts")], () => {
      board.draw();
      board.tick(now());
      drawList(waits);
    });
    state.settle = false;
    drawFoot();
  }

  function drawList(waits) {
    state.waits = cards.draw(byId("contacts"), waits, now(), state.most);
    const strip = byId("new-rows");
    if (strip.hidden !== !state.waits) strip.hidden = !state.waits;
    if (state.waits) put(byId("show-new"), words.number(state.waits) + " new");
  }

  function drawFoot() {
    const matching = (board.totals() || {}).matching || 0, listed = cards.count(), more = cards.held() - listed;
    const first = listed ? state.offset + 1 : 0;
    const range = matching > PER_PAGE || more ? words.number(first) + "–" + words.number(state.offset + listed) : words.number(listed);
    put(byId("showing"), `Showing ${range} of ${words.number(matching)} · updates every 2 s · times in ${words.zone}`);
    byId("show-more").hidden = more <= 0;
    put(byId("show-more"), `Show ${words.number(Math.min(more, STEP))} more`);
    byId("paging").hidden = matching <= PER_PAGE || (more > 0 && !state.offset);
    byId("page-back").disabled = state.offset === 0;
    byId("page-on").disabled = more > 0 || state.offset + listed >= matching;
    const filtered = state.stage || state.search;
    const nobody = byId("nobody");
    nobody.hidden = listed > 0;
    put(nobody, filtered ? "No contact fits this filter." : "Nobody is on the way. Press “Run now” to queue every contact that matches.");
    byId("clear-stage").hidden = !filtered;
    const stage = (name) => (!state.stage || state.stage === name) && (board.stages()[board.order.indexOf(name)] || {}).n;
    byId("retry-all").hidden = !listed || !["failed", "skipped"].some(stage);
    byId("cancel-all").hidden = !listed || !board.order.slice(0, 5).some(stage);
  }

  function indicator() {
    const pill = byId("live-indicator");
    if (!pill || !state.dataAt) return;
    const age = Math.max(0, (Date.now() - state.dataAt) / 1000);
    let name = "live", word = "Live";
    if (!navigator.onLine || age > 30) [name, word] = ["offline", "Offline"];
    else if (age > 15) [name, word] = ["stale", "Stale"];
    else if (age > 5 || state.problem) [name, word] = ["delayed", "Delayed"];
    if (pill.dataset.state !== name) pill.dataset.state = name;
    const title = state.problem ? state.problem.join(" ") : "Age of what you see";
    if (pill.title !== title) pill.title = title;
    put(byId("live-word"), `${word} · ${words.duration(age)} ago` + (name === "live" || !state.problem ? "" : " · " + state.problem[0]));
    say(name === "live" ? "" : word + ". ");
  }

  // Screen readers hear at most every ten seconds how things stand, and only when it has changed.
  function say(prefix) {
    const text = prefix + board.summary();
    if (text === state.said || Date.now() - state.saidAt < SAY_MS) return;
    Object.assign(state, { said: text, saidAt: Date.now() });
    put(byId("announce"), text);
  }

  function tick() {
    if (!state.root || !state.root.isConnected || document.hidden) return;
    indicator();
    board.tick(now());
    cards.tick(now());
  }

  // The machine has slept: what was under way is lost, and the timer of the next question has slept too.
  function wasAsleep() {
    const at = Date.now(), slept = at - state.secondAt > SLEPT_MS;
    state.secondAt = at;
    if (slept) { state.waiting = 0; askNow(); }
  }

  // The reader has left the list: what waited is put in.
  function everySecond() {
    const list = byId("contacts");
    if (!list || document.hidden || !state.dataAt) return;
    wasAsleep();
    tick();
    if (pressed) return;
    if (cards.isBehind(list) && !reader.isIn(list)) { state.dirty = true; flush(); }
  }

  function filter(change) {
    Object.assign(state, { offset: 0, most: atFirst() }, change, { viewSeq: state.seq + 1 });
    for (const card of document.querySelectorAll(".stage")) card.setAttribute("aria-pressed", String(card.dataset.stage === state.stage));
    const query = new URLSearchParams();
    if (state.stage) query.set("stage", state.stage);
    if (state.search) query.set("q", state.search);
    history.replaceState(history.state, "", location.pathname + (String(query) ? "?" + query : ""));
    askNow();
  }

  function showMore() {
    const last = byId("contacts").lastElementChild;
    state.most += STEP;
    state.dirty = state.settle = true;
    flush();
    if (last && last.nextElementSibling) last.nextElementSibling.focus({ preventScroll: true });
  }
  small.addEventListener("change", () => { state.most = atFirst(); state.dirty = state.settle = true; flush(); });

  function showNew() {
    state.dirty = state.settle = true;
    flush();
    byId("contacts").scrollIntoView({ block: "nearest" });
  }

  const release = () => { if (pressed) { pressed = false; setTimeout(flush, 0); } };
  document.addEventListener("pointerdown", () => { pressed = true; }, true);
  document.addEventListener("pointerup", release, true);
  document.addEventListener("pointercancel", release, true);
  window.addEventListener("blur", release);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && byId("monitor")) { state.secondAt = Date.now(); tick(); askNow(); } });
  window.addEventListener("online", () => { if (byId("monitor")) askNow(); });
  window.addEventListener("offline", tick);
  setInterval(everySecond, 1000);

  asking.watch(["live-answer.data"], GIVE_UP_MS, () => {
    const { seq } = state;
    return ({ ok, status }) => { if (!ok) failed(seq, status); };
  });

  function failed(seq, status) {
    if (seq !== state.seq || !state.waiting) return;
    ended();
    state.problem = status ? ["The dashboard reported an error.", "It is asked again every 2 s."] : ["The dashboard does not answer.", "It is asked again every 2 s."];
    tick();
  }

  Object.assign(window.stagelight, { live: { filter, showNew, showMore, state: () => state } });
  window.dash_clientside = Object.assign({}, window.dash_clientside, { live: { gate, apply } });
})();
