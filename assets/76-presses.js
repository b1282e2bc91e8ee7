// Dash tells nobody that a press did not arrive. Here it is told, and a button waits for its answer, but not for ever.
(function () {
  const { asking, sheets } = window.stagelight;
  const GIVE_UP_MS = 20000, SLOWEST_MS = 120000;
  // What counts everybody has two minutes in the database, and the dashboard waits a little longer than that.
  const COUNTS_EVERYBODY_MS = 130000;
  // What a press asks for, which buttons wait for it, and what is true when no answer came.
  const PRESSES = {
    "rule-errors.data": [["rule-save", "rule-start"], "Nothing you typed is lost. Try again in a moment."],
    "rules-now.data": [[], "Look at the card before you press again: it may have arrived."],
    "ask-asked.data": [["run-now"], "Try again in a moment.", COUNTS_EVERYBODY_MS],
    "ask-done.data": [["ask-yes"], "Look at its numbers before you press again: it may have arrived.", COUNTS_EVERYBODY_MS],
    "undone.data": [[], "Reload the page to see whether it is back; the way back is open for a minute."],
    "test-result.children": [["test-write"], "Try again in a moment."],
    "dry-body.children": [[], "Close it and try again in a moment."],
    "live-now.data": [[], "Look at the contact before you press again: it may have arrived."],
    "timeline-answer.data": [[], "Close it and try again in a moment."],
  };

  function busy(ids, on) {
    for (const button of ids.map((id) => document.getElementById(id)).filter(Boolean)) {
      if (on) button.setAttribute("aria-busy", "true"); else button.removeAttribute("aria-busy");
    }
  }

  function failed(hint, name) {
    if (name === "live-now.data" && sheets.complain("The dashboard does not answer.", hint)) return;
    const said = [...document.querySelectorAll("#toasts .toast-box.bad")].some((box) => box.textContent.includes(hint));
    if (!said) window.dash_clientside.set_props("toast", { data: { message: "The dashboard does not answer.", hint, bad: true, at: Date.now() } });
  }

  for (const [name, [buttons, hint, limit]] of Object.entries(PRESSES)) {
    let last = 0;
    asking.watch([name], limit || GIVE_UP_MS, () => {
      const mine = ++last;
      busy(buttons, true);
      return ({ ok }) => {
        // A question that was asked after this one is, or will be, on the screen; what is late must not replace it.
        if (name === "ask-asked.data" && mine !== last) return false;
        busy(buttons, false);
        if (!ok) failed(hint, name);
        return true;
      };
    });
  }
  // Last, because it takes every other: what is typed is counted, a file is brought.
  asking.watch([""], SLOWEST_MS, () => ({ ok }) => { if (!ok) failed("Try again in a moment."); });

  // A second press while the first is under way would do it twice.
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button[aria-busy=true]");
    if (!button || !Object.values(PRESSES).some(([ids]) => ids.includes(button.id))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
