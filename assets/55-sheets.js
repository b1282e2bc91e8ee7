// What opens over the page: a contact's timeline, a message to review, a question before something that matters.
(function () {
  const { words, make, put, button, cards, STAGES } = window.stagelight;
  const byId = (id) => document.getElementById(id);
  const none = () => window.dash_clientside.no_update;
  const LONGEST = 1990;
  let open = null;

  // The element itself gives Escape, the way back to the button and the focus that stays inside.
  function sheet(title, kind, about) {
    if (open) open.dialog.close();
    const dialog = make("dialog", "sheet " + (kind || ""), byId("sheets"));
    dialog.setAttribute("aria-labelledby", "sheet-title");
    const top = make("div", "sheet-top", dialog);
    const heading = make("h2", "sheet-title", top);
    heading.id = "sheet-title";
    heading.dir = "auto";
    heading.textContent = title;
    const shut = make("button", "icon-button", top);
    shut.type = "button";
    shut.textContent = "×";
    shut.setAttribute("aria-label", "Close");
    shut.addEventListener("click", () => dialog.close());
    const body = make("div", "sheet-body", dialog);
    const here = { dialog, body, about };
    dialog.addEventListener("close", () => { dialog.remove(); if (open === here) open = null; });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    open = here;
    dialog.showModal();
    return here;
  }

  // Not whether `open` is set: the event that clears it comes later than a quick person's next key.
  const isOpen = () => Boolean(open && open.dialog.open);

  // With `check` the sheet stays open until it finds nothing wrong.
  function foot(here, word, look, act, other, check) {
    const row = make("div", "sheet-foot", here.body);
    const back = button(other || "Leave as it is", "", row);
    back.className = "btn btn-soft";
    back.addEventListener("click", () => here.dialog.close());
    const go = button(word, "", row, look);
    go.className = "btn " + look;
    go.addEventListener("click", () => { if (check && !check()) return; here.dialog.close(); act(); });
    return go;
  }

  function text(parent, className, words, dir) {
    const node = make("p", className, parent);
    node.textContent = words;
    if (dir) node.dir = dir;
    return node;
  }

  // What many messages say, to be read before one press for all: [[name, text]].
  function messages(parent, rows) {
    const list = make("ol", "to-read", parent);
    list.tabIndex = 0;
    list.setAttribute("aria-label", "Messages");
    for (const [name, said] of rows) {
      const item = make("li", "", list);
      const who = make("strong", "", item);
      who.dir = "auto";
      who.textContent = name || "No name";
      text(item, "contact-message", said, "auto");
    }
    return list;
  }

  function act(name, id, message) {
    const at = Date.now();
    window.dash_clientside.set_props("live-action", { data: { act: name, ids: [id], text: message || "", at } });
    return at;
  }

  // A press that was refused is told where it was pressed; there nothing that was typed is lost.
  function answered(answer) {
    if (!answer) return none();
    const waits = open && open.askedAt && open.askedAt === answer.at;
    if (waits && answer.problem) complain(...answer.problem);
    else if (waits) open.dialog.close();
    else if (answer.problem) window.dash_clientside.set_props("toast", { data: { message: answer.problem[0], hint: answer.problem[1], bad: true } });
    return none();
  }

  // Whether a sheet waits for an answer; then it is told in there.
  function complain(message, hint) {
    if (!open || !open.askedAt) return false;
    open.askedAt = 0;
    open.refused(message, hint);
    return true;
  }

  function sendAgain(id) {
    const here = sheet("Send it a second time?", "ask");
    text(here.body, "", "Nobody knows whether the first message arrived. If it did, " + cards.row(id).name + " gets it twice. Look at the conversation on Facebook first.");
    foot(here, "Queue again", "btn-primary", () => act("again", id)).focus();
  }

  // Reviewing --------------------------------------------------------------------------------------------------------
  function askWhy(here, word) {
    const label = make("label", "sheet-label", here.body);
    label.textContent = word;
    label.htmlFor = "review-reason";
    const reason = make("input", "form-control", here.body);
    return Object.assign(reason, { id: "review-reason", maxLength: 300, dir: "auto" });
  }

  // Who wants to reject is not shown a way to send.
  function reject(id) {
    const row = cards.row(id);
    const here = sheet("Reject the message to " + row.name + "?", "ask", { id, kind: "review" });
    const message = text(here.body, "contact-message", row.message || "", "auto");
    here.fill = (whole) => put(message, whole);
    const reason = askWhy(here, "Reason, if you like (kept with the contact)");
    const go = foot(here, "Reject", "btn-danger", () => act("reject", id, reason.value));
    reason.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault(); // or the button that gets the focus back is pressed by the same key
      if (!event.repeat) go.click();
    });
    if (row.cut) ask(id);
    reason.focus();
  }

  function review(id) {
    const row = cards.row(id);
    const here = sheet(row.name, "ask", { id, kind: "review" });
    const label = make("label", "sheet-label", here.body);
    label.textContent = "Message";
    label.htmlFor = "review-text";
    const area = make("textarea", "form-control", here.body);
    Object.assign(area, { id: "review-text", dir: "auto", rows: 6, value: row.message || "", disabled: Boolean(row.cut) });
    const length = make("p", "mute sheet-note", here.body);
    const count = () => {
      const long = area.value.trim().length;
      put(length, words.number(long) + " of " + words.number(LONGEST) + " characters" + (row.closes ? " · the window closes " + words.moment(row.closes, Date.now() / 1000) : ""));
      go.disabled = area.disabled || Boolean(here.askedAt) || !long || long > LONGEST;
      length.classList.toggle("bad", long > LONGEST);
    };
    const wrong = make("p", "notice warn", here.body);
    wrong.setAttribute("role", "alert");
    wrong.hidden = true;
    const reason = askWhy(here, "Reason, if you reject it (kept with the contact)");
    // The text goes along even if nobody changed it: what was read is approved, not what is stored by then.
    const send = () => { here.askedAt = act("approve", id, area.value); wrong.hidden = true; waiting(true); };
    const waiting = (yes) => {
      area.readOnly = yes; // not disabled: if no answer comes, its text can still be copied
      for (const part of [reason, no]) part.disabled = yes;
      if (yes) go.setAttribute("aria-busy", "true"); else go.removeAttribute("aria-busy");
      count();
    };
    here.refused = (message, hint) => { wrong.hidden = false; put(wrong, [message, hint].filter(Boolean).join(" ")); waiting(false); area.focus(); };
    const go = foot(here, "Approve and send", "btn-primary", () => {}, null, () => { send(); return false; });
    const no = button("Reject", "", null);
    no.className = "btn btn-soft danger";
    no.addEventListener("click", () => { here.dialog.close(); act("reject", id, reason.value); });
    go.before(no);
    area.addEventListener("input", count);
    here.fill = (message) => { area.value = message; area.disabled = false; count(); };
    count();
    if (row.cut) ask(id);
    area.focus();
  }

  // The timeline -----------------------------------------------------------------------------------------------------
  function ask(id) { window.dash_clientside.set_props("timeline-ask", { data: { id, at: Date.now() } }); }

  function showTimeline(id) {
    const row = cards.row(id);
    const here = sheet(row ? row.name : "Timeline", "drawer", { id, kind: "timeline" });
    here.body.setAttribute("aria-busy", "true");
    for (let line = 0; line < 5; line++) make("div", "skeleton", here.body);
    ask(id);
  }

  function told(answer) {
    if (!answer || !open || !open.about || open.about.id !== answer.id) return none();
    if (open.about.kind === "review") {
      if (answer.message) open.fill(answer.message);
      return none();
    }
    const { body } = open;
    body.removeAttribute("aria-busy");
    body.replaceChildren();
    if (answer.problem) { text(body, "", answer.problem.join(" ")); return none(); }
    wholeStory(body, answer);
    drawStages(body, answer);
    drawTries(body, answer);
    drawMessages(body, answer);
    return none();
  }

  function section(body, title) { make("h3", "sheet-part", body).textContent = title; }

  function wholeStory(body, { contact }) {
    const link = make("a", "sheet-link", make("p", "", body));
    Object.assign(link, { href: "/contacts/" + contact, textContent: "Everything about this contact" });
    link.addEventListener("click", (event) => { window.stagelight.go(event, link.href); if (event.defaultPrevented && open) open.dialog.close(); });
  }

  function drawStages(body, answer) {
    section(body, "Stages");
    const list = make("ol", "steps", body);
    for (const entry of answer.stages) {
      const [icon, word] = STAGES[entry.stage];
      const item = make("li", "step st-" + entry.stage, list);
      const top = make("div", "step-top", item);
      const name = make("span", "step-name", top);
      const sign = make("span", "", name);
      sign.setAttribute("aria-hidden", "true");
      sign.textContent = icon + " ";
      make("span", "", name).textContent = word;
      const stay = entry.until ? words.duration(entry.until - entry.at, true) : "for " + words.duration(answer.now - entry.at);
      make("span", "step-when mute", top).textContent = words.exact(entry.at, answer.now) + " · " + stay;
      text(item, "step-text mute", entry.text, "auto");
    }
  }

  function drawTries(body, answer) {
    section(body, "Tries to send");
    if (!answer.tries.length) text(body, "mute none", "None yet.");
    for (const entry of answer.tries) {
      const box = make("div", "try" + (entry.good ? " good" : ""), body);
      text(box, "try-top", entry.text);
      text(box, "mute step-text", words.exact(entry.at, answer.now) + (entry.until ? " · took " + words.duration(entry.until - entry.at, true) : ""));
      if (entry.error) text(box, "try-error", entry.error, "auto");
      if (entry.message) text(box, "contact-message", entry.message, "auto");
    }
  }

  function drawMessages(body, answer) {
    section(body, "Conversation");
    if (!answer.messages.length) text(body, "mute none", "No message is kept.");
    for (const [direction, said, at] of answer.messages) {
      const box = make("div", "said " + direction, body);
      text(box, "said-who mute", (direction === "in" ? answer.name : "You") + " · " + words.exact(at, answer.now), "auto");
      text(box, "contact-message", said, "auto");
    }
  }

  Object.assign(window.stagelight, { sheets: { sheet, foot, text, messages, act, complain, sendAgain, review, reject, showTimeline, isOpen } });
  window.dash_clientside = Object.assign({}, window.dash_clientside, { sheets: Object.assign({}, (window.dash_clientside || {}).sheets, { told, answered }) });
})();
