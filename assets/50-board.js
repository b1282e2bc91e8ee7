// Everything around the list: header, alerts, stage cards, panels.
(function () {
  const { words, make, put } = window.stagelight;
  const ORDER = ["queued", "checking", "eligible", "generating", "ready_to_send", "sending", "sent", "failed", "skipped", "completed"];
  const FINAL = new Set(ORDER.slice(6));
  const byId = (id) => document.getElementById(id);
  let shown = {};

  function draw(answer) {
    for (const name of ["head", "alerts", "stages", "sum", "totals", "next", "held", "run"]) {
      if (name in answer) shown[name] = answer[name];
    }
    if (answer.head) drawHead(answer.head);
    if (answer.alerts) drawAlerts(answer.alerts);
    if (answer.stages) drawStages(answer.stages);
    if (answer.sum !== undefined) put(byId("sum-line"), answer.sum);
    if ("held" in answer) drawHeld(answer.held);
    if ("next" in answer) drawNext(answer.next);
    if ("run" in answer) drawRun(answer.run);
  }

  function drawHead(head) {
    put(byId("monitor-title"), head.name);
    document.title = head.name + " · Stagelight";
    const toggle = byId("toggle-rule");
    put(toggle, head.enabled ? "Switch off" : "Switch on");
    toggle.dataset.act = head.enabled ? "off" : "on";
    put(byId("page-pill"), head.page);
    byId("run-now").disabled = !head.enabled;
    byId("run-now").title = head.enabled ? "Queue every contact that matches now" : "Switch the automation on first";
    drawToday(head);
  }

  function drawToday(head) {
    const panel = byId("panel-today");
    panel.replaceChildren();
    line(panel, "Sent today", words.number(head.sent_today) + " of " + words.number(head.daily_limit));
    const meter = make("div", "meter", panel);
    meter.setAttribute("role", "meter");
    meter.setAttribute("aria-label", "Daily limit used");
    meter.setAttribute("aria-valuemin", "0");
    meter.setAttribute("aria-valuemax", String(head.daily_limit));
    meter.setAttribute("aria-valuenow", String(head.sent_today));
    make("i", "", meter).style.width = Math.min(100, (100 * head.sent_today) / Math.max(1, head.daily_limit)) + "%";
  }

  function drawAlerts(alerts) {
    const box = byId("alerts");
    const had = JSON.stringify([...box.children].map((child) => child.dataset.key));
    const keys = alerts.map((alert) => JSON.stringify([alert.tone, alert.title, alert.text, alert.retry]));
    if (had === JSON.stringify(keys)) return;
    box.replaceChildren();
    alerts.forEach((alert, index) => {
      const strip = make("div", "notice " + alert.tone, box);
      strip.dataset.key = keys[index];
      strip.setAttribute("role", alert.tone === "bad" ? "alert" : "status");
      make("strong", "", strip).textContent = alert.title;
      const text = make("span", "notice-text", strip);
      text.textContent = alert.text;
      text.dir = "auto";
      if (alert.since || alert.until) make("span", "notice-time mute", strip);
      if (alert.show) stripButton(strip, alert.retry && alert.retry.length === 1 ? "Show" : "Show them").dataset.showStage = alert.show;
      if (alert.retry) {
        const button = stripButton(strip, "Retry " + words.number(alert.retry.length));
        button.dataset.act = "retry";
        button.dataset.stateIds = alert.retry.join(",");
      }
    });
  }

  function stripButton(strip, text) {
    const button = make("button", "btn btn-soft btn-sm", strip);
    button.type = "button";
    button.textContent = text;
    return button;
  }

  function drawStages(stages) {
    stages.forEach((stage, index) => {
      const card = document.querySelector(`.stage[data-stage="${ORDER[index]}"]`);
      if (!card) return;
      put(card.querySelector(".stage-count"), words.number(stage.n));
      card.classList.toggle("zero", !stage.n);
      card.title = stageTitle(card, stage);
    });
  }

  // The average of passes of the last hour; before the first one ends, of those now inside.
  function stageLines(stage, final, now) {
    const flow = final ? stage.in : stage.out;
    const average = stage.avg ?? (stage.mid ? now - stage.mid : null);
    const lines = [];
    if (final) lines.push("last 24 h");
    else if (average !== null) lines.push("avg " + words.duration(average, true));
    if (stage.since && !final) lines.push("oldest " + words.duration(now - stage.since));
    if (flow) lines.push(words.number(flow) + " / min");
    return lines;
  }

  function stageTitle(card, stage) {
    card.dataset.meaning = card.dataset.meaning || card.title;
    return `${card.dataset.meaning}. In the last minute ${stage.in} came in and ${stage.out} went on.`;
  }

  function line(panel, left, right, dir) {
    const row = make("div", "line", panel);
    const name = make("span", "line-name", row);
    name.textContent = left;
    if (dir) name.dir = dir;
    make("span", "line-value", row).textContent = right;
    return row;
  }
  function none(panel, text) { make("p", "mute none", panel).textContent = text; }

  function drawNext(next) {
    const panel = byId("panel-next");
    panel.replaceChildren();
    if (!next.length) none(panel, "Nothing is waiting for its send time.");
    next.forEach(([name]) => line(panel, name || "No name", "", "auto"));
  }

  function drawHeld(held) {
    const panel = byId("panel-held");
    panel.replaceChildren();
    if (!held.length) none(panel, "Nobody was held back in the last 24 hours.");
    held.forEach(([reason, contacts]) => {
      const name = line(panel, reason, words.number(contacts)).firstChild;
      make("span", "line-note mute", name);
    });
  }

  function drawRun(run) {
    const panel = byId("panel-run");
    panel.replaceChildren();
    if (!run) { none(panel, "No run yet. Press “Run now”, or wait for the schedule."); return; }
    make("p", "mute run-when", panel);
    run.rows.forEach(([word, n]) => line(panel, word, words.number(n)));
  }

  // Once a second: only what counts by itself.
  function tick(now) {
    const { head, stages, alerts, next, run, held } = shown;
    if (!head || !byId("worker-pill")) return;
    const worker = byId("worker-pill");
    worker.classList.toggle("bad", !head.workers);
    put(worker, head.workers ? (head.workers > 1 ? head.workers + " workers running" : "Worker running") : "No worker" + (head.beat ? " · seen " + words.duration(now - head.beat) + " ago" : ""));
    put(byId("next-run-pill"), !head.enabled ? "Switched off" : head.next_run ? "Next run " + words.until(head.next_run - now) : "No run planned");
    (stages || []).forEach((stage, index) => {
      const card = document.querySelector(`.stage[data-stage="${ORDER[index]}"]`);
      if (!card) return;
      const lines = stageLines(stage, FINAL.has(ORDER[index]), now);
      card.querySelectorAll(".stage-line").forEach((node, place) => put(node, lines[place] || "\u00a0"));
    });
    const strips = byId("alerts").children;
    (alerts || []).forEach((alert, index) => {
      const time = strips[index] && strips[index].querySelector(".notice-time");
      if (time) put(time, alert.until ? words.until(alert.until - now) : "for " + words.duration(now - alert.since));
    });
    const lines = byId("panel-next").querySelectorAll(".line-value");
    (next || []).forEach(([, at], index) => { if (lines[index]) put(lines[index], at ? words.until(at - now) : "due"); });
    const notes = byId("panel-held").querySelectorAll(".line-note");
    (held || []).forEach(([, , at], index) => { if (notes[index]) put(notes[index], at && at > now ? "next check " + words.moment(at, now) : ""); });
    const when = byId("panel-run").querySelector(".run-when");
    if (run && when) put(when, words.moment(run.at, now) + ", " + run.source + (run.until ? " · took " + words.duration(run.until - run.at) : " · running for " + words.duration(now - run.at)));
  }

  Object.assign(window.stagelight, { board: { draw, tick, clear() { shown = {}; }, totals: () => shown.totals, head: () => shown.head } });
})();
