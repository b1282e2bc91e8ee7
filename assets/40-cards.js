// The contact cards: one node per contact, kept for as long as the contact is listed.
(function () {
  const { words } = window.stagelight;
  const STAGES = {
    queued: ["🕐", "Queued"], checking: ["🔍", "Checking"], eligible: ["✅", "Eligible"],
    generating: ["⚡", "Generating"], ready_to_send: ["🎯", "Ready"], sending: ["📤", "Sending"],
    sent: ["✅", "Sent"], failed: ["❌", "Failed"], skipped: ["⏭️", "Skipped"], completed: ["✅", "Completed"],
  };
  const BUTTONS = { cancel: "Cancel", retry: "Retry" };
  const SINCE = { sent: "Sent", failed: "Failed", skipped: "Skipped", completed: "Completed" };
  const nodes = new Map();

  const make = (tag, className, parent) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (parent) parent.appendChild(node);
    return node;
  };
  // Writing the text node in place keeps selections and costs no layout when nothing changed.
  const put = (node, text) => {
    const first = node.firstChild;
    if (!first) { if (text) node.textContent = text; } else if (first.nodeValue !== text) first.nodeValue = text;
  };
  const show = (node, text) => { node.hidden = !text; put(node, text || ""); };

  function build(id) {
    const card = make("article", "contact");
    card.dataset.stateId = id;
    const top = make("div", "contact-top", card);
    const name = make("strong", "contact-name", top);
    name.dir = "auto";
    const tag = make("span", "stage-tag", top);
    const icon = make("span", "", tag);
    icon.setAttribute("aria-hidden", "true");
    const word = make("span", "", tag);
    const button = make("button", "btn btn-soft btn-sm contact-act", top);
    button.type = "button";
    const message = make("p", "contact-message", card);
    message.dir = "auto";
    const error = make("p", "contact-error", card);
    const cause = make("strong", "", error);
    const hint = make("span", "", error);
    const facts = make("div", "contact-facts", card);
    const fact = (name) => make("span", name || "", facts);
    return {
      card, name, icon, word, button, message, error, cause, hint, row: null,
      status: fact(), time: fact("ticks"), due: fact("ticks sends"), follow: fact(), written: fact(), attempt: fact(), check: fact(),
    };
  }

  function fill(node, row) {
    const [icon, word] = STAGES[row.stage] || ["", row.stage];
    if (!node.row || node.row.stage !== row.stage) {
      node.card.className = "contact st-" + row.stage + (node.row ? " moved" : "");
      node.card.dataset.stage = row.stage;
      put(node.icon, icon);
      put(node.word, word);
    }
    put(node.name, row.name);
    show(node.message, row.message);
    node.error.hidden = !row.error;
    put(node.cause, row.error || "");
    put(node.hint, row.hint ? " " + row.hint : "");
    node.error.title = row.code || "";
    show(node.status, row.status);
    show(node.follow, row.follow_up);
    show(node.written, row.written);
    show(node.attempt, row.attempt ? "Attempt " + row.attempt : "");
    node.button.hidden = !row.can;
    if (!node.row || node.row.can !== row.can || node.row.stage !== row.stage) {
      node.button.dataset.act = row.can || "";
      node.button.removeAttribute("aria-busy");
      put(node.button, BUTTONS[row.can] || "");
      node.button.setAttribute("aria-label", (BUTTONS[row.can] || "") + " " + row.name);
    }
    node.row = row;
  }

  function tick(now) {
    for (const node of nodes.values()) {
      const row = node.row;
      const past = SINCE[row.stage];
      put(node.time, past ? past + " " + words.duration(now - row.since) + " ago" : "In stage " + words.duration(now - row.since));
      show(node.due, row.send_at ? "Sends " + words.until(row.send_at - now) : "");
      show(node.check, row.check_at ? (row.check_at > now ? "Next check " + words.moment(row.check_at, now) : "Next check with the next run") : "");
    }
  }

  // Only nodes outside the longest run that is already in order are moved; a moved node loses focus.
  function arrange(list, order) {
    const place = new Map([...list.children].map((child, index) => [child, index]));
    const wanted = order.map((id) => nodes.get(id)).filter(Boolean).map((node) => node.card);
    const stays = longestIncreasing(wanted.map((card) => place.get(card) ?? -1));
    let next = null;
    for (let index = wanted.length - 1; index >= 0; index--) {
      if (!stays.has(index)) list.insertBefore(wanted[index], next);
      next = wanted[index];
    }
  }

  function longestIncreasing(places) {
    const tails = [], ends = [], before = new Array(places.length).fill(-1);
    places.forEach((place, index) => {
      if (place < 0) return;
      let low = 0, high = tails.length;
      while (low < high) { const middle = (low + high) >> 1; if (tails[middle] < place) low = middle + 1; else high = middle; }
      tails[low] = place;
      ends[low] = index;
      before[index] = low ? ends[low - 1] : -1;
    });
    const stays = new Set();
    for (let index = ends.length ? ends[ends.length - 1] : -1; index >= 0; index = before[index]) stays.add(index);
    return stays;
  }

  function draw(list, rows, order) {
    for (const row of rows || []) {
      if (!nodes.has(row.id)) nodes.set(row.id, build(row.id));
      fill(nodes.get(row.id), row);
    }
    if (!order) return;
    const listed = new Set(order);
    for (const [id, node] of nodes) {
      if (listed.has(id)) continue;
      node.card.remove();
      nodes.delete(id);
    }
    const focused = document.activeElement;
    arrange(list, order);
    if (focused && focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
  }

  function clear() { nodes.clear(); }

  Object.assign(window.stagelight, { cards: { draw, tick, clear }, make, put, show });
})();
