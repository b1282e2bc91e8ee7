// Lists with filters and pages: what is asked for stands in the address, and the rows are drawn here.
(function () {
  const { words, make, put } = window.stagelight;
  const none = () => window.dash_clientside.no_update;
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);
  const TYPING_MS = 350, TICK_MS = 1000, ASK_MS = 30000;
  // What each list can be asked by, the way its order begins, and what it says of its number. More is known by `lists.know`.
  const kinds = new Map();
  let asked = 0, timer = 0, typing = false;

  const here = () => document.querySelector("[data-list]");
  const nameOf = (list) => list.dataset.list;
  const said = (node) => (!node || (node.matches("select") && node.value === "any") ? "" : node.value.trim());
  const field = (name, one) => byId(`${name}-by-${one}`);

  // Address and controls -----------------------------------------------------------------------------------------------
  function wish(name) {
    const { fields } = kinds.get(name);
    const found = {};
    for (const one of fields) { const value = said(field(name, one)); if (value) found[one] = value; }
    // Days are the reader's.
    if (found.from || found.until) found.zone = words.zone;
    return found;
  }

  function address(found) {
    const query = String(new URLSearchParams(found));
    return location.pathname + (query ? "?" + query : "");
  }

  function ask(name, found) {
    asked = Date.now();
    byId(`${name}-list`).setAttribute("aria-busy", "true");
    set(`${name}-ask`, { data: { ...found, at: asked } });
    window.stagelight.lists.onAsk(name);
  }

  // One entry of the history for one search, however many letters it took.
  function change(list, place, quietly) {
    const name = nameOf(list), found = { ...wish(name), ...place };
    if (found.order === kinds.get(name).order) delete found.order;
    history[quietly ? "replaceState" : "pushState"](history.state, "", address(found));
    ask(name, found);
  }

  document.addEventListener("input", (event) => {
    const list = event.target.closest && event.target.closest("[data-list]");
    if (!list || !event.target.matches(".list-words input")) return;
    clearTimeout(timer);
    timer = setTimeout(() => { timer = 0; change(list, {}, typing); typing = true; }, TYPING_MS);
  });

  document.addEventListener("change", (event) => {
    const list = event.target.closest && event.target.closest("[data-list]");
    if (!list || !event.target.matches(".list-choice :is(select, input)")) return;
    typing = false;
    change(list, {});
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches(".list-words input")) return;
    clearTimeout(timer);
    timer = 0;
    change(event.target.closest("[data-list]"), {}, typing);
    typing = false;
  });

  document.addEventListener("click", (event) => {
    const list = event.target.closest && event.target.closest("[data-list]");
    if (!list) return;
    const name = nameOf(list), button = event.target.closest("[data-order], [data-to], [data-tag], [data-clear]");
    if (!button) return;
    typing = false;
    if (button.dataset.order) reorder(list, name, button);
    else if (button.dataset.to) turn(list, button.dataset.to);
    else if (button.dataset.tag !== undefined) { fill(name, { ...wish(name), tag: button.dataset.tag }); change(list, { tag: button.dataset.tag }); }
    else { fill(name, {}); const found = {}; history.pushState(history.state, "", address(found)); ask(name, found); }
  });

  function reorder(list, name, { dataset }) {
    const now = field(name, "order").value;
    const other = dataset.order.startsWith("-") ? dataset.key : "-" + dataset.key;
    const order = now === dataset.order ? other : dataset.order;
    set(`${name}-by-order`, { value: order });
    change(list, { order });
  }

  function turn(list, to) {
    const name = nameOf(list), known = kinds.get(name).answer || {};
    change(list, to === "first" ? {} : to === "next" ? { after: known.next } : { before: known.prev });
    const heading = document.querySelector("#content h1");
    if (heading) heading.scrollIntoView({ block: "start" });
  }

  function fill(name, found) {
    const { fields, order } = kinds.get(name);
    for (const one of fields) if (field(name, one)) set(`${name}-by-${one}`, { value: found[one] || (one === "order" ? order : field(name, one).matches("select") ? "any" : "") });
  }

  // Back and forward: Dash draws the page anew only where it was not us who changed the address.
  for (const event of ["popstate", "_dashprivate_pushstate"]) window.addEventListener(event, follow);

  function follow() {
    const list = here();
    if (!list || !kinds.has(nameOf(list)) || location.pathname !== kinds.get(nameOf(list)).path) return;
    const found = Object.fromEntries(new URLSearchParams(location.search));
    typing = false;
    fill(nameOf(list), found);
    ask(nameOf(list), found);
  }

  // Drawing -------------------------------------------------------------------------------------------------------------
  function apply(answer, name) {
    const list = answer && byId(`${name}-list`);
    if (!list || (answer.at && answer.at < asked)) return none();
    list.removeAttribute("aria-busy");
    const problem = byId(`${name}-problem`);
    const wrong = answer.problem || unknown(answer.left_out);
    problem.hidden = !wrong;
    put(problem, wrong ? wrong.join(" ") : "");
    if (answer.problem) return none();
    const kind = kinds.get(name);
    kind.answer = answer;
    drawRows(name, answer);
    drawOrder(list, answer.order);
    drawPager(name, answer);
    put(byId(`${name}-sum`), kind.sum(answer));
    offerFile(name);
    kind.drawn(answer);
    return none();
  }

  // Only an address that somebody wrote or cut asks for such; the fields cannot.
  function unknown(left) {
    return left && left.length ? [`What the address asks for in “${left.join("”, “")}” is not known here and was left out.`] : null;
  }

  function drawRows(name, answer) {
    const rows = byId(`${name}-rows`), nobody = byId(`${name}-none`);
    const headings = [...rows.closest("table").querySelectorAll("th")].map((th) => th.dataset.word || "");
    rows.replaceChildren(...answer.rows.map((row) => line(name, row, headings)));
    byId(`${name}-panel`).hidden = !answer.rows.length;
    nobody.hidden = Boolean(answer.rows.length);
    nobody.replaceChildren();
    if (!answer.rows.length) empty(name, nobody, answer);
    tick();
  }

  function line(name, row, headings) {
    const tr = make("tr", row.tone ? "tone-" + row.tone : "", null);
    tr.setAttribute("role", "row");
    tr.dataset.id = row.id;
    const lead = kinds.get(name).lead(tr, row);
    row.cells.forEach((cell, index) => {
      const td = make(index ? "td" : "th", "", tr);
      td.setAttribute("role", index ? "cell" : "rowheader");
      if (!index) td.scope = "row";
      const word = headings[index + lead];
      if (word) { td.dataset.word = word; }
      td.classList.toggle("blank", draw(td, cell) === false);
    });
    return tr;
  }

  const SHAPES = {
    tags(td, tags) {
      for (const tag of tags) {
        const button = make("button", "tag", td);
        Object.assign(button, { type: "button", dir: "auto", textContent: tag, title: "Show only contacts with this tag" });
        button.dataset.tag = tag;
      }
    },
    pill(td, text, { tone }) { make("span", "pill " + (tone || ""), td).textContent = text; },
    href(td, href, { text, strong }) {
      const link = make("a", "list-name" + (strong ? " strong" : ""), td);
      Object.assign(link, { href, dir: "auto", textContent: text });
      link.addEventListener("click", (event) => window.stagelight.go(event, href));
    },
    text(td, text, cell) {
      if (!text || cell.href) return;
      const span = make("span", (cell.strong ? "list-name strong" : "list-text") + (cell.mute ? " mute" : ""), td);
      Object.assign(span, { dir: "auto", textContent: text });
    },
    at(td, at, cell) {
      const time = make("time", cell.pill || cell.text ? "mute list-note" : "", td);
      Object.assign(time, { dateTime: new Date(at * 1000).toISOString(), title: words.zone, textContent: (cell.said ? cell.said + " " : "") + words.moment(at, Date.now() / 1000) });
    },
    until(td, until) { make("span", "list-window", td).dataset.until = until; },
    note(td, note) { const div = make("div", "mute list-note", td); Object.assign(div, { dir: "auto", textContent: note }); },
  };

  function draw(td, cell) {
    for (const shape of ["tags", "pill", "href", "text", "at", "until", "note"]) {
      if (cell[shape] !== undefined && cell[shape] !== null) SHAPES[shape](td, cell[shape], cell);
    }
    return td.childNodes.length > 0;
  }

  function empty(name, box, answer) {
    const [title, text, next] = kinds.get(name).empty(answer);
    make("h2", "", box).textContent = title;
    if (text) make("p", "mute", box).textContent = text;
    if (next) {
      const link = Object.assign(make("a", "btn btn-primary", box), { href: next.href, textContent: next.word });
      link.addEventListener("click", (event) => window.stagelight.go(event, next.href));
    }
    if (!answer.filtered && !answer.prev) return;
    const clear = make("button", "btn btn-soft", box);
    Object.assign(clear, { type: "button", textContent: "Show all" });
    clear.dataset.clear = "";
  }

  function drawOrder(list, order) {
    for (const button of list.querySelectorAll("[data-order]")) {
      const key = button.dataset.key, th = button.closest("th");
      if (order === key) th.setAttribute("aria-sort", "ascending");
      else if (order === "-" + key) th.setAttribute("aria-sort", "descending");
      else th.removeAttribute("aria-sort");
    }
  }

  // The file has what the filter says, whichever page is shown.
  function offerFile(name) {
    const link = document.querySelector("[data-csv]"), query = String(new URLSearchParams(wish(name)));
    if (link) link.href = link.dataset.csv + (query ? "?" + query : "");
  }

  function drawPager(name, answer) {
    const pager = byId(`${name}-pager`);
    pager.hidden = !answer.prev && !answer.next;
    for (const button of pager.querySelectorAll("[data-to]")) {
      button.hidden = button.dataset.to === "prev" && Boolean(kinds.get(name).oneWay);
      button.disabled = button.dataset.to === "next" ? !answer.next : !answer.prev;
    }
  }

  // What is left of the window, in words that go on by themselves.
  function tick() {
    const now = Date.now() / 1000;
    for (const node of document.querySelectorAll("[data-until]")) {
      const left = Number(node.dataset.until) - now;
      put(node, left <= 0 ? "closed" : words.duration(left) + " left");
      node.classList.toggle("mute", left <= 0);
    }
  }
  setInterval(tick, TICK_MS);

  // No answer at all: it is said, and what is seen stays.
  function failed(name) {
    const list = byId(`${name}-list`);
    if (!list) return;
    list.removeAttribute("aria-busy");
    const problem = byId(`${name}-problem`);
    problem.hidden = false;
    put(problem, "The server does not answer. What you see is from before; try again.");
  }

  function know(name, kind) {
    kinds.set(name, { lead: () => 0, drawn: () => {}, ...kind });
    window.stagelight.asking.watch([`${name}-answer.`], ASK_MS, () => ({ ok, status }) => { if (!ok && status !== 204) failed(name); });
    window.dash_clientside = Object.assign({}, window.dash_clientside, {
      lists: Object.assign({}, (window.dash_clientside || {}).lists, { [name]: (answer) => apply(answer, name) }),
    });
  }

  const extend = (name, more) => Object.assign(kinds.get(name), more);
  const again = (name) => ask(name, Object.fromEntries(new URLSearchParams(location.search)));
  Object.assign(window.stagelight, { lists: { know, extend, wish, again, onAsk: () => {} } });
})();
