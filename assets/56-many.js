// Acting on many: the number first, then batch after batch with a stop, while the page goes on living.
// What is said of an action, and what it is about, is told by the pages' own scripts: see know.
(function () {
  const { words, make, put, button, sheets, asking } = window.stagelight;
  const none = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  const BATCH_MS = 20000, COUNT_MS = 130000;
  const ACTS = {};
  let now = null, wish = {};

  // By action: title, text and yes by (number, answer), doing, done, moved, none; if need be rest, no, warn, bad, pause, after.
  function know(acts) { Object.assign(ACTS, acts); }
  const contacts = (n) => words.number(n) + (n === 1 ? " contact" : " contacts");

  // Which one this window has confirmed: it goes on after a reload. Any other is offered, with what is left of it.
  const MINE = "stagelight.many";
  function remember(id) { try { if (id) sessionStorage.setItem(MINE, id); else sessionStorage.removeItem(MINE); } catch { /* then it is offered */ } }
  function mine() { try { return sessionStorage.getItem(MINE); } catch { return null; } }

  function send(data) {
    if (byId("many-mark")) window.dash_clientside.set_props("many-ask", { data: { ...data, at: Date.now() } });
  }

  function go(step) { send({ step, id: now.id, action: now.action, ...now.about }); }

  // `about` is whom it is about in every step; `more` is what the sheet is told beside the answer.
  const WAITS = "It waits while you decide.";
  // What is under way waits meanwhile: of two questions at once only the later answer comes.
  function preview(action, { about = {}, whom = {}, more = {} }) {
    if (now && now.bar && !now.ended && !now.halted) halt(WAITS);
    wish = { about, more };
    send({ step: "preview", action, ...about, ...whom });
  }

  function told(answer) {
    if (!answer || !byId("many-mark")) return none();
    if (answer.open) { leave(); resume(answer.open); return none(); }
    if (answer.problem) { complain(answer.problem); return none(); }
    if (answer.done === undefined) { confirm({ ...wish.more, ...answer }); return none(); }
    if (now && now.id === answer.id) advance(answer);
    return none();
  }

  function complain([message, hint]) {
    if (now && now.bar && !now.ended) halt([message, hint].join(" "));
    else window.dash_clientside.set_props("toast", { data: { message, hint, bad: true } });
  }

  function confirm(answer) {
    const act = ACTS[answer.action], n = answer.total;
    if (!n) {
      const here = sheets.sheet(act.none.title, "ask");
      sheets.text(here.body, "", act.none.text);
      sheets.foot(here, "Good", "btn-primary", () => {}, "Close").focus();
      return;
    }
    const here = sheets.sheet(act.title(n, answer), "ask");
    const text = act.text(n);
    if (text) sheets.text(here.body, act.bad ? "notice warn" : "", text);
    const warning = act.warn && act.warn(n, answer);
    if (warning) sheets.text(here.body, "notice warn", warning);
    if (answer.others) sheets.text(here.body, "mute", `${words.number(answer.others)} of those you chose ${act.rest}.`);
    const toRead = answer.messages && sheets.messages(here.body, answer.messages);
    if (n > act.batch) sheets.text(here.body, "mute", `Exactly what was counted is changed, ${act.batch} at a time; you can stop in between. If you leave this page, it waits for you here for an hour.`);
    const yes = sheets.foot(here, act.yes(n), act.bad ? "btn-danger" : "btn-primary", () => start(answer), n === 1 ? "Leave it as it is" : "Leave them as they are");
    // What is to be read first is where the keys are first.
    if (!act.bad) (toRead || yes).focus();
  }

  function start(answer) {
    remember(answer.id);
    show({ ...answer, about: wish.about, done: 0, changed: 0 });
    go("go");
  }

  function resume(open) {
    const own = open.find(({ id }) => id === mine());
    const left = own || open.find(({ done }) => done > 0);
    if (!left) return;
    show({ ...left, about: left.rule_id ? { rule_id: left.rule_id } : {} });
    if (own) go("go");
    else halt("It was left halfway.");
  }

  // What another page has begun waits there.
  function leave() {
    if (!now) return;
    clearTimeout(now.timer);
    if (now.bar) now.bar.remove();
    now = null;
  }

  function show(bulk) {
    leave();
    const bar = make("div", "many-bar", byId("sheets"));
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Progress");
    const label = make("span", "many-text", bar);
    label.setAttribute("role", "status");
    const meter = make("progress", "many-meter", bar);
    meter.max = bulk.total;
    meter.setAttribute("aria-label", ACTS[bulk.action].doing);
    const stop = button("Stop", "", bar);
    stop.id = "many-stop";
    stop.addEventListener("click", press);
    const rest = button("Leave the rest", "", bar);
    rest.addEventListener("click", () => { now.halted = false; now.stopping = true; draw(); go("stop"); });
    now = { ...bulk, ended: false, stopping: false, halted: false, bar, label, meter, stop, rest };
    draw();
  }

  function press() {
    if (now.ended) { now.bar.remove(); now.bar = null; return; }
    if (now.halted) { now.halted = false; draw(); go("go"); return; }
    now.stopping = true;
    draw();
  }

  function advance(answer) {
    Object.assign(now, answer);
    if (now.halted && !now.ended) { halt(WAITS); return; }
    draw();
    const { pause, after } = ACTS[now.action];
    if (!now.ended) now.timer = setTimeout(() => go(now.stopping ? "stop" : "go"), pause || 0);
    else if (after) after();
  }

  function halt(why) {
    clearTimeout(now.timer);
    now.halted = true;
    draw();
    put(now.label, `${ACTS[now.action].doing}: ${words.number(now.done)} of ${words.number(now.total)} done, ${words.number(now.total - now.done)} left. ${why}`);
    put(now.stop, "Go on");
  }

  function draw() {
    const act = ACTS[now.action], left = now.total - now.done, moved = now.done - now.changed;
    if (now.ended) remember("");
    now.rest.hidden = !now.halted;
    now.meter.value = now.done;
    const result = `${words.number(now.changed)} ${act.done}` + (moved ? `, ${words.number(moved)} ${act.moved}` : "");
    put(now.label, now.ended ? (left ? `Stopped: ${result}, ${words.number(left)} left as they were` : result) : now.stopping ? "Stopping …" : `${act.doing}: ${words.number(now.done)} of ${words.number(now.total)}`);
    put(now.stop, now.ended ? "Close" : "Stop");
    now.stop.disabled = now.stopping && !now.ended;
  }

  // No answer came; what a batch did is known with the next one. Of a count only this is known.
  const limit = () => (now && now.bar && !now.ended ? BATCH_MS : COUNT_MS);
  asking.watch(["many-answer."], limit, () => ({ ok }) => { if (!ok) complain(["The server does not answer.", ""]); });

  Object.assign(window.stagelight, { many: { know, contacts, preview } });
  window.dash_clientside = Object.assign({}, window.dash_clientside, { many: { told } });
})();
