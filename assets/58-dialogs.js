// What reaches people asks first, on the list and on the monitor: the question, and the look ahead.
(function () {
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  let looked = "";

  // The server knows the number; it opens the dialog when it has it.
  function ask(act, id, button) {
    button.setAttribute("aria-busy", "true");
    setTimeout(() => button.removeAttribute("aria-busy"), 1500);
    set("ask-about", { data: { act, rule_id: id, at: Date.now() } });
  }

  function dry(id, name) {
    looked = id;
    set("dry-search", { value: "" });
    set("dry-body", { children: "Looking at every contact…" });
    set("dry-title", { children: "Dry run: " + name });
    set("dry", { is_open: true });
    set("dry-ask", { data: { rule_id: id, at: Date.now() } });
  }

  function look(button) {
    const chosen = document.querySelector("[data-dry-reason][aria-pressed=true]");
    let reason = chosen ? chosen.dataset.dryReason : "";
    if (button.dataset.dryReason) reason = button === chosen ? "" : button.dataset.dryReason;
    set("dry-ask", { data: { rule_id: looked, reason, offset: Number(button.dataset.dryOffset || 0), at: Date.now() } });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-dry-reason], [data-dry-offset]");
    if (button) look(button);
  });

  const isOpen = () => Boolean(document.querySelector(".modal.show, .offcanvas.show"));
  Object.assign(window.stagelight, { dialogs: { ask, dry, isOpen } });
  window.dash_clientside = Object.assign({}, window.dash_clientside, { dialogs: { close: () => false } });
})();
