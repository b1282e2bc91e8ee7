// What is typed into the form and not saved yet outlives a reload of this window: kept per person and automation.
(function () {
  const PREFIX = "stagelight.draft:";
  const { make, button } = window.stagelight;
  const byId = (id) => document.getElementById(id);
  let here = null;

  const keyOf = (root) => PREFIX + root.dataset.person + ":" + root.dataset.rule;
  const valuesOf = (inputs) => Object.fromEntries(inputs.map(({ id, value }) => [id, value ?? null]));
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function forget(belongs) {
    try {
      for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX) && belongs(key)) sessionStorage.removeItem(key);
    } catch { /* nothing is kept then */ }
  }

  // A form has just been drawn: `inputs` are its values as saved. `give` puts values into it.
  function begin(root, inputs, give) {
    here = { root, inputs, base: valuesOf(inputs), waits: false, give };
    forget((key) => !key.startsWith(PREFIX + root.dataset.person + ":"));
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(keyOf(root))); } catch { /* as if none */ }
    if (!kept || !kept.values || same(kept.values, here.base)) { drop(); return; }
    here.restored = true;
    here.waits = !same(kept.base, here.base);
    if (here.waits) {
      tell("The automation was changed since you typed. What you had not saved is kept.", [
        ["Put it back in", () => { here.waits = false; put(kept.values); tell("Restored what you had not saved.", [DISCARD]); }], DISCARD]);
    } else { put(kept.values); tell("Restored what you had not saved.", [DISCARD]); }
  }

  const DISCARD = ["Discard", () => { drop(); put(here.base); byId("rule-name").focus(); }];

  function put(values) {
    const changed = here.inputs.filter(({ id }) => id in values && !same(values[id], here.now ? here.now[id] : here.base[id]));
    here.give(changed.map(({ id, property }) => [id, property, values[id]]));
  }

  function tell(text, ways) {
    const box = byId("rule-kept");
    box.replaceChildren();
    make("span", "notice-text", box).textContent = text;
    for (const [word, act] of ways) button(word, "", box).addEventListener("click", act);
    box.hidden = false;
  }

  function keep(inputs, differs) {
    if (!here || here.root !== byId("rule-form")) return;
    if (differs) here.restored = false;
    here.now = valuesOf(inputs);
    if (here.waits) return;
    try { sessionStorage.setItem(keyOf(here.root), JSON.stringify({ base: here.base, values: here.now })); } catch { /* full or off: nothing is kept */ }
  }

  // Typed back to what is saved; while something is being put back, that is told of the form as it was before.
  function unchanged() { if (here && !here.restored && !here.waits) drop(); }

  // Saved or discarded.
  function drop() {
    if (!here) return;
    here.waits = here.restored = false;
    try { sessionStorage.removeItem(keyOf(here.root)); } catch { /* nothing is there */ }
    const box = byId("rule-kept");
    if (box) box.hidden = true;
  }

  // What is in the form is now what is saved.
  function settle() { if (here && here.now) here.base = here.now; }

  document.addEventListener("submit", (event) => {
    if (event.target.getAttribute("action") === "/logout") forget(() => true);
  }, true);

  Object.assign(window.stagelight, { draft: { begin, keep, drop, unchanged, settle } });
})();
