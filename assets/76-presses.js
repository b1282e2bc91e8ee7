// Dash tells nobody that a press did not arrive. Here it is told, and a button waits for its answer, but not for ever.
(function () {
  const GIVE_UP_MS = 20000;
  // What a press asks for, which buttons wait for it, and what is true when no answer came.
  const PRESSES = {
    "rule-errors.data": [["rule-save", "rule-start"], "Nothing you typed is lost. Try again in a moment."],
    "rules-now.data": [["ask-yes"], "Look at the card before you press again: it may have arrived."],
    "undone.data": [[], "Reload the page to see whether it is back; the way back is open for a minute."],
    "test-result.children": [["test-write"], "Try again in a moment."],
    "dry-body.children": [[], "Close it and try again in a moment."],
  };

  function busy(ids, on) {
    for (const button of ids.map((id) => document.getElementById(id)).filter(Boolean)) {
      if (on) button.setAttribute("aria-busy", "true"); else button.removeAttribute("aria-busy");
    }
  }

  const fetchAsBefore = window.fetch;
  window.fetch = function (address, options) {
    const body = options && typeof options.body === "string" ? options.body.slice(0, 200) : "";
    const output = body.startsWith('{"output":') ? body.slice(0, body.indexOf('"outputs"')) : "";
    const known = Object.keys(PRESSES).find((name) => output.includes(name));
    if (!known) return fetchAsBefore.call(this, address, options);
    const [buttons, hint] = PRESSES[known];
    const failed = () => window.dash_clientside.set_props("toast", { data: { message: "The dashboard does not answer.", hint, bad: true, at: Date.now() } });
    busy(buttons, true);
    const answer = fetchAsBefore.call(this, address, { ...options, signal: AbortSignal.timeout(GIVE_UP_MS) });
    answer.then((got) => { busy(buttons, false); if (!got.ok) failed(); }, () => { busy(buttons, false); failed(); });
    return answer;
  };

  // A second press while the first is under way would do it twice.
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button[aria-busy=true]");
    if (!button || !Object.values(PRESSES).some(([ids]) => ids.includes(button.id))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
