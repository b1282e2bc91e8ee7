// Acting on many: the number first, then batch after batch with a stop, while the page goes on living.
(function () {
  const { words, make, put, button, sheets } = window.stagelight;
  const none = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  const PAUSE_MS = 400;
  const DONE = { retry: "queued again", cancel: "cancelled" };
  const DOING = { retry: "Queueing again", cancel: "Cancelling" };
  let now = null, twice = false;

  // Which one this window has confirmed: it goes on after a reload. Any other is offered, with what is left of it.
  const MINE = "stagelight.many";
  function remember(id) { try { if (id) sessionStorage.setItem(MINE, id); else sessionStorage.removeItem(MINE); } catch { /* then it is offered */ } }
  function mine() { try { return sessionStorage.getItem(MINE); } catch { return null; } }

  function send(data) {
    if (byId("sheets")) window.dash_clientside.set_props("many-ask", { data: { ...data, at: Date.now() } });
  }

  function preview(action, filter, mayArriveTwice) {
    twice = Boolean(mayArriveTwice);
    send({ step: "preview", action, ...filter });
  }

  function counted(answer) {
    if (!answer || !byId("sheets")) return none();
    if (answer.open) { resume(answer.open); return none(); }
    if (answer.problem) { if (now && now.bar) halt(answer.problem.join(" ")); else complain(answer.problem); return none(); }
    if (answer.done === undefined) { confirm(answer); return none(); }
    if (!now || now.id !== answer.id) return none();
    Object.assign(now, answer);
    drawBar();
    if (!answer.ended) now.timer = setTimeout(() => send({ step: now.stopping ? "stop" : "go", id: now.id }), PAUSE_MS);
    return none();
  }

  function complain([message, hint]) {
    window.dash_clientside.set_props("toast", { data: { message, hint, bad: true } });
  }

  function confirm(answer) {
    const many = words.number(answer.total) + (answer.total === 1 ? " contact" : " contacts");
    const retry = answer.action === "retry", one = answer.total === 1;
    if (!answer.total) {
      const here = sheets.sheet(retry ? "Nobody to retry" : "Nobody to cancel", "ask");
      sheets.text(here.body, "", retry
        ? "A retry helps nobody in this list: time, the contact or Facebook must cure the others, and then they go on by themselves."
        : "Nobody in this list is on the way, or what is being sent cannot be called back.");
      sheets.foot(here, "Good", "btn-primary", () => {}, "Close");
      return;
    }
    const here = sheets.sheet((retry ? "Queue " : "Cancel ") + (one ? "this contact" : many) + (retry ? " again?" : "?"), "ask");
    sheets.text(here.body, "", one ? (retry ? "Every check is made again before a message goes out." : "This run sends nothing more to this contact.") : (retry
      ? "Every check is made again. Exactly what was counted is queued"
      : "This run sends them nothing more. Exactly what was counted is cancelled")
      + ", a hundred at a time; you can stop in between. If you leave this page, it waits for you here for an hour.");
    if (twice && retry) sheets.text(here.body, "notice warn", one
      ? "Nobody knows whether the last message arrived. If it did, this contact gets it twice."
      : "Nobody knows whether their last message arrived. Some may get it twice.");
    sheets.foot(here, one ? (retry ? "Queue again" : "Cancel the contact") : (retry ? "Queue " : "Cancel ") + many, "btn-primary", () => start(answer), one ? "Leave it as it is" : "Leave them as they are").focus();
  }

  function start(answer) {
    remember(answer.id);
    show({ ...answer, done: 0, changed: 0 });
    send({ step: "go", id: now.id });
  }

  function resume(open) {
    const own = open.find(({ id }) => id === mine());
    const left = own || open.find(({ done }) => done > 0);
    if (!left) return;
    show(left);
    if (own) send({ step: "go", id: now.id });
    else halt("It was left halfway.");
  }

  function show(bulk) {
    if (now && now.bar) { clearTimeout(now.timer); now.bar.remove(); }
    now = { ...bulk, ended: false, stopping: false, halted: false };
    const bar = make("div", "many-bar", byId("sheets"));
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Progress");
    const label = make("span", "many-text", bar);
    label.setAttribute("role", "status");
    const meter = make("progress", "many-meter", bar);
    meter.max = bulk.total;
    meter.setAttribute("aria-label", DOING[bulk.action]);
    const stop = button("Stop", "", bar);
    stop.id = "many-stop";
    stop.addEventListener("click", press);
    const leave = button("Leave the rest", "", bar);
    leave.addEventListener("click", () => { now.halted = false; now.stopping = true; drawBar(); send({ step: "stop", id: now.id }); });
    Object.assign(now, { bar, label, meter, stop, leave });
    drawBar();
  }

  function press() {
    if (now.ended) { now.bar.remove(); now.bar = null; return; }
    if (now.halted) { now.halted = false; drawBar(); send({ step: "go", id: now.id }); return; }
    now.stopping = true;
    drawBar();
  }

  function halt(why) {
    clearTimeout(now.timer);
    now.halted = true;
    drawBar();
    put(now.label, `${DOING[now.action]}: ${words.number(now.done)} of ${words.number(now.total)} done, ${words.number(now.total - now.done)} left. ${why}`);
    put(now.stop, "Go on");
  }

  function drawBar() {
    if (now.ended) remember("");
    now.leave.hidden = !now.halted;
    now.meter.value = now.done;
    const whole = `${words.number(now.done)} of ${words.number(now.total)}`;
    const moved = now.done - now.changed;
    const result = `${words.number(now.changed)} ${DONE[now.action]}` + (moved ? `, ${words.number(moved)} had moved on` : "");
    put(now.label, now.ended ? (now.done < now.total ? `Stopped: ${result}, ${words.number(now.total - now.done)} left as they were` : result) : now.stopping ? "Stopping …" : `${DOING[now.action]} ${whole}`);
    put(now.stop, now.ended ? "Close" : "Stop");
    now.stop.disabled = now.stopping && !now.ended;
  }

  // The request for a batch got no answer; what it did is known with the next one.
  function failed() { if (now && now.bar && !now.ended) halt("The server does not answer."); }

  Object.assign(window.stagelight, { many: { preview, failed } });
  window.dash_clientside = Object.assign({}, window.dash_clientside, { sheets: Object.assign({}, (window.dash_clientside || {}).sheets, { counted }) });
})();
