// One card per automation, made once and then only changed where something differs.
(function () {
  const { words, put, go, waiting } = window.stagelight;
  const NUMBERS = [["in_flight", "In flight"], ["sent", "Sent"], ["skipped", "Skipped"], ["failed", "Failed"], ["completed", "Completed"]];
  let made = new Map();

  function el(tag, props, ...inside) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (name in node && name !== "role") node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...inside);
    return node;
  }

  // The icon is decoration; the word stands alone and is also the beginning of the name a screen reader says.
  const named = (icon, word) => [el("span", { "aria-hidden": "true" }, icon + " "), word];
  const button = (act, icon, word, classes) => el("button", { type: "button", className: "btn " + classes, "data-act": act, "data-word": word }, ...named(icon, word));
  const link = (icon, word) => el("a", { className: "btn btn-soft", "data-word": word }, ...named(icon, word));

  function make() {
    const part = {
      name: el("a", { className: "rule-name" }), page: el("span", { className: "mute", dir: "auto" }),
      problems: el("div", { className: "rule-problems" }), review: el("a", { className: "rule-review", hidden: true }),
      toggle: el("button", { type: "button", className: "switch", role: "switch" }, el("span", { className: "switch-knob" }), el("span", {}, "Off")),
      facts: el("ul", { className: "rule-facts", "aria-label": "Settings" }),
      sent: el("span"), meter: el("i"), times: el("div", { className: "rule-times mute" }),
      monitor: link("📊", "Monitor"), edit: link("✏️", "Edit"),
      run: button("run", "▶", "Run now", "btn-primary"), dry: button("dry", "🧪", "Dry run", "btn-soft"), drop: button("delete", "🗑️", "Delete", "btn-soft"),
      numbers: {},
    };
    const numbers = NUMBERS.map(([field, word]) => {
      const figure = part.numbers[field] = el("strong", {}, "0");
      return el(field === "failed" ? "a" : "div", { className: "number " + field }, figure, el("span", {}, word));
    });
    part.card = el("article", { className: "panel rule" },
      el("div", { className: "rule-top" }, el("div", { className: "rule-what" }, el("h2", { dir: "auto" }, part.name), part.page), part.toggle),
      part.problems, part.review, part.facts,
      el("div", { className: "rule-numbers", role: "group", "aria-label": "Contacts of the last 24 hours" }, ...numbers),
      el("div", { className: "rule-today" }, el("div", {}, part.sent, el("div", { className: "meter" }, part.meter)), part.times),
      el("div", { className: "rule-actions" }, part.monitor, part.run, part.dry, part.edit, part.drop));
    return part;
  }

  function fill(rule) {
    const part = made.get(rule.id);
    if (!part) return;
    part.rule = rule;
    part.card.dataset.ruleId = rule.id;
    part.card.classList.toggle("off", !rule.enabled);
    put(part.name, rule.name);
    put(part.page, rule.page);
    strips(part.problems, rule.problems);
    const facts = rule.facts.join("\n");
    if (part.told !== facts) { part.told = facts; part.facts.replaceChildren(...rule.facts.map((text) => el("li", { dir: "auto", title: text }, text))); }
    part.name.href = part.monitor.href = `/automations/${rule.id}/monitor`;
    part.review.hidden = !rule.to_review;
    part.review.classList.toggle("notice", rule.to_review > 0);
    part.review.href = part.monitor.href + "?stage=ready_to_send";
    put(part.review, rule.to_review === 1 ? "1 message waits for your review" : words.number(rule.to_review) + " messages wait for your review");
    leadToFailed(part.numbers.failed.parentNode, rule);
    part.edit.href = `/automations/${rule.id}`;
    for (const node of [part.monitor, part.edit, part.run, part.dry, part.drop]) node.setAttribute("aria-label", node.dataset.word + ": " + rule.name);
    part.toggle.setAttribute("aria-label", rule.name);
    part.toggle.setAttribute("aria-checked", String(rule.enabled));
    part.toggle.dataset.act = rule.enabled ? "off" : "on";
    put(part.toggle.lastChild, rule.enabled ? "On" : "Off");
    part.run.disabled = !rule.enabled;
    part.run.title = rule.enabled ? "Queue every contact that matches now" : "Switch the automation on first";
    for (const [field, figure] of Object.entries(part.numbers)) {
      put(figure, words.number(rule[field]));
      figure.parentNode.classList.toggle("some", rule[field] > 0);
    }
    put(part.sent, `${words.number(rule.sent_today)} of ${words.number(rule.daily_limit)} sent today`);
    part.meter.style.width = Math.min(100, (100 * rule.sent_today) / Math.max(1, rule.daily_limit)) + "%";
  }

  // A number that somebody must look at leads there; nobody is led to none.
  function leadToFailed(anchor, rule) {
    const href = rule && rule.failed ? `/automations/${rule.id}/monitor?stage=failed` : "";
    if (!href) { anchor.removeAttribute("href"); anchor.removeAttribute("title"); return; }
    if (anchor.getAttribute("href") !== href) anchor.setAttribute("href", href);
    anchor.title = "Show who failed: " + rule.name;
  }

  // Cause and action, as on the monitor; what counts down is put in by tick.
  function strips(box, problems) {
    const key = JSON.stringify(problems);
    if (box.dataset.key === key) return;
    box.dataset.key = key;
    box.replaceChildren(...problems.map(({ tone, title, text, link }) => el("div", { className: "notice " + tone },
      el("strong", {}, title), el("span", { className: "notice-text", dir: "auto" }, text), ...leading(link), el("span", { className: "notice-time mute" }))));
  }

  function leading(link) { return link ? [el("a", { className: "notice-link", href: link.href }, link.word + " →")] : []; }

  // Puts exactly these cards there, in this order; a card that stays is not touched.
  function list(place, rules) {
    const wanted = new Set(rules.map((rule) => rule.id));
    const had = place.contains(document.activeElement);
    for (const [id, part] of made) if (!wanted.has(id)) { part.card.remove(); made.delete(id); }
    if (had && !place.contains(document.activeElement)) document.querySelector("#automations h1").focus();
    let before = place.firstChild;
    for (const rule of rules) {
      if (!made.has(rule.id)) made.set(rule.id, make());
      fill(rule);
      const card = made.get(rule.id).card;
      if (card === before) before = before.nextSibling;
      else place.insertBefore(card, before);
    }
  }

  function count(box, problems, now) {
    problems.forEach((problem, index) => { if (problem.on || problem.until || problem.since) put(box.children[index].querySelector(".notice-time"), waiting(problem, now)); });
  }

  function tick(now, stands) {
    for (const { rule, times, problems } of made.values()) {
      count(problems, rule.problems, now);
      const last = rule.last_run ? "Last run " + words.moment(rule.last_run, now) : "No run yet";
      const next = !rule.enabled ? "switched off" : stands ? "nothing starts without a worker" : rule.next_run ? "next " + words.until(rule.next_run - now) : "none planned";
      put(times, last + " · " + next);
    }
  }

  document.addEventListener("click", (event) => {
    const anchor = event.target.closest && event.target.closest(".rule a[href], a.total[href], a.notice-link");
    if (anchor) go(event, anchor.getAttribute("href"));
  });

  Object.assign(window.stagelight, { ruleCards: { list, fill, tick, strips, count, leadToFailed, clear() { made = new Map(); } } });
})();
