// What a person presses on the monitor, by pointer or by key.
(function () {
  const { live, cards, sheets, many, board, make, dialogs } = window.stagelight;
  const PER_PAGE = 100;
  const byId = (id) => document.getElementById(id);
  let typing = 0;

  const setSearch = (text) => {
    byId("contact-search").value = text;
    window.dash_clientside.set_props("contact-search", { value: text });
  };
  const filterNow = () => { const { stage, search } = live.state(); return { stage, search }; };
  const ofRule = (whom, twice) => ({ about: { rule_id: byId("monitor").dataset.ruleId }, whom, more: { twice } });
  const ofCause = (code) => "cause:" + (code || "none");
  const showCause = (code) => { setSearch(ofCause(code)); live.filter({ stage: "failed", search: ofCause(code) }); };
  const toStage = (stage) => live.filter({ stage: live.state().stage === stage ? "" : stage });
  const clear = () => { setSearch(""); live.filter({ stage: "", search: "" }); };

  const BY_ID = {
    "clear-stage": clear,
    "page-back": () => live.filter({ offset: Math.max(0, live.state().offset - PER_PAGE) }),
    "page-on": () => live.filter({ offset: live.state().offset + PER_PAGE }),
    "retry-all": () => many.preview("retry", ofRule(filterNow())),
    "cancel-all": () => many.preview("cancel", ofRule(filterNow())),
    "show-new": () => live.showNew(), "show-more": () => live.showMore(),
    "help-open": help,
  };
  const BY_ACT = {
    timeline: (button) => sheets.showTimeline(idOf(button)),
    edit: (button) => sheets.review(idOf(button)),
    reject: (button) => sheets.reject(idOf(button)),
    approve,
    again: (button) => sheets.sendAgain(idOf(button)),
    run: (button) => dialogs.ask("run", byId("monitor").dataset.ruleId, button),
    dry: () => dialogs.dry(byId("monitor").dataset.ruleId, byId("monitor-title").textContent),
    "show-stage": (button) => { setSearch(""); live.filter({ stage: button.dataset.stage, search: "" }); },
    "approve-all": () => many.preview("approve", ofRule({ stage: "", search: "" })),
    "show-cause": (button) => showCause(button.dataset.cause),
    "retry-cause": (button) => many.preview("retry", ofRule({ stage: "failed", search: ofCause(button.dataset.cause) }, button.dataset.twice)),
  };
  const idOf = (node) => Number(node.closest("[data-state-id]").dataset.stateId);

  // What stands on the card is approved; what cannot be read there is opened.
  function approve(button) {
    const { message, cut } = cards.shown(idOf(button));
    if (cut || !message) sheets.review(idOf(button));
    else press(button, message);
  }

  function press(button, text) {
    const card = button.closest("[data-state-id]");
    button.setAttribute("aria-busy", "true");
    setTimeout(() => button.removeAttribute("aria-busy"), 3000);
    window.dash_clientside.set_props("live-action", { data: { act: button.dataset.act, ids: card ? [idOf(card)] : [], text: text || "", at: Date.now() } });
  }

  document.addEventListener("click", (event) => {
    const root = byId("monitor");
    const button = root && root.contains(event.target) && event.target.closest("button");
    if (!button) return;
    if (button.matches(".stage")) toStage(button.dataset.stage);
    else if (BY_ID[button.id]) BY_ID[button.id]();
    else if (BY_ACT[button.dataset.act]) BY_ACT[button.dataset.act](button);
    else if (button.dataset.act) press(button);
  });
  document.addEventListener("input", (event) => {
    if (event.target.id !== "contact-search") return;
    clearTimeout(typing);
    typing = setTimeout(() => live.filter({ search: event.target.value.trim() }), 250);
  });

  // Keys -------------------------------------------------------------------------------------------------------------
  const KEYS = [
    ["/", "Search"], ["1 … 9, 0", "Show one stage, in the order of the cards; again: all"], ["j, k", "Next or previous contact"],
    ["t", "Timeline of the contact you are at"], ["r", "Retry it"], ["c", "Cancel it"],
    ["a", "Approve its message"], ["e", "Edit its message"], ["x", "Reject its message"],
    ["n", "Show the new ones that wait"], ["Esc", "Clear the filter, or close what is open"], ["?", "This list"],
  ];
  const ON_CARD = { t: "timeline", r: "retry", c: "cancel", a: "approve", e: "edit", x: "reject" };
  const areOff = () => { try { return localStorage.getItem("shortcuts") === "off"; } catch { return false; } };

  function help() {
    const here = sheets.sheet("Keyboard shortcuts", "ask");
    const list = make("dl", "keys", here.body);
    for (const [key, text] of KEYS) {
      const row = make("div", "", list);
      const word = make("dt", "", row);
      make("kbd", "", word).textContent = key;
      make("dd", "", row).textContent = text;
    }
    const label = make("label", "sheet-label keys-on", here.body);
    const box = make("input", "", label);
    box.type = "checkbox";
    box.checked = !areOff();
    label.append(" Single keys work on this page");
    box.addEventListener("change", () => { try { localStorage.setItem("shortcuts", box.checked ? "on" : "off"); } catch { /* for this page only */ } });
    sheets.foot(here, "Close", "btn-primary", () => {}, "").previousSibling.remove();
  }

  function step(forward) {
    const list = [...byId("contacts").children];
    const here = list.indexOf(document.activeElement.closest(".contact"));
    const next = list[here < 0 ? 0 : Math.min(list.length - 1, Math.max(0, here + (forward ? 1 : -1)))];
    if (next) next.focus();
  }

  function onCard(key) {
    const card = document.activeElement.closest(".contact");
    if (!card) return false;
    const name = ON_CARD[key];
    const button = card.querySelector(`button[data-act="${name}"]`) || (name === "retry" && card.querySelector('button[data-act="again"]'));
    if (button && !button.disabled) button.click();
    return Boolean(button);
  }

  const ALONE = {
    "/": () => byId("contact-search").focus(), "?": help, j: () => step(true), k: () => step(false),
    n: () => { if (!byId("new-rows").hidden) live.showNew(); },
  };

  document.addEventListener("keydown", (event) => {
    if (!byId("monitor") || sheets.isOpen() || dialogs.isOpen() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const writing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") { if (!writing || writing.id === "contact-search") clear(); return; }
    if (writing || areOff()) return;
    const key = event.key;
    if (ALONE[key]) ALONE[key]();
    else if (/^[0-9]$/.test(key)) toStage(board.order[(Number(key) + 9) % 10]);
    else if (!(key in ON_CARD) || !onCard(key)) return;
    event.preventDefault();
  });
})();
