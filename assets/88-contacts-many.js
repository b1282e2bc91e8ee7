// Contacts by the row or by the filter: chosen, and what is said of acting on them (56-many.js).
(function () {
  const { lists, words, make, put, button, sheets, many } = window.stagelight;
  const byId = (id) => document.getElementById(id);
  const chosen = new Set();
  let all = false, shown = null;

  // What they have in common comes first.
  const act = (more) => ({ text: () => more.note || "", yes: (n) => `${more.go}: ${many.contacts(n)}`, moved: "had changed meanwhile", batch: 500, after: () => lists.again("contacts"), ...more, none: { title: "Nothing to change", text: more.none } });
  const ACTS = {
    add_tag: act({ word: "Add tag…", title: (n, { tag }) => `Add the tag “${tag}” to ${many.contacts(n)}?`, go: "Add the tag", doing: "Adding the tag", done: "tagged", none: "All of them have this tag already.", rest: "have it already" }),
    remove_tag: act({ word: "Remove tag…", title: (n, { tag }) => `Remove the tag “${tag}” from ${many.contacts(n)}?`, go: "Remove the tag", doing: "Removing the tag", done: "changed", none: "None of them has this tag.", rest: "do not have it" }),
    opt_out: act({ word: "Opt out…", title: (n) => `Opt ${many.contacts(n)} out?`, note: "No automation writes to them until you lift it.", go: "Opt out", doing: "Opting out", done: "opted out", none: "All of them are opted out already.", rest: "are already" }),
    lift_opt_out: act({ word: "Lift opt-out…", title: (n) => `Lift the opt-out of ${many.contacts(n)}?`, note: "Automations may write to them again.", go: "Lift it", doing: "Lifting opt-outs", done: "lifted", none: "You opted none of them out. What contacts asked for themselves only they can take back, by writing START.", rest: "are left: not opted out, or by their own wish" }),
    delete: act({ word: "Delete…", title: (n) => `Delete ${many.contacts(n)}?`, note: "Everything about them goes: messages, history, tags. They come back only by writing to the page. Whoever a message is on its way to goes within a minute. This cannot be undone.", go: "Delete", doing: "Deleting", done: "deleted", none: "There is nobody to delete.", rest: "are left", bad: true, batch: 100 }),
  };
  many.know(ACTS);

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
    const number = shown.capped ? "More than " + words.number(shown.total) : "All " + words.number(shown.total);
    put(bar.querySelector(".pick-text"), all ? `${number} that fit are selected` : `${words.number(chosen.size)} selected`);
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
  function whom() {
    const { order: _, ...filter } = lists.wish("contacts");
    return all ? { filter } : { ids: [...chosen] };
  }

  function begin(action) {
    const meant = whom();
    if (!action.endsWith("_tag")) { many.preview(action, { whom: meant }); return; }
    const here = sheets.sheet(action === "add_tag" ? "Add a tag" : "Remove a tag", "ask");
    const label = make("label", "sheet-label", here.body);
    label.htmlFor = "many-tag";
    label.textContent = "Tag";
    const field = make("input", "form-control", here.body);
    Object.assign(field, { id: "many-tag", dir: "auto", autocomplete: "off" });
    const wrong = window.stagelight.tags.watch(field, action);
    const go = sheets.foot(here, "Go on", "btn-primary", () => many.preview(action, { whom: { tag: field.value.trim(), ...meant } }), "Leave them as they are", () => !wrong());
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      if (!event.repeat) go.click();
    });
    field.focus();
  }

  lists.extend("contacts", { lead, drawn });
})();
