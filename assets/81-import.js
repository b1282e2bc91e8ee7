// A file of contacts: first what would happen, then, if wanted, that; the refused lines can be taken home as a file.
(function () {
  const { words, make } = window.stagelight;
  const none = () => window.dash_clientside.no_update;
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);
  const number = (n, one) => words.number(n) + " " + (n === 1 ? one : one + "s");
  let file = null, running = 0;

  // From Dash's upload: the content as base64, once per choice.
  function chosen(contents, name, page) {
    if (!contents || !page) return none();
    set("import-file", { contents: null });
    const letters = atob(contents.slice(contents.indexOf(",") + 1));
    file = { name: name || "The file", page, bytes: Uint8Array.from(letters, (letter) => letter.charCodeAt(0)) };
    run(true);
    return none();
  }

  async function run(dry) {
    const mine = ++running, { name, page, bytes } = file;
    const bar = progress(dry ? "Looking through the file" : "Importing");
    busy(true);
    let told = { failed: "The server does not answer. Nothing is lost: try again." };
    try {
      const answer = await fetch(`/contacts/import?page=${encodeURIComponent(page)}${dry ? "&dry" : ""}`, { method: "POST", body: bytes, headers: { "Content-Type": "text/csv" } });
      if (answer.redirected) { location.assign("/login?expired=1"); return; }
      for await (const line of linesOf(answer)) {
        if (mine !== running) return;
        if (line.of === undefined) told = line; else bar(line.done, line.of);
      }
    } catch { /* what came last says it */ }
    busy(false);
    if (mine !== running || !byId("import-result")) return;
    show(name, told);
    if (!dry && told.result) { window.stagelight.lists.again("contacts"); set("import-done", { data: Date.now() }); }
  }

  async function* linesOf(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) yield JSON.parse(part);
    }
  }

  function busy(on) { const button = byId("import-choose"); if (button) button.disabled = on; }

  function progress(word) {
    const box = byId("import-result");
    box.replaceChildren();
    const panel = make("section", "panel result", box);
    const text = make("p", "", panel), meter = make("progress", "many-meter", panel);
    meter.setAttribute("aria-label", word);
    text.textContent = word + " …";
    return (done, of) => { meter.max = of; meter.value = done; text.textContent = `${word}: ${words.number(done)} of ${words.number(of)} lines`; };
  }

  // Telling -------------------------------------------------------------------------------------------------------------
  function show(name, { result, failed }) {
    const box = byId("import-result");
    box.replaceChildren();
    const panel = make("section", "panel result", box);
    panel.id = "import-report";
    const title = make("h2", "", panel), label = make("span", "", title);
    Object.assign(label, { dir: "auto", textContent: name });
    if (failed) { panel.classList.add("bad"); panel.setAttribute("role", "alert"); title.append(" was not imported"); make("p", "", panel).textContent = failed; return; }
    const { dry, imported, updated, refused } = result;
    title.append(": " + (dry
      ? `${number(imported, "contact")} would be added, ${words.number(updated)} updated, ${number(refused, "line")} refused`
      : `${number(imported, "contact")} added, ${words.number(updated)} updated, ${number(refused, "line")} not taken`));
    if (!refused && !result.stopped) panel.classList.add("good");
    if (result.stopped) make("p", "notice bad", panel).textContent = result.stopped;
    if (dry) drawTags(panel, result);
    drawButtons(panel, name, result);
    drawRefused(panel, result);
  }

  function drawTags(panel, { tags, more_tags: more }) {
    if (!tags.length) return;
    const line = make("p", "import-tags", panel);
    line.append("Tags that would be given: ");
    for (const [tag, people] of tags) {
      const chip = make("span", "tag", line), text = make("span", "", chip);
      Object.assign(text, { dir: "auto", textContent: tag });
      chip.append(" · " + number(people, "contact"));
    }
    if (more) line.append(`and ${words.number(more)} more`);
  }

  function drawButtons(panel, name, result) {
    const row = make("div", "import-buttons", panel), good = result.imported + result.updated;
    if (result.dry) {
      make("p", "mute", panel).textContent = "Nothing has been written yet.";
      if (good && !result.stopped) press(row, "import-go", `Import ${number(good, "contact")}`, "btn-primary", () => run(false));
      press(row, "import-leave", good ? "Leave it" : "Close", "btn-soft", () => { file = null; byId("import-result").replaceChildren(); });
    }
    if (!result.file) return;
    const link = make("a", "btn btn-soft", row);
    const plain = name.replace(/\.csv$/i, "");
    Object.assign(link, { id: "import-errors", download: plain + "-refused.csv", textContent: "Download the refused lines", href: URL.createObjectURL(new Blob([result.file], { type: "text/csv" })) });
  }

  function press(row, id, word, look, act) {
    const button = make("button", "btn " + look, row);
    Object.assign(button, { id, type: "button", textContent: word });
    button.addEventListener("click", act);
  }

  function drawRefused(panel, { examples, refused }) {
    if (!examples.length) return;
    const box = make("div", "rejected", panel), table = make("table", "", box);
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Refused lines");
    const body = make("tbody", "", table);
    for (const [line, reason] of examples) {
      const tr = make("tr", "", body), th = make("th", "", tr), td = make("td", "", tr);
      th.scope = "row";
      th.textContent = "Line " + line;
      Object.assign(td, { dir: "auto", textContent: reason });
    }
    if (refused > examples.length) make("p", "mute", box).textContent = `and ${words.number(refused - examples.length)} more, all in the file`;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { importing: { chosen } });
})();
