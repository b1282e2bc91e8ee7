// The panels beside the list: what goes out next, who is held back, limits, the last run.
(function () {
  const { words, make, put } = window.stagelight;
  const byId = (id) => document.getElementById(id);

  const PANELS = [["next", "Going out next"], ["held", "Why nothing is sent to the others"], ["today", "Limits"], ["run", "Last run"]];

  function prepare() {
    if (byId("panel-next")) return;
    for (const [name, title] of PANELS) {
      const panel = make("section", "panel", byId("side"));
      const heading = make("h2", "", panel);
      heading.id = `panel-${name}-title`;
      heading.textContent = title;
      panel.setAttribute("aria-labelledby", heading.id);
      make("div", "", panel).id = "panel-" + name;
    }
  }

  function draw(shown, fresh) {
    prepare();
    if (fresh.has("next")) drawNext(shown.next);
    if (fresh.has("held")) drawHeld(shown.held);
    if (fresh.has("head")) drawLimits(shown.head);
    if (fresh.has("run")) drawRun(shown.run);
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
  function emptied(id) { const panel = byId(id); panel.replaceChildren(); return panel; }

  function drawNext(next) {
    const panel = emptied("panel-next");
    if (!next.length) none(panel, "Nothing is waiting for its send time.");
    next.forEach(([name]) => line(panel, name || "No name", "", "auto"));
  }

  function drawHeld(held) {
    const panel = emptied("panel-held");
    if (held.of !== undefined) {
      make("p", "panel-lead", panel).textContent = held.of
        ? `As of ${words.moment(held.at, Date.now() / 1000)}, ${words.number(held.ok)} of the page’s ${words.number(held.of)} contacts would get a message.`
        : "The page has no contacts yet. Import some under Contacts.";
    }
    if (!held.rows.length) { if (held.of !== 0) none(panel, "Nobody is held back."); return; }
    held.rows.forEach(([reason, contacts]) => {
      const name = line(panel, reason, words.number(contacts)).firstChild;
      make("span", "line-note mute", name);
    });
  }

  function drawLimits(head) {
    const panel = emptied("panel-today");
    limit(panel, "Sent today", words.number(head.sent_today) + " of " + words.number(head.daily_limit), head.sent_today, head.daily_limit);
    if (head.usage !== null) limit(panel, "Facebook’s limits in use", head.usage + " %", head.usage, 100);
    if (head.quota) make("span", "line-note mute quota-end", line(panel, "Google’s daily quota", "used up").firstChild);
    line(panel, "The page sends at most", words.number(head.rate) + " / min");
  }

  function limit(panel, word, value, used, most) {
    const row = line(panel, word, value);
    row.classList.add("metered");
    const meter = make("div", "meter", row);
    meter.setAttribute("role", "meter");
    meter.setAttribute("aria-label", word);
    meter.setAttribute("aria-valuemin", "0");
    meter.setAttribute("aria-valuemax", String(Math.max(most, used)));
    meter.setAttribute("aria-valuenow", String(used));
    make("i", "", meter).style.width = Math.min(100, (100 * used) / Math.max(1, most)) + "%";
  }

  function drawRun(run) {
    const panel = emptied("panel-run");
    if (!run) { none(panel, "No run yet. Press “Run now”, or wait for the schedule."); return; }
    make("p", "mute run-when", panel);
    run.rows.forEach(([word, n]) => line(panel, word, words.number(n)));
  }

  // Once a second: only what counts by itself.
  function tick({ head, next, held, run }, now) {
    if (!byId("panel-next")) return;
    const quota = byId("panel-today").querySelector(".quota-end");
    if (quota && head.quota) put(quota, "until " + words.moment(head.quota, now));
    const lines = byId("panel-next").querySelectorAll(".line-value");
    (next || []).forEach(([, at], index) => { if (lines[index]) put(lines[index], at ? words.until(at - now) : "due"); });
    const notes = byId("panel-held").querySelectorAll(".line-note");
    ((held || {}).rows || []).forEach(([, , at], index) => { if (notes[index]) put(notes[index], at && at > now ? "next check " + words.moment(at, now) : ""); });
    const when = byId("panel-run").querySelector(".run-when");
    if (run && when) put(when, words.moment(run.at, now) + ", " + run.source + (run.until ? " · last change after " + words.duration(run.until - run.at) : " · running for " + words.duration(now - run.at)));
  }

  Object.assign(window.stagelight, { panels: { draw, tick } });
})();
