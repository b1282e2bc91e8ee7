// The form of an automation: tags as chips, errors at their fields, what is not saved yet is not lost by accident.
(function () {
  const PAUSE_MS = 350;
  const { draft: kept } = window.stagelight;
  const none = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  const root = () => byId("rule-form");
  let state = fresh(null);

  function fresh(on) {
    return { on, touched: new Set(), all: false, draft: null, refused: {}, told: null, leaving: false };
  }

  function apply(draft, errors, included, excluded, leave) {
    if (!root()) return none();
    if (state.on !== root()) { state = fresh(root()); tie(); }
    if (leave && leave.to && !state.leaving) { state.leaving = true; kept.drop(); goTo(leave.to); return none(); }
    if (errors !== state.told) {
      state.told = errors;
      state.refused = (errors && errors.errors) || {};
      if (errors) state.all = true;
      if (Object.keys(state.refused).length) setTimeout(focusFirst, 0);
    } else if (draft !== state.draft) state.refused = {};
    state.draft = draft;
    chips("include_tags", included || []);
    chips("exclude_tags", excluded || []);
    if (draft) show(draft);
    if (draft && latest && !state.leaving) {
      if (state.savedAt !== undefined && state.savedAt !== draft.saved_at) kept.settle();
      if (draft.changed) kept.keep(latest, true); else kept.unchanged();
    }
    if (draft) state.savedAt = draft.saved_at;
    return none();
  }

  // Judged when the typing pauses; at once when the form is new.
  let typing = 0, seen = null, latest = null;
  function typed(...values) {
    clearTimeout(typing);
    const wait = seen === root() ? PAUSE_MS : 0, inputs = window.dash_clientside.callback_context.inputs_list;
    if (seen === root()) { latest = inputs; kept.keep(inputs); }
    else { latest = null; setTimeout(() => { if (root()) kept.begin(root(), inputs, give); }, 0); }
    seen = root();
    typing = setTimeout(() => { if (root()) window.dash_clientside.set_props("rule-typed", { data: values }); }, wait);
    return none();
  }

  // Each is judged like a field that was left.
  function give(values) {
    for (const [id, property, value] of values) {
      state.touched.add(id.replace(/^rule-/, "").replace(/_unit$/, ""));
      window.dash_clientside.set_props(id, { [property]: value });
    }
  }

  function goTo(path) {
    window.dash_clientside.set_props("_pages_location", { pathname: path, search: "" });
    window.scrollTo(0, 0);
  }

  // A field complains once it was left, or once saving was tried; never while the first word is being typed.
  function show(draft) {
    if (pressed) return;
    const errors = { ...draft.errors, ...state.refused };
    for (const field of root().querySelectorAll("[data-field]")) {
      const name = field.dataset.field, place = byId("error-" + name);
      if (!place) continue;
      const error = state.all || state.touched.has(name) ? errors[name] || "" : "";
      const warns = state.all || state.touched.has(name) || !root().hasAttribute("data-new");
      const text = error || (warns && draft.warnings[name]) || "";
      if (place.textContent !== text) place.textContent = text;
      place.classList.toggle("warning", !error && Boolean(text));
      for (const control of field.querySelectorAll("input, select, textarea")) {
        control.classList.toggle("is-invalid", Boolean(error));
        if (error) control.setAttribute("aria-invalid", "true"); else control.removeAttribute("aria-invalid");
      }
    }
    byId("rule-hours").inert = draft.run_24_7;
    stale("count", draft.uncountable, "Fix the fields in red first; then this is counted again.");
    stale("week", draft.unpictured, "Fix the fields in red first; then this is drawn again.");
    // A form that begins with a mistake, because it was put back, has nothing to count yet.
    const bones = document.querySelector("#rule-count .bone");
    if (bones && draft.uncountable) window.dash_clientside.set_props("rule-count", { children: "Not counted yet." });
    const open = Object.keys(errors).length;
    const words = !draft.changed ? "" : open && state.all ? `${open} ${open === 1 ? "field needs" : "fields need"} a look` : "Not saved yet";
    if (byId("rule-state").textContent !== words) byId("rule-state").textContent = words;
  }

  // What stands there was true of other settings: it is greyed out until it is made anew.
  function stale(what, is, words) {
    const told = is && root().querySelector(".is-invalid") ? words : "", note = byId("stale-" + what);
    byId("rule-" + what).inert = is;
    if (note.textContent !== told) note.textContent = told;
  }

  // Dash's controls take no aria-*; hints and errors are tied to them here.
  function tie() {
    for (const field of root().querySelectorAll("[data-field]")) {
      const name = field.dataset.field;
      const told = ["hint-" + name, "error-" + name].filter((id) => byId(id)).join(" ");
      for (const control of field.querySelectorAll("input, select, textarea")) if (told) control.setAttribute("aria-describedby", told);
      const text = field.querySelector("textarea, #rule-name");
      if (text) text.dir = "auto";
    }
    // A new automation begins in the reader's own zone.
    const zone = byId("rule-time_zone"), ours = window.stagelight.words.zone;
    const known = [...document.querySelectorAll("#zone-names option")].some((option) => option.value === ours);
    if (root().hasAttribute("data-new") && known && zone.value !== ours) window.dash_clientside.set_props("rule-time_zone", { value: ours });
  }

  function focusFirst() {
    const first = root() && root().querySelector(".is-invalid");
    if (first) { first.focus(); first.scrollIntoView({ block: "center" }); }
  }

  function chips(name, tags) {
    const list = root().querySelector(`[data-tags=${name}] .chips`);
    const now = JSON.stringify(tags);
    if (list.dataset.now === now) return;
    list.dataset.now = now;
    list.replaceChildren(...tags.map((tag) => {
      const item = document.createElement("li"), text = document.createElement("span"), drop = document.createElement("button");
      text.dir = "auto";
      text.textContent = tag;
      drop.type = "button";
      drop.textContent = "×";
      drop.dataset.dropTag = tag;
      drop.setAttribute("aria-label", "Remove tag " + tag);
      item.append(text, drop);
      return item;
    }));
  }

  // What a field has to say would push away what is just being pressed, and the press would be lost.
  let pressed = false;
  function release() {
    if (pressed) setTimeout(() => {
      pressed = false;
      if (root() && state.on === root() && state.draft) show(state.draft);
    }, 0);
  }
  document.addEventListener("pointerdown", () => { pressed = Boolean(root()); }, true);
  document.addEventListener("pointerup", release, true);
  document.addEventListener("pointercancel", release, true);
  window.addEventListener("blur", release);

  const tagsOf = (edit) => JSON.parse(edit.querySelector(".chips").dataset.now || "[]");
  function setTags(edit, tags) {
    const name = edit.dataset.tags;
    state.touched.add(name);
    chips(name, tags);
    window.dash_clientside.set_props("rule-" + name, { data: tags });
  }

  // The same separators as in a CSV file; a comma too, because people type it.
  function take(edit) {
    const input = edit.querySelector("input");
    const typed = input.value.split(/[,;|\n]/).map((tag) => tag.trim().toLowerCase()).filter(Boolean);
    if (input.value) { input.value = ""; window.dash_clientside.set_props(input.id, { value: "" }); }
    const tags = tagsOf(edit);
    const added = typed.filter((tag) => !tags.includes(tag));
    if (added.length) setTags(edit, [...tags, ...new Set(added)]);
  }

  document.addEventListener("keydown", (event) => {
    if (!root()) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      byId("rule-save").click();
    }
    const edit = event.target.closest && event.target.closest("[data-tags]");
    if (!edit || event.target.tagName !== "INPUT") return;
    if (["Enter", ",", ";"].includes(event.key)) { event.preventDefault(); take(edit); }
    else if (event.key === "Backspace" && !event.target.value) setTags(edit, tagsOf(edit).slice(0, -1));
  });
  document.addEventListener("input", (event) => {
    const edit = root() && event.target.closest && event.target.closest("[data-tags]");
    // Chosen from the list of suggestions, not typed: there is nothing left to type.
    if (edit && event.inputType === "insertReplacementText") take(edit);
  });
  document.addEventListener("focusout", (event) => {
    if (!root() || !root().contains(event.target)) return;
    const edit = event.target.closest("[data-tags]");
    if (edit && event.target.tagName === "INPUT") take(edit);
    const field = event.target.closest("[data-field]");
    if (field) { state.touched.add(field.dataset.field); if (state.draft) show(state.draft); }
  });
  document.addEventListener("click", (event) => {
    const drop = root() && event.target.closest && event.target.closest("[data-drop-tag]");
    if (!drop) return;
    const edit = drop.closest("[data-tags]");
    setTags(edit, tagsOf(edit).filter((tag) => tag !== drop.dataset.dropTag));
    edit.querySelector("input").focus();
  });

  // The bar with the buttons may lie over the end of a long message.
  function reveal() {
    setTimeout(() => { const end = byId("test-result"); if (end) end.scrollIntoView({ block: "nearest" }); }, 0);
    return none();
  }

  const unsaved = () => root() && state.on === root() && !state.leaving && state.draft && state.draft.changed;
  window.addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href]");
    if (!link || !unsaved() || link.target || link.getAttribute("href").startsWith("#")) return;
    if (confirm("Leave without saving? What you typed is lost.")) { state.leaving = true; kept.drop(); }
    else { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);

  window.dash_clientside = Object.assign({}, window.dash_clientside, { ruleForm: { apply, typed, reveal } });
})();
