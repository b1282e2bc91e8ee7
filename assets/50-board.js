// Everything around the list: header, alerts, stage cards.
(function () {
  const { words, make, put, button, panels, meanings, STAGES } = window.stagelight;
  const ORDER = Object.keys(STAGES);
  const FACTS = ["avg", "p95", "oldest", "in · out"];
  const PACE = { stalled: "stalled", slow: "slower than usual", grows: "filling up" };
  const TROUBLE = { token_invalid: "access refused", restricted: "restricted by Facebook" };
  const FINAL = new Set(ORDER.slice(6));
  const NAMES = ["head", "alerts", "stages", "sum", "totals", "next", "held", "run"];
  const byId = (id) => document.getElementById(id);
  let shown = {}, fresh = new Set(), cards = null;

  function take(answer) {
    for (const name of NAMES) {
      if (!(name in answer)) continue;
      if (name !== "stages" || Array.isArray(answer.stages)) shown[name] = answer[name];
      else for (const [place, stage] of Object.entries(answer.stages)) shown.stages[place] = stage;
      fresh.add(name);
    }
  }

  function draw() {
    if (fresh.has("head")) drawHead(shown.head);
    if (fresh.has("alerts")) drawAlerts(shown.alerts);
    if (fresh.has("stages")) drawStages(shown.stages);
    if (fresh.has("sum")) { put(byId("sum-line"), shown.sum); put(byId("sum-note"), " · last 24 h · times in " + words.zone); }
    panels.draw(shown, fresh);
    fresh.clear();
  }

  function drawHead(head) {
    put(byId("monitor-title"), head.name);
    document.title = head.name + " · Stagelight";
    const toggle = byId("toggle-rule");
    put(toggle, head.enabled ? "Switch off" : "Switch on");
    toggle.dataset.act = head.enabled ? "off" : "on";
    const trouble = TROUBLE[head.page_status];
    put(byId("page-pill"), head.page + (trouble ? " · " + trouble : ""));
    byId("page-pill").classList.toggle("bad", Boolean(trouble));
    byId("run-now").disabled = !head.enabled;
    byId("run-now").title = head.enabled ? "Queue every contact that matches now" : "Switch the automation on first";
  }

  function drawAlerts(alerts) {
    const box = byId("alerts");
    const keys = alerts.map((alert) => JSON.stringify(alert));
    alerts.forEach((alert, index) => {
      const old = box.children[index];
      if (old && old.dataset.key === keys[index]) return;
      const strip = strips(alert, keys[index]);
      if (old) old.replaceWith(strip); else box.append(strip);
    });
    while (box.children.length > alerts.length) box.lastChild.remove();
  }

  function strips(alert, key) {
    const strip = make("div", "notice " + alert.tone);
    strip.dataset.key = key;
    make("strong", "", strip).textContent = alert.title;
    if (alert.text) { const text = make("span", "notice-text", strip); text.textContent = alert.text; text.dir = "auto"; }
    if (alert.link) Object.assign(make("a", "notice-link", strip), { href: alert.link.href, textContent: alert.link.word + " →" });
    if (alert.since || alert.until || alert.on) make("span", "notice-time mute", strip);
    if (alert.show) button("Look at them", "show-stage", strip).dataset.stage = alert.show;
    if (alert.approve) button("Approve all…", "approve-all", strip);
    if (!alert.causes) return strip;
    const list = make("ul", "causes", strip);
    for (const cause of alert.causes) {
      const item = make("li", "cause", list);
      if (alert.causes.length > 1) make("span", "cause-count", item).textContent = words.number(cause.n) + " ×";
      const text = make("span", "notice-text", item);
      text.textContent = cause.text + (cause.hint ? " " + cause.hint : "");
      const acts = make("span", "cause-acts", item);
      const look = button("Show", "show-cause", acts);
      look.dataset.cause = cause.code;
      look.setAttribute("aria-label", "Show the failed contacts: " + cause.text);
      if (!cause.retry) continue;
      const retry = button("Retry " + words.number(cause.n) + "…", "retry-cause", acts);
      retry.dataset.cause = cause.code;
      retry.dataset.twice = cause.retry === "again" ? "yes" : "";
    }
    if (alert.more) make("li", "mute", list).textContent = "and " + words.number(alert.more) + " more";
    return strip;
  }

  // The ten stage cards are made once per page, with their first numbers.
  function parts() {
    if (cards && cards[0].card.isConnected) return cards;
    const chosen = byId("monitor").dataset.stageFilter;
    meanings(document.querySelector("#monitor .sum-line"));
    cards = ORDER.map((name) => {
      const card = make("button", "stage st-" + name, byId("stages"));
      card.type = "button";
      card.dataset.stage = name;
      card.setAttribute("aria-pressed", String(name === chosen));
      const title = make("span", "stage-name", card);
      const icon = make("span", "", title);
      icon.setAttribute("aria-hidden", "true");
      icon.textContent = STAGES[name][0];
      make("span", "", title).textContent = STAGES[name][1];
      const count = make("span", "stage-count", card), pace = make("span", "stage-pace", card);
      const facts = make("span", "stage-facts", card);
      const values = FACTS.map((word) => {
        const fact = make("span", "fact", facts);
        make("span", "fact-word", fact).textContent = word + " ";
        return make("span", "fact-value", fact);
      });
      return { card, count, pace, values, meaning: STAGES[name][2] };
    });
    return cards;
  }

  function drawStages(stages) {
    parts().forEach(({ card, count, meaning }, index) => {
      const stage = stages[index];
      put(count, words.number(stage.n));
      card.classList.toggle("zero", !stage.n);
      card.dataset.pace = stage.pace ? stage.pace[0] : stage.note ? "note" : "";
      const title = `${meaning}. Within a minute ${words.number(stage.in)} came in and ${words.number(stage.out)} went on.`;
      if (card.title !== title) card.title = title;
    });
  }

  function paceWords(stage, name, now) {
    if (stage.note) return stage.note;
    if (stage.next) return "next " + words.until(stage.next - now);
    if (!stage.pace) return FINAL.has(name) && stage.n ? "last 24 h" : "\u00a0";
    return stage.pace[0] === "clears" ? "clears in " + words.brief(stage.pace[1]) : PACE[stage.pace[0]];
  }

  // The average of passes of the last hour; before the first one ends, of those now inside.
  function tickStages(now) {
    parts().forEach(({ pace, values }, index) => {
      const stage = shown.stages[index];
      const average = stage.avg ?? (stage.mid ? now - stage.mid : null);
      put(pace, paceWords(stage, ORDER[index], now));
      put(values[0], average === null ? "–" : words.brief(average));
      put(values[1], stage.p95 === undefined ? "–" : words.brief(stage.p95));
      put(values[2], stage.since ? words.brief(Math.floor(now - stage.since)) : "–");
      put(values[3], words.short(stage.in) + " · " + words.short(stage.out));
    });
  }

  // How long something has lasted or will last; what ends at a time of day names it.
  function waiting(alert, now) {
    if (alert.on) return `until ${words.moment(alert.on, now)} (${words.until(alert.on - now)})`;
    const since = alert.since ? "for " + words.duration(now - alert.since) : "";
    return [since, alert.until ? (alert.word ? alert.word + " " : "") + words.until(alert.until - now) : ""].filter(Boolean).join(" · ");
  }

  // Once a second: only what counts by itself.
  function tick(now) {
    const { head, alerts, stages } = shown;
    if (!head || !byId("worker-pill")) return;
    const worker = byId("worker-pill");
    worker.classList.toggle("bad", !head.workers);
    put(worker, head.workers ? (head.workers > 1 ? head.workers + " workers running" : "Worker running") : "No worker" + (head.beat ? " · seen " + words.duration(now - head.beat) + " ago" : ""));
    put(byId("next-run-pill"), !head.enabled ? "Switched off" : head.next_run ? "Next run " + words.until(head.next_run - now) : "No run planned");
    if (stages) tickStages(now);
    const strips = byId("alerts").children;
    (alerts || []).forEach((alert, index) => {
      const time = strips[index] && strips[index].querySelector(".notice-time");
      if (time) put(time, waiting(alert, now));
    });
    panels.tick(shown, now);
  }

  // What a screen reader is told now and then, instead of every number.
  function summary() {
    const { alerts, sum } = shown;
    return [...(alerts || []).map((alert) => alert.title), sum].filter(Boolean).join(". ");
  }

  Object.assign(window.stagelight, {
    waiting,
    board: { take, draw, tick, summary, clear() { shown = {}; fresh.clear(); }, totals: () => shown.totals, stages: () => shown.stages || [], order: ORDER },
  });
})();
