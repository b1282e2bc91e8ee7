// Connecting a page: the token goes from its field into one request, and nowhere else.
(function () {
  const { make, sheets } = window.stagelight;
  const ADDRESS = "/api/pages/connect", GIVE_UP_MS = 60000;
  const AWAY = { field: "form", message: "The dashboard does not answer.", hint: "Nothing was stored, and what you typed is still here. Try again." };
  const sandbox = () => document.querySelector("[data-send-mode=sandbox]") !== null;

  function field(parent, name, label, hint, type) {
    const box = make("div", "field", parent), id = "connect-" + name;
    Object.assign(make("label", "label", box), { textContent: label, htmlFor: id });
    const input = Object.assign(make("input", "form-control", box), { id, type, maxLength: 4000, autocomplete: "off", spellcheck: false, dir: "ltr" });
    Object.assign(make("div", "hint", box), { id: id + "-hint", textContent: hint });
    const error = Object.assign(make("div", "field-error", box), { id: id + "-error" });
    error.setAttribute("role", "alert");
    input.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
    input.addEventListener("input", () => tell(error, input, null));
    return { box, input, error };
  }

  function tell(error, input, problem) {
    error.textContent = problem ? [problem.message, problem.hint].filter(Boolean).join(" ") : "";
    if (!input) return;
    input.classList.toggle("is-invalid", Boolean(problem));
    if (problem) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
  }

  // `known` finds the card of a page that this person has already, connected or not.
  function open(page, known) {
    const here = sheets.sheet(page ? `New token for “${page.name}”` : "Connect a page", "ask");
    const form = make("form", "connect", here.body);
    form.noValidate = true;
    const hint = sandbox() ? "Sandbox: sandbox-user-token, or sandbox-page-<id> for one page." : "A long-lived token of the page, or of a person who may write for it.";
    const token = field(form, "token", "Token", hint, "password");
    const id = page ? null : field(form, "page_id", "Facebook page id, if you know it", "Leave it empty to choose from the pages of a personal token.", "text");
    const choices = make("fieldset", "connect-choices", form);
    choices.hidden = true;
    const general = Object.assign(make("div", "field-error", form), { id: "connect-form-error" });
    general.setAttribute("role", "alert");
    const foot = make("div", "sheet-foot", form);
    const back = Object.assign(make("button", "btn btn-soft", foot), { type: "button", textContent: "Cancel" });
    back.addEventListener("click", () => here.dialog.close());
    const send = Object.assign(make("button", "btn btn-primary", foot), { type: "submit", textContent: page ? "Check and store" : "Check and connect" });
    const at = { here, form, token, id, choices, general, send, back, page, known };
    form.addEventListener("submit", (event) => { event.preventDefault(); ask(at); });
    here.dialog.addEventListener("close", () => { token.input.value = ""; });
    // The pages that were offered are those of the token before.
    token.input.addEventListener("input", () => {
      if (choices.hidden) return;
      choices.hidden = true;
      choices.replaceChildren();
      if (id) id.box.hidden = false;
      send.textContent = "Check and connect";
    });
    token.input.focus();
  }

  function wanted(at) {
    if (at.page) return at.page.facebook_id;
    const chosen = at.choices.querySelector("input:checked");
    return chosen ? chosen.value : at.id.input.value;
  }

  async function ask(at) {
    if (at.send.disabled) return;
    for (const each of [at.token, at.id]) if (each) tell(each.error, each.input, null);
    tell(at.general, null, null);
    at.send.disabled = true;
    at.send.setAttribute("aria-busy", "true");
    const answer = await post({ token: at.token.input.value, page_id: wanted(at) });
    at.send.disabled = false;
    at.send.removeAttribute("aria-busy");
    if (!at.here.dialog.open) { if (answer.connected) refresh(); return; }
    if (answer.signed_out) location.assign("/login?expired=1&next=/pages");
    else if (answer.choose) choose(at, answer.choose);
    else if (answer.connected) done(at, answer.connected);
    else wrong(at, answer.problem || AWAY);
  }

  async function post(body) {
    const stop = new AbortController(), timer = setTimeout(() => stop.abort(), GIVE_UP_MS);
    try {
      const answer = await fetch(ADDRESS, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: stop.signal });
      return answer.status === 401 ? { signed_out: true } : await answer.json();
    } catch {
      return { problem: AWAY };
    } finally {
      clearTimeout(timer);
    }
  }

  function wrong(at, problem) {
    const place = { token: at.token, page_id: at.id }[problem.field];
    if (!place || place.box.hidden) { tell(at.general, null, problem); return; }
    tell(place.error, place.input, problem);
    place.input.focus();
  }

  function choose(at, pages) {
    at.choices.replaceChildren();
    Object.assign(make("legend", "label", at.choices), { textContent: "Which page?" });
    for (const page of pages) {
      const line = make("label", "connect-choice", at.choices);
      Object.assign(make("input", "form-check-input", line), { type: "radio", name: "connect-choice", value: page.id, disabled: !page.may });
      const name = make("span", "", line);
      Object.assign(make("span", "", name), { textContent: page.name, dir: "auto" });
      Object.assign(make("span", "mute", name), { textContent: [page.id, ...remarks(page, at.known(page.id))].join(" · ") });
    }
    at.choices.hidden = false;
    at.id.box.hidden = true;
    at.send.textContent = "Connect this page";
    const free = [...at.choices.querySelectorAll("input:not(:disabled)")];
    const first = free.find((input) => !(at.known(input.value) || {}).connected) || free[0];
    if (first) { first.checked = true; first.focus(); }
  }

  function remarks(page, card) {
    if (!page.may) return ["this person may not write for it"];
    if (!card) return [];
    return [card.connected ? "already connected: its token will be renewed" : "was disconnected: it goes on with what it had"];
  }

  function done(at, found) {
    refresh();
    at.form.hidden = true;
    sheets.text(at.here.body, "", `“${found.name}” is connected. Its conversations are being read; contacts come in by themselves.`, "auto");
    if ((at.known(found.page_id) || {}).paused) sheets.text(at.here.body, "", "You paused this page: nothing is written or sent until you resume it.");
    if (found.problem) {
      const notice = make("div", "notice warn", at.here.body);
      make("strong", "", notice).textContent = "Facebook does not tell of new messages yet";
      make("span", "notice-text", notice).textContent = found.problem;
    }
    const foot = make("div", "sheet-foot", at.here.body);
    if (found.problem) {
      const again = Object.assign(make("button", "btn btn-soft", foot), { type: "button", textContent: "Try again" });
      again.addEventListener("click", () => { [...at.here.body.children].forEach((node) => { if (node !== at.form) node.remove(); }); at.form.hidden = false; ask(at); });
    } else {
      at.token.input.value = "";
    }
    const close = Object.assign(make("button", "btn btn-primary", foot), { type: "button", textContent: "Done" });
    close.addEventListener("click", () => at.here.dialog.close());
    close.focus();
  }

  function refresh() { window.dash_clientside.set_props("pages-now", { data: Date.now() }); }

  Object.assign(window.stagelight, { pageConnect: { open } });
})();
