// One card per Facebook page, made once and then only changed where something differs.
(function () {
  const { words, put, go, ruleCards } = window.stagelight;
  const LISTED = 5;
  let made = new Map();

  function el(tag, props, ...inside) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (name in node && name !== "role" && name !== "list") node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...inside);
    return node;
  }

  function make(page) {
    const rateId = "rate-" + page.id;
    const part = {
      name: el("h2", { dir: "auto" }), id: el("span", { className: "mute" }),
      icon: el("span", { "aria-hidden": "true" }), word: el("span"),
      problems: el("div", { className: "rule-problems" }),
      rate: el("input", { id: rateId, className: "form-control figures", inputMode: "numeric", autocomplete: "off", maxLength: 5, "aria-describedby": rateId + "-error" }),
      error: el("div", { id: rateId + "-error", className: "field-error", role: "alert" }),
      usage: el("span"), usageMeter: el("i"), contacts: el("strong"),
      sync: el("span", { className: "page-sync-text" }), left: el("span", { className: "mute" }), meter: el("i"),
      bar: null, automations: el("ul", { className: "page-rules" }), acts: el("div", { className: "page-acts" }),
    };
    part.health = el("span", { className: "page-health" }, part.icon, part.word);
    part.bar = el("div", { className: "meter", role: "progressbar", "aria-label": "Conversations read", "aria-valuemin": "0", "aria-valuemax": "100" }, part.meter);
    part.usageBar = el("div", { className: "meter", role: "meter", "aria-label": "Facebook's limits in use", "aria-valuemin": "0", "aria-valuemax": "100" }, part.usageMeter);
    part.save = el("button", { type: "submit", className: "btn btn-soft btn-sm", textContent: "Save" });
    part.form = el("form", { className: "page-rate" }, el("label", { htmlFor: rateId, textContent: "Messages a minute, at most" }), el("div", {}, part.rate, part.save), part.error);
    part.card = el("article", { className: "panel rule page-card" },
      el("div", { className: "rule-top" }, el("div", { className: "rule-what" }, part.name, part.id), part.health),
      part.problems,
      el("div", { className: "page-sync" }, el("div", {}, part.sync, part.left), part.bar),
      el("div", { className: "page-figures" },
        el("div", {}, el("span", { className: "mute", textContent: "Contacts" }), part.contacts),
        el("div", {}, el("span", { className: "mute", textContent: "Facebook's limits in use" }), part.usage, part.usageBar)),
      part.form,
      el("div", {}, el("h3", { className: "page-part", textContent: "Automations" }), part.automations),
      part.acts);
    part.rate.addEventListener("input", () => { part.rate.dataset.touched = "yes"; tell(part, ""); saves(part); });
    return part;
  }

  function saves(part) { part.save.disabled = part.rate.value.trim() === String(part.page.rate) || !part.rate.value.trim(); }

  function tell(part, problem) {
    put(part.error, problem);
    part.rate.classList.toggle("is-invalid", problem !== "");
    if (problem) part.rate.setAttribute("aria-invalid", "true"); else part.rate.removeAttribute("aria-invalid");
  }

  // The number in a card's field, once it is one that the database takes; else the field says what is.
  function rate(id) {
    const part = made.get(id), bare = part.rate.value.trim().replace(",", "");
    const fits = /^\d+$/.test(bare) && Number(bare) >= 1 && Number(bare) <= 2400;
    tell(part, fits ? "" : "The rate is a whole number from 1 to 2,400.");
    if (fits) part.rate.dataset.touched = ""; else part.rate.focus();
    return fits ? bare : null;
  }

  function fill(page) {
    const part = made.get(page.id);
    part.page = page;
    part.card.dataset.page = page.id;
    put(part.name, page.name);
    put(part.id, "Facebook id " + page.facebook_id);
    put(part.icon, page.health.icon);
    put(part.word, page.health.word);
    part.health.dataset.tone = page.health.tone;
    ruleCards.strips(part.problems, page.problems);
    put(part.contacts, page.contacts === null ? "…" : words.number(page.contacts));
    const known = page.usage !== null;
    part.usageBar.hidden = !known;
    part.usageMeter.style.width = (page.usage || 0) + "%";
    part.usageBar.setAttribute("aria-valuenow", String(page.usage || 0));
    part.usageBar.dataset.tone = page.usage >= 95 ? "bad" : page.usage >= 75 ? "warn" : "";
    // What somebody is typing is theirs until they save it or leave it as it was.
    if (part.rate.dataset.touched !== "yes") part.rate.value = String(page.rate);
    part.form.hidden = page.sync.phase === "off";
    saves(part);
    const percent = page.sync.percent;
    part.bar.hidden = percent === undefined;
    part.meter.style.width = (percent || 0) + "%";
    part.bar.setAttribute("aria-valuenow", String(Math.round(percent || 0)));
    lists(part, page);
  }

  const line = (rule) => el("li", {}, el("a", { href: `/automations/${rule.id}/monitor`, dir: "auto" }, rule.name), el("span", { className: "mute" }, rule.enabled ? " · on" : " · off"));

  function lists(part, page) {
    const rules = JSON.stringify(page.automations), acts = JSON.stringify(page.acts);
    if (part.rules !== rules) {
      part.rules = rules;
      const lines = page.automations.map(line), rest = lines.splice(lines.length > LISTED + 1 ? LISTED : lines.length);
      part.automations.replaceChildren(...lines);
      if (rest.length) part.automations.append(el("li", {}, el("details", {}, el("summary", {}, `${rest.length} more`), el("ul", { className: "page-rules" }, ...rest))));
      if (!page.automations.length) part.automations.append(el("li", { className: "mute" }, "None yet"));
    }
    if (part.told === acts) return;
    part.told = acts;
    const had = part.acts.contains(document.activeElement) ? document.activeElement.dataset.act : "";
    part.acts.replaceChildren(...page.acts.map(([act, icon, word], index) => {
      const button = el("button", { type: "button", className: "btn btn-sm " + (index ? "btn-soft" : "btn-primary"), "data-act": act }, el("span", { "aria-hidden": "true" }, icon + " "), word);
      button.setAttribute("aria-label", `${word}: ${page.name}`);
      return button;
    }));
    if (had) (part.acts.querySelector(`[data-act=${had}]`) || part.acts.firstChild).focus();
  }

  function list(place, pages) {
    const wanted = new Set(pages.map((page) => page.id));
    for (const [id, part] of made) if (!wanted.has(id)) { part.card.remove(); made.delete(id); }
    let before = place.firstChild;
    for (const page of pages) {
      if (!made.has(page.id)) made.set(page.id, make(page));
      fill(page);
      const card = made.get(page.id).card;
      if (card === before) before = before.nextSibling;
      else place.insertBefore(card, before);
    }
  }

  function told(sync, now) {
    if (sync.text) return sync.text;
    if (sync.phase === "off") return "Not read while it is disconnected";
    return sync.at ? `Conversations read ${words.duration(Math.max(0, now - sync.at))} ago` : "Conversations not read yet";
  }

  function tick(now) {
    for (const { page, problems, sync, left, usage } of made.values()) {
      put(usage, page.usage === null ? "not told yet" : `${page.usage} % · ${words.duration(Math.max(0, now - page.usage_at))} ago`);
      ruleCards.count(problems, page.problems, now);
      put(sync, told(page.sync, now));
      put(left, page.sync.later > now ? " · goes on " + words.until(page.sync.later - now) : page.sync.left ? ` · about ${words.duration(page.sync.left)} left` : "");
    }
  }

  document.addEventListener("click", (event) => {
    const anchor = event.target.closest && event.target.closest(".page-rules a[href]");
    if (anchor) go(event, anchor.getAttribute("href"));
  });

  Object.assign(window.stagelight, { pageCards: { list, tick, rate, clear() { made = new Map(); } } });
})();
