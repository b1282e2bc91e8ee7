// Contacts by the row or by the filter: chosen, counted, asked about, then changed batch by batch with a stop.
(function () {
  const { lists, words, make, put, button, sheets, asking } = window.stagelight;
  const byId = (id) => document.getElementById(id);
  const ASK_MS = 130000;
  const chosen = new Set();
  let all = false, shown = null, now = null;

  const plural = (n) => words.number(n) + (n === 1 ? " contact" : " contacts");
  const ACTS = {
    add_tag: { word: "Add tag…", ask: (n, tag) => `Add the tag “${tag}” to ${plural(n)}?`, yes: "Add the tag", doing: "Adding the tag", done: "tagged", none: "All of them have this tag already.", rest: "have it already" },
    remove_tag: { word: "Remove tag…", ask: (n, tag) => `Remove the tag “${tag}” from ${plural(n)}?`, yes: "Remove the tag", doing: "Removing the tag", done: "changed", none: "None of them has this tag.", rest: "do not have it" },
    opt_out: { word: "Opt out…", ask: (n) => `Opt ${plural(n)} out?`, text: "No automation writes to them until you lift it.", yes: "Opt out", doing: "Opting out", done: "opted out", none: "All of them are opted out already.", rest: "are already" },
    lift_opt_out: { word: "Lift opt-out…", ask: (n) => `Lift the opt-out of ${plural(n)}?`, text: "Automations may write to them again.", yes: "Lift it", doing: "Lifting opt-outs", done: "lifted", none: "You opted none of them out. What contacts asked for themselves only they can take back, by writing START.", rest: "are left: not opted out, or by their own wish" },
    delete: { word: "Delete…", ask: (n) => `Delete ${plural(n)}?`, text: "Everything about them goes: messages, history, tags. They come back only by writing to the page. This cannot be undone.", yes: "Delete", doing: "Deleting", done: "deleted", none: "There is nobody to delete.", rest: "are left", bad: true },
  };

  // Choosing -----------------------------------------------------------------------------------------------------------
  function box(parent, label, checked, change) {
    const node = make("input", "form-check-input", parent);
    Object.assign(node, { type: "checkbox", checked });
    node.setAttribute("aria-label", label);
    node.addEventListener("change", () => change(node.checked));
    return node;
  }

  function lead(tr, row) {
    const td = make("td", "pick", tr);
    td.setAttribute("role", "cell");
    box(td, "Select " + row.name, false, (on) => { all = false; chosen[on ? "add" : "delete"](row.id); drawBar(); });
    return 1;
  }

  function drawn(answer) {
    chosen.clear();
    all = false;
    shown = answer;
    const place = byId("contacts-pick");
    if (place && !place.firstChild) box(place, "Select all of this page", false, (on) => pickPage(on));
    drawBar();
  }

  function pickPage(on) {
    all = false;
    chosen.clear();
    if (on) for (const row of shown.rows) chosen.add(row.id);
    drawBar();
  }

  function drawBar() {
    const bar = byId("contacts-bar");
    if (!bar) return;
    for (const tr of byId("contacts-rows").children) {
      const on = all || chosen.has(tr.dataset.id);
      tr.querySelector(".pick input").checked = on;
      tr.classList.toggle("picked", on);
    }
    const page = byId("contacts-pick").firstChild;
    page.checked = all || (chosen.size > 0 && chosen.size === shown.rows.length);
    page.indeterminate = !all && chosen.size > 0 && chosen.size < shown.rows.length;
    bar.hidden = !all && !chosen.size;
    if (!bar.firstChild) fillBar(bar);
    const many = shown.capped ? "More than " + words.number(shown.total) : "All " + words.number(shown.total);
    put(bar.querySelector(".pick-text"), all ? `${many} that fit are selected` : `${words.number(chosen.size)} selected`);
    const every = bar.querySelector("[data-pick=all]");
    every.hidden = all || (!shown.capped && shown.total === chosen.size);
    put(every, `Select ${shown.capped ? "all" : "all " + words.number(shown.total)} that fit the filter`);
  }

  function fillBar(bar) {
    make("span", "pick-text", bar).setAttribute("role", "status");
    const every = button(" ", "", bar);
    every.dataset.pick = "all";
    every.addEventListener("click", () => { all = true; drawBar(); });
    for (const [act, { word }] of Object.entries(ACTS)) button(word, "", bar).addEventListener("click", () => begin(act));
    button("Clear", "", bar).addEventListener("click", () => pickPage(false));
  }

  // Asking -------------------------------------------------------------------------------------------------------------
  function send(data) { window.dash_clientside.set_props("contacts-many-ask", { data: { ...data, at: Date.now() } }); }

  function whom() {
    const { order: _, ...filter } = lists.wish("contacts");
    return all ? { filter } : { ids: [...chosen] };
  }

  function begin(action) {
    const meant = whom();
    if (!action.endsWith("_tag")) { send({ step: "preview", action, ...meant }); return; }
    const here = sheets.sheet(action === "add_tag" ? "Add a tag" : "Remove a tag", "ask");
    const label = make("label", "sheet-label", here.body);
    label.htmlFor = "many-tag";
    label.textContent = "Tag";
    const field = make("input", "form-control", here.body);
    Object.assign(field, { id: "many-tag", dir: "auto", autocomplete: "off" });
    const wrong = window.stagelight.tags.watch(field, action);
    const go = sheets.foot(here, "Go on", "btn-primary", () => send({ step: "preview", action, tag: field.value.trim(), ...meant }), "Leave them as they are", () => !wrong());
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      if (!event.repeat) go.click();
    });
    field.focus();
  }

  function told(answer) {
    if (!answer || !byId("contacts-list")) return window.dash_clientside.no_update;
    if (answer.problem) complain(answer.problem);
    else if (answer.done === undefined) confirm(answer);
    else if (now && now.id === answer.id) advance(answer);
    return window.dash_clientside.no_update;
  }

  function complain(problem) {
    if (now && now.bar && !now.ended) halt(problem.join(" "));
    else window.dash_clientside.set_props("toast", { data: { message: problem[0], hint: problem[1], bad: true } });
  }

  function confirm(answer) {
    const act = ACTS[answer.action];
    if (!answer.total) {
      const here = sheets.sheet("Nothing to change", "ask");
      sheets.text(here.body, "", act.none);
      sheets.foot(here, "Good", "btn-primary", () => {}, "Close").focus();
      return;
    }
    const here = sheets.sheet(act.ask(answer.total, answer.tag), "ask");
    if (act.text) sheets.text(here.body, act.bad ? "notice warn" : "", act.text);
    if (answer.others) sheets.text(here.body, "mute", `${words.number(answer.others)} of those you chose ${act.rest}.`);
    if (answer.total > 500) sheets.text(here.body, "mute", "Exactly what was counted is changed, 500 at a time; you can stop in between.");
    sheets.foot(here, `${act.yes}: ${plural(answer.total)}`, act.bad ? "btn-danger" : "btn-primary", () => start(answer), "Leave them as they are");
  }

  // Doing --------------------------------------------------------------------------------------------------------------
  function start(answer) {
    if (now && now.bar) now.bar.remove();
    now = { ...answer, done: 0, changed: 0, ended: false, stopping: false, halted: false };
    const bar = make("div", "many-bar", byId("sheets"));
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Progress");
    const label = make("span", "many-text", bar);
    label.setAttribute("role", "status");
    const meter = make("progress", "many-meter", bar);
    meter.max = answer.total;
    meter.setAttribute("aria-label", ACTS[answer.action].doing);
    const stop = button("Stop", "", bar);
    stop.id = "contacts-many-stop";
    stop.addEventListener("click", press);
    Object.assign(now, { bar, label, meter, stop });
    drawProgress();
    send({ step: "go", id: now.id, action: now.action });
  }

  function press() {
    if (now.ended) { now.bar.remove(); now.bar = null; return; }
    if (now.halted) { now.halted = false; drawProgress(); send({ step: "go", id: now.id, action: now.action }); return; }
    now.stopping = true;
    drawProgress();
  }

  function advance(answer) {
    Object.assign(now, answer);
    drawProgress();
    if (now.ended) lists.again("contacts");
    else send({ step: now.stopping ? "stop" : "go", id: now.id, action: now.action });
  }

  function halt(why) {
    now.halted = true;
    put(now.label, `${ACTS[now.action].doing}: ${words.number(now.done)} of ${words.number(now.total)} done. ${why}`);
    put(now.stop, "Go on");
    now.stop.disabled = false;
  }

  function drawProgress() {
    const act = ACTS[now.action], left = now.total - now.done;
    now.meter.value = now.done;
    const result = `${words.number(now.changed)} ${act.done}`;
    put(now.label, now.ended ? (left ? `Stopped: ${result}, ${words.number(left)} left as they were` : result) : now.stopping ? "Stopping …" : `${act.doing}: ${words.number(now.done)} of ${words.number(now.total)}`);
    put(now.stop, now.ended ? "Close" : "Stop");
    now.stop.disabled = now.stopping && !now.ended;
  }

  asking.watch(["contacts-many-answer."], ASK_MS, () => ({ ok, status }) => { if (!ok && status !== 204) complain(["The server does not answer.", ""]); });
  lists.extend("contacts", { lead, drawn });
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    lists: Object.assign({}, (window.dash_clientside || {}).lists, { many: told }),
  });
})();
